"""What binds a system on a day: which points apply already, which later, and what is due next.

Two dates are kept apart and both returned: the **formal** one in the Act, and the **practical** one on which a duty can
first bite where that is later. Commentators differ on which counts, so nothing here decides it. Every date comes from
the register. Not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from governance.regulation.binding import points_for
from governance.regulation.classified import Classified
from governance.regulation.register import (
    Application,
    Milestone,
    Point,
    Register,
    Route,
    Transition,
    UnconfirmedTransition,
)

State = Literal["applies", "formally", "later", "undated"]
Wording = Literal["in_force", "not_recorded", "earlier"]
Kind = Literal["formal", "practical", "transition"]
Passage = Literal["past", "next", "later"]


@dataclass(frozen=True)
class Duty:
    """One point as it stands for a system on a day.

    Attributes:
        formal: the date in the Act; None is not settled.
        practical: the first date on which it can bite, where that is later than ``formal``.
        state: ``applies`` (both dates are reached), ``formally`` (only the formal one is), ``later``, or ``undated``.
        wording: ``in_force`` that day, ``not_recorded``, or ``earlier``: the point stood in other words then, which
            the register does not carry.
        transition: a later date for a system that was on the market before another one; it moved ``formal`` if the
            system is known to have been.
        basis: why the point concerns the system.
    """

    point: Point
    formal: date | None
    practical: date | None
    state: State
    wording: Wording
    basis: str
    note: str = ""
    transition: Transition | None = None


@dataclass(frozen=True)
class Due:
    """Points that begin to apply on a day to come. ``days`` counts to it, at least 1."""

    on: date
    kind: Kind
    points: tuple[Point, ...]
    days: int


@dataclass(frozen=True)
class Standing:
    """What binds a system on a day.

    ``duties`` holds points to be confirmed too, so that they are named; they are counted nowhere, and nothing that is
    due is about them. ``unconfirmed`` are transitional rules that may concern it and move none of its dates.
    """

    on: date
    duties: tuple[Duty, ...]
    upcoming: tuple[Due, ...]
    unconfirmed: tuple[UnconfirmedTransition, ...] = ()

    def by_state(self, state: State) -> tuple[Duty, ...]:
        """Return the duties in one state, in the order of the Act."""
        return tuple(duty for duty in self.duties if duty.state == state and not duty.point.to_be_confirmed)

    @property
    def to_be_confirmed(self) -> tuple[Duty, ...]:
        """The points without a sourced wording, in the order of the Act: named, and no duty in any state."""
        return tuple(duty for duty in self.duties if duty.point.to_be_confirmed)

    @property
    def next_due(self) -> tuple[Due, ...]:
        """What begins on the next day on which anything does; empty if nothing does any more."""
        return tuple(due for due in self.upcoming if due.on == self.upcoming[0].on)


@dataclass(frozen=True)
class Step:
    """One milestone of the Act as seen from a day. ``days`` counts from that day, negative for what is past."""

    milestone: Milestone
    passage: Passage
    days: int


def standing(system: Classified, register: Register, *, on: date) -> Standing:
    """Return what binds a system on a day.

    A point whose wording is not part of the law that day is left out: deleted, or not inserted yet. A date counts from
    its day on. The transitional rules are the register's; what else Article 111 says turns on later changes of a
    system, which nobody has recorded.
    """
    duties = []
    for point, bound in points_for(system, register).items():
        wording = _wording(point, register, on)
        if wording is None:
            continue
        applies, transition = applies_to(point, system, register, routes=bound.routes)
        duties.append(
            Duty(
                point=point,
                formal=applies.formal,
                practical=applies.practical,
                state=_state(applies, on),
                wording=wording,
                basis=bound.basis,
                note=applies.note or "",
                transition=transition,
            )
        )
    return Standing(
        on=on,
        duties=tuple(duties),
        upcoming=_upcoming(duties, on),
        unconfirmed=tuple(row for row in register.unconfirmed_transitions if {*row.situations} & {*system.situations}),
    )


def applies_to(
    point: Point, system: Classified, register: Register, *, routes: Iterable[Route] = ()
) -> tuple[Application, Transition | None]:
    """Return when a point binds a system, and the transitional rule on it, if any.

    What binds a system by both routes does so by the earlier date of each kind. Where it is not known whether
    the system, or its general-purpose model, was on the market in time for a transitional rule, the date without that
    rule stands.

    Args:
        routes: by which the point concerns the system; all that make it high-risk when left out.
    """
    found = [register.applies_from(point.id, route=route) for route in routes or system.routes]
    formal = min((item.formal for item in found if item.formal), default=None)
    practical = min((item.practical for item in found if item.practical), default=None)
    note = next((item.note for item in found if item.note), None)
    transition = register.transitions.get(point.id)
    early = _was_early(system, transition) if transition else None
    if transition and early:
        formal = transition.applies_from
    elif early is False:
        transition = None
    if practical and formal and practical <= formal:
        practical = None
    return Application(formal=formal, practical=practical, note=note), transition


def _was_early(system: Classified, rule: Transition) -> bool | None:
    """Return whether what the rule is for was on the market in time for it; None is not known."""
    if rule.marketed == "model":
        return system.early_model
    return system.placed_on < rule.marketed_before if system.placed_on else None


def timeline(register: Register, *, on: date) -> tuple[Step, ...]:
    """Return the milestones of the Act, in order of time, each past, next or later as seen from a day.

    The day of a milestone is past on that day: what it says applies from then on.
    """
    ahead = min((row.on for row in register.timeline if row.on > on), default=None)
    return tuple(
        Step(
            milestone=row,
            passage="past" if row.on <= on else "next" if row.on == ahead else "later",
            days=(row.on - on).days,
        )
        for row in sorted(register.timeline, key=lambda row: row.on)
    )


def _wording(point: Point, register: Register, on: date) -> Wording | None:
    stands = register.in_force(point.id, on)
    if stands:
        return "in_force"
    if on < register.regulation.in_force_on:
        return None
    if stands is None:
        return None if point.status == "deleted" else "not_recorded"
    amended = point.status == "amended" and point.valid_from is not None and on < point.valid_from
    return "earlier" if amended else None


def _state(applies: Application, on: date) -> State:
    known = [day for day in (applies.formal, applies.practical) if day is not None]
    if not known:
        return "undated"
    if on >= max(known):
        return "applies"
    return "formally" if on >= min(known) else "later"


def _upcoming(duties: Iterable[Duty], on: date) -> tuple[Due, ...]:
    groups: dict[tuple[date, Kind], list[Point]] = {}
    for duty in (row for row in duties if not row.point.to_be_confirmed):
        moved = duty.transition.applies_from if duty.transition else None
        dates: tuple[tuple[date | None, Kind], ...] = (
            (duty.formal, "formal"),
            (duty.practical, "practical"),
            (moved if moved != duty.formal else None, "transition"),
        )
        for day, kind in dates:
            if day is not None and day > on:
                groups.setdefault((day, kind), []).append(duty.point)
    return tuple(
        Due(on=day, kind=kind, points=tuple(points), days=(day - on).days)
        for (day, kind), points in sorted(groups.items(), key=lambda item: item[0])
    )
