"""Controls by evidence: what is asked for under each point or control, and what is held for it. Pure.

That something is held says that it is there, never that it meets the point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from governance.regulation.crosswalk import Crosswalk, Mapped
from governance.regulation.crosswalk import Row as Walked
from governance.regulation.dates import Duty
from governance.regulation.record import RecordQuestions
from reports.documents.kinds import KINDS
from reports.documents.owing import references

Column = Literal["evidence", "decisions", "answers", "risks", "monitoring", "documents", "log"]
State = Literal["held", "part", "stale", "missing", "not_asked"]
Whole = Literal["held", "part", "missing", "unserved", "to_be_confirmed"]
COLUMNS: tuple[Column, ...] = ("evidence", "decisions", "answers", "risks", "monitoring", "documents", "log")
STATES: tuple[State, ...] = ("held", "part", "stale", "missing", "not_asked")
WHOLES: tuple[Whole, ...] = ("held", "part", "missing", "unserved", "to_be_confirmed")

DOCUMENT = "document/v1"
RISKS = ("Art 9", "Annex IV.5")
"""Points that the risk file serves."""

MONITORING = ("Art 72", "Annex IV.9")
"""Points that monitoring serves, beside those whose rows of the crosswalk name it."""

_WATCHING = ("monitor.", "drift.", "alert.", "records.")
_OF_NO_ROW = frozenset({"explanation.read", "records.expired"})
"""Entries that name no row: of which system they are can't be told from the log's index, so none is asked for."""


@dataclass(frozen=True)
class Asked:
    """What Placet can hold for one point or control; an empty field is not asked for under it.

    Attributes:
        evidence: types of evidence.
        decisions: decisions of people, in words.
        decided: kinds of log entry that those decisions leave.
        log: other kinds of log entry.
        questions: of the system's record.
        risks, monitoring: whether the risk file, or monitoring, serves it.
        kinds: of documents.
    """

    evidence: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    risks: bool = False
    monitoring: bool = False
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """How many there are and the newest. ``stale``: there, but not of what is in use now, or overdue."""

    count: int = 0
    newest: datetime | None = None
    stale: bool = False


@dataclass(frozen=True)
class Holdings:
    """What is held for one system: by type of evidence, event, question and kind of document; absent is not held."""

    evidence: Mapping[str, Held] = field(default_factory=dict)
    events: Mapping[str, Held] = field(default_factory=dict)
    answers: Mapping[str, Held] = field(default_factory=dict)
    documents: Mapping[str, Held] = field(default_factory=dict)
    risks: Held = Held()
    monitoring: Held = Held()


@dataclass(frozen=True)
class Cell:
    """What is held in one column: ``held`` of ``asked`` things, how many rows of them, and the newest.

    ``part``: some of what is asked for is there. ``stale``: all of it is, and some of it is out of date.
    ``absent`` names what is not there.
    """

    state: State
    asked: int = 0
    held: int = 0
    count: int = 0
    newest: datetime | None = None
    absent: tuple[str, ...] = ()


_NOT_ASKED = Cell("not_asked")


@dataclass(frozen=True)
class Line:
    """One point or control with a cell for each column, in the order of ``COLUMNS``."""

    id: str
    title: str
    group: str
    whole: Whole
    cells: Mapping[Column, Cell]


def lines_of_duties(duties: Iterable[Duty], asked: Callable[[str], Asked], held: Holdings) -> tuple[Line, ...]:
    """Return a line for each duty, in the order of the Act.

    Args:
        asked: what a point asks for, as :func:`asked_by_point` says.
    """
    return tuple(
        _line(
            duty.point.id,
            duty.point.title,
            duty.point.group,
            Asked() if duty.point.to_be_confirmed else asked(duty.point.id),
            held,
            to_be_confirmed=duty.point.to_be_confirmed,
        )
        for duty in duties
    )


def lines_of_controls(controls: Iterable[Mapped], record: RecordQuestions, held: Holdings) -> tuple[Line, ...]:
    """Return a line for each control of a framework, in its order; of one without a row nothing is claimed."""
    return tuple(
        _line(item.control.id, item.control.title, "", asked_by_control(item.rows, record), held) for item in controls
    )


def asked_by_point(point: str, walk: Crosswalk, record: RecordQuestions) -> Asked:
    """Return what a point of the Act asks for: by the crosswalk, the questions of the record and its article."""
    rows = walk.for_point(point)
    asked = _by_rows(rows)
    events = (*asked.decided, *asked.log)
    counted = [kind for kind in KINDS.values() if kind.counted]
    kinds = [kind.id for kind in counted if _within(point, (*kind.groups, *references(kind)))]
    return Asked(
        evidence=asked.evidence,
        decisions=asked.decisions,
        decided=asked.decided,
        log=asked.log,
        questions=tuple(row.id for row in record.serving(point)),
        risks=_within(point, RISKS),
        monitoring=_within(point, MONITORING) or any(event.startswith(_WATCHING) for event in events),
        kinds=tuple(dict.fromkeys((*kinds, *asked.kinds))),
    )


def asked_by_control(rows: Sequence[Walked], record: RecordQuestions) -> Asked:
    """Return what the rows of one control say that Placet holds for it, and nothing beyond."""
    asked = _by_rows(rows)
    points = [point for row in rows for point in row.holds.declarations]
    return Asked(
        evidence=asked.evidence,
        decisions=asked.decisions,
        decided=asked.decided,
        log=asked.log,
        questions=_each(question.id for point in points for question in record.serving(point)),
        monitoring=any(event.startswith(_WATCHING) for event in (*asked.decided, *asked.log)),
        kinds=asked.kinds,
    )


def _by_rows(rows: Sequence[Walked]) -> Asked:
    types = _each(kind for row in rows for kind in row.holds.evidence)
    decided = _each(event for row in rows if row.holds.decisions for event in row.holds.log)
    return Asked(
        evidence=tuple(kind for kind in types if kind != DOCUMENT),
        decisions=_each(said for row in rows for said in row.holds.decisions),
        decided=decided,
        log=_each(event for row in rows for event in row.holds.log if event not in {*decided, *_OF_NO_ROW}),
        kinds=("annex-iv",) if DOCUMENT in types else (),
    )


def _each(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _within(point: str, groups: Iterable[str]) -> bool:
    return any(point == group or point.startswith(f"{group}.") for group in groups)


def _line(line_id: str, title: str, group: str, asked: Asked, held: Holdings, *, to_be_confirmed: bool = False) -> Line:
    cells = _cells(asked, held)
    whole: Whole = "to_be_confirmed" if to_be_confirmed else _whole(cells.values())
    return Line(line_id, title, group, whole, cells)


def _cells(asked: Asked, held: Holdings) -> dict[Column, Cell]:
    return {
        "evidence": _all_of(asked.evidence, held.evidence),
        "decisions": _any_of(asked.decided if asked.decisions else (), held.events),
        "answers": _all_of(asked.questions, held.answers),
        "risks": _all_of(("risk file",) if asked.risks else (), {"risk file": held.risks}),
        "monitoring": _all_of(("monitor",) if asked.monitoring else (), {"monitor": held.monitoring}),
        "documents": _all_of(asked.kinds, held.documents),
        "log": _any_of(asked.log, held.events),
    }


def _all_of(asked: Sequence[str], held: Mapping[str, Held]) -> Cell:
    """Return the cell of things each of which is asked for."""
    if not asked:
        return _NOT_ASKED
    there = [held[name] for name in asked if name in held and held[name].count]
    absent = tuple(name for name in asked if name not in held or not held[name].count)
    state: State = "missing" if not there else "part" if absent else "held"
    if state == "held" and any(row.stale for row in there):
        state = "stale"
    return Cell(state, len(asked), len(there), sum(row.count for row in there), _newest(there), absent)


def _any_of(asked: Sequence[str], held: Mapping[str, Held]) -> Cell:
    """Return the cell of things any of which shows that it was done: kinds of log entry."""
    if not asked:
        return _NOT_ASKED
    there = [held[name] for name in asked if name in held and held[name].count]
    count, newest = sum(row.count for row in there), _newest(there)
    return Cell("held" if there else "missing", 1, min(len(there), 1), count, newest, () if there else tuple(asked))


def _newest(rows: Iterable[Held]) -> datetime | None:
    return max((row.newest for row in rows if row.newest is not None), default=None)


def _whole(cells: Iterable[Cell]) -> Whole:
    states = {cell.state for cell in cells} - {"not_asked"}
    if not states:
        return "unserved"
    if states == {"held"}:
        return "held"
    return "missing" if states == {"missing"} else "part"


@dataclass(frozen=True)
class Share:
    """Of the points of one article that bind a system: for how many anything is held, and for how many nothing can be.

    A point to be confirmed is counted nowhere.

    ``served`` are the points that something could be held for, ``held`` those for which something is, ``whole`` those
    for which all of it is.
    """

    points: int = 0
    served: int = 0
    held: int = 0
    whole: int = 0


def by_group(lines: Iterable[Line]) -> dict[str, Share]:
    """Return the share of each article or annex, in the order of the lines."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.group, []).append(line)
    return {
        group: Share(
            points=sum(line.whole != "to_be_confirmed" for line in some),
            served=sum(line.whole in {"held", "part", "missing"} for line in some),
            held=sum(line.whole in {"held", "part"} for line in some),
            whole=sum(line.whole == "held" for line in some),
        )
        for group, some in found.items()
    }


def counts(lines: Iterable[Line]) -> dict[Whole, int]:
    """Return how many lines are in each state."""
    found = [line.whole for line in lines]
    return {state: found.count(state) for state in WHOLES}
