"""Check the values of a batch column by column, and report what does not fit by column and row number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.errors import SchemaDrift
from monitoring.schema import AT_COLUMN, ID_COLUMN, ColumnType, RecordSchema

MAX_TEXT = 1_000
ROWS_NAMED = 10
CLOCK_SKEW = timedelta(minutes=5)


@dataclass
class Problem:
    """One way in which a column does not fit: what was expected and found, in how many rows, and the first of them."""

    column: str
    kind: str
    expected: str
    found: str
    count: int = 0
    rows: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as JSON values; rows count from 1."""
        return dict(vars(self))


class Report:
    """Problems by column and kind, with counts and the first row numbers."""

    def __init__(self) -> None:
        self.problems: dict[tuple[str, str, str], Problem] = {}

    def add(self, column: str, kind: str, *, expected: str, found: str, rows: Iterable[int] = ()) -> None:
        """Note a problem; without ``rows`` it is one of the whole column."""
        problem = self.problems.setdefault((column, kind, found), Problem(column, kind, expected, found))
        for row in rows:
            problem.count += 1
            if len(problem.rows) < ROWS_NAMED:
                problem.rows.append(row)

    def check(self) -> None:
        """Refuse the batch if anything was noted.

        Raises:
            SchemaDrift: its sentence tells the three most frequent problems, ``extra["problems"]`` all of them.
        """
        if not self.problems:
            return
        worst = sorted(self.problems.values(), key=lambda p: -p.count)
        sentences = [
            f"{p.column!r} {p.kind}: expected {p.expected}, found {p.found}"
            + (f" in {p.count} rows (first: row {p.rows[0]})" if p.rows else "")
            for p in worst[:3]
        ]
        more = f"; and {len(worst) - 3} more problems" if len(worst) > 3 else ""
        raise SchemaDrift(
            f"Nothing of the batch was kept. {'; '.join(sentences)}{more}. Correct the records and send them again.",
            problems=[problem.to_json() for problem in worst],
        )


def typed_table(columns: Mapping[str, Any], schema: RecordSchema, now: datetime, report: Report) -> pa.Table:
    """Return the rows as one table of the schema's types.

    Args:
        columns: lists of JSON values, or Arrow columns, by name.
    Raises:
        SchemaDrift: a value does not fit its column.
    """

    arrow_types = {"number": pa.float64(), "integer": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}
    size = max((len(values) for values in columns.values()), default=0)
    made: dict[str, Any] = {}
    for name, type_ in schema.types.items():
        made[name] = _column(name, type_, columns.get(name, ()), arrow_types[type_], report)
    made[AT_COLUMN] = _times(columns.get(AT_COLUMN), size, now, report)
    made[ID_COLUMN] = _column(ID_COLUMN, "string", columns.get(ID_COLUMN, [None] * size), pa.string(), report)
    if schema.prediction is not None:
        nulls = made[schema.prediction].is_null().to_pylist()
        empty = [row for row, is_null in enumerate(nulls, start=1) if is_null]
        if empty:
            report.add(schema.prediction, "empty", expected="the model's score", found="null", rows=empty)
    _check_ids(made[ID_COLUMN].to_pylist(), report)
    report.check()
    return pa.table(made)


def _column(name: str, type_: ColumnType, values: Any, target: pa.DataType, report: Report) -> Any:

    if isinstance(values, pa.ChunkedArray):
        same_family = {
            "number": pa.types.is_integer(values.type) or pa.types.is_floating(values.type),
            "integer": pa.types.is_integer(values.type) and values.type != pa.uint64(),
            "boolean": pa.types.is_boolean(values.type),
            "string": False,
        }
        if same_family[type_]:
            typed = values.cast(target)
            if type_ == "number":
                typed = pc.if_else(pc.is_nan(typed), None, typed)
                endless = pc.is_inf(typed).to_pylist()
                _add_rows(report, name, type_, "an infinity", [i for i, bad in enumerate(endless, 1) if bad])
            return typed
        if not _is_short(values):
            report.add(name, "mistyped", expected=f"texts of up to {MAX_TEXT} characters", found="a longer one")
            return pa.nulls(len(values), target)
        values = values.to_pylist()
    check = _CHECKS[type_]
    kept, wrong = [], dict[str, list[int]]()
    for row, value in enumerate(values, start=1):
        try:
            kept.append(None if value is None else check(value))
        except ValueError as error:
            wrong.setdefault(str(error), []).append(row)
            kept.append(None)
    for found, rows in wrong.items():
        _add_rows(report, name, type_, found, rows)
    return pa.array(kept, type=target)


def _add_rows(report: Report, name: str, expected: str, found: str, rows: list[int]) -> None:
    if rows:
        report.add(name, "mistyped", expected=expected, found=found, rows=rows)


def _is_short(values: pa.ChunkedArray) -> bool:
    """Look at the distinct texts alone; other types have no length to fear."""

    if not pa.types.is_dictionary(values.type):
        return True
    lengths = [pc.max(pc.utf8_length(chunk.dictionary)).as_py() or 0 for chunk in values.chunks]
    return max(lengths, default=0) <= MAX_TEXT


def _times(values: Any, size: int, now: datetime, report: Report) -> Any:

    target = pa.timestamp("us", tz="UTC")
    if isinstance(values, pa.ChunkedArray):
        if pa.types.is_timestamp(values.type) and values.type.tz is not None:
            values = values.cast(target, safe=False)  # nanoseconds are cut to microseconds
        values = values.to_pylist()
    latest = now + CLOCK_SKEW
    kept: list[datetime | None] = []
    wrong: dict[str, list[int]] = {}
    for row, value in enumerate(values if values is not None else [None] * size, start=1):
        try:
            moment = None if value is None else _moment(value)
            if moment is not None and moment > latest:
                wrong.setdefault("a time in the future", []).append(row)
            kept.append(moment)
        except ValueError as error:
            wrong.setdefault(str(error), []).append(row)
            kept.append(None)
    known = sum(moment is not None for moment in kept)
    if not wrong and 0 < known < len(kept):
        wrong["null, while other rows have a time"] = [row for row, m in enumerate(kept, start=1) if m is None]
    for found, rows in wrong.items():
        _add_rows(report, AT_COLUMN, "RFC 3339 time with offset, in every row or in none", found, rows)
    return pa.array(kept, type=target)


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("another text") from None
    if not isinstance(value, datetime):
        raise ValueError(_name(value))  # noqa: TRY004 (all misfits of a value are collected as ValueError)
    if value.tzinfo is None:
        raise ValueError("a time without offset")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside the calendar") from None


def _check_ids(ids: list[str | None], report: Report) -> None:
    seen: set[str] = set()
    again = []
    for row, name in enumerate(ids, start=1):
        if name is not None and name in seen:
            again.append(row)
        elif name is not None:
            seen.add(name)
    if again:
        report.add(ID_COLUMN, "repeated", expected="each id once in a batch", found="an id again", rows=again)


def _as_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_name(value))  # noqa: TRY004
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number too large") from None
    if math.isinf(number):
        raise ValueError("a number too large")
    return number


def _as_integer(value: object) -> int | None:
    if isinstance(value, float) and math.isnan(value):
        return None  # a Parquet file written from a table with gaps has its integers as floats
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(_name(value))  # noqa: TRY004
    if not -(2**63) <= value < 2**63:
        raise ValueError("a number too large")
    return value


def _as_string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(_name(value))  # noqa: TRY004
    if len(value) > MAX_TEXT:
        raise ValueError(f"a text of more than {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a text with half a surrogate pair") from None
    return value


def _as_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_name(value))  # noqa: TRY004
    return value


def _name(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


_CHECKS: dict[ColumnType, Callable[[object], Any]] = {
    "number": _as_number,
    "integer": _as_integer,
    "string": _as_string,
    "boolean": _as_boolean,
}
