"""Frames to the isolated process and tables of numbers back, over unnamed files that both sides hold open."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reports.isolation.errors import ModelFailed

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Table = dict[str, npt.NDArray[Any]]

SLOTS = 8  # frames in and tables out of one call, at most
NUMBERS = (pa.float64(), pa.int64())


@dataclass(frozen=True)
class Slot:
    """An unnamed file, and the descriptor of the other side: opened anew, so that neither moves the other's place."""

    file: IO[bytes]
    descriptor: int


@contextmanager
def slots(mode: int) -> Iterator[list[Slot]]:
    """Open the files of one direction; ``mode`` is what the other side may: os.O_RDONLY or os.O_WRONLY."""
    with ExitStack() as stack:
        made = []
        for _ in range(SLOTS):
            file = stack.enter_context(tempfile.TemporaryFile())
            descriptor = os.open(f"/proc/self/fd/{file.fileno()}", mode)
            stack.callback(os.close, descriptor)
            made.append(Slot(file, descriptor))
        yield made


def write_frame(slot: Slot, frame: pd.DataFrame) -> None:
    """Replace the file by the frame as an Arrow IPC file."""
    slot.file.seek(0)
    slot.file.truncate()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_file(slot.file, table.schema) as writer:
        writer.write_table(table)
    slot.file.flush()


def clear(slot: Slot) -> None:
    """Empty the file, so that nothing of an earlier call is taken for an answer."""
    slot.file.seek(0)
    slot.file.truncate()


def read_table(slot: Slot, rows: int | None) -> Table:
    """Return the columns of one output: float64 or int64, finite, ``rows`` long if given.

    What a hostile process wrote must not hurt: the bytes are taken once and then checked.

    Raises:
        ModelFailed: it is something else.
    """
    slot.file.seek(0)
    try:
        content = slot.file.read()
        _refuse_compressed(content)
        with pa.ipc.open_stream(pa.BufferReader(content)) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        msg = "The isolated process did not write a readable Arrow table."
        raise ModelFailed(msg) from error
    rows = table.num_rows if rows is None else rows
    if table.num_rows != rows or any(field.type not in NUMBERS for field in table.schema):
        kinds = sorted({str(kind) for kind in table.schema.types})[:5]
        msg = f"The isolated process gave {table.num_rows} rows of {kinds}, expected {rows} of numbers."
        raise ModelFailed(msg)
    if len(set(table.column_names)) != table.num_columns:
        msg = "The isolated process named a column twice."
        raise ModelFailed(msg)
    if any(table.column(name).null_count for name in table.column_names):
        msg = "The model gave numbers that are missing or not finite."
        raise ModelFailed(msg)
    columns = {str(name): table.column(name).to_numpy().copy() for name in table.column_names}
    if any(values.dtype.kind == "f" and not np.isfinite(values).all() for values in columns.values()):
        msg = "The model gave numbers that are missing or not finite."
        raise ModelFailed(msg)
    return columns


def _refuse_compressed(content: bytes) -> None:
    """Refuse a stream with compressed buffers: a small file could fill this process's memory when it is read.

    Raises:
        ValueError: there are some, or messages other than a schema and record batches.
    """
    messages = pa.ipc.MessageReader.open_stream(pa.BufferReader(content))
    for place, message in enumerate(_each(messages)):
        if message.type != ("record batch" if place else "schema"):
            msg = f"a {message.type} has no place in a table of numbers"
            raise ValueError(msg)
        if place and _is_compressed(message.metadata.to_pybytes()):
            msg = "compressed buffers"
            raise ValueError(msg)


def _each(messages: pa.ipc.MessageReader) -> Iterator[pa.ipc.Message]:
    while True:
        try:
            yield messages.read_next_message()
        except StopIteration:
            return


def _is_compressed(metadata: bytes) -> bool:
    """Return whether a record batch's flatbuffer has the field ``compression``.

    Source: Arrow's format/Message.fbs: Message {version, header_type, header, …}, RecordBatch {length, nodes, buffers,
    compression, …}; a table begins with the distance back to its list of fields, which begins with its own size.
    """

    def field(table: int, number: int) -> int:
        fields = table - int(struct.unpack_from("<i", metadata, table)[0])
        size, place = struct.unpack_from("<H", metadata, fields)[0], 4 + 2 * number
        distance = struct.unpack_from("<H", metadata, fields + place)[0] if place < size else 0
        return table + int(distance) if distance else 0

    header = field(struct.unpack_from("<I", metadata, 0)[0], 2)
    header += struct.unpack_from("<I", metadata, header)[0]
    return bool(field(header, 3))
