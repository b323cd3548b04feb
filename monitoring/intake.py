"""Turn the body of one batch into typed rows, or say exactly which columns and rows do not fit the reference.

Memory is bounded, whatever is sent. What lies packed is held against its own claims before it is unpacked
(:mod:`monitoring.parquet_pages`, :mod:`monitoring.arrow_messages`), rows are read block by block, and all blocks
together have one budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring import blocks
from monitoring.arrow_columns import Budget
from monitoring.blocks import ARROW_FILE, ARROW_STREAM, CONTENT_TYPES, JSON_LINES, MAX_ROWS, PARQUET, Block
from monitoring.body import MAX_BYTES, MAX_UNPACKED_BYTES, Body
from monitoring.columns import check_together, typed_block
from monitoring.door import Door
from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.quarantine import Quarantine
from monitoring.report import Report
from monitoring.schema import RecordSchema

__all__ = ["ARROW_FILE", "ARROW_STREAM", "CONTENT_TYPES", "JSON_LINES", "MAX_BYTES", "PARQUET", "Batch", "read_batch"]


@dataclass(frozen=True)
class Batch:
    """The typed rows of one body.

    Attributes:
        table: the door's columns in its order, then the optional ones that were sent, then ``predicted_at`` (UTC,
            microseconds; null where the sender gave none) and ``prediction_id``.
        digest: of the body's bytes as they were before ``Content-Encoding``, ``sha256:<hex>``.
        quarantine: the rows that did not fit, each with its reasons; None where they are refused.
        at: the column of the time.
    """

    table: pa.Table
    digest: str
    quarantine: Quarantine | None = None
    at: str = "predicted_at"

    @property
    def rows(self) -> int:
        """Number of records that fit."""
        return int(self.table.num_rows)


def read_batch(
    body: bytes | Body, *, content_type: str, schema: RecordSchema | Door, now: datetime, encoding: str = ""
) -> Batch:
    """Read and check one batch.

    Each record has exactly the schema's columns; a feature may be null, the prediction may not. Two more are
    optional: ``predicted_at`` (RFC 3339 with offset) and ``prediction_id`` (unique in the batch).

    Args:
        body: JSON lines (one object a line), one Parquet file, or an Arrow stream or file.
        content_type: which of them.
        schema: the columns and their types; a :class:`Door` says more about them.
        now: records from more than five minutes after it are refused.
        encoding: of ``Content-Encoding``: ``gzip``, ``zstd`` or none.
    Raises:
        SchemaDrift: a column is unknown, missing or mistyped; ``extra["problems"]`` names rows. Nothing is kept.
        UnreadableRecords: the body is not of its content type, or is empty.
        TooManyRecords: more than 64 MiB, 256 MiB unpacked or 500,000 rows.
    """
    content = unpacked(body, encoding)
    return read_content(content, content_type=content_type, schema=schema, now=now)


def unpacked(body: bytes | Body, encoding: str = "") -> Body:
    """Return a body as it was before ``Content-Encoding``; its digest is that of the batch.

    Raises:
        UnreadableRecords, TooManyRecords: as :func:`read_batch`.
    """
    if isinstance(body, bytes):
        body = Body.of([body], limit=MAX_BYTES)
    if body.size > MAX_BYTES:
        raise TooManyRecords(f"The body has {body.size:,} bytes; a batch holds at most {MAX_BYTES:,}. Split it.")
    return body.unpacked(encoding)


def read_content(content: Body, *, content_type: str, schema: RecordSchema | Door, now: datetime) -> Batch:
    """Read and check one batch whose body is unpacked; as :func:`read_batch`."""
    door = schema if isinstance(schema, Door) else Door.of(schema)
    form = CONTENT_TYPES.get(content_type.split(";")[0].strip().lower())
    if form is None:
        taken = f"{JSON_LINES}, {PARQUET}, {ARROW_STREAM} or {ARROW_FILE}"
        raise UnreadableRecords(f"Content-Type {content_type[:80]!r} is not taken; send {taken}.")
    report = Report()
    try:
        found = _rows(blocks.of(form, content, door, report, budget=MAX_UNPACKED_BYTES), door, now, report)
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise UnreadableRecords(f"The body is not {blocks.NAMES[form]} that can be read: {_first(error)}.") from error
    table, put_aside = found
    if not table.num_rows:
        report.check()
        raise UnreadableRecords("The batch holds no records; send at least one.")
    return Batch(table, content.digest, put_aside, door.at)


def _rows(parts: Iterator[Block], door: Door, now: datetime, report: Report) -> tuple[pa.Table, Quarantine | None]:
    budget, first = Budget(MAX_UNPACKED_BYTES), 1
    put_aside = Quarantine() if door.quarantine else None
    tables: list[pa.Table] = []
    numbers: list[np.ndarray[Any, Any]] = []
    for part in parts:
        if first + part.rows - 1 > MAX_ROWS:
            raise TooManyRecords(f"The batch has more than {MAX_ROWS:,} records. Split it.")
        report.begin()
        table = typed_block(part.columns, door, now, report, first=first, budget=budget)
        report.check_columns()
        rows = np.arange(first, first + part.rows, dtype=np.int64)
        first += part.rows
        if put_aside is not None and len(report.bad_rows):
            table, rows = put_aside.take(table, rows, report, part.record_at(rows[0]), door)
        tables.append(table)
        numbers.append(rows)
    if put_aside is None:
        report.check()
    if not tables:
        return pa.table({}), None
    # An optional column may begin in a later block of JSON lines; the earlier ones had null there.
    table, rows = pa.concat_tables(tables, promote_options="default"), np.concatenate(numbers)
    report.begin()
    check_together(table, door, report, rows)
    if put_aside is None:
        report.check()
    elif len(report.bad_rows):
        place = {int(row): at for at, row in enumerate(rows)}
        whole = table
        # What stands in the table is hashed already, where it is to be.
        table, rows = put_aside.take(table, rows, report, lambda row: whole.slice(place[row], 1).to_pylist()[0], None)
    return table, put_aside


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or ["it takes too much memory"])[0].rstrip(".")
