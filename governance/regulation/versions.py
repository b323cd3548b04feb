"""Versions of the register: those that shipped, what differs between two, and which systems that touches.

A version is named by the day that it is as of and the digest of its file, so a decision or a document names the law
that it was made under for good. Older files stay in ``versions/``; nobody edits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from governance.regulation.binding import points_for
from governance.regulation.classified import Classified
from governance.regulation.register import Application, Point, Register, Route, Transition, load

FOLDER = Path(__file__).with_name("versions")
ROUTES: tuple[Route, ...] = ("annex_iii", "annex_i")

Kind = Literal["added", "removed", "reworded", "redated", "otherwise"]
KINDS: tuple[Kind, ...] = ("added", "removed", "reworded", "redated", "otherwise")


@dataclass(frozen=True)
class Dated:
    """The dates of a point: of its wording, and of application by each route."""

    valid_from: date | None
    valid_to: date | None
    applies: tuple[Application, ...]
    transition: Transition | None


@dataclass(frozen=True)
class Change:
    """What differs in one point. ``kinds`` holds several where it was both re-worded and re-dated."""

    point_id: str
    kinds: tuple[Kind, ...]
    before: Point | None
    after: Point | None
    dates_before: Dated | None
    dates_after: Dated | None

    @property
    def title(self) -> str:
        """The title it has, or had."""
        found = self.after or self.before
        return found.title if found else ""


@dataclass(frozen=True)
class Difference:
    """What differs between two registers, in the order of the new one; what is gone comes last."""

    before: str
    after: str
    changes: tuple[Change, ...]

    def of_kind(self, kind: Kind) -> tuple[Change, ...]:
        """Return the changes of a kind."""
        return tuple(change for change in self.changes if kind in change.kinds)

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many changes there are of each kind."""
        return {kind: len(self.of_kind(kind)) for kind in KINDS}


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Register]:
    """Return every register that shipped, by its version: the older ones by file name, the current one last.

    Raises:
        RegisterInvalid: a file is none.
    """
    found = [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return MappingProxyType({register.version: register for register in (*found, load())})


def by_digest(digest: str) -> Register | None:
    """Return the shipped register whose file has this digest, or a version that ends with it; None if none shipped."""
    _, _, bare = digest.rpartition("+")
    return next((register for register in shipped().values() if register.digest == bare), None)


def difference(old: Register, new: Register) -> Difference:
    """Return what differs between two registers.

    A point that gets its first wording after it was to be confirmed counts as re-worded. That an older register named
    no sources at all is no difference of the law.
    """
    ids = [*(point.id for point in new), *(point.id for point in old if point.id not in new.points)]
    changes = tuple(change for point_id in ids if (change := _change(point_id, old, new)))
    return Difference(before=old.version, after=new.version, changes=changes)


def touched(system: Classified, found: Difference, old: Register, new: Register) -> tuple[Change, ...]:
    """Return the changes that concern a system by its signed classification, under either of the two registers."""
    concerned = {point.id for law in (old, new) for point in points_for(system, law)}
    concerned |= {*system.annex_points, *system.named}
    return tuple(change for change in found.changes if change.point_id in concerned)


def _change(point_id: str, old: Register, new: Register) -> Change | None:
    before, after = old.points.get(point_id), new.points.get(point_id)
    dates_before, dates_after = _dated(before, old), _dated(after, new)
    kinds: list[Kind] = []
    if before is None or after is None:
        kinds.append("added" if before is None else "removed")
    else:
        if (before.title, before.requirement) != (after.title, after.requirement):
            kinds.append("reworded")
        if dates_before != dates_after:
            kinds.append("redated")
        if _other(before) != _other(after) or before.source not in {None, after.source}:
            kinds.append("otherwise")
    return Change(point_id, tuple(kinds), before, after, dates_before, dates_after) if kinds else None


def _dated(point: Point | None, law: Register) -> Dated | None:
    if point is None:
        return None
    return Dated(
        valid_from=point.valid_from,
        valid_to=point.valid_to,
        applies=tuple(law.applies_from(point.id, route=route) for route in ROUTES),
        transition=law.transitions.get(point.id),
    )


def _other(point: Point) -> Iterable[object]:
    return (point.evidence, point.applies_to, point.autofill, point.status, point.to_be_confirmed, point.group_title)
