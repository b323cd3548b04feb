"""The command ``placet policy replay``: how past requests would have fared under a policy that is not in force yet."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from placet import terminal
from placet.sdk import Placet

_LARGEST = 2_000_000  # bytes; Placet refuses a policy far below that, with the line
_SHOWN = 50
_STYLE = {"ALLOW": "green", "HOLD": "yellow", "BLOCK": "bold red"}


def register(app: typer.Typer, connected: Callable[[], AbstractContextManager[Placet]]) -> None:
    """Add the command ``replay`` to a group; ``connected`` opens the connection whose refusals become exit codes."""

    @app.command()
    def replay(
        file: Annotated[Path, typer.Argument(help="The policy's YAML.")],
        most: Annotated[int, typer.Option(min=1, help="How many of the newest requests at most.")] = 1000,
        wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, with progress.")] = False,
        exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 if a verdict changes.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    ) -> None:
        """Hold a policy against past requests; nothing of them changes, and the policy is not kept as a version."""
        text = _read(file)
        with connected() as client:
            found = client.replay_policy(text, most=most)
            if wait or exit_code:
                found = client.wait_for_replay(str(found["id"]), progress=_progress(quiet=as_json))
        _print(found, url=client.url, as_json=as_json)
        if found.get("state") == "failed":
            raise typer.Exit(1)
        raise typer.Exit(4 if exit_code and (found.get("counts") or {}).get("changed") else 0)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except OSError as error:
        terminal.stop(f"{file} cannot be read: {error.strerror}.", code=1)
    if len(content) > _LARGEST:
        _unfit(file, "is larger than any policy may be")
    try:
        return content.decode()
    except UnicodeDecodeError:
        _unfit(file, "is not UTF-8 text")


def _unfit(file: Path, why: str) -> NoReturn:
    terminal.stop(f"{file} {why}.", code=2)


def _progress(*, quiet: bool) -> Callable[[Mapping[str, Any]], None]:
    """Return what shows how far a replay is; nothing where nobody looks."""
    console = Console(stderr=True, highlight=False, markup=False)
    if quiet or not console.is_terminal:
        return lambda now: None
    return lambda now: console.print(f"{now.get('steps_done')} of {now.get('steps_total')} requests", end="\r")


def _print(found: Mapping[str, Any], *, url: str, as_json: bool) -> None:
    if as_json:
        terminal.print_json(dict(found))
        return
    name, state = terminal.text(found.get("policy_name")), terminal.text(found.get("state"))
    if state == "failed":
        terminal.complain(f"The replay of {name} failed: {found.get('error')}")
        return
    counts = found.get("counts")
    if not counts:
        terminal.say(f"The replay of {name} is {state}: {url}/policy-replays/{terminal.text(found.get('id'))}")
        return
    terminal.say(
        f"{name}: {counts['cases']} past requests, {counts['stricter']} stricter, {counts['looser']} looser, "
        f"{counts['cases'] - counts['changed']} the same"
    )
    for kind, count in counts["missing"].items():
        terminal.say(f"  {kind} is missing in {count}", style="yellow")
    changed = [row for row in found["result"] if row["way"] != "same"]
    if changed:
        table = terminal.table("request", "then", "now", "because", "checks that change")
        for row in changed[:_SHOWN]:
            then, now = (terminal.text(row[key]) for key in ("then", "now"))
            checks = ", ".join(terminal.text(check["id"]) for check in row["changed_checks"])
            verdicts = (Text(word, style=_STYLE.get(word, "")) for word in (then, now))
            table.add_row(Text(terminal.text(row["case"])), *verdicts, Text(terminal.text(row["reason"])), Text(checks))
        terminal.out().print(table)
    if len(changed) > _SHOWN:
        terminal.say(f"and {len(changed) - _SHOWN} more; --json has them all")
    terminal.print_pairs({"result": str(found["result_digest"]), "see": f"{url}/policy-replays/{found['id']}"})
