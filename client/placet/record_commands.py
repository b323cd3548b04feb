"""Commands that read the record: what was in production, what was watched, what changed in a period."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from placet import terminal
from placet.connection import Connected, JsonFlag

_FROM = "The beginning, such as 2026-11-01T00:00:00Z."
_MODEL = "The registered model in MLflow."


def register(app: typer.Typer) -> None:
    """Add the commands to ``placet``."""
    app.command()(production)
    app.command()(coverage)
    app.command()(population)


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
        table = terminal.table("alias", "version", "since (UTC)", "until", "on whose word", "manifest", "permit")
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
    by = by or _on_whose(word)
    ends = (terminal.moment(span.get("since")), terminal.moment(span.get("until") or "now"))
    digests = (terminal.short(word.get(name)) for name in ("manifest_digest", "permit_digest"))
    return [terminal.text(cell) for cell in (span.get("alias"), version, *ends, by, *digests)]


def _on_whose(word: Mapping[str, Any]) -> str:
    """Say who approved or adopted a version, and who else's act put it there, if it was one."""
    said = []
    if word.get("promotion"):
        names = ", ".join(str(row.get("name")) for row in word.get("approvers") or ()) or "no signature needed"
        said.append(f"{word['promotion']}: {names}")
    if word.get("adoption"):
        said.append(f"nobody's: adopted by {word['adoption']}")
    if word.get("changed_as") not in (None, "promotion"):
        said.append(f"{word.get('change')} {str(word['changed_as']).replace('_', ' ')} by {word.get('changed_by')}")
    return "; ".join(said)


def coverage(
    start: Annotated[str, typer.Option("--from", help=_FROM)],
    end: Annotated[str, typer.Option("--to", help="The end, which is no part of it.")],
    as_json: JsonFlag = False,
) -> None:
    """Say who watched MLflow in a period, with which gaps, what was found, and what nobody can know."""
    with Connected() as client:
        found = client.coverage(start, end)
    deviations = list(found.get("deviations") or ())
    if as_json:
        terminal.print_json(dict(found))
    else:
        _print_coverage(found, deviations)
    raise typer.Exit(3 if deviations or (found.get("grants") or {}).get("without_a_change") else 0)


def _print_coverage(found: Mapping[str, Any], deviations: list[Mapping[str, Any]]) -> None:
    terminal.say(f"{terminal.moment(found.get('from'))} to {terminal.moment(found.get('to'))} (UTC)")
    table = terminal.table("who", "watched", "gaps", "longest gap")
    for name, watch in {"plugin": found.get("plugin") or {}, **(found.get("reconciler") or {})}.items():
        gaps = [gap.get("seconds") for gap in watch.get("gaps") or ()]
        longest = terminal.duration(max(gaps)) if gaps else ""
        table.add_row(terminal.text(name), terminal.duration(watch.get("active_s")), str(len(gaps)), longest)
    terminal.out().print(table)
    grants = found.get("grants") or {}
    terminal.print_pairs(
        {
            "blind window": terminal.duration(found.get("blind_window_s")),
            "webhooks": str(found.get("webhooks")),
            "alias writes": f"{grants.get('alias_writes')}, {grants.get('with_one_grant')} with exactly one grant",
            "unexplained": str(found.get("unexplained_changes")),
        }
    )
    for row in deviations:
        where = f"{row.get('model')}@{row.get('alias')} at {row.get('version') or 'nothing'}"
        terminal.say(
            f"  found: {where}, {terminal.moment(row.get('first_seen_at'))} to "
            f"{terminal.moment(row.get('last_seen_at') or 'now')}",
            style="bold red",
        )
    for sentence in found.get("unknown") or ():
        terminal.say(f"  {sentence}", style="yellow")


def population(
    start: Annotated[str, typer.Option("--from", help=_FROM)],
    end: Annotated[str, typer.Option("--to", help="The end, which is no part of it.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many, chosen by the seed.")] = None,
    seed: Annotated[str | None, typer.Option(help="Chooses the sample; agree on it before anybody looks.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List every change of a protected alias and every attempt in a period, or a sample that others can draw again."""
    if (sample is None) != (seed is None):
        terminal.stop("Give both --sample and --seed, or neither.", code=2)
    with Connected() as client:
        found = client.population(start, end, sample=sample, seed=seed)
    if as_json:
        terminal.print_json(dict(found))
        return
    log = found.get("log") or {}
    terminal.say(
        f"{found.get('count')} changes and attempts, of {log.get('entries')} entries with indexes "
        f"{log.get('first_index')} to {log.get('last_index')}; {log.get('pending')} entries had no index yet"
    )
    table = terminal.table("index", "at (UTC)", "kind", "model", "alias", "version", "action", "actor")
    for row in found.get("items") or ():
        cells = [terminal.text(row.get(name, "")) for name in ("kind", "model", "alias", "version", "action", "actor")]
        table.add_row(*map(Text, (terminal.text(row.get("index", "")), terminal.moment(row.get("at")), *cells)))
    terminal.out().print(table)
