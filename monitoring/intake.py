"""Turn the body of one batch into typed rows, or say exactly which columns and rows do not fit the reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.columns import MAX_TEXT, Report, typed_table
from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.schema import AT_COLUMN, ID_COLUMN, RecordSchema

JSON_LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
CONTENT_TYPES = {
    JSON_LINES: JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
}
MAX_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_ROWS = 500_000

_MISSING = object()


@dataclass(frozen=True)
class Batch:
    """The typed rows of one body.

    Attributes:
        table: the schema's columns in its order, then ``predicted_at`` (UTC, microseconds; null where the sender
            gave none) and ``prediction_id``.
        digest: of the body's bytes, ``sha256:<hex>``.
    """

    table: pa.Table
    digest: str

    @property
    def rows(self) -> int:
        """Number of records."""
        return int(self.table.num_rows)


def read_batch(body: bytes, *, content_type: str, schema: RecordSchema, now: datetime) -> Batch:
    """Read and check one batch.

    Each record has exactly the schema's columns; a feature may be null, the prediction may not. Two more are
    optional: ``predicted_at`` (RFC 3339 with offset) and ``prediction_id`` (unique in the batch).

    Args:
        body: JSON lines (one object a line) or one Parquet file.
        content_type: ``application/x-ndjson`` or ``application/vnd.apache.parquet``.
        schema: the columns and their types.
        now: records from more than five minutes after it are refused.
    Raises:
        SchemaDrift: a column is unknown, missing or mistyped; ``extra["problems"]`` names rows. Nothing is kept.
        UnreadableRecords: the body is not of its content type, or is empty.
        TooManyRecords: more than 64 MiB, 512 MiB unpacked or 500,000 rows.
    """
    form = CONTENT_TYPES.get(content_type.split(";")[0].strip().lower())
    if form is None:
        raise UnreadableRecords(f"Content-Type {content_type!r} is not taken; send {JSON_LINES} or {PARQUET}.")
    if len(body) > MAX_BYTES:
        raise TooManyRecords(f"The body has {len(body):,} bytes; a batch holds at most {MAX_BYTES:,}. Split it.")
    report = Report()
    columns = _from_lines(body, schema, report) if form == JSON_LINES else _from_parquet(body, schema, report)
    table = typed_table(columns, schema, now, report)
    report.check()
    if not table.num_rows:
        raise UnreadableRecords("The batch holds no records; send at least one.")
    return Batch(table=table, digest=f"sha256:{hashlib.sha256(body).hexdigest()}")


def _from_lines(body: bytes, schema: RecordSchema, report: Report) -> dict[str, Sequence[Any]]:
    types = schema.types
    columns: dict[str, list[Any]] = {name: [] for name in (*types, AT_COLUMN, ID_COLUMN)}
    row = 0
    for number, line in enumerate(_lines(body), start=1):
        if not line.strip():
            continue
        row += 1
        if row > MAX_ROWS:
            raise TooManyRecords(f"The batch has more than {MAX_ROWS:,} records. Split it.")
        try:
            record = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise UnreadableRecords(f"Line {number} is not JSON: {error}.") from error
        if not isinstance(record, dict):
            raise UnreadableRecords(f"Line {number} is not an object with one value per column.")
        for name in record.keys() - columns.keys():
            report.add(name[:MAX_TEXT], "unknown", expected="no such column", found="a value", rows=(row,))
        for name, values in columns.items():
            value = record.get(name, _MISSING)
            if value is _MISSING and name in types:
                report.add(name, "missing", expected=types[name], found="no such column", rows=(row,))
            values.append(None if value is _MISSING else value)
    return dict(columns)


def _lines(body: bytes) -> Iterator[str]:
    try:
        # Not splitlines: it also cuts at U+2028 and others, which JSON strings may hold.
        yield from body.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UnreadableRecords(f"The body is not UTF-8: byte {error.start} can not be read.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number; send null for a missing value")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a column stands twice in one record")
    return record


def _from_parquet(body: bytes, schema: RecordSchema, report: Report) -> dict[str, Any]:

    types = schema.types
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        metadata, fields = file.metadata, file.schema_arrow
        unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if metadata.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED_BYTES:
            raise TooManyRecords(
                f"The file says {metadata.num_rows:,} rows and {unpacked:,} bytes unpacked; a batch holds at most "
                f"{MAX_ROWS:,} and {MAX_UNPACKED_BYTES:,}. Split it."
            )
        if len(set(fields.names)) != len(fields.names):
            raise UnreadableRecords("The file has two columns of one name.")
        for name in fields.names:
            if name not in {*types, AT_COLUMN, ID_COLUMN}:
                report.add(name, "unknown", expected="no such column", found=str(fields.field(name).type))
        for name, type_ in types.items():
            if name not in fields.names:
                report.add(name, "missing", expected=type_, found="no such column")
        report.check()
        texts = [name for name in fields.names if _is_text(fields.field(name).type)]
        # As dictionaries: one long text repeated in every row stays one text until its length has been seen.
        return _combine(pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableRecords(f"The body is not a Parquet file that can be read: {error}.") from error


def _combine(file: Any) -> dict[str, Any]:

    batches, rows = [], 0
    for batch in file.iter_batches(batch_size=65_536):
        rows += batch.num_rows
        if rows > MAX_ROWS:
            raise TooManyRecords(f"The file holds more than {MAX_ROWS:,} records. Split it.")
        batches.append(batch)
    table = pa.Table.from_batches(batches, schema=batches[0].schema if batches else file.schema_arrow)
    table.validate(full=True)  # a damaged dictionary index would otherwise be met later, out of bounds
    return {name: table.column(name) for name in table.column_names}


def _is_text(type_: pa.DataType) -> bool:

    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
