"""Look at what Arrow's messages claim, before Arrow allocates what they claim.

Packed buffers begin with the size that they unpack to, and that size is allocated. A stream and a file hold the same
messages; the file's footer, which only repeats where they lie, is not read. In a schema any number of columns may be
one and the same few bytes, and Arrow makes an object of each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.flatbuffers import Table

FILE_MAGIC = b"ARROW1"
MAX_MESSAGES = 20_000
MAX_METADATA = 4 * 1024 * 1024
MAX_FIELDS = 2_000
MAX_TEXTS = 1024 * 1024
RECORD_BATCH, DICTIONARY_BATCH, SCHEMA = "record batch", "dictionary", "schema"
TIMESTAMP, UNION = 10, 14
NOTE_BYTES = 64
"""What a note takes beside its text, at least."""


def stream_of(data: Any) -> Any:
    """Return the messages of ``data``, a stream or a file, as one buffer."""
    whole = pa.py_buffer(data)
    return whole.slice(8) if bytes(data[:6]) == FILE_MAGIC else whole


def check_messages(stream: Any, *, budget: int) -> None:
    """Refuse a stream whose messages say that they unpack to more than ``budget`` bytes, or are too many.

    Raises:
        TooManyRecords: so they do.
        UnreadableRecords: a message can't be read.
    """
    unpacked = 0
    for number, message in enumerate(_messages(stream), start=1):
        metadata = message.metadata
        if number > MAX_MESSAGES or metadata.size > MAX_METADATA:
            raise TooManyRecords(
                f"The stream has more than {MAX_MESSAGES:,} messages, or one whose head has more than "
                f"{MAX_METADATA:,} bytes. Send fewer, larger ones."
            )
        try:
            if message.type == SCHEMA:
                _check_schema(bytes(metadata))
            elif message.type in {RECORD_BATCH, DICTIONARY_BATCH}:
                unpacked += _unpacked(bytes(metadata), message.body, message.type)
        except (struct.error, IndexError) as error:
            raise UnreadableRecords(f"A message of the Arrow stream can not be read: {error}.") from error
        if unpacked > budget:
            raise TooManyRecords(f"The messages say that they unpack to more than {budget:,} bytes. Split the batch.")


def _messages(stream: Any) -> Iterator[Any]:
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(stream))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _check_schema(metadata: bytes) -> None:
    """Refuse a schema that Arrow would make much of: many columns, also inside of others, or long texts."""
    schema = Table.root(metadata).table(2)
    if schema is None:
        raise struct.error("it has no schema")
    texts, fields, waiting = _notes(schema, 2), 0, [(schema, 1)]
    while waiting:
        parent, number = waiting.pop()
        fields += parent.length(number)
        if fields > MAX_FIELDS:
            raise UnreadableRecords(
                f"There are {fields:,} columns or more, with those inside of others; at most {MAX_FIELDS:,} are read."
            )
        for field in parent.tables(number):
            type_ = field.byte(2)
            if type_ == UNION:
                raise UnreadableRecords("A column is a union; send one number, text or boolean a cell.")
            zone = field.table(3) if type_ == TIMESTAMP else None
            texts += field.length(0) + _notes(field, 6) + (zone.length(1) if zone else 0)
            if texts > MAX_TEXTS:
                raise UnreadableRecords(f"The schema has names and notes of more than {MAX_TEXTS:,} bytes.")
            waiting.append((field, 5))


def _notes(table: Table, number: int) -> int:
    """Return how many bytes the notes of a schema or a column take, or more than may be."""
    size = table.length(number) * NOTE_BYTES
    for note in table.tables(number) if size <= MAX_TEXTS else ():
        size += note.length(0) + note.length(1)
    return size


def _unpacked(metadata: bytes, body: Any, type_: str) -> int:
    """Return the bytes that a batch of rows or a dictionary unpacks to, by its own word."""
    message = Table.root(metadata)
    batch = message.table(2)  # Message: version, header type, header, …
    if batch is not None and type_ == DICTIONARY_BATCH:
        batch = batch.table(1)  # DictionaryBatch: id, data, isDelta
    if batch is None:
        raise struct.error("it has no rows")
    buffers = batch.structs(2, 16)  # RecordBatch: length, nodes, buffers, compression
    packed = batch.table(3) is not None
    total = 0
    for place in buffers:
        offset, length = struct.unpack_from("<qq", metadata, place)
        if not 0 <= offset <= offset + length <= (body.size if body is not None else 0):
            raise struct.error("a buffer lies outside of it")
        total += length
        if packed and length >= 8:
            (claimed,) = struct.unpack_from("<q", body, offset)
            total += max(claimed, 0)
            if claimed < -1:
                raise struct.error("a buffer has less than no bytes")
    return total
