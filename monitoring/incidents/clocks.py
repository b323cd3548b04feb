"""Say by which day a serious incident is reported, from the register's deadlines. Pure.

Two kinds of duty run at once. The report is due *immediately* after something is known (the causal link or its
reasonable likelihood; of a death its suspicion; of the two-day cases the incident itself), and *at the latest* some
days after awareness. Both are told; neither is an hour, because how the days are counted is not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from governance.regulation.register import Deadline, Register, RegisterInvalid, Route

COUNTING = (
    "Days are calendar days after the UTC day of awareness; how they are counted follows Regulation 1182/71 (weekends "
    "and holidays can move the last day) and is to be confirmed, so a day is shown and no hour."
)
AWARENESS = "awareness"

Binds = Literal["yes", "formally", "not yet", "unknown"]


class Harm(StrEnum):
    """The outcomes of Article 3(49). Point (a) names two, and only one of them has a clock of its own."""

    DEATH = "death"
    HEALTH = "health"
    INFRASTRUCTURE = "infrastructure"
    RIGHTS = "rights"
    PROPERTY = "property"

    @property
    def point(self) -> str:
        """Its id in the register."""
        return f"Art 3.49.{_LETTERS[self]}"


_LETTERS = {Harm.DEATH: "a", Harm.HEALTH: "a", Harm.INFRASTRUCTURE: "b", Harm.RIGHTS: "c", Harm.PROPERTY: "d"}


class EquivalentLaw(StrEnum):
    """Why only breaches of Article 3(49)(c) may have to be notified; the value is the paragraph in the register."""

    SECTOR = "Art 73.9"
    MEDICAL = "Art 73.10"


@dataclass(frozen=True)
class Times:
    """When what was known of an incident. All aware datetimes; ``aware_at`` starts the clocks.

    ``link_established_at``: when the causal link, or its reasonable likelihood, was established.
    """

    aware_at: datetime
    suspected_at: datetime | None = None
    link_established_at: datetime | None = None
    reported_at: datetime | None = None


@dataclass(frozen=True)
class Case:
    """What the law asks of an incident.

    Attributes:
        harms: every outcome that it had or may have had; empty while none is established.
        widespread: a widespread infringement.
        equivalent_law: the paragraph that limits what is notified, if somebody said that it does.
    """

    harms: frozenset[Harm] = frozenset()
    widespread: bool = False
    equivalent_law: EquivalentLaw | None = None


@dataclass(frozen=True)
class Clock:
    """One day by which the incident is reported at the latest.

    Attributes:
        rule: as the register words it.
        point: of the law, ``Art 73.2``.
        days: after ``counted_from_on``, at least 1.
        counted_from: what the days are counted from, as the register words it.
        due_on: the last day, if no weekend or holiday moves it.
        immediately_since: since when the report is due without waiting for that day; None: not yet.
        owed: False: Article 73(9) or 73(10), whichever was said, takes it away, which is to be confirmed.
        binds: whether the duty bound on the day asked about: ``formally`` between the date in the Act and the first
            on which it can bite, ``not yet`` before both.
        formal, practical: those two dates, as far as the register has them.
    """

    rule: str
    point: str
    days: int
    counted_from: str
    counted_from_on: date
    due_on: date
    immediately_since: datetime | None
    owed: bool
    binds: Binds
    formal: date | None
    practical: date | None

    def days_left(self, today: date) -> int:
        """Return how many days are left: 0 on the due day, negative after it."""
        return (self.due_on - today).days

    def waited(self, sent_at: datetime) -> timedelta:
        """Return how long a report that was due immediately was not sent: zero while nothing made it so due."""
        since = self.immediately_since
        return timedelta(0) if since is None else max(sent_at - since, timedelta(0))


def _of_the_link(times: Times) -> datetime | None:
    return times.link_established_at


def _of_the_incident(times: Times) -> datetime | None:
    return times.aware_at


def _of_the_suspicion(times: Times) -> datetime | None:
    known = [at for at in (times.suspected_at, times.link_established_at) if at is not None]
    # A suspicion that is older than awareness makes the report due the moment one is aware.
    return max(min(known), times.aware_at) if known else None


WIDESPREAD = "Art 73.3"

Rule = tuple[Callable[[Case], bool], Callable[[Times], datetime | None]]
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "Art 73.2": (lambda case: True, _of_the_link),
        WIDESPREAD: (lambda case: case.widespread or Harm.INFRASTRUCTURE in case.harms, _of_the_incident),
        "Art 73.4": (lambda case: Harm.DEATH in case.harms, _of_the_suspicion),
    }
)
"""Which incidents a deadline of the register is for, and what makes the report due immediately. No numbers here."""


def clocks(register: Register, case: Case, times: Times, *, on: date, route: Route = "annex_iii") -> tuple[Clock, ...]:
    """Return every clock that runs for an incident, the shortest first.

    While the harm is not established the default clock runs all the same: that it will turn out serious is why the
    incident was written down.

    Args:
        on: the day on which the law is asked what binds; a wording that was no law then gives no clock.
        route: by which the AI system is high-risk, since the dates of application differ.

    Returns: empty only if no deadline was law on that day.

    Raises:
        RegisterInvalid: the register has a deadline of Article 73 that this code does not know, lacks one that it
            knows, or counts one otherwise than in days from awareness.
    """
    found = []
    for deadline in _deadlines(register):
        applies, immediate = RULES[deadline.id]
        if not applies(case) or register.in_force(deadline.id, on) is False:
            continue
        from_on, days = times.aware_at.astimezone(UTC).date(), deadline.days or 0
        dates = register.applies_from(deadline.id, route=route)
        found.append(
            Clock(
                rule=deadline.rule,
                point=deadline.id,
                days=days,
                counted_from=deadline.starts_at,
                counted_from_on=from_on,
                due_on=from_on + timedelta(days=days),
                immediately_since=immediate(times),
                owed=owed(case, deadline.id, route),
                binds=_binds(dates.formal, dates.practical, on),
                formal=dates.formal,
                practical=dates.practical,
            )
        )
    return tuple(sorted(found, key=lambda clock: (clock.days, clock.point)))


LIMITS: Mapping[EquivalentLaw, Route] = MappingProxyType(
    {EquivalentLaw.SECTOR: "annex_iii", EquivalentLaw.MEDICAL: "annex_i"}
)
"""The route by which a system is high-risk to which each of the two paragraphs applies, and to no other."""


def limits(case: Case, route: Route) -> bool:
    """Return whether the paragraph that somebody said can limit what is notified of a system of this route."""
    return case.equivalent_law is not None and LIMITS[case.equivalent_law] == route


def owed(case: Case, point: str, route: Route) -> bool:
    """Return whether a report is owed by one clock as far as paragraphs 9 and 10 of Article 73 go.

    Both limit the notification of *incidents* to those of Article 3(49)(c). One that has several outcomes is such an
    incident if one of them is; where no outcome is established, it may turn out to be that one. A widespread
    infringement is no outcome of Article 3(49), so its clock stays.

    Args:
        point: of the clock, ``Art 73.3``.
        route: by which the system is high-risk: paragraph 9 is for systems of Annex III, paragraph 10 for medical
            devices (Annex I).
    """
    if not limits(case, route) or not case.harms or Harm.RIGHTS in case.harms:
        return True
    return point == WIDESPREAD and case.widespread


def first_due(found: tuple[Clock, ...]) -> Clock | None:
    """Return the owed clock that ends first; None where none is owed."""
    return next((clock for clock in found if clock.owed), None)


def _deadlines(register: Register) -> list[Deadline]:
    found = [deadline for deadline in register.deadlines if deadline.id.startswith("Art 73.")]
    if {deadline.id for deadline in found} != set(RULES):
        known, there = ", ".join(RULES), ", ".join(deadline.id for deadline in found)
        raise RegisterInvalid(f"The deadlines of Article 73 are {there}; this release knows {known}.")
    for deadline in found:
        if not deadline.days or deadline.starts_at != AWARENESS:
            raise RegisterInvalid(f"{deadline.id} is not counted in days from awareness.")
    return found


def _binds(formal: date | None, practical: date | None, on: date) -> Binds:
    if formal is None:
        return "unknown"
    if on < formal:
        return "not yet"
    return "formally" if practical is not None and on < practical else "yes"
