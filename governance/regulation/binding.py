"""Which points of the register concern a system: rules as data (``binding.yaml``), each with its basis in the Act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import yaml

from governance.regulation.classified import Classified, Situation
from governance.regulation.register import Point, Register, RegisterInvalid, Route

RULES_FILE = Path(__file__).with_name("binding.yaml")
NAMED = "named"
"""Stands for the points that a system's own classification names."""


PRODUCTS: frozenset[Situation] = frozenset({"annex_i_a", "annex_i_b"})
"""Situations in which the dates of Annex I count."""


@dataclass(frozen=True)
class Bound:
    """Why a point concerns a system, and by the dates of which routes: those of the rules that name it."""

    basis: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Rule:
    """Points that concern the systems in one of ``situations``; ``only`` and ``never`` narrow those by annex point."""

    situations: frozenset[Situation]
    points: tuple[str, ...]
    basis: str
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def holds(self, system: Classified) -> bool:
        """Return whether it is about the system."""
        if not self.situations & set(system.situations):
            return False
        under = (*system.annex_points, *system.named)
        if self.only and not any(_within(point, self.only) for point in under):
            return False
        return not self.never or not all(_within(point, self.never) for point in system.annex_points)

    def routes(self, system: Classified) -> set[Route]:
        """Return by which dates its points bind the system."""
        held = self.situations & set(system.situations)
        found: set[Route] = {"annex_i"} if held & PRODUCTS else set()
        return found | {"annex_iii"} if held - PRODUCTS else found


def points_for(system: Classified, register: Register) -> Mapping[Point, Bound]:
    """Return the points that concern a system in the organisation's roles, in the Act's order.

    A point's own conditions, such as being a public authority, are not evaluated: they are in its wording. Nothing is
    left out for its date: see :mod:`governance.regulation.dates`. Importers, distributors and authorised
    representatives get the points for everybody only, since the register does not itemise Articles 22 to 24.
    """
    basis: dict[str, str] = {}
    routes: dict[str, set[Route]] = {}
    for rule in rules():
        if rule.holds(system):
            for reference in rule.points:
                for point_id in system.named if reference == NAMED else _ids(register, reference):
                    basis.setdefault(point_id, rule.basis)
                    routes.setdefault(point_id, set()).update(rule.routes(system))
    return {
        point: Bound(basis[point.id], tuple(sorted(routes[point.id])))
        for point in register
        if point.id in basis and concerns(point, system)
    }


def concerns(point: Point, system: Classified) -> bool:
    """Return whether a point is for one of the organisation's roles."""
    return (
        point.applies_to == "both"
        or (point.applies_to == "provider" and system.is_provider)
        or (point.applies_to == "deployer" and system.is_deployer)
    )


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Return the shipped rules.

    Raises:
        RegisterInvalid: a row names an unknown situation or lacks a field.
    """
    try:
        return tuple(_rule(row) for row in yaml.safe_load(RULES_FILE.read_bytes())["rules"])
    except KeyError as error:
        raise RegisterInvalid(f"A row of {RULES_FILE.name} lacks {error}.") from error


def _rule(raw: Mapping[str, Any]) -> Rule:
    if unknown := set(raw["for"]) - set(get_args(Situation)):
        raise RegisterInvalid(f"{RULES_FILE.name} knows no situation {min(unknown)!r}.")
    return Rule(
        situations=frozenset(raw["for"]),
        points=tuple(raw["points"]),
        basis=raw["basis"],
        only=tuple(raw.get("only", ())),
        never=tuple(raw.get("never", ())),
    )


def _ids(register: Register, reference: str) -> Iterable[str]:
    return (point.id for point in register.points_of(reference))


def _within(point_id: str, references: Iterable[str]) -> bool:
    return any(point_id == reference or point_id.startswith(f"{reference}.") for reference in references)
