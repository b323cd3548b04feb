"""Which points of a system's duties are served by which types of evidence: the pure part of the page of coverage."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from governance.regulation.classified import Classified
from governance.regulation.crosswalk import Crosswalk
from governance.regulation.dates import Duty, standing
from governance.regulation.register import Register

Cover = Literal["held", "not_held", "unserved", "to_be_confirmed"]


@dataclass(frozen=True)
class Covered:
    """One duty with the types of evidence that serve it.

    ``cover`` is ``held`` where evidence of one of the types is there, ``not_held`` where none is, ``unserved`` where
    no type serves the point (people declare on it, or nobody), and ``to_be_confirmed`` where the register has no
    wording: whatever is there, such a point is never filled.
    """

    duty: Duty
    serves: tuple[str, ...]
    held: tuple[str, ...]
    cover: Cover


def coverage(
    system: Classified, register: Register, rows: Crosswalk, *, held: Collection[str], on: date
) -> tuple[Covered, ...]:
    """Return the duties of a system on a day with what serves them, in the order of the Act.

    That evidence of a type is there says that it was taken, never that it meets the point.

    Args:
        held: types of evidence that are there for the system.
    """
    duties = standing(system, register, on=on).duties
    serving = rows.evidence_for(duty.point.id for duty in duties)
    return tuple(_covered(duty, serving.get(duty.point.id, frozenset()), held) for duty in duties)


def _covered(duty: Duty, serving: Collection[str], held: Collection[str]) -> Covered:
    if duty.point.to_be_confirmed:
        return Covered(duty, (), (), "to_be_confirmed")
    there = tuple(sorted(set(serving) & set(held)))
    cover: Cover = "held" if there else "not_held" if serving else "unserved"
    return Covered(duty, tuple(sorted(serving)), there, cover)
