"""Small papers made by hand: a PDF that carries its snapshot, and a time-stamp token without a signature."""

from __future__ import annotations

import zlib


def carrying(snapshot: bytes, *, filler: bytes = b"") -> bytes:
    """What of a PDF is looked at: a file that it carries, packed as Placet packs it, and an end mark."""
    packed = zlib.compress(snapshot, 9)
    head = b"<</Type /EmbeddedFile /Params <</Size %d>> /Filter /FlateDecode /Length %d>>" % (
        len(snapshot),
        len(packed),
    )
    stream = b"1 0 obj\n" + head + b"\nstream\n" + packed + b"\nendstream\nendobj\n"
    return b"%PDF-1.7\n" + filler + stream + b"%%EOF\n"


def a_token(imprint: bytes) -> bytes:
    """A token of RFC 3161 over a digest, as far as it says what it covers."""
    sha512 = _der(0x30, _der(0x06, bytes.fromhex("608648016503040203")))
    info = _der(0x30, _der(0x02, b"\1") + _der(0x06, b"\x2a\3") + _der(0x30, sha512 + _der(0x04, imprint)))
    holds = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d0109100104")) + _der(0xA0, _der(0x04, info)))
    signed = _der(0x30, _der(0x02, b"\3") + _der(0x31, b"") + holds + _der(0x31, b""))
    return _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d010702")) + _der(0xA0, signed))


def _der(tag: int, content: bytes) -> bytes:
    size = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2)
    return bytes([tag]) + size + content
