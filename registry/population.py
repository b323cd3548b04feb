"""Everything that changed a protected alias in a period, or tried to: the population that an auditor samples from.

Drawn from the log alone, by a rule that whoever holds the bundle can apply again: which entries, in which time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.audit import selectors
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.audit.searching import Query, each, extent
from governance.audit.selectors import LogEntry
from governance.common import clock
from placet import spreadsheets

KINDS: dict[str, str] = {
    Event.PROMOTION_APPLIED: "applied",
    Event.PROMOTION_FAILED: "failed",
    Event.ALIAS_CHANGE_DONE: "changed",
    Event.ALIAS_CHANGE_FAILED: "failed",
    Event.GATE_ALLOWED: "allowed",
    Event.GATE_REFUSED: "refused",
    Event.GATE_LET_THROUGH: "let through",
    Event.DEVIATION_OBSERVED: "found",
}
"""Event -> what it was: an alias set by Placet, a rollback, stop, broken glass or revert (``action`` says which), one
that could not be done, what the gate let through or refused, and what the reconciler found that nobody asked for."""

RULE = "Entries of the events in `events` with from <= at < to, in the order of their indexes; id is the entry's."


@dataclass(frozen=True)
class Item:
    """One change or attempt. ``actor`` is a pseudonym; ``action`` is what was tried at the gate."""

    index: int
    id: str
    at: str
    kind: str
    model: str
    alias: str
    version: str
    action: str
    actor: str


COLUMNS = tuple(field.name for field in fields(Item))


@dataclass(frozen=True)
class Population:
    """The items of a period by index, and what it takes to count them again.

    Attributes:
        entries: how many entries of any kind the log holds for the period.
        first_index, last_index: of those entries; None where there is none.
        log_size: how large the log was.
        pending: entries that had no place in the log yet, so that they are not among the items.
    """

    start: datetime
    end: datetime
    items: tuple[Item, ...]
    entries: int
    first_index: int | None
    last_index: int | None
    log_size: int
    pending: int

    def as_json(self, chosen: Sequence[Item], *, seed: str | None) -> dict[str, Any]:
        """Return what ``GET /api/v1/change-population`` answers."""
        return {
            "from": self.start,
            "to": self.end,
            "rule": RULE,
            "events": sorted(KINDS),
            "log": {
                "entries": self.entries,
                "first_index": self.first_index,
                "last_index": self.last_index,
                "size": self.log_size,
                "pending": self.pending,
            },
            "count": len(self.items),
            "by_kind": dict(sorted(Counter(item.kind for item in self.items).items())),
            "sample": None if seed is None else {"seed": seed, "size": len(chosen), "rule": SAMPLING},
            "items": [vars(item) for item in chosen],
        }


SAMPLING = "The first n items by the hexadecimal SHA-256 of seed|id, both as UTF-8."


def draw(start: datetime, end: datetime) -> Population:
    """Return the population of a period, as the log holds it now."""
    size, pending = selectors.size(), selectors.pending_count()
    count, first, last = extent(start, end)
    found = each(Query(events=sorted(KINDS), since=start, until=end), below=size)
    items = sorted((_item(entry) for entry in found), key=lambda item: item.index)
    return Population(start, end, tuple(items), count, first, last, size, pending)


def _item(entry: LogEntry) -> Item:
    body = entry.parsed
    data: Mapping[str, Any] = body["data"]
    return Item(
        index=-1 if entry.index is None else entry.index,
        id=str(body["id"]),
        at=str(body["at"]),
        kind=KINDS[str(body["event"])],
        model=_text(data.get("model")),
        alias=_text(data.get("alias")),
        version=_text(data.get("version")),
        action=_text(data.get("action") or data.get("kind")),
        actor=str(body["actor"]),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def sample(population: Sequence[Item], n: int, seed: str) -> list[Item]:
    """Return ``n`` items that nobody picked: the first by SHA-256 of ``seed|id``.

    Whoever has the population and the seed gets the same ones, with any tool that hashes; so agree on the seed before
    either of you has seen the population.
    """
    return sorted(population, key=lambda item: sha256(f"{seed}|{item.id}".encode()).hexdigest())[:n]


def csv_lines(items: Sequence[Item]) -> Iterator[str]:
    """Yield items as CSV in which no spreadsheet takes a cell for a formula; the last line counts them."""
    write = spreadsheets.writer()
    yield write(COLUMNS)
    for item in items:
        yield write([getattr(item, name) for name in COLUMNS])
    yield write([f"End of the list: {len(items)}"])


@transaction.atomic
def record(population: Population, *, taken: int, seed: str | None, form: str, actor: Actor) -> None:
    """Write into the log that somebody takes the population, or a sample of it, away."""
    audit.append(
        event=Event.POPULATION_EXPORTED,
        actor=actor,
        data={
            "form": form,
            "from": clock.rfc3339(population.start),
            "to": clock.rfc3339(population.end),
            "size": population.log_size,
            "count": len(population.items),
            "taken": taken,
        },
        payload={"seed": seed} if seed is not None else None,
    )
