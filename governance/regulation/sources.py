"""Where a point of the register stands: the act and its provision, and the amending act that changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Act:
    """One act of the Union: its number, its CELEX number and its address (ELI)."""

    number: str
    celex: str
    eli: str


@dataclass(frozen=True)
class Source:
    """The act that a point is of, and the provision as people cite it, such as ``Art 9(2)(a)``.

    ``changed_by`` and ``changed_at`` name the act that inserted, amended or deleted the point and where it does so;
    None and an empty text for a point that no later act changed.
    """

    act: Act
    at: str
    changed_by: Act | None = None
    changed_at: str = ""


def acts_of(regulation: Mapping[str, Any]) -> dict[str, Act]:
    """Return the acts that a register knows, by CELEX number: the one that it is of, and the one that amended it."""
    rows = (regulation, regulation["amended_by"])
    return {str(row["celex"]): Act(row["number"], str(row["celex"]), row["eli"]) for row in rows}


def source_of(raw: Mapping[str, Any], acts: Mapping[str, Act]) -> Source:
    """Return the source that the data of a point name.

    Raises:
        ValueError: it names none, an act that the register does not know, no provision, or an amending act without
            its point; or the point was changed and it does not say by which act, or the other way round.
    """
    point, given = raw["id"], raw.get("source")
    if not given or not given.get("at"):
        raise ValueError(f"{point} names no source: give it the CELEX number of the act and the provision.")
    changed_by, changed_at = given.get("changed_by"), given.get("changed_at", "")
    if unknown := {given["celex"], changed_by} - {None, *acts}:
        raise ValueError(f"{point} names the act {min(unknown)}; the register knows {', '.join(acts)}.")
    if bool(changed_by) != bool(changed_at) or bool(changed_by) != bool(raw.get("status")):
        raise ValueError(
            f"{point}: a point that was inserted, amended or deleted names the act that did it and where, and no other "
            "does."
        )
    return Source(acts[given["celex"]], given["at"], acts[changed_by] if changed_by else None, changed_at)
