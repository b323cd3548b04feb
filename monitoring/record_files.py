"""Find values in the files of records and labels, whichever columns each file has, and join the two. Ibis on DuckDB."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from governance.common import files
from governance.common.errors import DomainError
from monitoring.errors import UnreadableRecords
from monitoring.intake_settings import LABEL, LABELLED_AT
from monitoring.schema import AT_COLUMN, ID_COLUMN, PREDICTION
from monitoring.whose import Whose

FILE, ROW = ":file", "file_row_number"


def rows_with(paths: Iterable[Path], whose: Whose) -> dict[Path, int]:
    """Return how many rows of each file are somebody's; files without any are left out.

    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    names = {str(path): path for path in paths}
    if not names:
        return {}
    with _opened() as connection:
        table = _read(connection, sorted(names), filename=FILE)
        masks = []
        if whose.column in table.columns and whose.values:
            masks.append(table[whose.column].isin(sorted(whose.values)))
        if ID_COLUMN in table.columns and whose.ids:
            by_id = table[ID_COLUMN].isin(sorted(whose.ids))
            masks.append(by_id & table[whose.column].isnull() if whose.column in table.columns else by_id)
        if not masks:
            return {}
        theirs = table.filter(ibis.or_(*masks))
        rows = theirs.group_by(FILE).aggregate(n=theirs.count()).to_pyarrow().to_pylist()
    return {names[row[FILE]]: int(row["n"]) for row in rows}


def ids_in(paths: Iterable[Path], whose: Whose | None = None) -> set[str]:
    """Return the ids of predictions in files, of all rows or of somebody's, by ``column`` alone.

    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    names = sorted(map(str, paths))
    if not names:
        return set()
    with _opened() as connection:
        table = _read(connection, names)
        if ID_COLUMN not in table.columns or (whose and whose.column not in table.columns):
            return set()
        rows = table if whose is None else table.filter(table[whose.column].isin(sorted(whose.values)))
        found = rows.filter(rows[ID_COLUMN].notnull()).select(ID_COLUMN).distinct().to_pyarrow()
    return set(found.column(ID_COLUMN).to_pylist())


def repeated(paths: Sequence[Path], before: Sequence[Path]) -> int:
    """Return how many rows of ``paths`` have a prediction id that a row of ``before`` has.

    Raises:
        UnreadableRecords: a file is not there or not Parquet.
    """
    if not paths or not before:
        return 0
    with _opened() as connection:
        ours, theirs = (_read(connection, sorted(map(str, some))).select(ID_COLUMN) for some in (paths, before))
        known = theirs.filter(theirs[ID_COLUMN].notnull()).distinct()
        return int(ours.semi_join(known, ID_COLUMN).count().to_pyarrow().as_py())


def paired(
    records: Sequence[Path],
    others: Sequence[Path],
    labels: Sequence[Path],
    *,
    start: datetime,
    end: datetime,
    label_type: str,
    also: Sequence[str] = (),
) -> pa.Table:
    """Return a row for each prediction of the window, and one for each label whose prediction is in no file.

    A label may stand in the record itself, known at its time, or have come late. Of several for one prediction the
    latest counts, and of two at one moment the greater.

    Args:
        records: files whose rows with ``start <= predicted_at < end`` are the window.
        others: further files of records, by which a label is known to have a prediction.
        labels: files of late labels.
        start, end: aware.
        label_type: Ibis' name of the label's type.
        also: further columns of the predictions, as far as any file has them.
    Returns: columns ``prediction`` (null for a label without one), ``label`` (null for a prediction without one),
        ``labels`` (how many different ones were given) and ``times`` (how many records have the id); then ``also``.
    Raises:
        UnreadableRecords: a file is not there, or not Parquet.
    """
    with _opened() as connection:
        known = _read(connection, [*map(str, [*records, *others])], filename=FILE, file_row_number=True)
        inside = known[FILE].isin([*map(str, records)]) & (known[AT_COLUMN] >= ibis.literal(start))
        inside &= known[AT_COLUMN] < ibis.literal(end)
        # A record without an id stands for itself alone; no id begins with what a text from outside can't hold.
        alone = ibis.literal("\x01") + known[FILE] + ":" + known[ROW].cast("string")
        own: Any = known[LABEL].cast(label_type) if LABEL in known.columns else ibis.null(label_type)
        names = {f"also {place}": name for place, name in enumerate(also) if name in known.columns}
        further = {alias: known[name] for alias, name in names.items()}
        rows = known.select(
            key=ibis.coalesce(known[ID_COLUMN], alone), inside=inside, prediction=known[PREDICTION],
            at=known[AT_COLUMN], label=own, **further,
        )  # fmt: skip
        predictions = rows.group_by("key").aggregate(
            inside=rows.inside.any(),
            prediction=rows.prediction.argmin(rows.at, where=rows.inside),
            times=rows.inside.sum(),
            **{alias: rows[alias].argmin(rows.at, where=rows.inside) for alias in names},
        )
        given = rows.filter(rows.label.notnull()).select("key", "label", "at")
        if labels:
            late = _read(connection, [*map(str, labels)])
            given = given.union(
                late.select(key=late[ID_COLUMN], label=late[LABEL].cast(label_type), at=late[LABELLED_AT])
            )
        order = ibis.window(group_by=given.key, order_by=[given.at.desc(), given.label.desc()])
        ranked = given.mutate(rank=ibis.row_number().over(order))
        latest = ranked.group_by("key").aggregate(
            label=ranked.label.max(where=ranked["rank"] == 0), labels=ranked.label.nunique()
        )
        joined = predictions.outer_join(latest, "key")
        wanted = joined.filter(ibis.coalesce(joined.inside, True))
        found: pa.Table = wanted.select(
            "prediction", "label", "labels", "times", *names, known=wanted.inside
        ).to_pyarrow()
    return found.rename_columns([names.get(name, name) for name in found.column_names])


def rows_between(paths: Sequence[Path], columns: Sequence[str], *, start: datetime, end: datetime) -> pa.Table:
    """Return the rows of ``paths`` with ``start <= predicted_at < end``: of ``columns`` those that any file has.

    A file without one of them has nulls there. All rows come into memory: 8 bytes a number.

    Raises:
        UnreadableRecords: a file is not there, or not Parquet.
    """
    with _opened() as connection:
        table = _read(connection, sorted(map(str, paths)))
        inside = table.filter((table[AT_COLUMN] >= ibis.literal(start)) & (table[AT_COLUMN] < ibis.literal(end)))
        found: pa.Table = inside.select(*(name for name in columns if name in table.columns)).to_pyarrow()
    return found


@contextmanager
def _opened() -> Iterator[Any]:
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET enable_progress_bar = false")  # it writes into the logs of whoever counts much
    try:
        with warnings.catch_warnings():
            # Ibis 12 still calls what DuckDB 2 has renamed.
            warnings.filterwarnings("ignore", message="fetch_arrow", category=DeprecationWarning)
            yield connection
    except DomainError:
        raise
    except Exception as error:  # DuckDB and Ibis raise a dozen unrelated classes; all mean this
        raise UnreadableRecords(f"The records can not be read: {str(error).splitlines()[0]}") from error
    finally:
        connection.disconnect()


def _read(connection: Any, names: Sequence[str], **options: Any) -> Table:
    files.fetch(map(Path, names))
    # The folders' names, monitor=… and date=…, are no columns; a feature may be called so.
    table: Table = connection.read_parquet(
        names, union_by_name=True, hive_partitioning=False, can_have_nan=True, **options
    )
    return table
