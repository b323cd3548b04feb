"""Take a body in piece by piece, with an end, and unpack it with an end; it lies in a file without a name."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import Self

from monitoring.errors import TooManyRecords, UnreadableRecords

MAX_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
PIECE = 1024 * 1024
ENCODINGS = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}


class Body:
    """The bytes of one request, on disk. As text it is its digest, by which an ``Idempotency-Key`` knows it again.

    Attributes:
        size: in bytes.
        digest: of the bytes, ``sha256:<hex>``.
    """

    def __init__(self, file: int, size: int, digest: str) -> None:
        self._file, self.size, self.digest = file, size, digest
        # A request that is refused early drops its body; what was mapped of it stays readable.
        weakref.finalize(self, os.close, file)

    @classmethod
    def of(cls, pieces: Iterable[bytes], *, limit: int, what: str = "The body") -> Self:
        """Write ``pieces`` down, no more than ``limit`` bytes of them.

        Args:
            what: names the bytes in the refusal.
        Raises:
            TooManyRecords: there are more; at most one piece past the limit was taken.
        """
        file, name = tempfile.mkstemp(prefix="placet-body-")
        os.unlink(name)  # noqa: PTH108 (it has no name from here on, whatever happens)
        body = cls(file, 0, "")
        digest = hashlib.sha256()
        for piece in pieces:
            body.size += len(piece)
            if body.size > limit:
                raise TooManyRecords(f"{what} has more than {limit:,} bytes. Split the batch.")
            digest.update(piece)
            left = memoryview(piece)
            while left:
                left = left[os.write(file, left) :]
        body.digest = f"sha256:{digest.hexdigest()}"
        return body

    def __str__(self) -> str:
        return self.digest

    def mapped(self) -> mmap.mmap | bytes:
        """Return the bytes as they lie on disk, without reading them; empty if there are none."""
        # A file of no bytes can't be mapped.
        return mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) if self.size else b""

    def lines(self, longest: int) -> Iterator[bytes]:
        """Yield the lines, each cut off after ``longest`` bytes and one more."""
        data, place = self.mapped(), 0
        while place < self.size:
            cut = place + longest + 1
            end = data.find(b"\n", place, cut) + 1 or min(cut, self.size)
            yield data[place:end]
            place = end

    def unpacked(self, encoding: str) -> Body:
        """Return the body as it was before ``Content-Encoding``; itself where that names none.

        Raises:
            TooManyRecords: unpacked it has more than 256 MiB; no more than that was unpacked.
            UnreadableRecords: the encoding is another than gzip or zstd, or the bytes are not what it says.
        """
        name = encoding.strip().lower() or "identity"
        if name == "identity":
            return self
        if name not in ENCODINGS:
            raise UnreadableRecords(f"Content-Encoding {encoding[:40]!r} is not taken; send gzip, zstd or none.")
        import pyarrow as pa  # half a second that other pages need not wait for

        try:
            packed = pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(self.mapped())), ENCODINGS[name])
            return type(self).of(
                iter(lambda: packed.read(PIECE), b""), limit=MAX_UNPACKED_BYTES, what="The unpacked body"
            )
        except (pa.ArrowException, OSError) as error:
            raise UnreadableRecords(f"The body is not {ENCODINGS[name]}: {error}.") from error
