"""Commands that read the record: what was in production, what was watched, what changed in a period."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from placet import terminal
from placet.connection import Connected, JsonFlag

_MODEL = "The registered model in MLflow."


def register(app: typer.Typer) -> None:
    """Add the commands to ``placet``."""
    app.command()(production)


def production(
    model: Annotated[str, typer.Argument(help=_MODEL)],
    at: Annotated[
        str | None, typer.Option(help="Only what was there at this moment, such as 2026-11-23T14:02:00Z.")
    ] = None,
    alias: Annotated[str | None, typer.Option(help="Only this alias.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what was behind the protected aliases of a model, from when to when, and on whose word."""
    with Connected() as client:
        found = client.production(model, alias=alias, at=at)
    spans = list(found.get("spans") or ())
    if as_json:
        terminal.print_json(dict(found))
    elif spans:
        table = terminal.table("alias", "version", "since", "until", "on whose word", "manifest", "permit")
        for span in spans:
            table.add_row(*map(Text, _cells(span)))
        terminal.out().print(table)
    else:
        terminal.say(f"Nothing was behind a protected alias of {model}{f' at {at}' if at else ''}.")
    raise typer.Exit(3 if any(span.get("by") == "found" for span in spans) else 0)


def _cells(span: Mapping[str, Any]) -> list[str]:
    word = span.get("word") or {}
    version = "none" if span.get("version") is None else f"v{span['version']}"
    by = {"found": "nobody's: found by the reconciler", "unstated": "not stated"}.get(str(span.get("by")))
    if by is None:
        names = ", ".join(str(row.get("name")) for row in word.get("approvers") or ()) or "no signature needed"
        by = f"{word.get('promotion')}: {names}"
    ends = (span.get("since"), span.get("until") or "now")
    digests = (str(word.get(name) or "")[:19] for name in ("manifest_digest", "permit_digest"))
    return [terminal.text(cell) for cell in (span.get("alias"), version, *ends, by, *digests)]
