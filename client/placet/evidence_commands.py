"""The commands ``placet evidence``: list and show it, push what you made elsewhere, make it again, steer its jobs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from placet import terminal
from placet.attestations import load_key, make_key, public_pem
from placet.connection import Connected, JsonFlag
from placet.permits import key_digest
from placet.sdk import Placet

app = typer.Typer(
    help="List, show, push and reproduce evidence; cancel and retry the jobs that make it.",
    epilog="Exit codes: 0 ok (reproduce: identical or within tolerance), 1 error, 2 usage, "
    "3 refused (reproduce: differs), 4 held (reproduce: can't be made again).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_MODEL = "The registered model in MLflow."
_STYLE = {"identical": "green", "within": "green", "differs": "bold red", "impossible": "yellow"}
_STYLE |= {"done": "green", "failed": "bold red", "cancelled": "yellow"}
_CODES = {"identical": 0, "within": 0, "differs": 3, "impossible": 4}
_SAID = {
    "identical": "the same came out, field by field",
    "within": "what differs is within the tolerance of its type",
    "differs": "something else came out",
    "impossible": "it can't be made again",
}
_SHOWN = 30
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `placet evidence list` shows it.")]
WaitFlag = Annotated[bool, typer.Option("--wait", help="Wait for the end, with progress.")]


@app.command("list")
def list_(
    model: Annotated[str, typer.Option(help=_MODEL)],
    version: Annotated[int, typer.Option(min=1)],
    as_json: JsonFlag = False,
) -> None:
    """List all evidence of a version, and every job and attempt, newest first."""
    with Connected() as client:
        made = list(client.evidence_list(model=model, version=version))
        jobs = list(client.evidence_jobs(model=model, version=version))
    if as_json:
        terminal.print_json({"evidence": made, "jobs": jobs})
        return
    if not made and not jobs:
        terminal.say(f"There is no evidence of {model} version {version}, and none was asked for.")
        return
    table = terminal.table("evidence", "type", "origin", "made (UTC)", "payload")
    table.columns[0].no_wrap = True  # an id is copied as a whole
    for row in made:
        cells = (row.get("id"), row.get("type"), row.get("origin"), terminal.moment(row.get("made_at")))
        table.add_row(*(Text(terminal.text(cell)) for cell in cells), Text(terminal.short(row.get("payload_digest"))))
    terminal.out().print(table)
    others = terminal.table("job", "type", "state", "attempts", "why")
    others.columns[0].no_wrap = True
    for job in jobs:
        state = terminal.text(job.get("state"))
        head = (Text(terminal.text(job.get("id"))), Text(_what(job)), Text(state, style=_STYLE.get(state, "")))
        others.add_row(*head, Text(str(len(job.get("attempts") or ()))), Text(terminal.text(job.get("error") or "")))
    terminal.out().print(others)


@app.command()
def show(id: Annotated[str, typer.Argument(metavar="ID")], as_json: JsonFlag = False) -> None:
    """Show one piece of evidence: on what it was made, by whom, and the figures that a policy may name."""
    with Connected() as client:
        found = client.evidence(id)
    if as_json:
        terminal.print_json(dict(found))
        return
    origin = "computed by Placet" if found.get("origin") == "computed" else f"submitted by {found.get('producer')}"
    terminal.say(f"{found.get('type')} of {found.get('subject')}, {origin}")
    named = {"dataset": found.get("dataset"), "payload": found.get("payload_digest"), "see": found.get("url")}
    terminal.print_pairs({key: terminal.text(value or "") for key, value in named.items()})
    table = terminal.table("figure", "value")
    for path, value in sorted((found.get("projection") or {}).items()):
        table.add_row(Text(terminal.text(path)), Text("undefined" if value is None else terminal.number(value)))
    terminal.out().print(table)
    for row in found.get("reproductions") or ():
        _print_reproduction(row)
    if found.get("not_reproducible"):
        terminal.say(str(found["not_reproducible"]), style="yellow")


@app.command()
def push(
    payload: Annotated[Path, typer.Argument(help="The payload, a JSON file that fits the schema of its type.")],
    type: Annotated[str, typer.Option("--type", help="Such as fairness/v1.")],
    model: Annotated[str, typer.Option(help=_MODEL)],
    version: Annotated[int, typer.Option(min=1)],
    dataset: Annotated[str, typer.Option(help="Digest of the rows that it was made on: sha256:…")],
    key: Annotated[
        Path, typer.Option(envvar="PLACET_EVIDENCE_KEY", help="Your private key, as `placet evidence key` wrote it.")
    ],
    file: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="A file that belongs to it; may be repeated.")
    ] = None,
    parameters: Annotated[
        Path | None, typer.Option(help="JSON file with the parameters that the policy names, as it was made with.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="The decision threshold that it was measured at; the version's by default.")
    ] = None,
    made_with: Annotated[str, typer.Option(help="What made it, in a line: 'R 4.5.1, fairmodels 1.2.1'.")] = "",
    idempotency_key: Annotated[str | None, typer.Option(help="Repeat with the same key and it is done once.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign evidence that you made elsewhere, and push it; it says `submitted` for good."""
    files = dict(_named(item) for item in file or ())
    try:
        private_key = load_key(key)
        stated = json.loads(parameters.read_text(encoding="utf-8")) if parameters else {}
        if not isinstance(stated, dict):
            terminal.stop(f"{parameters} holds no JSON object.", code=2)
        with Connected() as client:
            made = client.push_evidence(
                payload,
                type=type,
                model=model,
                version=version,
                dataset=dataset,
                key=private_key,
                files=files,
                parameters=stated,
                decision_threshold=threshold,
                made_with=made_with,
                idempotency_key=idempotency_key,
            )
    except ValueError as error:
        terminal.stop(str(error), code=2)
    except OSError as error:
        terminal.stop(f"{error.filename} can't be read: {error.strerror}.", code=1)
    if as_json:
        terminal.print_json(dict(made))
        return
    terminal.say(f"{made.get('type')} of {made.get('subject')} is kept, submitted by {made.get('producer')}")
    named = {"evidence": made.get("id"), "payload": made.get("payload_digest"), "see": made.get("url")}
    terminal.print_pairs({name: terminal.text(value or "") for name, value in named.items()})


@app.command("key")
def make(
    out: Annotated[Path, typer.Option("--out", help="Where to write the private key; never overwritten.")],
    as_json: JsonFlag = False,
) -> None:
    """Make a key that signs your evidence, and print its public half, which an administrator registers."""
    try:
        public = make_key(out).public_key()
    except OSError as error:
        terminal.stop(f"{out} cannot be written: {error.strerror}.", code=1)
    if as_json:
        terminal.print_json({"public_key": public_pem(public), "digest": key_digest(public)})
    else:
        typer.echo(public_pem(public), nl=False)
        terminal.complain(f"{key_digest(public)}: compare it with what the administrator's command prints.")


@app.command()
def reproduce(
    id: Annotated[str, typer.Argument(metavar="ID", help="The evidence.")],
    wait: WaitFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Have evidence made again from what is stored of it, and compared: 0 the same, 3 differs, 4 can't be made."""
    with Connected() as client:
        job = client.reproduce_evidence(id)
        job = _waited(client, job, quiet=as_json) if wait else job
    if as_json:
        terminal.print_json(dict(job))
    else:
        _print_job(job)
    result = str((job.get("reproduction") or {}).get("result"))
    if result in _CODES:
        raise typer.Exit(_CODES[result])
    raise typer.Exit(1 if job.get("state") in {"failed", "cancelled"} else 0)


@app.command()
def cancel(
    job: JobId,
    reason: Annotated[str, typer.Option(help="Why, for the log.")],
    as_json: JsonFlag = False,
) -> None:
    """Close an open job without evidence."""
    with Connected() as client:
        found = client.cancel_evidence_job(job, reason=reason)
    if as_json:
        terminal.print_json(dict(found))
    else:
        _print_job(found)


@app.command()
def retry(job: JobId, wait: WaitFlag = False, as_json: JsonFlag = False) -> None:
    """Have a failed or cancelled job tried again; the old one stays, with its attempts."""
    with Connected() as client:
        found = client.retry_evidence_job(job)
        found = _waited(client, found, quiet=as_json) if wait else found
    if as_json:
        terminal.print_json(dict(found))
    else:
        _print_job(found)
    raise typer.Exit(1 if found.get("state") in {"failed", "cancelled"} else 0)


def _waited(client: Placet, job: Mapping[str, Any], *, quiet: bool) -> Mapping[str, Any]:
    """Wait for a job's end with a bar on standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as shown:
        task = shown.add_task(_what(job), total=None)

        def progress(now: Mapping[str, Any]) -> None:
            said = terminal.text(now.get("message") or now.get("state"))
            left = now.get("remaining_s")
            more = f", about {terminal.duration(round(left))} left" if isinstance(left, int | float) else ""
            total = now.get("steps_total") or None
            shown.update(
                task, description=f"{_what(now)}: {said}{more}", total=total, completed=now.get("steps_done") or 0
            )

        try:
            return client.wait_for_evidence_job(str(job["id"]), progress=progress)
        except TimeoutError as error:
            terminal.stop(str(error), code=1)


def _named(item: str) -> tuple[str, Path]:
    name, sign, path = item.partition("=")
    if not sign or not name or not path:
        terminal.stop(f"--file {item}: write NAME=PATH, such as report.pdf=out/report.pdf.", code=2)
    return name, Path(path)


def _what(job: Mapping[str, Any]) -> str:
    again = " again" if job.get("again") else ""
    return f"{terminal.text(job.get('type'))}{again}"


def _print_job(job: Mapping[str, Any]) -> None:
    state = terminal.text(job.get("state"))
    terminal.say(f"{_what(job)} of {job.get('subject')}: {state}", style=_STYLE.get(state))
    named = {"job": job.get("id"), "evidence": job.get("evidence"), "why": job.get("error")}
    terminal.print_pairs({name: terminal.text(value or "") for name, value in named.items()})
    if job.get("reproduction"):
        _print_reproduction(job["reproduction"])


def _print_reproduction(row: Mapping[str, Any]) -> None:
    result = terminal.text(row.get("result"))
    terminal.say(f"{result}: {_SAID.get(result, '')} ({terminal.moment(row.get('made_at'))})", style=_STYLE.get(result))
    for reason in row.get("reasons") or ():
        terminal.say(f"  {reason}", style="dim")
    differences = list(row.get("differences") or ())
    if differences:
        table = terminal.table("field", "then", "now", "within tolerance")
        for found in differences[:_SHOWN]:
            cells = [terminal.text(found.get("path")), *(_exact(found.get(name)) for name in ("then", "now"))]
            table.add_row(*map(Text, cells), Text("yes" if found.get("within") else "no"))
        terminal.out().print(table)
    if len(differences) > _SHOWN:
        terminal.say(f"and {len(differences) - _SHOWN} more; --json has them.", style="dim")


def _exact(value: Any) -> str:
    return "not there" if value is None else repr(value) if isinstance(value, float) else terminal.text(value)
