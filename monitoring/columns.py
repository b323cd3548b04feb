"""Check the values of a batch column by column, and report what does not fit by column and row number.

Arrow columns are checked as a whole, without a Python object per value; JSON values one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring import arrow_columns
from monitoring.arrow_columns import ARROW_TYPES, MAX_TEXT, MOMENT, Budget, Place
from monitoring.door import Door
from monitoring.report import Report
from monitoring.schema import ID_COLUMN, ColumnType

CLOCK_SKEW = timedelta(minutes=5)
TIME_EXPECTED = "RFC 3339 time with offset"


def typed_block(
    columns: dict[str, Any], door: Door, now: datetime, report: Report, *, first: int, budget: Budget
) -> pa.Table:
    """Return some consecutive rows as one table of the door's types; what does not fit is null and reported.

    Args:
        columns: lists of JSON values, or Arrow arrays, by name; all of one length.
        now: times more than five minutes after it are reported.
        first: number of the first row, from 1.
        budget: what all blocks together may take.
    Raises:
        TooManyRecords: more than the budget.
    """
    size = len(next(iter(columns.values()), ()))
    made: dict[str, Any] = {}
    for name in dict.fromkeys((*door.types, *(name for name in door.optional if name in columns), ID_COLUMN)):
        place = Place(name, first, report, budget)
        type_, values = door.type_of(name), columns.get(name)
        if values is None:
            values = pa.nulls(size)
        if isinstance(values, pa.Array):
            made[name] = arrow_columns.typed(values, type_, place)
        else:
            made[name] = _listed(values, type_, place)
        if name in door.not_negative:
            made[name] = place.without(made[name], pc.less(made[name], 0), "a number of 0 or more", "a negative number")
        if name in door.filled:
            empty = pc.and_(pc.is_null(made[name]), pa.array(_was_null(values)))
            expected = "an id" if name == ID_COLUMN else "a value"
            place.add(empty, "the model's score" if name == "prediction" else expected, "null", kind="empty")
        if name in door.hashed:  # which makes 76 bytes of a text of one
            made[name] = _hashed(made[name], name, door)
        budget.spend(made[name].nbytes)
    place = Place(door.at, first, report, budget)
    made[door.at] = _not_past(_times(columns.get(door.at), size, now, place), door, now, place)
    order = [name for name in made if name not in {door.at, ID_COLUMN}]
    return pa.table({name: made[name] for name in (*order, door.at, ID_COLUMN)})


def check_together(table: pa.Table, door: Door, report: Report, rows: np.ndarray[Any, Any]) -> None:
    """Report what shows in the rows together: a time in some rows only, and ids that stand again.

    Args:
        rows: the number of each row of ``table``.
    """
    if door.at_in_all and 0 < table.column(door.at).null_count < table.num_rows:
        without = rows[pc.is_null(table.column(door.at)).to_numpy()]
        expected, found = f"{TIME_EXPECTED}, in every row or in none", "null, while other rows have a time"
        report.add(door.at, "mistyped", expected=expected, found=found, rows=without)
    if ID_COLUMN in table.column_names:
        again = _again(table.column(ID_COLUMN))
        if len(again):
            report.add(ID_COLUMN, "repeated", expected="each id once in a batch", found="an id again", rows=rows[again])


def _again(ids: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return the places of ids that stand at an earlier place, too."""
    known = len(ids) - ids.null_count
    if not known or pc.count_distinct(ids, mode="only_valid").as_py() == known:
        return np.empty(0, np.int64)
    codes = ids.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(codes >= 0)
    _, firsts = np.unique(codes[places], return_index=True)
    return np.setdiff1d(places, places[firsts])


def _was_null(values: Any) -> np.ndarray[Any, Any]:
    """Return which values were sent as null (or NaN); what was sent and does not fit has been reported already."""
    if isinstance(values, pa.Array):
        return np.asarray(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type)))
    return np.fromiter((v is None or (isinstance(v, float) and math.isnan(v)) for v in values), bool, len(values))


def _hashed(values: pa.Array, name: str, door: Door) -> pa.Array:
    texts = values.dictionary_encode()
    kept = pa.array([door.hash(name, text) for text in texts.dictionary.to_pylist()], pa.string())
    return kept.take(texts.indices)


def _listed(values: Sequence[Any], type_: ColumnType, place: Place) -> pa.Array:
    check = _CHECKS[type_]
    kept: list[Any] = []
    wrong: dict[str, list[int]] = {}
    for row, value in enumerate(values, start=place.first):
        try:
            kept.append(None if value is None else check(value))
        except ValueError as error:
            wrong.setdefault(str(error), []).append(row)
            kept.append(None)
    for found, rows in wrong.items():
        place.report.add(place.column, "mistyped", expected=type_, found=found, rows=rows)
    return pa.array(kept, type=ARROW_TYPES[type_])


def _times(values: Any, size: int, now: datetime, place: Place) -> pa.Array:
    latest = now + CLOCK_SKEW
    if values is None:
        return pa.nulls(size, MOMENT)
    if isinstance(values, pa.Array):
        if pa.types.is_timestamp(values.type) or pa.types.is_null(values.type):
            return arrow_columns.times(values, latest, place)
        texts = arrow_columns.texts(values, place, expected=TIME_EXPECTED)
        if texts is None:
            return pa.nulls(size, MOMENT)
        values = texts.to_pylist()
    kept: list[datetime | None] = []
    wrong: dict[str, list[int]] = {}
    for row, value in enumerate(values, start=place.first):
        try:
            moment = None if value is None else _moment(value)
            if moment is not None and moment > latest:
                raise ValueError("a time in the future")  # noqa: TRY301 (collected with the other misfits)
            kept.append(moment)
        except ValueError as error:
            wrong.setdefault(str(error), []).append(row)
            kept.append(None)
    for found, rows in wrong.items():
        place.report.add(place.column, "mistyped", expected=TIME_EXPECTED, found=found, rows=rows)
    return pa.array(kept, type=MOMENT)


def _not_past(times: pa.Array, door: Door, now: datetime, place: Place) -> pa.Array:
    """Leave out what would be deleted with the next sweep: a sender's clock may be wrong, and it believes the 201."""
    if not door.kept_days:
        return times
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        earliest = today - timedelta(days=door.kept_days)
    except OverflowError:
        return times
    found = f"a time more than {door.kept_days} days ago, which are all that is kept"
    return place.without(times, pc.less(times, pa.scalar(earliest, MOMENT)), TIME_EXPECTED, found)


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


def _as_number(value: object) -> float | None:
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
