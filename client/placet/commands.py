"""The commands of ``placet``: verify a bundle or a model, request a promotion, follow it, apply it.

Exit codes of every command: 0 ok or allowed, 1 error, 2 usage, 3 blocked or tampered, 4 held or incomplete.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.text import Text

import placet
from placet import (
    adopt_command,
    bundle_command,
    check_command,
    evidence_commands,
    model_commands,
    policy_commands,
    production_commands,
    record_commands,
    replay_command,
    terminal,
)
from placet.assertions import judge_bundle
from placet.case import is_case, verify_case
from placet.case import said as case_said
from placet.connection import Connected, JsonFlag, when_mirrored
from placet.cosignatures import Cosigner, encode_private_key, parse_private_key
from placet.receipts import is_receipt, verify_receipt
from placet.sdk import Placet, Promotion
from placet.trust import default_policy, load_trust
from placet.verdicts import BY_VERDICT, STYLE, show_checks, show_stages
from placet.verify import (
    LIMITS,
    InvalidProof,
    InvalidSignature,
    InvalidTrust,
    Report,
    verify_bundle,
)
from placet.witness import Witness, server

app = typer.Typer(
    name="placet",
    help="Verify Placet's log and permits; request and apply promotions of MLflow model versions.",
    epilog="Exit codes: 0 ok or allowed, 1 error, 2 usage, 3 blocked or tampered, 4 held or incomplete.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(policy_commands.app, name="policy")
app.add_typer(evidence_commands.app, name="evidence")
replay_command.register(policy_commands.app, Connected)
production_commands.register(app, Connected)
record_commands.register(app)
model_commands.register(app)
adopt_command.register(app, Connected)
bundle_command.register(app, Connected)
check_command.register(app)
_WHICH = "The request, by its number (PR-12) or id."
WaitFlag = Annotated[
    bool, typer.Option("--wait", help="Wait for the verdict or the end, with progress. Not for people.")
]
_STYLE = {"holds": "green", "fails": "bold red", "not shown": "yellow"}
_LONG = 100_000  # entries; a smaller bundle is verified before anybody wonders
_ALIAS_NOT_MOVED = {"failed": 1, "rolled_back": 3}
_ENDED_BADLY = {
    "rejected": 3,
    "revoked": 3,
    "suspended": 4,
    "lapsed": 3,
    "expired": 3,
    "withdrawn": 3,
    "changes_requested": 4,
}


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error becomes one sentence on standard error."""
    code = 1
    try:
        code = int(app(args=list(arguments), standalone_mode=True) or 0)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        code = 1
    return code


@app.command()
def verify(
    bundle: Annotated[
        Path, typer.Argument(help="The bundle of the log or of a case (.zip), or one entry's receipt (.tlog-proof).")
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(help="policy.txt (unless --policy names it), checkpoints that you kept.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Trust file with the log's public key; else policy.txt beside the bundle, PLACET_TRUST_FILE."
        ),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A signed checkpoint that you kept; may be given several times.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many processes read the entries.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Check a bundle offline: integrity, completeness and anchoring, each by itself, signed decisions, and papers."""
    notes = [*(files or []), *(checkpoint or [])]
    trusted = policy or (notes.pop(0) if files else default_policy(bundle))
    if trusted is None:
        terminal.stop("Name the trust file: --policy policy.txt (or put policy.txt beside the bundle).", code=2)
    try:
        content = bundle.read_bytes() if bundle.suffix == ".tlog-proof" else b""
        if is_receipt(content):
            _verify_receipt(content, trusted, as_json=as_json)
        if is_case(bundle):
            _verify_case(bundle, trusted, notes, as_json=as_json)
        progress = _progress()
        vouched = load_trust(trusted).vouched
        report = verify_bundle(bundle, policy=trusted, checkpoints=notes, vouched=vouched, jobs=jobs, progress=progress)
        report = judge_bundle(bundle, report)
    except OSError as error:
        terminal.stop(f"{error.filename} cannot be read: {error.strerror}.", code=1)
    except (InvalidTrust, UnicodeDecodeError) as error:
        terminal.stop(f"The trust file {trusted} cannot be used: {error}", code=1)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        _print_report(bundle, report)
    raise typer.Exit(report.exit_code)


def _progress() -> Callable[[int, int], object]:
    """Return what shows how far a long verification is; nothing where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return lambda done, size: None
    return lambda done, size: console.print(f"{done:,} of {size:,} entries", end="\r") if size > _LONG else None


def _verify_case(path: Path, policy: Path, notes: Sequence[Path], *, as_json: bool) -> NoReturn:
    """Check a case, print the three verdicts and what is in it, and leave with the exit code."""
    case = verify_case(path, trust=policy, checkpoints=notes)
    if as_json:
        terminal.print_json(case.to_dict())
        raise typer.Exit(case.report.exit_code)
    terminal.say(case_said(case))
    table = terminal.table("papers", "here", "left out", "wrong")
    for row in case.rows:
        counts = (Text(str(row.here)), Text(str(row.left_out or "")), Text(str(row.wrong or ""), style="bold red"))
        table.add_row(Text(row.kind), *counts)
    terminal.out().print(table)
    _print_report(path, case.report)
    raise typer.Exit(case.report.exit_code)


def _verify_receipt(content: bytes, policy: Path, *, as_json: bool) -> NoReturn:
    """Check one entry against the checkpoint in its receipt, print what it is, and leave with the exit code."""
    try:
        proved = verify_receipt(content, trust=load_trust(policy))
    except (InvalidProof, InvalidSignature) as problem:
        terminal.stop(f"The receipt does not hold. {problem}", code=3)
    entry, checkpoint = json.loads(proved.extra or b"{}"), proved.checkpoint
    if as_json:
        seen = {"witnesses": proved.witnesses, "quorum": proved.quorum}
        terminal.print_json({"index": proved.index, "size": checkpoint.size, "entry": entry, **seen})
        raise typer.Exit(0)
    terminal.say(
        f"Entry {proved.index} is in the log {checkpoint.origin}, which had {checkpoint.size} entries:", style="green"
    )
    terminal.say(f"{entry.get('event')}, {entry.get('at')}, {entry.get('actor')}")
    for name, at in proved.witnesses.items():
        terminal.say(
            f"Witness {name} cosigned that checkpoint at {datetime.fromtimestamp(min(at, 1 << 37), UTC).isoformat()}."
        )
    if proved.quorum:
        terminal.say("Your quorum of witnesses saw this log as it is here, up to that checkpoint.", style="green")
    else:
        terminal.say(
            "It does not show that later checkpoints extend this one; compare it with one that you kept.", style="dim"
        )
    raise typer.Exit(0)


@app.command("request")
def request_promotion(
    model: Annotated[str, typer.Argument(help="Registered model; team-a:NAME where it lies in the workspace team-a.")],
    version: Annotated[str, typer.Argument(help="Model version.")],
    to: Annotated[str, typer.Option("--to", help="The alias to move, such as champion.")],
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Makes a repeated call safe in CI.")] = None,
    change: Annotated[str | None, typer.Option("--change-class", help="Non-substantial unless you say so.")] = None,
    answers: Annotated[str | None, typer.Option("--in-answer-to", help="The alert that it answers: AL-7.")] = None,
    wait: WaitFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Request that an alias be moved to a model version."""
    with Connected() as client:
        ask = partial(client.request_promotion, model, version, to, change_class=change, in_answer_to=answers)
        request = when_mirrored(partial(ask, idempotency_key=key), patient=wait)
        if wait:
            request = _follow(client, request, until="verdict", quiet=as_json)
        elif not request.next_step:
            request = client.promotion(request.id)
    _show(request, as_json=as_json)
    raise typer.Exit(_exit_code(request) if wait else 0)


@app.command()
def status(id: Annotated[str, typer.Argument(help=_WHICH)], as_json: JsonFlag = False) -> None:
    """Show a promotion request: verdict, checks, stages, and what comes next."""
    with Connected() as client:
        request = client.promotion(id)
    _show(request, as_json=as_json)
    raise typer.Exit(_exit_code(request))


@app.command("apply")
def apply_promotion(
    id: Annotated[str, typer.Argument(help=_WHICH)], wait: WaitFlag = False, as_json: JsonFlag = False
) -> None:
    """Move the alias of an approved request."""
    with Connected() as client:
        request = client.apply(id)
        if wait:
            request = _follow(client, request, until="applied", quiet=as_json)
    _show(request, as_json=as_json)
    raise typer.Exit(_ALIAS_NOT_MOVED.get(request.state, 0))


@app.command("witness-key")
def witness_key(
    out: Annotated[Path, typer.Option("--out", help="Where to write the private key; never overwritten.")],
    name: Annotated[str, typer.Option("--name", help="The witness's name, such as auditor.example/w1.")],
    as_json: JsonFlag = False,
) -> None:
    """Make the key of a witness and print its public half (vkey), which the log's operator needs."""
    private_key = Ed25519PrivateKey.generate()
    try:
        text = encode_private_key(name, private_key)
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except ValueError as error:
        terminal.stop(str(error), code=2)
    except OSError as error:
        terminal.stop(f"{out} cannot be written: {error.strerror}.", code=1)
    vkey = Cosigner(name, private_key.public_key().public_bytes_raw()).vkey
    if as_json:
        terminal.print_json({"vkey": vkey})
    else:
        terminal.say(vkey)


@app.command("witness")
def run_witness(
    state: Annotated[Path, typer.Option("--state", help="The file with the newest checkpoint that it cosigned.")],
    key: Annotated[Path, typer.Option("--key", help="The private key that `placet witness-key` wrote.")],
    log: Annotated[list[str], typer.Option("--log", help="The log's public key (vkey); again for a rotated one.")],
    listen: Annotated[str, typer.Option("--listen", help="Address and port; port 0 takes any.")] = "127.0.0.1:7380",
    as_json: JsonFlag = False,
) -> None:
    """Cosign the checkpoints of one log for as long as it only grows, until stopped (C2SP tlog-witness)."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        terminal.stop(f"--listen {listen}: write an address and a port, such as 127.0.0.1:7380.", code=2)
    try:
        name, private_key = parse_private_key(key.read_text(encoding="utf-8"))
        witness = Witness(name, private_key, log, state)
        httpd = server(witness, host.strip("[]"), int(port))
    except InvalidSignature as error:
        terminal.stop(f"The state {state} is not this log's checkpoint: {error}", code=3)
    except ValueError as error:
        terminal.stop(str(error), code=2)
    except OSError as error:
        terminal.stop(f"{error.filename or listen} cannot be used: {error.strerror}.", code=1)
    latest = witness.latest()
    url = f"http://{host}:{httpd.server_address[1]}"
    size = latest.size if latest else 0
    if as_json:
        terminal.print_json({"url": url, "vkey": witness.cosigner.vkey, "log": witness.origin, "size": size})
    else:
        terminal.say(f"witness {name} of {witness.origin} at {url}, cosigned up to {size} entries")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped service ends as quietly as Ctrl-C
    with httpd:
        try:
            httpd.serve_forever()
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@app.command()
def version(as_json: JsonFlag = False) -> None:
    """Print the version of this client."""
    if as_json:
        terminal.print_json({"version": placet.__version__})
    else:
        terminal.say(f"placet {placet.__version__}")


def _follow(client: Placet, request: Promotion, *, until: Any, quiet: bool) -> Promotion:
    """Wait for a request, naming each job once on standard error as it ends."""
    console = Console(stderr=True, highlight=False, markup=False)
    said: set[str] = set()

    def progress(now: Promotion) -> None:
        for job in now.jobs:
            line = f"{terminal.text(job.get('type'))}: {terminal.text(job.get('state'))}"
            if said_of_it := job.get("error") or job.get("message"):
                line += f" ({terminal.text(said_of_it)})"
            if line not in said and not quiet:
                said.add(line)
                console.print(Text(f"  {line}", style="dim"))

    return client.wait(request.id, until=until, progress=progress)


def _exit_code(request: Promotion) -> int:
    """Return how a request stands: what became of the alias counts first, then the approval, then the verdict."""
    if request.state in _ALIAS_NOT_MOVED:
        return _ALIAS_NOT_MOVED[request.state]
    if (ended := _ENDED_BADLY.get(str(request.approval.get("state")))) is not None:
        return ended
    return BY_VERDICT.get(str(request.verdict), 4)


def _show(request: Promotion, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(dict(request.raw))
        return
    verdict = request.verdict or "no verdict yet"
    terminal.say(f"{request.model}/{request.version} to {request.alias}: {verdict}", style=STYLE.get(verdict))
    approval = terminal.text(request.approval.get("state") or "")
    terminal.print_pairs({"request": request.id, "state": request.state, "approval": approval, "see": request.url})
    if (request.raw.get("gate") or {}).get("kind") == "detect-only":
        terminal.say(
            "Detected, not prevented: MLflow runs without Placet's plugin; a move past Placet is reported afterwards.",
            style="yellow",
        )
    if (request.raw.get("gate") or {}).get("kind") == "not-enforced":
        terminal.say(
            "Not enforced: no MLflow holds this model; what stands here of its use is what people stated.",
            style="yellow",
        )
    show_checks(request.checks)
    show_stages(request.stages)
    if request.next_step:
        terminal.say(request.next_step)


def _print_report(bundle: Path, report: Report) -> None:
    """Print what ``verify.py`` prints, with the verdicts in colour."""
    terminal.say(f"{bundle}:")
    for line in report.lines():
        part, _, rest = line.partition(" ")
        if part in LIMITS:
            verdict = str(getattr(report, part))
            rest = rest.strip().removeprefix(verdict).strip()
            terminal.out().print(Text.assemble(f"{part:<13} ", (f"{verdict:<10} ", _STYLE[verdict]), (rest, "dim")))
        else:
            terminal.say(line)
