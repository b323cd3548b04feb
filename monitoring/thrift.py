"""Read Thrift's compact protocol as far as Parquet uses it: numbers and lists by field, the rest passed over.

Pure, and bounded by the bytes it is given and by a number of steps: no length that the bytes claim is ever allocated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BOOLEAN_TRUE, BOOLEAN_FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
FIXED = {BOOLEAN_TRUE: 0, BOOLEAN_FALSE: 0, BYTE: 1, DOUBLE: 8}
VARINT = {I16, I32, I64}
DEEPEST = 32
MOST_STEPS = 1_000_000


class Malformed(ValueError):
    """The bytes are not Thrift, or end too early."""


class Reader:
    """A place in some bytes, from which values are read on; for so many fields and values, since each takes time."""

    def __init__(self, data: Any, place: int = 0, end: int | None = None) -> None:
        self.data, self.place, self.end = data, place, len(data) if end is None else end
        self.steps = MOST_STEPS

    def byte(self) -> int:
        """Return the next byte."""
        if not 0 <= self.place < self.end:
            raise Malformed("it ends too early")
        self.place += 1
        return int(self.data[self.place - 1])

    def varint(self) -> int:
        """Return an unsigned number of up to 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("a number has no end")

    def number(self) -> int:
        """Return a signed number."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> FieldReader:
        """Return the fields of the structure that begins here."""
        return FieldReader(self)

    def list_of(self) -> tuple[int, int]:
        """Return how many elements the list that begins here claims, and of what type."""
        head = self.byte()
        size = head >> 4
        return (self.varint() if size == 15 else size), head & 0x0F

    def skip(self, type_: int, depth: int = 0, *, element: bool = False) -> None:
        """Pass over a value of ``type_``; inside a list (``element``) a boolean takes a byte."""
        if depth > DEEPEST:
            raise Malformed("it is nested too deep")
        self.step()
        if type_ in VARINT:
            self.varint()
        elif type_ == BINARY:
            length = self.varint()  # first: it moves the place
            self.place += length
        elif type_ in FIXED:
            self.place += element if type_ in {BOOLEAN_TRUE, BOOLEAN_FALSE} else FIXED[type_]
        else:
            self._skip_nested(type_, depth)
        self._inside()

    def _skip_nested(self, type_: int, depth: int) -> None:
        if type_ in {LIST, SET}:
            size, of = self.list_of()
            if of in FIXED:
                self.place += size * (FIXED[of] or 1)
            elif of in VARINT:
                self._skip_varints(size)
            else:
                for _ in range(size):
                    self.skip(of, depth + 1, element=True)
        elif type_ == MAP:
            self._skip_map(depth)
        elif type_ == STRUCT:
            for _, of in self.fields():
                self.skip(of, depth + 1)
        else:
            raise Malformed(f"there is no type {type_}")

    def _skip_varints(self, size: int) -> None:
        """Pass over so many numbers: each ends with its first byte below 128."""
        if not size:
            return
        rest = np.frombuffer(self.data[self.place : min(self.end, self.place + 10 * size)], np.uint8)
        ends = np.flatnonzero(rest < 0x80)
        if len(ends) < size:
            raise Malformed("it ends too early")
        self.place += int(ends[size - 1]) + 1

    def step(self) -> None:
        """Count one more field or value.

        Raises:
            Malformed: there were too many.
        """
        self.steps -= 1
        if self.steps < 0:
            raise Malformed(f"it has more than {MOST_STEPS:,} fields and values")

    def _skip_map(self, depth: int) -> None:
        size = self.varint()
        kinds = self.byte() if size else 0
        for _ in range(size):
            self.skip(kinds >> 4, depth + 1, element=True)
            self.skip(kinds & 0x0F, depth + 1, element=True)

    def _inside(self) -> None:
        if self.place > self.end:
            raise Malformed("it ends too early")


class FieldReader:
    """Iterates over (field number, type); the caller reads or skips each value before it asks for the next."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.last = reader, 0

    def __iter__(self) -> FieldReader:
        return self

    def __next__(self) -> tuple[int, int]:
        self.reader.step()
        head = self.reader.byte()
        if head == 0:
            raise StopIteration
        delta = head >> 4
        self.last = self.last + delta if delta else self.reader.number()
        return self.last, head & 0x0F
