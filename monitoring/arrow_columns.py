"""Check whole Arrow columns: cast to a record's types, with a mask of the rows that do not fit.

No column is decoded before it is known how large that makes it: one long text behind every row of a dictionary, or in
every view of a view column, is a few bytes until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.errors import TooManyRecords
from monitoring.report import Report
from monitoring.schema import ColumnType

MAX_TEXT = 1_000
ARROW_TYPES = {"number": pa.float64(), "integer": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}
MOMENT = pa.timestamp("us", tz="UTC")
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
CALENDAR = int(datetime(1, 1, 2, tzinfo=UTC).timestamp()), int(datetime(9999, 12, 30, tzinfo=UTC).timestamp())
EMPTY = pa.array([], pa.bool_())


class Budget:
    """Bytes that a batch may take unpacked."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def spend(self, size: int) -> None:
        """Take some of it.

        Raises:
            TooManyRecords: there are not so many left.
        """
        self.left -= size
        if self.left < 0:
            raise TooManyRecords(f"Unpacked, the batch has more than {self.size:,} bytes. Split it.")


@dataclass(frozen=True)
class Place:
    """Where some values stand: their column, the number of their first row, and who is told what does not fit."""

    column: str
    first: int
    report: Report
    budget: Budget

    def add(self, mask: Any, expected: str, found: str, *, kind: str = "mistyped") -> bool:
        """Report the rows where ``mask`` is true; return whether there are any."""
        if not pc.any(mask, min_count=0).as_py():
            return False
        rows = pc.indices_nonzero(mask).to_numpy().astype(np.int64) + self.first
        self.report.add(self.column, kind, expected=expected, found=found, rows=rows)
        return True

    def without(self, values: Any, mask: Any, expected: str, found: str) -> Any:
        """Report the rows where ``mask`` is true, and return the values with null in their places."""
        if not self.add(mask, expected, found):
            return values
        return pc.if_else(pc.fill_null(mask, False), pa.scalar(None, values.type), values)


def typed(values: pa.Array, type_: ColumnType, place: Place) -> pa.Array:
    """Return a column in the type of a record's column; what does not fit is null and reported.

    Raises:
        TooManyRecords: decoded, it is larger than what is left of the budget.
    """
    target = ARROW_TYPES[type_]
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), target)
    if type_ == "string":
        found = texts(values, place, expected=type_)
        return pa.nulls(len(values), target) if found is None else found
    if pa.types.is_dictionary(values.type) and _fixed(values.type.value_type):
        values = values.dictionary_decode()
    if type_ == "boolean" and pa.types.is_boolean(values.type):
        return values
    if type_ == "number" and (
        pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
    ):
        return _numbers(values, place)
    if type_ == "integer" and pa.types.is_integer(values.type):
        return _integers(values, place)
    if type_ == "integer" and pa.types.is_floating(values.type):
        return _whole_numbers(values, place)
    return _misfit(values, type_, place, target)


def texts(values: pa.Array, place: Place, *, expected: str) -> pa.Array | None:
    """Return a column of texts of up to 1,000 characters each; None, and reported, where it holds something else."""
    if pa.types.is_dictionary(values.type):
        if not _is_text(values.type.value_type):
            _misfit(values, expected, place, pa.string())
            return None
        return _from_dictionary(values, place, expected)
    if not _is_text(values.type):
        _misfit(values, expected, place, pa.string())
        return None
    plain = _plain(values, place.budget)
    return place.without(plain, _too_long(plain), expected, f"a text of more than {MAX_TEXT} characters")


def times(values: pa.Array, latest: datetime, place: Place) -> pa.Array:
    """Return a column of time stamps in microseconds of UTC; those after ``latest`` are null and reported."""
    expected = "RFC 3339 time with offset"
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), MOMENT)
    if values.type.tz is None:
        place.add(pc.is_valid(values), expected, "a time without offset")
        return pa.nulls(len(values), MOMENT)
    ticks = TICKS[values.type.unit]
    raw = values.cast(pa.int64())
    low, high = (max(min(second * ticks, 2**63 - 1), -(2**63)) for second in CALENDAR)
    outside = pc.or_(pc.less(raw, pa.scalar(low, pa.int64())), pc.greater(raw, pa.scalar(high, pa.int64())))
    values = place.without(values, outside, expected, "a time outside the calendar")
    values = values.cast(MOMENT, safe=False)  # nanoseconds are cut to microseconds
    return place.without(values, pc.greater(values, pa.scalar(latest, MOMENT)), expected, "a time in the future")


def _numbers(values: pa.Array, place: Place) -> pa.Array:
    is_floating = pa.types.is_floating(values.type)
    numbers = values.cast(pa.float64(), safe=False)  # an integer of 63 bits is rounded, as JSON's is
    if is_floating and pc.any(pc.is_nan(numbers), min_count=0).as_py():
        numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    return place.without(numbers, pc.is_inf(numbers), "number", "an infinity") if is_floating else numbers


def _integers(values: pa.Array, place: Place) -> pa.Array:
    if pa.types.is_uint64(values.type):
        largest = pa.scalar(2**63 - 1, pa.uint64())
        values = place.without(values, pc.greater(values, largest), "integer", "a number too large")
    return values.cast(pa.int64())


def _whole_numbers(values: pa.Array, place: Place) -> pa.Array:
    """A Parquet file written from a table with gaps has its integers as floats, and NaN in the gaps."""
    numbers = values.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    # Read as an infinity has no fraction either, so its size is looked at first.
    large = pc.or_(pc.greater_equal(numbers, 2.0**63), pc.less(numbers, -(2.0**63)))
    numbers = place.without(numbers, large, "integer", "a number too large")
    numbers = place.without(numbers, pc.not_equal(pc.floor(numbers), numbers), "integer", "a number")
    return numbers.cast(pa.int64())


def _from_dictionary(values: pa.DictionaryArray, place: Place, expected: str) -> pa.Array:
    words = _plain(values.dictionary, place.budget)
    long, codes = _too_long(words), values.indices
    if pc.any(long, min_count=0).as_py():
        rows = pc.take(long, codes)
        place.add(rows, expected, f"a text of more than {MAX_TEXT} characters")
        # Cut first: behind a null the bytes stay, and Arrow makes room for every row by their mean.
        words = pc.utf8_slice_codeunits(words, 0, MAX_TEXT)
        words = pc.if_else(pc.fill_null(long, False), pa.scalar(None, pa.string()), words)
    sizes = pc.take(pc.binary_length(words), codes)
    place.budget.spend(int(pc.sum(sizes.cast(pa.int64()), min_count=0).as_py()))
    return words.take(codes)


def _plain(values: pa.Array, budget: Budget) -> pa.Array:
    """Return texts as plain UTF-8; views may name one long text many times, so their lengths are summed first."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_string_view(values.type):
        budget.spend(viewed(values))
    return values.cast(pa.string())


def viewed(values: pa.Array) -> int:
    """Return how many bytes a column of views shows, each as often as it is shown."""
    sizes = np.frombuffer(values.buffers()[1], np.int32)[::4][values.offset : values.offset + len(values)]
    return int(sizes[np.asarray(pc.is_valid(values))].sum(dtype=np.int64))


def _too_long(values: pa.Array) -> Any:
    # Counting characters is slow and hardly ever needed: a text has no more of them than bytes.
    longest = pc.max(pc.binary_length(values), min_count=0).as_py() or 0
    return pc.greater(pc.utf8_length(values), MAX_TEXT) if longest > MAX_TEXT else EMPTY


def _misfit(values: pa.Array, expected: str, place: Place, target: pa.DataType) -> pa.Array:
    place.add(pc.is_valid(values), expected, f"a column of type {str(values.type)[:80]}")
    return pa.nulls(len(values), target)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _fixed(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_boolean(type_)
        or pa.types.is_integer(type_)
        or pa.types.is_floating(type_)
        or pa.types.is_decimal(type_)
    )
