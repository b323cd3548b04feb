"""Look at what a Parquet file claims of its pages, before Arrow allocates what they claim.

Arrow believes what a few bytes can lie about: how deep the schema is nested (it recurses), how many bytes a page has
unpacked and how many words a dictionary has (it allocates them), and what the delta encodings say of lengths (it
allocates those, or writes them out). The footer's own sums are not what it goes by, so they are no bound; the header
before each page is. It reads pages until it has as many values as the footer names, wherever that leads, so the pages
that were looked at have to hold exactly these.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitoring.errors import TooManyRecords, UnreadableRecords
from monitoring.thrift import I32, LIST, STRUCT, Malformed, Reader

MAGIC = b"PAR1"
MAX_FOOTER = 4 * 1024 * 1024
MAX_COLUMNS = 2_000
MAX_PAGES = 50_000
MAX_DEPTH = 8
MAX_HEADER = 64 * 1024
WORD = 16
"""Bytes that Arrow takes for each text of a dictionary beside the text."""
BOUNDED = {0, 2, 3, 8, 9}
"""Encodings of which a page's size bounds what its values take: PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY,
BYTE_STREAM_SPLIT."""
DELTAS = {5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY"}
DATA, DICTIONARY, DATA_V2 = 5, 7, 8
"""Fields of a page's header: its kind's own header."""
KINDS = {0: DATA, 2: DICTIONARY, 3: DATA_V2}


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
    walk = Reader(data)
    for chunk in _chunks(metadata):
        if not 4 <= chunk.start <= chunk.end <= len(data):
            raise UnreadableRecords("The body is not a Parquet file that can be read: a column lies outside of it.")
        walk.place, values = chunk.start, 0
        while walk.place < chunk.end:
            walk.end = min(chunk.end, walk.place + MAX_HEADER)
            try:
                page = _page(walk)
            except Malformed as error:
                raise UnreadableRecords(
                    f"The body is not a Parquet file that can be read: in a page's header, {error}."
                ) from error
            if page.encoding not in BOUNDED:
                name = DELTAS.get(page.encoding, f"of number {page.encoding}")
                raise UnreadableRecords(f"A column has the encoding {name}; write it PLAIN or as a dictionary.")
            if page.unpacked < 0 or page.packed < 0 or page.values < 0:
                raise UnreadableRecords(
                    "The body is not a Parquet file that can be read: a page has less than no bytes or values."
                )
            walk.place += page.packed
            unpacked, pages = unpacked + page.unpacked, pages + 1
            if page.kind == DICTIONARY:
                unpacked += page.values * WORD
            else:
                values += page.values
            if unpacked > budget or pages > MAX_PAGES:
                raise TooManyRecords(
                    f"The file's pages say that they unpack to more than {budget:,} bytes, or there are more than "
                    f"{MAX_PAGES:,} of them. Split the batch."
                )
        if values != chunk.values:
            raise UnreadableRecords(
                f"A column of the file says it has {chunk.values:,} values, and its pages have {values:,}."
            )


@dataclass(frozen=True)
class _Chunk:
    start: int
    end: int
    values: int


@dataclass
class _Page:
    kind: int = -1
    unpacked: int = -1
    packed: int = -1
    values: int = -1
    encoding: int = -1


def _chunks(metadata: Any) -> Iterator[_Chunk]:
    """Yield where Arrow begins to read each column of each row group, how far it goes, and for how many values."""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        # Arrow asks for as many rows as a group says it has, so of none it reads no page, wherever that lies.
        for place in range(rows.num_columns if rows.num_rows else 0):
            column = rows.column(place)
            start = column.data_page_offset
            if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < start:
                start = column.dictionary_page_offset
            if column.num_values != rows.num_rows and not metadata.schema.column(place).max_repetition_level:
                raise UnreadableRecords(
                    f"The file says it has {rows.num_rows:,} rows, and a column of it {column.num_values:,} values."
                )
            yield _Chunk(start, start + column.total_compressed_size, column.num_values)


def _page(reader: Reader) -> _Page:
    """Return what the page whose header begins here says of itself."""
    page, kind = _Page(), -1
    for number, type_ in reader.fields():
        if type_ == I32 and number == 1:
            kind = reader.number()
        elif type_ == I32 and number == 2:
            page.unpacked = reader.number()
        elif type_ == I32 and number == 3:
            page.packed = reader.number()
        elif type_ == STRUCT and number in KINDS.values():
            if page.kind not in {-1, number}:
                raise Malformed("it is of two kinds")
            page.kind = number
            _page_of_kind(reader, page)
        else:
            reader.skip(type_)
    if page.kind != KINDS.get(kind):
        raise Malformed("its kind is none, or another than it says")
    return page


def _page_of_kind(reader: Reader, page: _Page) -> None:
    encoding = 4 if page.kind == DATA_V2 else 2
    for number, type_ in reader.fields():
        if (number, type_) == (1, I32):
            page.values = reader.number()
        elif (number, type_) == (encoding, I32):
            page.encoding = reader.number()
        else:
            reader.skip(type_)
