"""Whether a system owes a document of a kind, by which points of the Act, and since when. Pure.

What is owed follows from the points that concern the system by its signed classification. Of a point's own conditions
only one is evaluated, once the record answers it: which kind of body the deployer is. Not legal advice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from governance.regulation.dates import Duty, Standing
from reports.documents.kind import Kind

State = Literal["owed", "later", "undated", "not_owed", "unclassified", "own"]

ASKED_FOR_BY: Mapping[str, tuple[str, ...]] = {
    "annex-iv": ("Art 11.1",),
    "annex-v": ("Art 47.1",),
    "annex-viii": ("Art 49.1", "Art 49.2", "Art 49.3"),
    "instructions": ("Art 13.2",),
    "fria": ("Art 27.1",),
    "risk-file": ("Art 9.1",),
    "art-72-plan": ("Art 72.3",),
    "incident": ("Art 73.1",),
}
"""The points that ask for each kind. Another kind is asked for by the points that it outlines."""


PUBLIC_BODY = "Public body"
SERVICES = (PUBLIC_BODY, "Private body that provides public services")
"""Answers of the record on the deployer: who is registered under Article 49(3), and who assesses under Article 27."""
EVERY_DEPLOYER = ("Annex III.5.b", "Annex III.5.c")
"""Points by which every deployer assesses under Article 27: credit, and life and health insurance."""


@dataclass(frozen=True)
class Owed:
    """Whether a kind is owed.

    ``state`` is ``owed`` (a point that asks for it applies), ``later`` (from ``on``), ``undated`` (its date is not
    settled), ``not_owed``, ``unclassified`` (nobody can say before a classification is signed) or ``own``: the Act
    asks for no such document.
    """

    state: State
    duties: tuple[Duty, ...] = ()
    on: date | None = None

    @property
    def points(self) -> tuple[str, ...]:
        """The points that ask this system for it."""
        return tuple(duty.point.id for duty in self.duties)

    @property
    def basis(self) -> tuple[str, ...]:
        """Why those points concern the system, each reason once."""
        return tuple(dict.fromkeys(duty.basis for duty in self.duties))


def references(kind: Kind) -> tuple[str, ...]:
    """Return the points that ask for a kind; of a kind that none is named for, the beginnings of their ids."""
    return ASKED_FOR_BY.get(kind.id, kind.groups)


def not_asked(annex_points: Collection[str], body: str | None) -> frozenset[str]:
    """Return the points that ask nothing of a deployer of a kind, whatever the class of the system.

    Args:
        annex_points: that make the system high-risk.
        body: the record's answer on the kind of body; None while there is none: every point may ask for something.
    """
    if body is None or body == PUBLIC_BODY:
        return frozenset()
    if body in SERVICES or any(point.startswith(EVERY_DEPLOYER) for point in annex_points):
        return frozenset({"Art 49.3"})
    return frozenset({"Art 49.3", "Art 27.1"})


def owed(kind: Kind, stands: Standing | None, *, without: Collection[str] = ()) -> Owed:
    """Return whether a system owes a document of a kind on the day of ``stands``.

    Args:
        stands: what binds the system; None before its classification is signed.
        without: points that ask nothing of its deployer, from :func:`not_asked`.
    """
    if not references(kind):
        return Owed("own")
    if stands is None:
        return Owed("unclassified")
    duties = tuple(
        duty
        for duty in stands.duties
        if _asks_for(duty.point.id, kind) and duty.point.id not in without and not duty.point.to_be_confirmed
    )
    if not duties:
        return Owed("not_owed")
    if any(duty.state == "applies" for duty in duties):
        return Owed("owed", tuple(duty for duty in duties if duty.state == "applies"))
    days = [day for duty in duties if (day := _begins(duty)) is not None and day > stands.on]
    return Owed("later", duties, min(days)) if days else Owed("undated", duties)


def _begins(duty: Duty) -> date | None:
    """Return the day from which a duty applies: the later of its two dates."""
    return max((day for day in (duty.formal, duty.practical) if day is not None), default=None)


def _asks_for(point: str, kind: Kind) -> bool:
    if kind.id in ASKED_FOR_BY:
        return point in ASKED_FOR_BY[kind.id]
    return any(point == group or point.startswith(f"{group}.") for group in kind.groups)
