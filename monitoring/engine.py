"""Count records where they lie, written in Ibis, no row in Python: Parquet files by DuckDB, a table by what holds it.

Either result equals :meth:`ReferenceProfile.profile` on the same rows, to the last count.
"""

from __future__ import annotations

import sys
import warnings
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import ArrayScalar, Column, FloatingColumn, Table

from governance.common import files
from monitoring.errors import InvalidProfile, UnreadableRecords
from monitoring.profiles import (
    CategoryCounts,
    ColumnCounts,
    NumericCounts,
    ReferenceColumn,
    ReferenceProfile,
    WindowProfile,
)
from monitoring.schema import AT_COLUMN

EPOCH = date(1970, 1, 1)
LARGEST = sys.float_info.max
FILE = ":file"  # not DuckDB's own "filename", which a feature may be called


@ibis.udf.agg.builtin(name="histogram")  # type: ignore[untyped-decorator,unused-ignore]
def _binned(value: float, edges: list[float]) -> dict[float, int]:  # type: ignore[empty-body,unused-ignore]
    """DuckDB's own aggregate: Ibis' portable histogram would scan the file once per column."""


@ibis.udf.agg.builtin(name="histogram")  # type: ignore[untyped-decorator,unused-ignore]
def _counted(value: str) -> dict[str, int]:  # type: ignore[empty-body,unused-ignore]
    """DuckDB's own aggregate: exact count per value."""


def profile(
    paths: Iterable[Path],
    reference: ReferenceProfile,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> WindowProfile:
    """Count all rows of ``paths``, or those with ``start <= predicted_at < end``, into the bins of ``reference``.

    Args:
        paths: Parquet files with at least the reference's columns; none gives an empty profile.
        reference: the bins.
        start, end: aware times; None leaves that side open.
    Raises:
        InvalidProfile: a file lacks a column of the reference, or a column's type does not fit.
        UnreadableRecords: a file is not there or not Parquet.
    """
    names = sorted(str(path) for path in paths)
    if not names:
        return reference.empty
    with _open(names) as table:
        _check(table, reference)
        window = _between(table, start, end)
        rows = [window.aggregate(**part).to_pyarrow().to_pylist()[0] for part in _aggregates(window, reference)]
    return _profile(ChainMap(*rows), reference)


def profile_table(
    table: Table, reference: ReferenceProfile, *, start: datetime | None = None, end: datetime | None = None
) -> WindowProfile:
    """Count the rows of a table, in one pass of whatever engine Ibis reaches it by: Spark, a warehouse, DuckDB.

    :func:`profile` uses two aggregates of DuckDB's own; this one writes what they do in expressions that every engine
    with arrays and structs has, and counts the same.

    Args:
        table: at least the reference's columns, and ``predicted_at`` if ``start`` or ``end`` is given.
        reference, start, end: as in :func:`profile`.
    Raises:
        InvalidProfile: the table lacks a column of the reference, or a column's type does not fit.
        UnreadableRecords: the engine can't do it.
    """
    with _said():
        _check(table, reference)
        cells = _cells(_between(table, start, end), reference)
        counted = cells.group_by("column", "bin", "category").aggregate(
            n=cells.count(), low=cells["value"].min(), high=cells["value"].max()
        )
        rows = counted.to_pyarrow().to_pylist()
    by_column: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_column.setdefault(int(row["column"]), []).append(row)
    if not by_column:
        return reference.empty
    counts = tuple(_summed(by_column[index], column) for index, column in enumerate(reference.columns))
    return WindowProfile(reference.digest, counts[0].n, counts)


def profile_each(paths: Iterable[Path], reference: ReferenceProfile) -> dict[Path, WindowProfile]:
    """Count each file by itself, all of them together.

    Raises:
        InvalidProfile, UnreadableRecords: as :func:`profile`.
    """
    names = {str(path): path for path in paths}
    if not names:
        return {}
    with _open(sorted(names), filename=FILE) as table:
        _check(table, reference)
        by_file: dict[str, ChainMap[str, Any]] = {}
        for part in _aggregates(table, reference):
            for row in table.group_by(FILE).aggregate(**part).to_pyarrow().to_pylist():
                by_file[row[FILE]] = by_file.get(row[FILE], ChainMap()).new_child(row)
    found = {names[name]: _profile(row, reference) for name, row in by_file.items()}
    return {path: found.get(path, reference.empty) for path in names.values()}


def count_by_day(paths: Iterable[Path], spans: Sequence[tuple[datetime, datetime]]) -> tuple[dict[date, int], int]:
    """Count the rows of ``paths`` that lie in one of ``spans`` (aware; the end not included), by day (UTC).

    Returns: rows by day, days without one left out; and how many rows lie in no span.
    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    names = sorted(str(path) for path in paths)
    if not names:
        return {}, 0
    with _open(names) as table:
        at: Any = table[AT_COLUMN]
        inside = ibis.or_(*[(at >= ibis.literal(start)) & (at < ibis.literal(end)) for start, end in spans])
        # Whole days since 1970, not a date: DuckDB would make one in the time zone of the machine.
        counted = table.group_by(inside=inside, day=at.epoch_seconds() // 86_400).aggregate(n=table.count())
        rows = counted.to_pyarrow().to_pylist()
    by_day = {EPOCH + timedelta(days=int(row["day"])): int(row["n"]) for row in rows if row["inside"]}
    return by_day, sum(int(row["n"]) for row in rows if not row["inside"])


def sample(
    paths: Iterable[Path],
    columns: Iterable[str],
    *,
    rows: int,
    seed: int,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pa.Table:
    """Return at most ``rows`` rows, drawn evenly over the window and the same again for the same files and seed.

    Args:
        columns: which ones, in this order.
        start, end: as in :func:`profile`.
    Raises:
        UnreadableRecords: a file is not there, is not Parquet or lacks a column; or there is none.
    """
    with _open(sorted(str(path) for path in paths), file_row_number=True, filename=FILE) as table:
        # A hash of the place, not DuckDB's reservoir: that one depends on how many threads happen to read.
        place = table[FILE].re_extract("[^/]+/[^/]+$", 0) + ":" + table.file_row_number.cast("string")
        drawn = _between(table, start, end).order_by((place + f":{seed}").hexdigest("md5")).limit(rows)
        found: pa.Table = drawn.select(*columns).to_pyarrow()
        return found


def rows_where(
    paths: Iterable[Path], column: str, value: str, *, columns: Sequence[str]
) -> list[tuple[Path, dict[str, Any]]]:
    """Return the rows of ``paths`` whose ``column`` is ``value``: where each lies, and the columns named.

    DuckDB compares in the scan: row groups whose statistics leave the value out are passed over, and the other columns
    are read only where it stands. Files without ``column`` have no such row.

    Raises:
        UnreadableRecords: a file is not there, is not Parquet, or lacks a column that is to be returned.
    """
    names = {str(path): path for path in paths}
    if not names:
        return []
    with _open(sorted(names), filename=FILE) as table:
        if column not in table.columns:
            return []
        found = table.filter(table[column] == ibis.literal(value)).select(*columns, FILE)
        rows = found.to_pyarrow().to_pylist()
    return [(names[row.pop(FILE)], row) for row in rows]


def any_value(paths: Iterable[Path], column: str) -> bool:
    """Return whether any row of ``paths`` has a value in ``column``; no file, or one without the column, has none.

    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    names = sorted(str(path) for path in paths)
    if not names:
        return False
    with _open(names) as table:
        if column not in table.columns:
            return False
        return bool(table.filter(table[column].notnull()).select(column).limit(1).to_pyarrow().num_rows)


@contextmanager
def _open(names: Sequence[str], **options: Any) -> Iterator[Table]:
    files.fetch(map(Path, names))
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET enable_progress_bar = false")  # it writes into the logs of whoever counts much
    try:
        with warnings.catch_warnings():
            # Ibis 12 still calls what DuckDB 2 has renamed.
            warnings.filterwarnings("ignore", message="fetch_arrow", category=DeprecationWarning)
            # The folders' names, monitor=… and date=…, are no columns; a feature may be called so.
            # Without can_have_nan DuckDB believes the file's minimum and maximum, in which NaN does not show, and
            # optimises the tests for NaN away (duckdb/duckdb#25521).
            with _said():
                yield connection.read_parquet(
                    names, union_by_name=False, hive_partitioning=False, can_have_nan=True, **options
                )
    finally:
        connection.disconnect()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except InvalidProfile:
        raise
    except Exception as error:  # engines and Ibis raise a dozen unrelated classes; all mean this
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnreadableRecords(f"The records can not be read: {first}") from error


def _between(table: Table, start: datetime | None, end: datetime | None) -> Table:
    if start is not None:
        table = table.filter(table[AT_COLUMN] >= ibis.literal(start))
    if end is not None:
        table = table.filter(table[AT_COLUMN] < ibis.literal(end))
    return table


def _check(table: Table, reference: ReferenceProfile) -> None:
    for column in reference.columns:
        if column.name not in table.columns:
            raise InvalidProfile(f"The records have no column {column.name!r}.")
        dtype = table[column.name].type()
        fits = dtype.is_numeric() and not dtype.is_boolean() if column.kind == "numeric" else True
        fits = fits and (
            dtype.is_string() or dtype.is_boolean() or dtype.is_null() if column.kind == "categorical" else True
        )
        if not fits:
            raise InvalidProfile(
                f"Column {column.name!r} is {dtype} in the records and {column.type} in the reference."
            )


def _finite(column: Column) -> FloatingColumn:
    value: Any = column.cast("float64")
    # Not isinf(), which Ibis 12 writes so that Spark finds none. NaN is greater than all numbers or compares with none.
    low, high = (ibis.literal(repr(bound)).cast("float64") for bound in (-LARGEST, LARGEST))
    finite: FloatingColumn = ibis.ifelse((value >= low) & (value <= high), value, ibis.null("float64"))
    return finite


def _aggregates(table: Table, reference: ReferenceProfile) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what to count of numbers, and of texts.

    Two aggregates: in one, DuckDB holds every text that it reads until the end (4 GB for 20 M rows of five columns); by
    themselves it holds none. No column is read twice.
    """
    numbers: dict[str, Any] = {"n": table.count()}
    texts: dict[str, Any] = {"n": table.count()}
    for index, column in enumerate(reference.columns):
        if column.kind == "categorical":
            texts[f"counts_{index}"] = _counted(table[column.name].cast("string"))
            continue
        value = _finite(table[column.name])
        # One text for all edges, which DuckDB reads exactly: Ibis takes its time over each literal of an array.
        edges: Any = ibis.literal(str([*map(float, column.edges)])).cast("array<float64>")
        numbers[f"counts_{index}"] = _binned(value, edges)
        numbers[f"known_{index}"] = value.count()
        numbers[f"low_{index}"] = value.min()
        numbers[f"high_{index}"] = value.max()
    return numbers, texts


def _edges(column: ReferenceColumn) -> ArrayScalar:
    # As text: a decimal literal would be read as DECIMAL and could come out one bit away from the edge.
    edges: ArrayScalar = ibis.literal([repr(edge) for edge in column.edges], type="array<string>").cast(
        "array<float64>"
    )
    return edges


def _cells(table: Table, reference: ReferenceProfile) -> Table:
    """Return one row per record and column: the column's place, and its bin with the value, or its category.

    All columns so come under one group-by, which an engine does in parts and without a limit on categories.
    """
    cells = []
    for index, column in enumerate(reference.columns):
        bin_, category, value = ibis.null("int32"), ibis.null("string"), ibis.null("float64")
        if column.kind == "categorical":
            category = table[column.name].cast("string")
        else:
            value = _finite(table[column.name])
            below: Any = _edges(column).filter(lambda edge, value=value: edge < value).length()
            bin_ = ibis.ifelse(value.notnull(), below.cast("int32"), ibis.null("int32"))
        place = ibis.literal(index, type="int32")
        cells.append(ibis.struct({"column": place, "bin": bin_, "category": category, "value": value}))
    return table.select(cell=ibis.array(cells).unnest()).cell.lift()


def _summed(rows: Sequence[Mapping[str, Any]], column: ReferenceColumn) -> ColumnCounts:
    """Return the counts of one column from the rows of its bins or categories; the one without either is missing."""
    found = {row["category" if column.kind == "categorical" else "bin"]: int(row["n"]) for row in rows}
    missing = found.pop(None, 0)
    if column.kind == "categorical":
        return CategoryCounts(column.name, dict(sorted(found.items())), missing)
    counts = tuple(found.get(index, 0) for index in range(len(column.edges) + 1))
    lows = [row["low"] + 0.0 for row in rows if row["low"] is not None]
    highs = [row["high"] + 0.0 for row in rows if row["high"] is not None]
    return NumericCounts(column.name, counts, missing, min(lows, default=None), max(highs, default=None))


def _profile(row: Mapping[str, Any], reference: ReferenceProfile) -> WindowProfile:
    counts = tuple(_counts(row, index, reference) for index in range(len(reference.columns)))
    return WindowProfile(reference.digest, int(row["n"]), counts)


def _counts(row: Mapping[str, Any], index: int, reference: ReferenceProfile) -> ColumnCounts:
    column, n = reference.columns[index], int(row["n"])
    found = dict(row[f"counts_{index}"] or ())
    if column.kind == "categorical":
        categories = {str(name): int(count) for name, count in sorted(found.items())}
        return CategoryCounts(column.name, categories, n - sum(categories.values()))
    known = int(row[f"known_{index}"])
    below = [int(found.get(edge, 0)) for edge in column.edges]
    # The map leaves the open bin out when nothing is in it, so it is what the others leave.
    counts = (*below, known - sum(below))
    low, high = row[f"low_{index}"], row[f"high_{index}"]
    return NumericCounts(
        column.name, counts, n - known, None if low is None else low + 0.0, None if high is None else high + 0.0
    )
