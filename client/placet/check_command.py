"""The command ``placet check``: what a promotion request would be told, before anybody is asked."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from placet import terminal
from placet.connection import Connected, JsonFlag, when_mirrored
from placet.digests import file_digest
from placet.trials import Trial
from placet.verdicts import BY_VERDICT, STYLE, show_checks, show_stages

_VERSION = re.compile(r"(?:models:/)?([^/@]+)/([0-9]{1,18})")
_STATES = {
    "attached": "",
    "queued": "waits for a worker",
    "running": "is being made",
    "failed": "could not be made",
    "cancelled": "was cancelled",
    "not_made": "is not made yet: placet check --wait has it made",
    "to_submit": "is for people to submit",
    "with_the_request": "is made when the request is",
}


def register(app: typer.Typer) -> None:
    """Add the command to the ``placet`` command line."""
    app.command("check")(check)


def check(
    uri: Annotated[str, typer.Argument(metavar="URI", help="The version: models:/credit-risk/3.")],
    to: Annotated[str, typer.Option("--to", help="The alias that it would get, such as champion.")],
    data: Annotated[
        Path | None, typer.Option(help="The evaluation data that you mean; another file than Placet measures on is 3.")
    ] = None,
    change: Annotated[str | None, typer.Option("--change-class", help="Non-substantial unless you say so.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Have missing evidence made and wait for it, with progress.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 900.0,
    as_json: JsonFlag = False,
) -> None:
    """Hold a version against the policy of an alias: the verdict and its checks, without opening a request."""
    model, version = _named(uri)
    digests = _digests(data) if data else ()
    with Connected() as client:
        found = when_mirrored(lambda: client.check(model, version, to, change_class=change), patient=wait)
        if data:  # before anything is made on other rows than those that are meant
            _refuse_other_data(data, digests, found)
        if wait:
            found = client.check_when_made(
                model, version, to, change_class=change, timeout_s=timeout, progress=_progress(quiet=as_json)
            )
    _show(found, as_json=as_json)
    raise typer.Exit(BY_VERDICT.get(found.verdict, 4))


def _named(uri: str) -> tuple[str, str]:
    named = _VERSION.fullmatch(uri)
    if named is None:
        terminal.stop(f"{uri} names no version of a model: write it as in models:/credit-risk/3.", code=2)
    return named[1], named[2]


def _digests(file: Path) -> tuple[str, ...]:
    """Return under which digests Placet may know the rows of a file: its own, and that of the same rows as declared."""
    try:
        found = (file_digest(file),)
    except OSError as error:
        terminal.stop(f"{file} cannot be read: {error.strerror}.", code=2)
    try:
        import pandas as pd
        import pyarrow as pa

        from placet.tracking import write_parquet
    except ModuleNotFoundError:
        return found
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "rows.parquet"
        try:
            write_parquet(pd.read_parquet(file), again)
        except (ValueError, TypeError, OSError, pa.ArrowException) as error:
            terminal.stop(f"{file} is no Parquet file of rows: {(str(error).splitlines() or [''])[0]}", code=2)
        return (*found, file_digest(again))


def _refuse_other_data(file: Path, digests: tuple[str, ...], found: Trial) -> None:
    if found.dataset in digests:
        return
    of = f"{found.model}/{found.version}"
    if not found.dataset:
        terminal.stop(f"Placet measures {of} on no data of its own, so nothing is made on {file}.", code=3)
    terminal.stop(
        f"Placet would measure {of} on other data: {found.dataset}, and {file} is {digests[-1]}. Declare the file in "
        "the version's run with placet.tracking.log_evaluation_data, or ask the system's owner which data is pinned.",
        code=3,
    )


def _progress(*, quiet: bool) -> Callable[[Trial], None]:
    """Return what names each piece of evidence once on standard error as it gets on."""
    console = Console(stderr=True, highlight=False, markup=False)
    said: set[str] = set()

    def show(now: Trial) -> None:
        for piece in now.evidence:
            line = f"{terminal.text(piece.get('type'))}: {terminal.text(piece.get('state'))}"
            if line not in said and not quiet:
                said.add(line)
                console.print(Text(f"  {line}", style="dim"))

    return show


def _show(found: Trial, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(dict(found.raw))
        return
    named = f"{found.model}/{found.version} to {found.alias}"
    terminal.say(f"{named}: a request would be told {found.verdict}", style=STYLE.get(found.verdict))
    terminal.print_pairs({"why": found.reason, "policy": found.policy, "data": found.dataset})
    show_checks(found.checks)
    for piece in found.evidence:
        if said := _STATES.get(str(piece.get("state")), terminal.text(piece.get("state"))):
            what = " ".join(filter(None, (str(piece.get("type")), str(piece.get("kind") or ""))))
            error = f" ({piece['error']})" if piece.get("error") else ""
            terminal.say(f"evidence {what} {said}{error}", style="yellow")
    show_stages(found.stages)
    terminal.say("Nothing was opened: placet request asks for it.")
