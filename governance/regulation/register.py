"""Load the EU AI Act register: points, dates and deadlines as versioned data, never as constants in code.

The data (``ai-act.yaml``) keeps two kinds of date apart: when a wording is part of the law (``valid_from``,
``valid_to``) and when a duty starts to bind (``applies_from``). This module keeps them apart too:
:meth:`Register.in_force` answers the first, :meth:`Register.applies_from` the second. It is a paraphrase for
engineering use and not legal advice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from governance.regulation.sources import Act, Source, acts_of, source_of

Route = Literal["annex_iii", "annex_i"]
Marketed = Literal["system", "model"]

DATA_FILE = Path(__file__).with_name("ai-act.yaml")
SCHEMA_VERSION = 2
UNSOURCED_VERSION = 1
"""Registers of this older schema name no source for a point; they are kept for what was signed under them."""


class UnknownPoint(KeyError):
    """The register has no point with this id."""

    def __str__(self) -> str:
        return str(self.args[0])


class RegisterInvalid(ValueError):
    """The register file is not one this code can read."""


@dataclass(frozen=True)
class Point:
    """One numbered point of the Act, as paraphrased by the register.

    ``id`` is exact and case-sensitive: ``Art 5.1a`` is Article 5(1a), ``Art 5.1.a`` is Article 5(1)(a). ``group`` is
    the article or annex it stands in. ``valid_from``/``valid_to`` bound the wording, half-open; None means not
    recorded, never always valid. ``to_be_confirmed`` marks a provision that is known to be there but whose wording
    nobody has read against the Official Journal: its ``requirement`` is empty, and nothing ever counts as filling it.
    ``source`` is where it stands; None only in a register that was made before points named theirs.
    """

    id: str
    title: str
    requirement: str
    group: str
    group_title: str
    evidence: str
    applies_to: Literal["both", "deployer", "provider"]
    autofill: Literal["auto", "assist", "manual"]
    status: Literal["inserted", "amended", "deleted"] | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    to_be_confirmed: bool = False
    source: Source | None = None


@dataclass(frozen=True)
class Application:
    """When a duty starts to bind.

    ``formal`` is the date in the Act. ``practical`` is the first date on which it can bite where that is later (a
    conformity procedure presupposes a high-risk system, whose classification rules apply later); commentators differ,
    so print both. Either is None where the register does not record it.
    """

    formal: date | None
    practical: date | None = None
    note: str | None = None

    @property
    def earliest(self) -> date | None:
        """The first of the two dates, or None if neither is recorded."""
        return min((day for day in (self.formal, self.practical) if day is not None), default=None)


@dataclass(frozen=True)
class Transition:
    """A later date on which a point binds what was on the market before another date.

    ``marketed`` says what must have been: the AI system, or the general-purpose model.
    """

    point: str
    marketed_before: date
    applies_from: date
    basis: str
    marketed: Marketed = "system"


@dataclass(frozen=True)
class UnconfirmedTransition:
    """A transitional rule of which only the end is known for sure: it is shown and moves no date.

    ``situations`` are those of ``binding.yaml`` in which a system is told of it; empty where the register does not
    itemise what the rule is about.
    """

    what: str
    applies_from: date
    basis: str
    situations: tuple[str, ...]


@dataclass(frozen=True)
class Milestone:
    """One dated step in the entry into application of the Act."""

    on: date
    what: str
    basis: str
    origin: str


@dataclass(frozen=True)
class Deadline:
    """A clock or retention period. Exactly one of ``hours``, ``days``, ``months`` and ``years`` is set."""

    id: str
    rule: str
    starts_at: str
    hours: int | None = None
    days: int | None = None
    months: int | None = None
    years: int | None = None


@dataclass(frozen=True)
class Control:
    """One control, category or pillar of a framework: its id and short title, as the register has them."""

    id: str
    title: str


@dataclass(frozen=True)
class Framework:
    """A standard or guidance beside the Act. ``controls`` is empty where the register itemises none."""

    id: str
    name: str
    controls: tuple[Control, ...] = ()
    maps_to: tuple[str, ...] = ()
    status: str = ""
    note: str = ""
    supersedes: str = ""


@dataclass(frozen=True)
class Regulation:
    """Identity of the Act, of the act that amended it, and of the text the register paraphrases."""

    name: str
    number: str
    celex: str
    eli: str
    in_force_on: date
    amended_by: str
    amended_by_celex: str
    amendment_in_force_on: date
    consolidated_celex: str
    disclaimer: str


@dataclass(frozen=True)
class Register:
    """The register as loaded from one file. Immutable; equal files give equal registers."""

    as_of: date
    digest: str
    regulation: Regulation
    points: Mapping[str, Point]
    dates: Mapping[str, date]
    timeline: tuple[Milestone, ...]
    deadlines: tuple[Deadline, ...]
    transitions: Mapping[str, Transition]
    unconfirmed_transitions: tuple[UnconfirmedTransition, ...]
    frameworks: tuple[Framework, ...]
    _group_applies: Mapping[str, Mapping[str, Any]]
    _point_applies: Mapping[str, date]

    @property
    def model_transition(self) -> Transition | None:
        """The rule for general-purpose models that were on the market early; None where the register has none."""
        return next((row for row in self.transitions.values() if row.marketed == "model"), None)

    @property
    def version(self) -> str:
        """What a decision stores to name the law it was made under: ``<as-of date>+sha256:<digest of the file>``."""
        return f"{self.as_of.isoformat()}+{self.digest}"

    def point(self, point_id: str) -> Point:
        """Return the point with exactly this id.

        Raises:
            UnknownPoint: no such point; the message says how ids are written.
        """
        try:
            return self.points[point_id]
        except KeyError:
            raise UnknownPoint(
                f"The register has no point {point_id!r}. Ids look like 'Art 6.3.a', 'Annex III.5.b' or "
                "'Annex IV.2.g', and 'Art 5.1a' is not 'Art 5.1.a'."
            ) from None

    def points_of(self, prefix: str) -> tuple[Point, ...]:
        """Return the points under a reference such as ``Annex VIII.B``, in the Act's order; ``Annex I`` is not III."""
        return self._by_prefix.get(prefix, ())

    @cached_property
    def _by_prefix(self) -> Mapping[str, tuple[Point, ...]]:
        """The points by each reference that leads to them: ``Annex III.5.b`` by itself, Annex III.5 and Annex III."""
        found: dict[str, list[Point]] = {}
        for point in self:
            for prefix in accumulate(point.id.split("."), "{}.{}".format):
                found.setdefault(prefix, []).append(point)
        return {prefix: tuple(points) for prefix, points in found.items()}

    def in_force(self, point_id: str, on_date: date) -> bool | None:
        """Return whether this wording was part of the law on ``on_date``.

        Returns: True inside the recorded interval ``[valid_from, valid_to)``, False outside it or before the Act
        itself entered into force, None where the register does not record the wording's dates. Being in force is not
        being applicable: see :meth:`applies_from`.

        Raises:
            UnknownPoint: no such point.
        """
        point = self.point(point_id)
        if on_date < self.regulation.in_force_on:
            return False
        if point.valid_to is not None and on_date >= point.valid_to:
            return False
        if point.valid_from is None:
            return None
        return on_date >= point.valid_from

    def applies_from(self, point_id: str, *, route: Route = "annex_iii") -> Application:
        """Return when the duty in a point starts to bind a system that is high-risk by ``route``.

        Args:
            route: ``annex_iii`` for Article 6(2) systems, ``annex_i`` for Article 6(1) products. Points outside the
                high-risk chapters have one date for both.

        Raises:
            UnknownPoint: no such point.
        """
        point = self.point(point_id)
        if point_id in self._point_applies:
            return Application(formal=self._point_applies[point_id])
        recorded = self._group_applies[point.group]
        formal = recorded.get("formal", recorded.get(route))
        return Application(formal=formal, practical=recorded.get(f"practical_{route}"), note=recorded.get("note"))

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points.values())

    def __len__(self) -> int:
        return len(self.points)


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def _some_day(value: object) -> date:
    return date.fromisoformat(str(value))


def _point(raw: Mapping[str, Any], group: Mapping[str, Any], acts: Mapping[str, Act] | None) -> Point:
    return Point(
        id=raw["id"],
        title=raw["title"],
        requirement=_requirement(raw),
        group=group["id"],
        group_title=group["title"],
        evidence=raw["evidence"],
        applies_to=raw["applies_to"],
        autofill=raw["autofill"],
        status=raw.get("status"),
        valid_from=_day(raw.get("valid_from")),
        valid_to=_day(raw.get("valid_to")),
        to_be_confirmed=bool(raw.get("to_be_confirmed", False)),
        source=None if acts is None else source_of(raw, acts),
    )


def _requirement(raw: Mapping[str, Any]) -> str:
    if not raw.get("to_be_confirmed", False):
        return str(raw["requirement"])
    if raw.get("requirement"):
        raise RegisterInvalid(f"{raw['id']} is to be confirmed, so it can't carry a wording: take one of the two out.")
    return ""


def _framework(raw: Mapping[str, Any]) -> Framework:
    pillars = [{"id": f"pillar {at}", "title": title} for at, title in enumerate(raw.get("pillars", ()), start=1)]
    return Framework(
        id=raw["id"],
        name=raw["name"],
        controls=tuple(Control(row["id"], row["title"]) for row in [*raw.get("controls", ()), *pillars]),
        maps_to=tuple(raw.get("maps_to", ())),
        status=raw.get("status", ""),
        note=raw.get("note", ""),
        supersedes=raw.get("supersedes", ""),
    )


def _transitions(rows: Iterable[Mapping[str, Any]], points: Iterable[Point]) -> dict[str, Transition]:
    """Return each confirmed rule by the points that it moves.

    Raises:
        RegisterInvalid: a rule names no point there is, or a point that another rule moves.
    """
    found: dict[str, Transition] = {}
    ids = [point.id for point in points]
    for raw in rows:
        for reference in raw["points"]:
            moved = [point_id for point_id in ids if point_id == reference or point_id.startswith(f"{reference}.")]
            if not moved or found.keys() & set(moved):
                raise RegisterInvalid(f"{raw['basis']} moves {reference}: no such point, or another rule moves it too.")
            found |= {
                point_id: Transition(
                    point=point_id,
                    marketed_before=_some_day(raw["marketed_before"]),
                    applies_from=_some_day(raw["applies_from"]),
                    basis=raw["basis"],
                    marketed=raw["marketed"],
                )
                for point_id in moved
            }
    return found


def _unconfirmed_transition(raw: Mapping[str, Any]) -> UnconfirmedTransition:
    return UnconfirmedTransition(
        what=raw["what"],
        applies_from=_some_day(raw["applies_from"]),
        basis=raw["basis"],
        situations=tuple(raw["situations"]),
    )


def _regulation(raw: Mapping[str, Any]) -> Regulation:
    amending = raw["amended_by"]
    return Regulation(
        name=raw["name"],
        number=raw["number"],
        celex=str(raw["celex"]),
        eli=raw["eli"],
        in_force_on=_some_day(raw["in_force"]),
        amended_by=amending["number"],
        amended_by_celex=str(amending["celex"]),
        amendment_in_force_on=_some_day(amending["in_force"]),
        consolidated_celex=str(raw["consolidated_celex"]),
        disclaimer=raw["disclaimer"],
    )


def _deadline(raw: Mapping[str, Any]) -> Deadline:
    periods = {unit: raw.get(unit) for unit in ("hours", "days", "months", "years")}
    return Deadline(id=raw["id"], rule=raw["rule"], starts_at=raw["from"], **periods)


def _application(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({key: value if key == "note" else _day(value) for key, value in raw.items()})


def _require_schema_version(found: object) -> None:
    if found not in {SCHEMA_VERSION, UNSOURCED_VERSION}:
        raise RegisterInvalid(
            f"Schema version {found!r}; this release reads version {SCHEMA_VERSION}, and {UNSOURCED_VERSION} of older "
            "registers."
        )


def parse(content: bytes) -> Register:
    """Read a register from the bytes of its file.

    Raises:
        RegisterInvalid: not YAML, another schema version, a missing field, a bad date, a point without a source or an
            id that occurs twice.
    """
    try:
        raw = yaml.safe_load(content)
        _require_schema_version(raw["schema_version"])
        groups = raw["articles"] + raw["annexes"]
        acts = None if raw["schema_version"] == UNSOURCED_VERSION else acts_of(raw["regulation"])
        points = [(_point(item, group, acts), item) for group in groups for item in group["points"]]
        rules = raw.get("transitional", ())
        register = Register(
            as_of=_some_day(raw["regulation"]["data_as_of"]),
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            regulation=_regulation(raw["regulation"]),
            points=MappingProxyType({point.id: point for point, _ in points}),
            dates=MappingProxyType({key: _some_day(value) for key, value in raw["original_dates"].items()}),
            timeline=tuple(
                Milestone(on=_some_day(row["date"]), what=row["what"], basis=row["basis"], origin=row["origin"])
                for row in raw["timeline"]
            ),
            deadlines=tuple(_deadline(row) for row in raw["deadlines"]),
            transitions=MappingProxyType(
                _transitions((row for row in rules if not row.get("to_be_confirmed")), (point for point, _ in points))
            ),
            unconfirmed_transitions=tuple(_unconfirmed_transition(row) for row in rules if row.get("to_be_confirmed")),
            frameworks=tuple(_framework(row) for row in raw["frameworks"]),
            _group_applies=MappingProxyType({group["id"]: _application(group["applies_from"]) for group in groups}),
            _point_applies=MappingProxyType(
                {point.id: _some_day(item["applies_from"]) for point, item in points if "applies_from" in item}
            ),
        )
    except RegisterInvalid:
        raise
    except KeyError as error:
        raise RegisterInvalid(f"The register lacks the field {error}.") from error
    except (yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        raise RegisterInvalid(f"The register cannot be read: {error}") from error
    if len(register.points) != len(points):
        counts = Counter(point.id for point, _ in points)
        twice = [point_id for point_id, count in counts.items() if count > 1]
        raise RegisterInvalid(f"These ids occur more than once: {', '.join(twice)}.")
    return register


@lru_cache(maxsize=4)
def load(path: Path = DATA_FILE) -> Register:
    """Return the register in ``path``, by default the one shipped with this release. Read once per process and path.

    Raises:
        OSError: the file cannot be read.
        RegisterInvalid: see :func:`parse`.
    """
    return parse(path.read_bytes())
