"""The command ``placet adopt``: take over an MLflow that exists, with what it has in production."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from placet import terminal
from placet.adoptions import read_mapping
from placet.sdk import Placet

_STATES = {"proposed": "", "adopted": "green", "skipped": "yellow"}


def register(app: typer.Typer, connected: Callable[[], AbstractContextManager[Placet]]) -> None:
    """Add the command ``adopt``; ``connected`` opens the connection whose refusals become exit codes."""

    @app.command()
    def adopt(
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only show what it would hold; nothing is written.")
        ] = False,
        deadline: Annotated[
            datetime | None,
            typer.Option(formats=["%Y-%m-%d"], help="Until when each needs an approval, such as 2027-01-31."),
        ] = None,
        owner: Annotated[str, typer.Option(help="Who answers for what the mapping gives nobody: address or id.")] = "",
        mapping: Annotated[
            Path | None, typer.Option(help="CSV with the columns model, system (slug), owner (address or id).")
        ] = None,
        only: Annotated[
            list[str] | None, typer.Option(help="Pattern of model names, such as 'credit-*'; may be given again.")
        ] = None,
        reason: Annotated[str, typer.Option(help="Why they may serve on; the second person reads it.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    ) -> None:
        """Propose that what MLflow has in production serves on without an approval until a day.

        Exits with 4 where something of it can't be adopted as it is.
        """
        if not dry_run and not (deadline and reason):
            terminal.stop("Give --deadline and --reason, or --dry-run to see what it would hold.", code=2)
        whose = _mapping(mapping)
        with connected() as client:
            found = client.adopt(
                dry_run=dry_run,
                deadline=deadline.date() if deadline else None,
                owner=owner,
                mapping=whose,
                only=only or (),
                reason=reason,
            )
        if as_json:
            terminal.print_json(dict(found))
        else:
            _show(found)
        raise typer.Exit(4 if any(row["problem"] for row in found["rows"]) else 0)


def _mapping(file: Path | None) -> dict[str, dict[str, str]]:
    if file is None:
        return {}
    try:
        return read_mapping(file)
    except OSError as error:
        terminal.stop(f"{file} cannot be read: {error.strerror}.", code=2)
    except ValueError as error:
        terminal.stop(str(error), code=2)


def _show(found: Mapping[str, Any]) -> None:
    rows = found["rows"]
    if rows:
        table = terminal.table("model", "alias", "version", "system", "owner", "problem")
        for row in rows:
            place = row["alias"] or f"stage {row['stage']}"
            problem = Text(terminal.text(row["problem"] or ""), style="yellow")
            digest = "" if row["digest"] or not row["version"] else " (not digested)"
            about = (row["model"], place, f"{row['version'] or '?'}{digest}", row["system"] or "", row["owner_name"])
            table.add_row(*(Text(terminal.text(cell)) for cell in about), problem)
        terminal.out().print(table)
    for name in found["unused"]:
        terminal.say(f"{name} is in the mapping, and has nothing in production.", style="yellow")
    usable = Counter(not row["problem"] for row in rows)
    models = len({row["model"] for row in rows if not row["problem"]})
    left = f", {usable[False]} can't as they are" if usable[False] else ""
    terminal.say(f"{usable[True]} of {models} models can be adopted{left}.")
    if found["number"] is None:
        terminal.say("Nothing was written.")
        return
    until = date.fromisoformat(str(found["deadline"])).isoformat()
    terminal.say(f"AD-{found['number']} is proposed, until {until}. It counts once another risk officer signs it:")
    terminal.say(f"  {found['url']}")
    terminal.say("They read what differs by then, and sign with their password; a token signs nothing.")
