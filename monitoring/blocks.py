"""Cut a body into blocks of rows: columns of JSON values, or Arrow arrays that are still where the body lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.arrow_columns import viewed
from monitoring.arrow_messages import check_messages, stream_of
from monitoring.body import MAX_UNPACKED_BYTES, Body
from monitoring.door import Door
from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.parquet_pages import MAX_COLUMNS, check_footer, check_pages
from monitoring.report import Report
from monitoring.schema import ID_COLUMN

JSON_LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
CONTENT_TYPES = {
    JSON_LINES: JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    ARROW_STREAM: ARROW_STREAM,
    ARROW_FILE: ARROW_FILE,
}
NAMES = {
    JSON_LINES: "JSON lines",
    PARQUET: "a Parquet file",
    ARROW_STREAM: "an Arrow stream",
    ARROW_FILE: "an Arrow file",
}
MAX_LINE = 1024 * 1024
MAX_ROWS = 500_000
LINES_PER_BLOCK = 16_384
BYTES_PER_BLOCK = 4 * 1024 * 1024
ROWS_PER_BLOCK = 65_536

_MISSING = object()


@dataclass(frozen=True)
class Block:
    """Some consecutive rows: columns of one length, by name."""

    columns: dict[str, Any]
    rows: int

    def record_at(self, first: int) -> Callable[[int], Mapping[str, Any]]:
        """Return what gives a row as it was sent, by its number; the block begins with row ``first``."""

        def record(row: int) -> Mapping[str, Any]:
            found = {name: values[row - first] for name, values in self.columns.items()}
            return {name: _as_sent(value) if isinstance(value, pa.Scalar) else value for name, value in found.items()}

        return record


def _as_sent(value: Any) -> Any:
    """Return an Arrow value as Python's; a time or span that Python has none for as a text."""
    try:
        return value.as_py()
    except (OverflowError, ValueError, KeyError):  # KeyError: of a time zone that there is not
        number = value.cast(pa.int64() if value.type.bit_width == 64 else pa.int32()).as_py()
        return f"{number} ({value.type})"[:200]


def of(form: str, content: Body, door: Door, report: Report, *, budget: int) -> Iterator[Block]:
    """Yield the rows of a body, block by block; unknown and missing columns are reported.

    Args:
        form: one of the four content types.
        budget: bytes that packed parts may say they unpack to.
    Raises:
        UnreadableRecords, TooManyRecords: as :func:`monitoring.intake.read_batch`.
        SchemaDrift: a typed body has other columns.
    """
    if form == JSON_LINES:
        return _from_lines(content, door, report)
    if form == PARQUET:
        return _from_parquet(content, door, report, budget)
    return _from_arrow(content, door, report, budget)


def _from_lines(content: Body, door: Door, report: Report) -> Iterator[Block]:
    names = sorted(door.known, key=[*door.types, *door.optional, door.at, ID_COLUMN].index)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    sent: set[str] = set()
    row = rows = size = 0
    for number, line in enumerate(content.lines(MAX_LINE), start=1):
        text = _text(line, number)
        if not text.strip():
            continue
        row, rows, size = row + 1, rows + 1, size + len(line)
        record = _record(text, number)
        for name in record.keys() - columns.keys() - door.keep_out:
            report.add(name[:1000], "unknown", expected="no such column", found="a value", rows=(row,))
        for name in columns:
            value = record.get(name, _MISSING)
            if value is not _MISSING:
                sent.add(name)
            elif name in door.types:
                report.add(name, "missing", expected=door.types[name], found="no such column", rows=(row,))
            columns[name].append(None if value is _MISSING else value)
        if rows >= LINES_PER_BLOCK or size >= BYTES_PER_BLOCK:
            yield _block(columns, sent, door, rows)
            columns, rows, size = {name: [] for name in names}, 0, 0
    if rows:
        yield _block(columns, sent, door, rows)


def _block(columns: dict[str, list[Any]], sent: set[str], door: Door, rows: int) -> Block:
    # An optional column that no record has had is not one of the batch; once one has it, it goes on.
    absent = {name for name in door.optional if name not in sent}
    return Block({name: values for name, values in columns.items() if name not in absent}, rows)


def _text(line: bytes, number: int) -> str:
    if number > MAX_ROWS:  # empty ones are no records, and take time all the same
        raise TooManyRecords(f"The batch has more than {MAX_ROWS:,} lines. Split it.")
    if len(line) > MAX_LINE:
        raise TooManyRecords(f"Line {number} has more than {MAX_LINE:,} bytes; a record has fewer.")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableRecords(
            f"The body is not UTF-8: byte {error.start} of line {number} can not be read."
        ) from None


def _record(text: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecords(f"Line {number} is not JSON: {error}.") from error
    if not isinstance(record, dict):
        raise UnreadableRecords(f"Line {number} is not an object with one value per column.")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number; send null for a missing value")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a column stands twice in one record")
    return record


def _from_parquet(content: Body, door: Door, report: Report, budget: int) -> Iterator[Block]:
    data = content.mapped()
    check_footer(data)
    source = pa.py_buffer(data)
    file = pq.ParquetFile(pa.BufferReader(source))
    _check_fields(file.schema_arrow, door, report)
    check_pages(data, file.metadata, budget=budget)
    names = [name for name in file.schema_arrow.names if name in door.known]
    texts = [name for name in names if _is_text(file.schema_arrow.field(name).type)]
    rows = 0
    # As dictionaries: one long text repeated in every row stays one text until its length has been seen.
    file = pq.ParquetFile(pa.BufferReader(source), read_dictionary=texts)
    # Not in parallel: each of many columns would have its pages unpacked at once.
    for batch in file.iter_batches(batch_size=ROWS_PER_BLOCK, columns=names, use_threads=False):
        rows += batch.num_rows
        yield from _arrow_blocks(batch, names)
    if rows != file.metadata.num_rows:
        raise UnreadableRecords(f"The file says it has {file.metadata.num_rows:,} rows, and there are {rows:,} in it.")


def _from_arrow(content: Body, door: Door, report: Report, budget: int) -> Iterator[Block]:
    stream = stream_of(content.mapped())
    check_messages(stream, budget=budget)
    reader = pa.ipc.open_stream(pa.BufferReader(stream), options=pa.ipc.IpcReadOptions(use_threads=False))
    _check_fields(reader.schema, door, report)
    names = [name for name in reader.schema.names if name in door.known]
    for batch in reader:
        yield from _arrow_blocks(batch, names)


def _arrow_blocks(batch: pa.RecordBatch, names: list[str]) -> Iterator[Block]:
    batch = batch.select(names)
    batch.validate()
    for start in range(0, batch.num_rows, ROWS_PER_BLOCK):
        part = batch.slice(start, ROWS_PER_BLOCK)
        for column in part.columns:
            # To look at every view takes as long as if each were a text of its own.
            if pa.types.is_string_view(column.type) and viewed(column) > MAX_UNPACKED_BYTES:
                raise TooManyRecords(f"Unpacked, the batch has more than {MAX_UNPACKED_BYTES:,} bytes. Split it.")
        part.validate(full=True)  # a damaged dictionary index would otherwise be met later, out of bounds
        yield Block({name: part.column(place) for place, name in enumerate(names)}, part.num_rows)


def _check_fields(fields: pa.Schema, door: Door, report: Report) -> None:
    if len(fields.names) > MAX_COLUMNS:
        raise UnreadableRecords(f"There are {len(fields.names):,} columns; at most {MAX_COLUMNS:,} are read.")
    if len(set(fields.names)) != len(fields.names):
        raise UnreadableRecords("There are two columns of one name.")
    for name in fields.names:
        type_ = fields.field(name).type
        if name not in door.known | door.keep_out:
            report.add(name[:1000], "unknown", expected="no such column", found=str(type_)[:80])
        elif name in door.known and not _can_be_read(type_):
            expected = door.type_of(name) if name != door.at else "a time"
            report.add(name, "mistyped", expected=f"{expected}, one value a cell", found=str(type_)[:80])
    for name, expected in door.types.items():
        if name not in fields.names:
            report.add(name, "missing", expected=expected, found="no such column")
    report.check()


def _can_be_read(type_: pa.DataType) -> bool:
    """Return whether values have one size, or are texts: of others it is not known how large a few bytes become."""
    if pa.types.is_dictionary(type_):
        return _can_be_read(type_.value_type) and not pa.types.is_dictionary(type_.value_type)
    return bool(
        pa.types.is_primitive(type_) or pa.types.is_decimal(type_) or pa.types.is_null(type_) or _is_text(type_)
    )


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))
