"""Put aside the rows of a batch that do not fit, each with its reasons, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.door import Door
from monitoring.errors import TooManyRecords
from monitoring.report import Report
from monitoring.schema import ID_COLUMN
from monitoring.whose import Whose

MAX_PUT_ASIDE = 10_000
MAX_BYTES = 64 * 1024 * 1024


class Quarantine:
    """Rows that did not fit: ``{"row": 7, "reasons": […], "record": {…}}`` a line, in the order they were found."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._bytes = 0

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.lines)

    def take(
        self,
        table: pa.Table,
        rows: np.ndarray[Any, Any],
        report: Report,
        record: Callable[[int], Mapping[str, Any]],
        door: Door | None,
    ) -> tuple[pa.Table, np.ndarray[Any, Any]]:
        """Take the rows that the report names out of a table; return what is left, and the numbers of its rows.

        Args:
            rows: the number of each row of ``table``.
            record: gives a row as it was sent, by its number.
            door: hides what it hides; None where ``record`` gives what the door has let in.
        Raises:
            SchemaDrift: more than ten thousand rows do not fit; the batch is another one than it was taken for.
            TooManyRecords: the rows that do not fit take more than 64 MiB.
        """
        reasons = report.reasons()
        if self.rows + len(reasons) > MAX_PUT_ASIDE:
            report.check()
        for row, why in sorted(reasons.items()):
            shown = record(row) if door is None else door.shown(record(row))
            line = json.dumps({"row": row, "reasons": why, "record": shown}, default=_plain, ensure_ascii=True).encode()
            self._bytes += len(line)
            if self._bytes > MAX_BYTES:
                raise TooManyRecords(f"The rows that do not fit take more than {MAX_BYTES:,} bytes. Split the batch.")
            self.lines.append(line)
        good = ~np.isin(rows, report.bad_rows)
        return table.filter(pa.array(good)), rows[good]

    def content(self) -> bytes:
        """Return the file."""
        return b"".join(line + b"\n" for line in self.lines)


def lines_without(content: bytes, whose: Whose) -> tuple[bytes, int]:
    """Return a file without somebody's rows, and how many those were."""
    lines = list(_lines(content))
    kept = [line for line in lines if not whose.has(json.loads(line)["record"])]
    return b"".join(line + b"\n" for line in kept), len(lines) - len(kept)


def ids_in(content: bytes, whose: Whose | None = None) -> set[str]:
    """Return the ids of predictions in a file, of all rows or of somebody's."""
    records = (json.loads(line)["record"] for line in _lines(content))
    ids = (record.get(ID_COLUMN) for record in records if whose is None or whose.has(record))
    return {str(name) for name in ids if name is not None}


def lines_shown(path: Path, hidden: frozenset[str]) -> Iterator[bytes]:
    """Yield a file's lines without some columns: of a hash somebody could learn whose row it is by sending names."""
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            row["record"] = {name: value for name, value in row["record"].items() if name not in hidden}
            yield json.dumps(row, ensure_ascii=True).encode() + b"\n"


def _lines(content: bytes) -> Iterator[bytes]:
    yield from (line for line in content.split(b"\n") if line)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
