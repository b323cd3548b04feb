"""Frames between a process and its child: one letter, a length, a body."""

from __future__ import annotations

import struct
from typing import BinaryIO

ASK, PROGRESS, DONE, FAILED = b"A", b"P", b"D", b"F"
MOST = 1 << 28  # bytes in one frame
_HEAD = struct.Struct(">cQ")


class Torn(ValueError):
    """The other side wrote something that is no frame, or ended in the middle of one."""


def write_frame(out: BinaryIO, kind: bytes, body: bytes) -> None:
    """Write one frame and flush it."""
    out.write(_HEAD.pack(kind, len(body)))
    out.write(body)
    out.flush()


def read_frame(source: BinaryIO) -> tuple[bytes, bytes] | None:
    """Return the kind and body of the next frame, None at the end.

    Raises:
        Torn: it ends in the middle, or claims to be longer than a frame may be.
    """
    head = source.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise Torn("a frame was cut short")
    kind, length = _HEAD.unpack(head)
    if length > MOST:
        raise Torn(f"a frame of {length} bytes")
    body = source.read(length)
    if len(body) < length:
        raise Torn("a frame was cut short")
    return kind, body
