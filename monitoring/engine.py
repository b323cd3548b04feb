"""Count Parquet files where they lie: one pass of DuckDB, written in Ibis, no row in Python.

The result equals :meth:`ReferenceProfile.profile` on the same rows, to the last count.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Column, FloatingColumn, Table

from monitoring.errors import InvalidProfile, UnreadableRecords
from monitoring.profiles import CategoryCounts, ColumnCounts, NumericCounts, ReferenceProfile, WindowProfile
from monitoring.schema import AT_COLUMN

EPOCH = date(1970, 1, 1)
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
    files = sorted(str(path) for path in paths)
    if not files:
        return reference.empty
    with _open(files) as table:
        _check(table, reference)
        window = _between(table, start, end)
        row = window.aggregate(**_aggregates(window, reference)).to_pyarrow().to_pylist()[0]
    return _profile(row, reference)


def profile_each(paths: Iterable[Path], reference: ReferenceProfile) -> dict[Path, WindowProfile]:
    """Count each file by itself, all of them in one pass.

    Raises:
        InvalidProfile, UnreadableRecords: as :func:`profile`.
    """
    files = {str(path): path for path in paths}
    if not files:
        return {}
    with _open(sorted(files), filename=True) as table:
        _check(table, reference)
        rows = table.group_by("filename").aggregate(**_aggregates(table, reference)).to_pyarrow().to_pylist()
    found = {files[row["filename"]]: _profile(row, reference) for row in rows}
    return {path: found.get(path, reference.empty) for path in files.values()}


def count_by_day(paths: Iterable[Path], spans: Sequence[tuple[datetime, datetime]]) -> tuple[dict[date, int], int]:
    """Count the rows of ``paths`` that lie in one of ``spans`` (aware; the end not included), by day (UTC).

    Returns: rows by day, days without one left out; and how many rows lie in no span.
    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    files = sorted(str(path) for path in paths)
    if not files:
        return {}, 0
    with _open(files) as table:
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
    with _open(sorted(str(path) for path in paths), file_row_number=True, filename=True) as table:
        # A hash of the place, not DuckDB's reservoir: that one depends on how many threads happen to read.
        place = table.filename.re_extract("[^/]+/[^/]+$", 0) + ":" + table.file_row_number.cast("string")
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
    files = {str(path): path for path in paths}
    if not files:
        return []
    with _open(sorted(files), filename=FILE) as table:
        if column not in table.columns:
            return []
        found = table.filter(table[column] == ibis.literal(value)).select(*columns, FILE)
        rows = found.to_pyarrow().to_pylist()
    return [(files[row.pop(FILE)], row) for row in rows]


def any_value(paths: Iterable[Path], column: str) -> bool:
    """Return whether any row of ``paths`` has a value in ``column``; no file, or one without the column, has none.

    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    files = sorted(str(path) for path in paths)
    if not files:
        return False
    with _open(files) as table:
        if column not in table.columns:
            return False
        return bool(table.filter(table[column].notnull()).select(column).limit(1).to_pyarrow().num_rows)


@contextmanager
def _open(files: Sequence[str], **options: Any) -> Iterator[Table]:
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET enable_progress_bar = false")  # it writes into the logs of whoever counts much
    try:
        with warnings.catch_warnings():
            # Ibis 12 still calls what DuckDB 2 has renamed.
            warnings.filterwarnings("ignore", message="fetch_arrow", category=DeprecationWarning)
            # Without can_have_nan DuckDB believes the file's minimum and maximum, in which NaN does not show, and
            # optimises the tests for NaN away (duckdb/duckdb#25521).
            yield connection.read_parquet(files, union_by_name=False, can_have_nan=True, **options)
    except InvalidProfile:
        raise
    except Exception as error:  # DuckDB and Ibis raise a dozen unrelated classes; all mean this
        raise UnreadableRecords(f"The records can not be read: {str(error).splitlines()[0]}") from error
    finally:
        connection.disconnect()


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
    is_finite = value.notnull() & ~value.isnan() & ~value.isinf()
    finite: FloatingColumn = ibis.ifelse(is_finite, value, ibis.null("float64"))
    return finite


def _aggregates(table: Table, reference: ReferenceProfile) -> dict[str, Any]:
    aggregates: dict[str, Any] = {"n": table.count()}
    for index, column in enumerate(reference.columns):
        if column.kind == "categorical":
            aggregates[f"counts_{index}"] = _counted(table[column.name].cast("string"))
            continue
        value = _finite(table[column.name])
        # As text: a decimal literal would be read as DECIMAL and could come out one bit away from the edge.
        edges = ibis.literal([repr(edge) for edge in column.edges], type="array<string>").cast("array<float64>")
        aggregates[f"counts_{index}"] = _binned(value, edges)
        aggregates[f"known_{index}"] = value.count()
        aggregates[f"low_{index}"] = value.min()
        aggregates[f"high_{index}"] = value.max()
    return aggregates


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
