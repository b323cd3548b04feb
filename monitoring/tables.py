"""Reach a table of records through Ibis: a warehouse, Spark, or a folder of Parquet that DuckDB reads."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import ibis
import pyarrow as pa
from django.conf import settings
from ibis.expr.types import Table

from governance.common.errors import DomainError
from monitoring.errors import SourceUnavailable
from monitoring.schema import AT_COLUMN
from monitoring.source_settings import Source


@contextmanager
def opened(source: Source) -> Iterator[Table]:
    """Yield the table with the names that records have; nothing is read yet.

    Raises:
        SourceUnavailable: no such connection is set up, it can't be reached, or it has no such table or column. No
            address is repeated.
    """
    url = settings.SOURCES.get(source.connection)
    if url is None:
        raise SourceUnavailable(
            f"There is no connection {source.connection}. Set PLACET_SOURCE_{source.connection} where records are "
            "pulled."
        )
    connection = None
    try:
        with warnings.catch_warnings():
            # Ibis 12 still calls what DuckDB 2 has renamed.
            warnings.filterwarnings("ignore", message="fetch_arrow", category=DeprecationWarning)
            connection, table = _table(url, source.table)
            yield table.rename(dict(source.columns))
    except DomainError:
        raise
    except Exception as error:  # each backend has classes of its own
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceUnavailable(
            f"{source.table} can not be read by the connection {source.connection}: {_scrubbed(first, url)[:300]}"
        ) from error
    finally:
        if connection is not None:
            connection.disconnect()


def between(table: Table, start: datetime, end: datetime) -> Table:
    """Return the rows with ``start <= predicted_at < end``; a time without a zone is taken for UTC."""
    at: Any = table[AT_COLUMN]
    if at.type().is_timestamp() and at.type().timezone is None:
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return table.filter((at >= ibis.literal(start)) & (at < ibis.literal(end)))


def rows_of(table: Table, columns: frozenset[str], start: datetime, end: datetime, *, most: int) -> pa.Table:
    """Return the rows of a window, of those columns alone, at most ``most`` of them; times are aware."""
    wanted = [name for name in table.columns if name in columns]
    found: pa.Table = between(table, start, end).select(*wanted).limit(most).to_pyarrow()
    place = found.column_names.index(AT_COLUMN)
    moments = found.column(AT_COLUMN)
    if pa.types.is_timestamp(moments.type):
        # Arrow casts a time without a zone as one of UTC.
        moments = moments.cast(pa.timestamp("us")) if moments.type.tz is None else moments
        found = found.set_column(place, AT_COLUMN, moments.cast(pa.timestamp("us", tz="UTC")))
    return found


def _table(url: str, name: str) -> tuple[Any, Table]:
    *path, table = name.split(".")
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        folder = Path(unquote(parts.path), *path, table)
        connection = ibis.duckdb.connect()
        files = sorted(str(file) for file in folder.rglob("*.parquet") if file.is_file())
        if not files:
            raise FileNotFoundError("the folder holds no Parquet files")
        return connection, connection.read_parquet(
            files, union_by_name=True, hive_partitioning=False, can_have_nan=True
        )
    options = {"read_only": True} if parts.scheme == "duckdb" else {}
    connection = ibis.connect(url, **options)
    where = tuple(path) if len(path) > 1 else (path[0] if path else None)
    return connection, connection.table(table, database=where)


def _scrubbed(said: str, url: str) -> str:
    """Return an error's words without the address, its user and its password."""
    parts = urlsplit(url)
    for secret in (url, parts.netloc, parts.password, parts.username):
        if secret:
            said = said.replace(secret, "…").replace(unquote(secret), "…")
    return re.sub(r"//[^/@\s]*@", "//…@", said)
