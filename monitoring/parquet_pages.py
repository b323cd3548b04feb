"""Look at what a Parquet file claims of its pages, before Arrow allocates what they claim.

Arrow believes three things that a few bytes can lie about: how deep the schema is nested (it recurses), how many bytes
a page has unpacked (it allocates them), and texts that are written as a prefix of the one before (it writes them out).
The footer's own sums are not what it goes by, so they are no bound; the header before each page is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.thrift import I32, LIST, STRUCT, Malformed, Reader

MAGIC = b"PAR1"
MAX_FOOTER = 4 * 1024 * 1024
MAX_COLUMNS = 2_000
MAX_PAGES = 50_000
MAX_DEPTH = 8
DELTA_BYTE_ARRAY = 7


def check_footer(data: Any) -> None:
    """Refuse a footer that is too large, or whose columns are nested deep or too many.

    Args:
        data: the file's bytes, indexable.
    Raises:
        UnreadableRecords: so it is, or it is no footer.
    """
    size = len(data)
    if size < 12 or bytes(data[:4]) != MAGIC or bytes(data[-4:]) != MAGIC:
        raise UnreadableRecords("The body is not a Parquet file that can be read: it does not begin and end with PAR1.")
    (footer,) = struct.unpack("<I", data[-8:-4])
    if footer > min(MAX_FOOTER, size - 12):
        largest = min(MAX_FOOTER, size - 12)
        raise UnreadableRecords(
            f"The footer of the Parquet file says it has {footer:,} bytes; {largest:,} is the most."
        )
    try:
        _check_schema(Reader(data, size - 8 - footer, size - 8))
    except Malformed as error:
        raise UnreadableRecords(f"The body is not a Parquet file that can be read: in its footer, {error}.") from error


def _check_schema(reader: Reader) -> None:
    for number, type_ in reader.fields():
        if (number, type_) != (2, LIST):
            reader.skip(type_)
            continue
        claimed, of = reader.list_of()
        if claimed > MAX_COLUMNS + 1:
            raise UnreadableRecords(f"The file has {claimed - 1:,} columns; at most {MAX_COLUMNS:,} are read.")
        waiting: list[int] = []  # children to come, of each group that is open
        for _ in range(claimed):
            while waiting and not waiting[-1]:
                waiting.pop()
            if waiting:
                waiting[-1] -= 1
            waiting.append(_children(reader, of))
            if len(waiting) > MAX_DEPTH:
                raise UnreadableRecords("The file has deeply nested columns; send one number, text or boolean a cell.")


def _children(reader: Reader, of: int) -> int:
    if of != STRUCT:
        raise Malformed("the schema is none")
    found = 0
    for number, type_ in reader.fields():
        if (number, type_) == (5, I32):
            found = reader.number()
        else:
            reader.skip(type_)
    return found


def check_pages(data: Any, metadata: Any, *, budget: int) -> None:
    """Refuse a file whose pages say that they unpack to more than ``budget`` bytes, or that can't be bounded.

    Args:
        data: the file's bytes, indexable.
        metadata: pyarrow's, of the same file.
    Raises:
        TooManyRecords: more bytes, or more pages than a batch can need.
        UnreadableRecords: a header is no header, or an encoding has no bound.
    """
    unpacked = pages = 0
    for start, length in _chunks(metadata):
        if not 4 <= start <= start + length <= len(data):
            raise UnreadableRecords("The body is not a Parquet file that can be read: a column lies outside of it.")
        reader = Reader(data, start, start + length)
        while reader.place < reader.end:
            try:
                claimed, packed, encoding = _page(reader)
            except Malformed as error:
                raise UnreadableRecords(
                    f"The body is not a Parquet file that can be read: in a page's header, {error}."
                ) from error
            if encoding == DELTA_BYTE_ARRAY:
                raise UnreadableRecords(
                    "A column has the encoding DELTA_BYTE_ARRAY; write it PLAIN or as a dictionary."
                )
            if claimed < 0 or packed < 0:
                raise UnreadableRecords(
                    "The body is not a Parquet file that can be read: a page has less than no bytes."
                )
            reader.place += packed
            unpacked, pages = unpacked + claimed, pages + 1
            if unpacked > budget or pages > MAX_PAGES:
                raise TooManyRecords(
                    f"The file's pages say that they unpack to more than {budget:,} bytes, or there are more than "
                    f"{MAX_PAGES:,} of them. Split the batch."
                )


def _chunks(metadata: Any) -> Iterator[tuple[int, int]]:
    """Yield where Arrow begins to read each column of each row group, and how far it goes."""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        # Arrow asks for as many rows as a group says it has, so of none it reads no page, wherever that lies.
        for place in range(rows.num_columns if rows.num_rows else 0):
            column = rows.column(place)
            start = column.data_page_offset
            if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < start:
                start = column.dictionary_page_offset
            yield start, column.total_compressed_size


def _page(reader: Reader) -> tuple[int, int, int]:
    """Return bytes unpacked, bytes packed and encoding of the page whose header begins here."""
    unpacked = packed = encoding = -1
    for number, type_ in reader.fields():
        if type_ == I32 and number in {2, 3}:
            value = reader.number()
            unpacked, packed = (value, packed) if number == 2 else (unpacked, value)
        elif type_ == STRUCT and number in {5, 8}:  # of a data page, of one of the second version
            encoding = _encoding(reader, 2 if number == 5 else 4)
        else:
            reader.skip(type_)
    return unpacked, packed, encoding


def _encoding(reader: Reader, wanted: int) -> int:
    found = -1
    for number, type_ in reader.fields():
        if (number, type_) == (wanted, I32):
            found = reader.number()
        else:
            reader.skip(type_)
    return found
