"""From points of the AI Act to other frameworks: which controls ask for the same, and what Placet holds for it.

The rows are data (``crosswalk.yaml``), each with the reason for it. A control without a row is one on which nothing is
claimed. Whether a control applies to an organisation is the organisation's to say and is never filled in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from governance.regulation.register import Control, Framework, Register, RegisterInvalid, load

ROWS_FILE = Path(__file__).with_name("crosswalk.yaml")
WHOLE = {"gdpr-22": Control("Art 22", "Automated individual decision-making, including profiling")}
"""The one control of a framework that is a single provision."""

STATEMENT_OF = "iso-42001"
"""The framework with a statement of applicability."""


class UnknownFramework(KeyError):
    """The register has no framework with this id, or none with a crosswalk."""


@dataclass(frozen=True)
class Holding:
    """What Placet holds: types of evidence, decisions of people, points on which people declare, kinds of log entry."""

    evidence: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    declarations: tuple[str, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether Placet holds nothing at all."""
        return not (self.evidence or self.decisions or self.declarations or self.log)


@dataclass(frozen=True)
class Row:
    """That a control and some points of the Act ask for the same thing, why, and what Placet holds for it."""

    framework: str
    control: str
    points: tuple[str, ...]
    holds: Holding
    why: str


@dataclass(frozen=True)
class Mapped:
    """One control with its rows; none means that nothing is claimed."""

    control: Control
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Crosswalk:
    """All rows, in the order of the file."""

    rows: tuple[Row, ...]

    def for_point(self, point_id: str) -> tuple[Row, ...]:
        """Return the rows that name a point."""
        return tuple(row for row in self.rows if point_id in row.points)

    def for_framework(self, framework: Framework) -> tuple[Mapped, ...]:
        """Return every control of a framework, in its order, with its rows."""
        return tuple(
            Mapped(
                control, tuple(row for row in self.rows if (row.framework, row.control) == (framework.id, control.id))
            )
            for control in controls_of(framework)
        )

    def evidence_for(self, point_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return the types of evidence that serve each point; a point that no row names is left out."""
        wanted = set(point_ids)
        found: dict[str, set[str]] = {}
        for row in self.rows:
            for point_id in row.points:
                if point_id in wanted and row.holds.evidence:
                    found.setdefault(point_id, set()).update(row.holds.evidence)
        return {point_id: frozenset(types) for point_id, types in found.items()}


def controls_of(framework: Framework) -> tuple[Control, ...]:
    """Return the controls of a framework that rows can name."""
    return framework.controls or ((WHOLE[framework.id],) if framework.id in WHOLE else ())


def frameworks(register: Register | None = None) -> tuple[Framework, ...]:
    """Return the frameworks with a page: those with a row, and those that supersede one of them."""
    law, named = register or load(), {row.framework for row in crosswalk().rows}
    return tuple(item for item in law.frameworks if item.id in named or item.supersedes in named)


def framework(framework_id: str, register: Register | None = None) -> Framework:
    """Return one of :func:`frameworks`.

    Raises:
        UnknownFramework: there is none with this id.
    """
    found = next((item for item in frameworks(register) if item.id == framework_id), None)
    if found is None:
        raise UnknownFramework(framework_id)
    return found


def superseded_by(item: Framework, register: Register | None = None) -> Framework | None:
    """Return the framework that superseded one, if the register has it."""
    return next((row for row in (register or load()).frameworks if row.supersedes == item.id), None)


def read(content: bytes, register: Register) -> Crosswalk:
    """Read a crosswalk and check it against the register.

    Raises:
        RegisterInvalid: a row names a point, control or framework that the register does not have, a point that was
            deleted or is to be confirmed, or gives no reason.
    """
    try:
        rows = tuple(_row(raw) for raw in yaml.safe_load(content)["rows"])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise RegisterInvalid(f"The crosswalk cannot be read: {error}") from error
    known = {item.id: {control.id for control in controls_of(item)} for item in register.frameworks}
    for row in rows:
        name = f"The row {row.framework} {row.control}"
        if row.control not in known.get(row.framework, set()):
            raise RegisterInvalid(f"{name}: the register has no such control.")
        if not row.why.strip() or not row.points:
            raise RegisterInvalid(f"{name} names no point or gives no reason.")
        for point_id in (*row.points, *row.holds.declarations):
            point = register.points.get(point_id)
            if point is None or point.status == "deleted" or point.to_be_confirmed:
                raise RegisterInvalid(f"{name}: {point_id} is no point of the register that asks for anything.")
    return Crosswalk(rows)


@lru_cache(maxsize=1)
def crosswalk() -> Crosswalk:
    """Return the shipped crosswalk, checked against the shipped register.

    Raises:
        RegisterInvalid: see :func:`read`.
    """
    return read(ROWS_FILE.read_bytes(), load())


def _row(raw: Mapping[str, Any]) -> Row:
    holds = raw["holds"]
    return Row(
        framework=raw["framework"],
        control=raw["control"],
        points=tuple(raw["points"]),
        holds=Holding(**{name: tuple(value) for name, value in holds.items()}),
        why=raw["why"],
    )
