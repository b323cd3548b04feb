"""Find points of the register by words and by what is recorded of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from governance.regulation.register import Point, Register, Route

ROLES = ("provider", "deployer")
STATUSES = ("inserted", "amended", "deleted", "to_be_confirmed")
LEVELS = ("auto", "assist", "manual")
_ROUTES: tuple[Route, ...] = ("annex_iii", "annex_i")
_BRACKETED = re.compile(r"\s*\(\s*(\w+)\s*\)")
_NUMBERED = re.compile(r"\b(art|annex)\.?\s+(?=[0-9ivx])")


@dataclass(frozen=True)
class Query:
    """What is asked for; an empty part asks for nothing.

    Attributes:
        text: words that must all occur in the id, the title, the requirement or the title of the article. A reference
            may be written as in the Act: ``Article 5(1)(ba)`` finds ``Art 5.1.ba``.
        group: an article or annex by its id, such as ``Art 9``.
        role: ``provider`` or ``deployer``; what is for both is found by either.
        status: one of ``STATUSES``.
        applies_on: a day on which the point must be part of the law and its formal date be reached, by either route.
        autofill: one of ``LEVELS``.
    """

    text: str = ""
    group: str = ""
    role: str = ""
    status: str = ""
    applies_on: date | None = None
    autofill: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it asks for everything."""
        return self == Query()


def search(register: Register, query: Query) -> tuple[Point, ...]:
    """Return the points that a query finds: one that it names first, then in the order of the Act."""
    wanted = reference(query.text)
    words = wanted.split()
    found = [point for point in register if _fits(point, query, register) and _has(point, words, wanted)]
    return tuple(sorted(found, key=lambda point: point.id.casefold() != wanted))


def reference(text: str) -> str:
    """Return words in lower case, with a reference to the Act in the register's form: ``art 5.1.ba``."""
    plain = " ".join(text.split()).casefold()
    plain = re.sub(r"\b(articles?|art\.)", "art", plain)
    plain = _NUMBERED.sub(r"\1 ", plain)
    if not re.search(r"\d\w*\s*\(|\b[ivx]+\s*\(", plain):
        return plain
    return _BRACKETED.sub(r".\1", plain)


def groups(points: Iterable[Point]) -> tuple[tuple[str, str, tuple[Point, ...]], ...]:
    """Return points by article and annex: its id, its title and its points, in the order in which they come."""
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.group, point.group_title), []).append(point)
    return tuple((group, title, tuple(rows)) for (group, title), rows in found.items())


def _fits(point: Point, query: Query, register: Register) -> bool:
    return (
        (not query.group or point.group == query.group)
        and (not query.role or point.applies_to in {query.role, "both"})
        and (not query.status or query.status in {point.status, "to_be_confirmed" if point.to_be_confirmed else None})
        and (not query.autofill or point.autofill == query.autofill)
        and (query.applies_on is None or applied(point, register, query.applies_on))
    )


def applied(point: Point, register: Register, on: date) -> bool:
    """Return whether a point is part of the law on a day and its formal date is reached, by the earlier route."""
    if register.in_force(point.id, on) is False or on < register.regulation.in_force_on:
        return False
    dates = (register.applies_from(point.id, route=route).formal for route in _ROUTES)
    return any(day is not None and day <= on for day in dates)


def _has(point: Point, words: list[str], wanted: str) -> bool:
    point_id = point.id.casefold()
    if point_id == wanted or point_id.startswith(f"{wanted}."):
        return True
    if re.fullmatch(r"(art|annex) [\w.]+", wanted):
        return False  # a reference: "art 5" is not every point with a 5 in it
    text = " ".join((point_id, point.title, point.requirement, point.group_title)).casefold()
    return all(word in text for word in words)
