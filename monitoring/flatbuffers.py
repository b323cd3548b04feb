"""Read FlatBuffers as far as Arrow's messages need it: tables, vectors and lengths, each offset inside of the bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator


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

    def tables(self, number: int) -> Iterator[Table]:
        """Yield the tables of a vector of tables; several may be one."""
        place = self._field(number)
        if place is None:
            return
        vector = self._follow(place)
        for element in range(vector + 4, vector + 4 + 4 * self.length(number), 4):
            yield Table(self.data, self._follow(element))

    def length(self, number: int) -> int:
        """Return how many elements the vector in a field has, or bytes the text; 0 where the field is absent."""
        place = self._field(number)
        if place is None:
            return 0
        (count,) = struct.unpack_from("<I", self.data, self._follow(place))
        return int(count)

    def byte(self, number: int) -> int:
        """Return a number of one byte; 0 where the field is absent."""
        place = self._field(number)
        return 0 if place is None else self.data[self._inside(place)]

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
