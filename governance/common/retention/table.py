"""The retention table as data: each row says what is kept, on which ground, how long, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from governance.common.retention.period import Period

DATA_FILE = Path(__file__).with_name("table.yaml")
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Main:
    """The table whose rows a row of this one counts, the field of their age, and that of the day they are due.

    ``came_by``: the field that numbers them as they came, where that has an index and the age has none.
    """

    table: str
    at: str
    due: str = ""
    came_by: str = ""


@dataclass(frozen=True)
class Kept:
    """One row.

    Attributes:
        basis: points of the register, or a sentence where no law asks for the period.
        period: how long at least, or exactly where a task ends it.
        least: a shorter period below which nobody may set it; None where it can't be set.
        note: what else is to be said of the period; may be empty.
        ended_by: the task that deletes; empty where no clock deletes.
        by_hand: what a person does to delete; empty where nobody can.
        stays: what nobody can delete, and why; empty where all of it goes.
        holds: the kinds of legal hold that each deletion of the row asks for.
        entry: the event that says so in the log.
    """

    id: str
    title: str
    holds: tuple[str, ...]
    what: str
    tables: tuple[str, ...]
    basis: tuple[str, ...]
    period: Period
    starts: str
    note: str = ""
    least: Period | None = None
    ended_by: str = ""
    by_hand: str = ""
    stays: str = ""
    entry: str = ""
    main: Main | None = None


@lru_cache(maxsize=1)
def table() -> tuple[Kept, ...]:
    """Return the rows in the order of the file.

    Raises:
        ValueError: the file is of another schema version, or a period can't be read.
    """
    raw: dict[str, Any] = yaml.safe_load(DATA_FILE.read_bytes())
    if raw["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"Schema version {raw['schema_version']!r}; this release reads version {SCHEMA_VERSION}.")
    return tuple(_row(row) for row in raw["rows"])


def row(name: str) -> Kept:
    """Return one row by its id.

    Raises:
        KeyError: there is none.
    """
    return {kept.id: kept for kept in table()}[name]


def kept_for(name: str) -> timedelta:
    """Return how long the objects of a row are kept: what a job counts with, and the page prints.

    Raises:
        KeyError: there is no such row.
        ValueError: its period is not one in days.
    """
    return row(name).period.delta


def _row(raw: dict[str, Any]) -> Kept:
    return Kept(
        **{
            **raw,
            "tables": tuple(raw["tables"]),
            "basis": tuple(raw["basis"]),
            "holds": tuple(raw["holds"]),
            "period": Period.read(raw["period"]),
            "least": Period.read(raw["least"]) if "least" in raw else None,
            "main": Main(**raw["main"]) if "main" in raw else None,
        }
    )
