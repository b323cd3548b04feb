"""The retention table as data: each row says what is kept, on which ground, how long, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from governance.regulation.register import Register, load

DATA_FILE = Path(__file__).with_name("table.yaml")
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Main:
    """The table whose rows a row of this one counts, the field of their age, and that of the day they are due."""

    table: str
    at: str
    due: str = ""


@dataclass(frozen=True)
class Kept:
    """One row. ``basis`` holds points of the register, or a sentence where no law asks for the period.

    ``ended_by`` is the task that deletes, empty where Placet deletes nothing; ``entry`` the event that says so.
    """

    id: str
    title: str
    holds: str
    tables: tuple[str, ...]
    basis: tuple[str, ...]
    period: str
    starts: str
    hold: str
    ended_by: str
    entry: str
    main: Main | None = None

    def points(self, register: Register | None = None) -> tuple[str, ...]:
        """Return the points of law among the grounds."""
        known = (register or load()).points
        return tuple(ground for ground in self.basis if ground in known)


@lru_cache(maxsize=1)
def table() -> tuple[Kept, ...]:
    """Return the rows in the order of the file.

    Raises:
        ValueError: the file is of another schema version.
    """
    raw: dict[str, Any] = yaml.safe_load(DATA_FILE.read_bytes())
    if raw["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"Schema version {raw['schema_version']!r}; this release reads version {SCHEMA_VERSION}.")
    return tuple(
        Kept(
            **{
                **row,
                "tables": tuple(row["tables"]),
                "basis": tuple(row["basis"]),
                "main": Main(**row["main"]) if "main" in row else None,
            }
        )
        for row in raw["rows"]
    )
