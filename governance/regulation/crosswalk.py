"""From points of the AI Act to other frameworks: which controls ask for the same, and what Placet holds for it.

The rows are data (``crosswalk.yaml``, and the packs that a deployment uses), each with the reason for it. A control
without a row is one on which nothing is claimed. Whether a control applies to an organisation is the organisation's to
say and is never filled in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from governance.regulation.register import Control, Framework, Register, RegisterInvalid, load

ROWS_FILE = Path(__file__).with_name("crosswalk.yaml")
WHOLE = {"gdpr-22": Control("Art 22", "Automated individual decision-making, including profiling")}
"""The one control of a framework that is a single provision."""

SCHEMA_VERSION = 1
STATEMENT_OF = "iso-42001"
"""The framework with a statement of applicability."""


DEFINITIONS = "Art 3"
"""The group whose points say what a word means and ask for nothing."""

_packs: list[Path] = []


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
    """All rows, in the order of the files, and the frameworks that packs itemise beyond the register."""

    rows: tuple[Row, ...]
    itemised: tuple[Framework, ...] = ()

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
    walk = crosswalk()
    named = {row.framework for row in walk.rows}
    known = _known((register or load()).frameworks, walk.itemised)
    return tuple(item for item in known if item.id in named or item.supersedes in named)


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


def use_packs(files: Iterable[Path]) -> None:
    """Have the rows of these files count beside the shipped ones, from the next :func:`crosswalk` on."""
    _packs[:] = files
    crosswalk.cache_clear()


def read(content: bytes, register: Register) -> Crosswalk:
    """Read a crosswalk, or a pack of one, and check it against the register.

    Raises:
        RegisterInvalid: a row names a point, control or framework that is not there, a point that defines, was deleted
            or is to be confirmed, or gives no reason; or it itemises a framework without a name or controls, or one
            that the register itemises itself.
    """
    try:
        raw = yaml.safe_load(content)
        if raw["schema_version"] != SCHEMA_VERSION:
            raise RegisterInvalid(f"Schema version {raw['schema_version']!r}; this release reads {SCHEMA_VERSION}.")
        itemised = tuple(_itemised(row, register) for row in raw.get("frameworks", ()))
        rows = tuple(_row(row) for row in raw["rows"])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise RegisterInvalid(f"The crosswalk cannot be read: {error}") from error
    known = {item.id: {control.id for control in controls_of(item)} for item in _known(register.frameworks, itemised)}
    for row in rows:
        name = f"The row {row.framework} {row.control}"
        if row.control not in known.get(row.framework, set()):
            raise RegisterInvalid(f"{name}: there is no such control.")
        if not row.why.strip() or not row.points:
            raise RegisterInvalid(f"{name} names no point or gives no reason.")
        for point_id in (*row.points, *row.holds.declarations):
            point = register.points.get(point_id)
            if point is None or point.status == "deleted" or point.to_be_confirmed or point.group == DEFINITIONS:
                raise RegisterInvalid(f"{name}: {point_id} is no point of the register that asks for anything.")
    return Crosswalk(rows, itemised)


@lru_cache(maxsize=1)
def crosswalk() -> Crosswalk:
    """Return the shipped crosswalk with the packs in use, checked against the shipped register.

    Raises:
        RegisterInvalid: a file is none, as :func:`read` says, and the message begins with its name; or two packs
            itemise the same framework.
    """
    law = load()
    found = [_file(path, law) for path in (ROWS_FILE, *_packs)]
    itemised = [item for walk in found for item in walk.itemised]
    twice = {item.id for item in itemised if sum(other.id == item.id for other in itemised) > 1}
    if twice:
        raise RegisterInvalid(f"More than one pack itemises {min(twice)}; use one of them.")
    return Crosswalk(tuple(row for walk in found for row in walk.rows), tuple(itemised))


def _file(path: Path, law: Register) -> Crosswalk:
    try:
        return read(path.read_bytes(), law)
    except RegisterInvalid as error:
        raise RegisterInvalid(f"{path.name}: {error}") from error


def _known(shipped: Sequence[Framework], itemised: Sequence[Framework]) -> Iterator[Framework]:
    """Yield the register's frameworks, in its order, as packs itemise them; then those that packs alone have."""
    by_id = {item.id: item for item in itemised}
    for item in shipped:
        yield by_id.pop(item.id, item)
    yield from by_id.values()


def _itemised(raw: Mapping[str, Any], register: Register) -> Framework:
    found = next((item for item in register.frameworks if item.id == raw["id"]), None)
    if found is not None and controls_of(found):
        raise RegisterInvalid(f"The register itemises {found.id} itself; name its controls.")
    base = found or Framework(id=raw["id"], name=raw.get("name", ""))
    controls = tuple(Control(row["id"], row["title"]) for row in raw.get("controls", ()))
    if not base.name or not controls:
        raise RegisterInvalid(f"The framework {raw['id']} needs a name and at least one control.")
    return replace(base, controls=controls, note=raw.get("note", base.note))


def _row(raw: Mapping[str, Any]) -> Row:
    holds = raw["holds"]
    return Row(
        framework=raw["framework"],
        control=raw["control"],
        points=tuple(raw["points"]),
        holds=Holding(**{name: tuple(value) for name, value in holds.items()}),
        why=raw["why"],
    )
