"""Look at what Arrow's messages claim, before Arrow allocates what they claim.

Packed buffers begin with the size that they unpack to, and that size is allocated. A stream and a file hold the same
messages; the file's footer, which only repeats where they lie, is not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from monitoring.errors import TooManyRecords, UnreadableRecords

FILE_MAGIC = b"ARROW1"
MAX_MESSAGES = 20_000
MAX_METADATA = 4 * 1024 * 1024
RECORD_BATCH, DICTIONARY_BATCH = "record batch", "dictionary"


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
        if message.type in {RECORD_BATCH, DICTIONARY_BATCH}:
            try:
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


class Table:
    """A FlatBuffers table: fields by number, through its virtual table."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place
        (back,) = struct.unpack_from("<i", data, place)
        self.virtual = self._inside(place - back)
        (self.size,) = struct.unpack_from("<H", data, self.virtual)

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Return the table that the bytes begin with."""
        (place,) = struct.unpack_from("<I", data, 0)
        return cls(data, place)

    def table(self, number: int) -> Table | None:
        """Return the table in a field; None where the field is absent."""
        place = self._field(number)
        return None if place is None else Table(self.data, self._follow(place))

    def structs(self, number: int, size: int) -> range:
        """Return where each structure of a vector of structures lies; none where the field is absent."""
        place = self._field(number)
        if place is None:
            return range(0)
        vector = self._follow(place)
        (count,) = struct.unpack_from("<I", self.data, vector)
        self._inside(vector + 4 + count * size)
        return range(vector + 4, vector + 4 + count * size, size)

    def _field(self, number: int) -> int | None:
        slot = 4 + 2 * number
        if slot + 2 > self.size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, self.virtual + slot)
        return self.place + offset if offset else None

    def _follow(self, place: int) -> int:
        (offset,) = struct.unpack_from("<I", self.data, place)
        return self._inside(place + int(offset))

    def _inside(self, place: int) -> int:
        if not 0 <= place <= len(self.data):
            raise struct.error("an offset leads out of it")
        return place
