"""The population of changes in a case: what each entry says of a protected alias, as Placet tells it in a list."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from placet import spreadsheets
from placet.verify import parse_time

Entry = Mapping[str, Any]
KINDS = {
    "promotion.applied": "applied",
    "promotion.failed": "failed",
    "alias_change.done": "changed",
    "alias_change.failed": "failed",
    "gate.allowed": "allowed",
    "gate.refused": "refused",
    "gate.let_through": "let through",
    "deviation.observed": "found",
}
"""Event -> what it was. Which events make the population is not for a case to choose."""
COLUMNS = ("index", "id", "at", "kind", "model", "alias", "version", "action", "actor")


def population(
    entries: Mapping[int, Entry], *, start: str, end: str, models: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return the changes among the entries in a period, of these models or of all, in order.

    Raises:
        ValueError: a time is none.
    """
    first, last = parse_time(start), parse_time(end)
    return [
        _item(index, entry)
        for index, entry in sorted(entries.items())
        if entry["event"] in KINDS
        and first <= parse_time(entry["at"]) < last
        and (models is None or _text(entry["data"].get("model")) in models)
    ]


def table(items: Iterable[Mapping[str, Any]]) -> bytes:
    """Return items as CSV in which no spreadsheet takes a cell for a formula; the last line counts them."""
    rows = [[str(item[name]) for name in COLUMNS] for item in items]
    write = spreadsheets.writer()
    return "".join(map(write, ([*COLUMNS], *rows, [f"End of the list: {len(rows)}"]))).encode()


def _item(index: int, entry: Entry) -> dict[str, Any]:
    data = entry["data"]
    told = {name: _text(data.get(name)) for name in ("model", "alias", "version")}
    action = _text(data.get("action") or data.get("kind"))
    about = {"index": index, "id": entry["id"], "at": entry["at"], "actor": entry["actor"]}
    return {**about, **told, "kind": KINDS[entry["event"]], "action": action}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
