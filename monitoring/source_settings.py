"""What a monitor's table of records is: by which named connection, which table, and which columns stand for what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from monitoring.errors import InvalidSettings
from monitoring.schema import AT_COLUMN

_CONNECTION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_PART = r"[A-Za-z0-9_][A-Za-z0-9_$-]{0,99}"
_TABLE = re.compile(rf"{_PART}(\.{_PART}){{0,2}}")
HOURS = (1, 24)
MAX_DELAY_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Source:
    """A table whose rows are records.

    Attributes:
        connection: names the setting ``PLACET_SOURCE_<connection>``; the address itself, with its password, is there.
        table: ``table``, ``schema.table`` or ``catalog.schema.table``; of a folder of Parquet, the folder in it.
        columns: the table's own names of record columns, such as ``{"predicted_at": "event_time"}``.
        since: the first moment that is read, a whole hour or day of UTC, aware.
        hours: length of the windows that are read, 1 or 24.
        delay_minutes: how long after a window's end it is read; what comes later than that is not taken in.
    """

    connection: str
    table: str
    since: str
    columns: Mapping[str, str] = field(default_factory=dict)
    hours: int = 1
    delay_minutes: int = 60

    def __post_init__(self) -> None:
        """Check what can be checked without the table."""
        try:
            since = datetime.fromisoformat(self.since)
            whole = since.utcoffset() == timedelta(0) and since.timestamp() % (3600 * self.hours) == 0
        except (TypeError, ValueError, ZeroDivisionError):
            whole = False
        rules = {
            "connection is a name of capitals, digits and underscores": _CONNECTION.fullmatch(self.connection),
            "table is a name, or two or three with dots between them, of letters, digits, '_', '$' and '-'":
                _TABLE.fullmatch(self.table),
            "hours is 1 or 24": self.hours in HOURS,
            "since is a whole hour of UTC, or a midnight where hours is 24": whole,
            f"delay_minutes is 0 to {MAX_DELAY_MINUTES}": 0 <= self.delay_minutes <= MAX_DELAY_MINUTES,
            "each column stands for one": len(set(self.columns.values())) == len(self.columns),
        }  # fmt: skip
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise InvalidSettings(f"The source can not be used: {'; '.join(broken)}.")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a source.

        Raises:
            InvalidSettings: a name is unknown or missing, or a value can't be used.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidSettings(f"The source can not be used: {error}.") from error

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"columns": dict(self.columns)}

    @property
    def every(self) -> timedelta:
        """Length of a window."""
        return timedelta(hours=self.hours)

    @property
    def at(self) -> str:
        """The table's column of the event time."""
        return self.columns.get(AT_COLUMN, AT_COLUMN)

    def windows(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """Return the windows that are closed at ``now``, the first one first."""
        start, found = datetime.fromisoformat(self.since), []
        while (end := start + self.every) <= now - timedelta(minutes=self.delay_minutes):
            found.append((start, end))
            start = end
        return found
