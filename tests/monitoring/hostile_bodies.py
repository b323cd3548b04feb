"""Bodies that lie about themselves: small on the wire, large by their own word, or shaped to break a reader."""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.blocks import ARROW_FILE, ARROW_STREAM, JSON_LINES, PARQUET

GOOD = {"amount": 1169.5, "months": 6, "purpose": "car", "foreign": True, "prediction": 0.25}
MIB = 1024 * 1024


def a_table(n: int = 3, **columns: Any) -> pa.Table:
    """Return n records that fit, with other columns in place of some or beside them."""
    return pa.table({**{name: [value] * n for name, value in GOOD.items()}, **columns})


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow(table: pa.Table, *, packed: str | None = None, writer: Callable[..., Any] = pa.ipc.new_stream) -> bytes:
    """Return a table as an Arrow stream, or with ``new_file`` as a file."""
    sink = io.BytesIO()
    with writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as out:
        out.write_table(table)
    return sink.getvalue()


def varint(value: int) -> bytes:
    """Return an unsigned number as Thrift's compact protocol writes it."""
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _footer(content: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack("<I", content[-8:-4])
    return content[: -8 - size], content[-8 - size : -8]


def _with_footer(pages: bytes, footer: bytes) -> bytes:
    return pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


def rows_lied() -> bytes:
    """A file of 100,000 records whose footer says 400,000."""
    pages, footer = _footer(parquet(a_table(100_000)))
    return _with_footer(pages, footer.replace(varint(200_000), varint(800_000)))


def deep_schema(levels: int = 1_990) -> bytes:
    """A file without rows whose schema is one column, so many groups deep; Arrow's reader recurses."""
    group = b"\x35\x02\x18\x01a\x15\x02\x00"  # repetition, name, one child
    leaf = b"\x15\x02\x25\x02\x18\x01a\x00"  # type, repetition, name
    elements = b"\xfc" + varint(levels + 1) + group * levels + leaf
    return _with_footer(b"PAR1", b"\x15\x02\x19" + elements + b"\x16\x00\x19\x0c\x00")


def page_lied() -> bytes:
    """A file whose first page says that it unpacks to two thousand million bytes."""
    content = parquet(a_table(1000), use_dictionary=False, compression="zstd", write_statistics=False)
    assert content[4:7] == b"\x15\x00\x15"
    end = 7
    while content[end] & 0x80:
        end += 1
    return content[:7] + varint(2 * 2_000_000_000) + content[end + 1 :]


def lengths_lied(total: int = 150_000_000) -> bytes:
    """A file whose one column of texts says that its lengths are so many, in a few bytes."""
    n, word = 1000, b"F" * 400
    table = a_table(n, purpose=[word.decode()] * n)
    encoding = {"purpose": "DELTA_LENGTH_BYTE_ARRAY"}
    options = {"use_dictionary": False, "compression": "none", "write_statistics": False}
    content = bytearray(parquet(table, column_encoding=encoding, **options))
    column = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(0).column(2)
    place = content.index(varint(128) + varint(4) + varint(n), column.data_page_offset)
    block = 1 << 27
    lengths = varint(block) + b"\x01" + varint(total) + b"\0" + b"\0\0" * (total // block + 1) + b"\0" * 64
    content[place : place + len(lengths)] = lengths
    return bytes(content)


def an_old_writer(n: int = 4_000_000) -> bytes:
    """A file that says an old parquet-mr wrote it and its columns take no bytes; Arrow reads on for a hundred."""
    zeros = pa.array(np.zeros(n))
    columns = {"amount": zeros, "months": zeros, "purpose": pa.nulls(n, pa.string()), "foreign": zeros}
    made = pa.table({**columns, "prediction": zeros})
    types = [pa.field(f.name, f.type, nullable=f.name == "purpose") for f in made.schema]
    options = {"use_dictionary": False, "compression": "brotli", "compression_level": 11, "write_statistics": False}
    sizes = {"data_page_size": 2**30, "row_group_size": 2**30, "write_batch_size": 2**26, "max_rows_per_page": 2**30}
    content = parquet(made.cast(pa.schema(types)), **options, **sizes)
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    pages, footer = _footer(content)
    writer = metadata.created_by.encode()
    footer = footer.replace(writer, b"parquet-mr version 1.2.8".ljust(len(writer)))
    for place in range(5):
        column = metadata.row_group(0).column(place)
        size, unpacked = varint(2 * column.total_compressed_size), varint(2 * column.total_uncompressed_size)
        none = b"\x80" * (len(size) - 1) + b"\0"
        footer = footer.replace(b"\x16" + unpacked + b"\x16" + size, b"\x16" + unpacked + b"\x16" + none)
    return _with_footer(pages, footer)


def page_headed(field: bytes) -> bytes:
    """A file whose first page's header begins with a field that means nothing."""
    pages, footer = _footer(parquet(a_table(1000), use_dictionary=False, write_statistics=False))
    return _with_footer(pages[:4] + field + pages[4:], footer)


def long_words(n: int) -> pa.Array:
    """Return n different texts of a thousand characters that pack well."""
    return pa.array([f"{i:06d}" + "x" * 994 for i in range(n)])


def one_word(n: int, word: str) -> pa.DictionaryArray:
    """Return one text in n rows, a byte each."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array([word]))


def views(n: int, size: int) -> pa.Array:
    """Return n views of one text."""
    view = struct.pack("<i4sii", size, b"xxxx", 0, 0)
    buffers = [None, pa.py_buffer(view * n), pa.py_buffer(b"x" * size)]
    return pa.Array.from_buffers(pa.string_view(), n, buffers)


def out_of_bounds() -> pa.DictionaryArray:
    """Return a dictionary column whose rows point past the dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array([7_000_000] * 3, pa.int32()), pa.array(["car"]), safe=False)


class Flat:
    """A FlatBuffers message, written front to back."""

    def __init__(self) -> None:
        self.bytes = bytearray(4)

    def table(self, *fields: tuple[int, int], size: int = 24) -> int:
        """Write a table with its virtual table before it; fields are (number, place inside). Return where it lies."""
        places = [0] * (max(number for number, _ in fields) + 1)
        for number, place in fields:
            places[number] = place
        self._align()
        virtual = len(self.bytes)
        self.bytes += struct.pack(f"<{2 + len(places)}H", 4 + 2 * len(places), size, *places)
        self._align()
        here = len(self.bytes)
        self.bytes += struct.pack("<i", here - virtual) + bytes(size - 4)
        return here

    def vector(self, n: int) -> int:
        """Write room for n offsets and return where it lies."""
        self._align()
        here = len(self.bytes)
        self.bytes += struct.pack("<I", n) + bytes(4 * n)
        return here

    def refer(self, place: int, target: int) -> None:
        """Let an offset lead to a later place."""
        struct.pack_into("<I", self.bytes, place, target - place)

    def _align(self) -> None:
        self.bytes += bytes(-len(self.bytes) % 8)


def a_shared_schema(columns: int, children: int) -> bytes:
    """An Arrow stream whose columns are one column, so many times, of one child, so many times."""
    flat = Flat()
    message = flat.table((0, 4), (1, 6), (2, 8), (3, 16))
    flat.refer(0, message)
    struct.pack_into("<hB", flat.bytes, message + 4, 4, 1)  # of version 5, a schema
    schema = flat.table((0, 4), (1, 8))
    flat.refer(message + 8, schema)
    all_columns = flat.vector(columns)
    flat.refer(schema + 8, all_columns)
    fields = (0, 4), (1, 8), (2, 9), (3, 12), (5, 16)
    column = flat.table(*fields)
    all_children = flat.vector(children)
    child = flat.table(*fields)
    for place, type_ in ((column, 13), (child, 6)):  # a structure of booleans
        flat.bytes[place + 8], flat.bytes[place + 9] = 1, type_
    for of, target in ((column, all_children), (child, flat.vector(0))):
        flat.refer(of + 16, target)
    name = flat.vector(1)  # ends, as a text, with a zero
    struct.pack_into("<I4s", flat.bytes, name, 1, b"a")
    flat.bytes += bytes(4)
    type_ = flat.table((0, 4), size=8)
    for of in (column, child):
        flat.refer(of + 4, name)
        flat.refer(of + 12, type_)
    for vector, n, target in ((all_columns, columns, column), (all_children, children, child)):
        for place in range(n):
            flat.refer(vector + 4 + 4 * place, target)
    flat.bytes += bytes(2 * MIB - len(flat.bytes))  # Arrow takes eight tables for each byte, and no more
    return struct.pack("<Ii", 0xFFFFFFFF, len(flat.bytes)) + bytes(flat.bytes) + struct.pack("<Ii", 0xFFFFFFFF, 0)


def nested(levels: int) -> pa.Array:
    """Return a column of lists of lists."""
    value: Any = 1.0
    for _ in range(levels):
        value = [value]
    return pa.array([value] * 3)


def many_columns(n: int) -> pa.Table:
    """Return records with n columns more."""
    return a_table(3, **{f"c{i}": [1, 2, 3] for i in range(n)})


def in_lines(*records: Any) -> bytes:
    """Return records as JSON lines."""
    return b"\n".join(record if isinstance(record, bytes) else json.dumps(record).encode() for record in records)


def bodies() -> Iterator[tuple[str, bytes, str, str, str]]:
    """Yield name, body, content type, encoding, and what the refusal says."""
    zeros = b"\x00" * (64 * MIB)
    frame = pa.BufferOutputStream()
    with pa.CompressedOutputStream(frame, "zstd") as out:
        out.write(zeros)
    words = a_table(280_000, purpose=long_words(280_000))
    yield "gzip bomb", gzip.compress(zeros) * 100, JSON_LINES, "gzip", "unpacked body has more than 268,435,456"
    yield (
        "zstd bomb",
        frame.getvalue().to_pybytes() * 100,
        JSON_LINES,
        "zstd",
        "unpacked body has more than 268,435,456",
    )
    yield "gzip cut short", gzip.compress(in_lines(GOOD))[:-4], JSON_LINES, "gzip", "is not gzip"
    yield "brotli", b"x", JSON_LINES, "br", "is not taken; send gzip, zstd or none"
    yield "a line without end", b'{"amount": "' + b"x" * (3 * MIB), JSON_LINES, "", "Line 1 has more than 1,048,576"
    yield "a line nested deep", b"[" * 900_000, JSON_LINES, "", "Line 1 is not JSON"
    yield "lines of lists", in_lines(*[b"[" + b"[]," * 300_000 + b"[]]"] * 60), JSON_LINES, "", "is not an object"
    yield "rows lied", rows_lied(), PARQUET, "", "says it has 400,000 values, and its pages have 100,000"
    yield "deep schema", deep_schema(), PARQUET, "", "deeply nested columns"
    yield "deeper schema", deep_schema(100_000), PARQUET, "", "The file has 100,000 columns"
    yield "page lied", page_lied(), PARQUET, "", "say that they unpack to more than"
    yield "parquet pages", parquet(words, use_dictionary=False, compression="zstd"), PARQUET, "", "say that they unpack"
    yield (
        *("dictionary page", parquet(words, dictionary_pagesize_limit=2**30, compression="zstd"), PARQUET, ""),
        "say that they unpack",
    )
    yield (
        *("prefixes", parquet(words, use_dictionary=False, column_encoding={"purpose": "DELTA_BYTE_ARRAY"})),
        *(PARQUET, "", "DELTA_BYTE_ARRAY"),
    )
    yield "lengths lied", lengths_lied(), PARQUET, "", "DELTA_LENGTH_BYTE_ARRAY; write it PLAIN"
    yield "an old writer", an_old_writer(), PARQUET, "", "says it has 4,000,000 values, and its pages have 0"
    yield "a header of booleans", page_headed(b"\x19\xf1" + varint(MIB) + b"\x01" * MIB), PARQUET, "", "ends too early"
    yield "empty lines", gzip.compress(b"\n" * (8 * MIB)), JSON_LINES, "gzip", "more than 500,000 lines"
    yield "one word, parquet", parquet(a_table(400_000, purpose=one_word(400_000, "x" * 1000))), PARQUET, "", "Split it"
    yield (
        "a long word, parquet",
        parquet(a_table(400_000, purpose=one_word(400_000, "x" * MIB))),
        PARQUET,
        "",
        "more than 1000",
    )
    blob = pa.DictionaryArray.from_arrays(pa.array(np.zeros(400_000, np.int8)), pa.array([b"x" * MIB]))
    yield (
        "a long blob, parquet",
        parquet(a_table(400_000, purpose=blob)),
        PARQUET,
        "",
        "expected string, one value a cell",
    )
    yield "columns, parquet", parquet(many_columns(5_000)), PARQUET, "", "columns; at most 2,000"
    yield "lists, parquet", parquet(a_table(amount=nested(1))), PARQUET, "", "one value a cell"
    yield "a footer too large", _with_footer(b"PAR1", b"\x00" * (5 * MIB)), PARQUET, "", "footer"
    yield (
        "columns by reference",
        a_shared_schema(1_500, 4_000),
        ARROW_STREAM,
        "",
        "with those inside of others; at most 2,000",
    )
    notes = dict.fromkeys("abcd", "x" * 300_000)
    told = arrow(a_table().replace_schema_metadata(notes))
    yield "a talkative schema", told, ARROW_STREAM, "", "names and notes of more than 1,048,576 bytes"
    yield "columns, arrow", arrow(many_columns(5_000)), ARROW_STREAM, "", "at most 2,000"
    yield "lists, arrow", arrow(a_table(amount=nested(20))), ARROW_STREAM, "", "one value a cell"
    yield "packed, arrow", arrow(words, packed="zstd"), ARROW_STREAM, "", "say that they unpack to more than"
    lied = arrow(a_table(1000), packed="zstd").replace(struct.pack("<q", 8_000), struct.pack("<q", 2**40))
    yield "buffer lied", lied, ARROW_STREAM, "", "say that they unpack to more than"
    yield "one word, arrow", arrow(a_table(400_000, purpose=one_word(400_000, "x" * 1000))), ARROW_FILE, "", "Split it"
    yield "a long word, arrow", arrow(a_table(3, purpose=one_word(3, "x" * 10**7))), ARROW_STREAM, "", "more than 1000"
    yield "views", arrow(a_table(400_000, purpose=views(400_000, MIB))), ARROW_STREAM, "", "Split it"
    yield (
        "index out of bounds",
        arrow(a_table(purpose=out_of_bounds())),
        ARROW_STREAM,
        "",
        "not an Arrow stream that can",
    )
    nothing = pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])
    yield (
        "rows of nothing",
        arrow(pa.table(dict.fromkeys(GOOD, nothing))),
        ARROW_STREAM,
        "",
        "more than 500,000 records",
    )
    yield "cut, arrow", arrow(a_table(1000))[:-3000], ARROW_STREAM, "", "not an Arrow stream that can be read"
    yield "not arrow", b"ARROW1\0\0" + b"\xff" * 1000, ARROW_FILE, "", "not an Arrow file that can be read"


def the_largest() -> Iterator[tuple[str, bytes, str, str]]:
    """Yield name, body, content type and encoding of batches that are taken and as large as may be."""
    n, rng = 500_000, np.random.default_rng(1)
    text = pa.array(rng.integers(0, 10**9, n).astype(str)).cast(pa.string())
    large = a_table(n, amount=rng.normal(size=n), purpose=text, prediction_id=[f"p-{i}" for i in range(n)])
    yield "largest parquet", parquet(large), PARQUET, ""
    yield "largest arrow", arrow(large), ARROW_STREAM, ""
    wide = a_table(125_000, purpose=["x" * 1000] * 125_000)
    yield "widest parquet", parquet(wide), PARQUET, ""
    packed = gzip.compress(in_lines(*[{**GOOD, "purpose": "x" * 100}] * 500_000), 1)
    yield "largest lines", packed, JSON_LINES, "gzip"
