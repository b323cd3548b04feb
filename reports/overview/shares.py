"""The share of what served that served on a valid approval, as it was at the end of each month. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MONTHS = 12
APPROVED = "approved"


@dataclass(frozen=True)
class Served:
    """A version behind an alias, from ``start`` until ``end``; None: it still is.

    Attributes:
        place: the model and the alias.
        granted_at, valid_until: of the approval on which it serves; None without one.
        moves: when the approval went from a state to which, oldest first.
    """

    place: tuple[Any, str]
    start: datetime
    end: datetime | None
    granted_at: datetime | None = None
    valid_until: datetime | None = None
    moves: tuple[tuple[datetime, str], ...] = ()

    def at(self, moment: datetime) -> bool:
        """Return whether it served then."""
        return self.start <= moment and (self.end is None or moment < self.end)

    def valid_at(self, moment: datetime) -> bool:
        """Return whether its approval was in force then: granted, not ended, neither suspended nor revoked."""
        if self.granted_at is None or self.valid_until is None or not self.granted_at <= moment < self.valid_until:
            return False
        states = [state for at, state in self.moves if self.granted_at < at <= moment]
        return not states or states[-1] == APPROVED


@dataclass(frozen=True)
class Month:
    """How many versions served at a moment, and how many of them on a valid approval."""

    at: datetime
    live: int
    valid: int


def month_ends(now: datetime) -> tuple[datetime, ...]:
    """Return the last moment, UTC, of each of the eleven months before this one, oldest first."""
    ends = []
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(MONTHS - 1):
        ends.append(first - timedelta(microseconds=1))
        first = (first - timedelta(days=1)).replace(day=1)
    return tuple(reversed(ends))


def by_month(spans: Iterable[Served], strays: Sequence[tuple[Served, bool]], ends: Iterable[datetime]) -> list[Month]:
    """Count what served at each moment.

    Args:
        spans: what Placet put behind aliases.
        strays: what was seen there instead, and whether anything was: it stands for the alias while it was seen.
    """
    served = list(spans)
    found = []
    for moment in ends:
        instead = {stray.place: there for stray, there in strays if stray.at(moment)}
        here = [span for span in served if span.at(moment) and span.place not in instead]
        valid = sum(span.valid_at(moment) for span in here)
        found.append(Month(moment, len(here) + sum(instead.values()), valid))
    return found


def moves_of(entries: Iterable[Mapping[str, Any]]) -> tuple[tuple[datetime, str], ...]:
    """Return when an approval went to which state, from bodies of the log's entries about it, oldest first."""
    return tuple((datetime.fromisoformat(body["at"]), str(body["data"]["to"])) for body in entries)
