"""Cosign checkpoints and check such signatures: "as of this time, I saw this log grow consistently to this size".

Source: C2SP tlog-cosignature, the Ed25519 kind ``cosignature/v1`` (signature type 0x04), and signed-note.
"""

import base64
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from placet.notes import InvalidKey, key_name
from placet.verify import InvalidSignature, InvalidTrust, decode64

_TYPE = b"\x04"
_KEY_PREFIX = "PRIVATE+KEY"


class NoCosignature(InvalidSignature):
    """The cosigner asked for did not sign."""


@dataclass(frozen=True)
class Cosigner:
    """Who cosigns: a name, and the Ed25519 public key (32 bytes) that belongs to it."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || LF || 0x04 || public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _TYPE + self.public_key).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key that goes into configurations: ``name+<key id>+<base64>``."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_TYPE + self.public_key)}"


@dataclass(frozen=True)
class Cosignature:
    """A cosignature that was checked: by whom, when (POSIX seconds), and its line with the newline."""

    name: str
    timestamp: int
    line: str


def parse_cosigner(vkey: str) -> Cosigner:
    """Read a verifier key of type 0x04.

    Raises:
        InvalidTrust: malformed, of another type, or a key id that does not fit.
    """
    name, _, rest = vkey.partition("+")
    hexid, _, encoded = rest.partition("+")
    try:
        raw = decode64(encoded)
        Ed25519PublicKey.from_public_bytes(raw[1:])
    except ValueError:
        raw = b""
    if not name or any(c.isspace() for c in name) or len(raw) != 33 or raw[:1] != _TYPE:
        raise InvalidTrust(
            f"{vkey!r} is not the key of a witness (name+id+key, of type 4): `placet witness` prints it."
        )
    cosigner = Cosigner(name, raw[1:])
    if hexid != cosigner.key_id.hex():
        raise InvalidTrust(f"The key id in {vkey!r} does not belong to its name and key.")
    return cosigner


def cosign(note: bytes, *, name: str, private_key: Ed25519PrivateKey, timestamp: int) -> str:
    """Return the signature line over a checkpoint's text at ``timestamp`` (POSIX seconds); the note is not checked."""
    cosigner = Cosigner(key_name(name), private_key.public_key().public_bytes_raw())
    signature = private_key.sign(_message(note, timestamp))
    return f"\u2014 {name} {_base64(cosigner.key_id + timestamp.to_bytes(8, 'big') + signature)}\n"


def verify_cosignature(note: bytes, lines: str, cosigner: Cosigner) -> Cosignature:
    """Find the cosigner's line among ``lines`` and check it against the checkpoint; lines of others are ignored.

    Raises:
        NoCosignature: no line is by this key.
        InvalidSignature: it does not fit the checkpoint.
    """
    for line in lines.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            blob = decode64(encoded)
        except ValueError:
            continue
        if dash != "\u2014" or name != cosigner.name or blob[:4] != cosigner.key_id:
            continue
        timestamp = int.from_bytes(blob[4:12], "big")
        if len(blob) != 76 or timestamp >= 1 << 63:
            raise InvalidSignature(f"The cosignature of {name} is malformed.")
        try:
            Ed25519PublicKey.from_public_bytes(cosigner.public_key).verify(blob[12:], _message(note, timestamp))
        except _BadSignature:
            raise InvalidSignature(f"The cosignature of {name} does not fit the checkpoint.") from None
        return Cosignature(name, timestamp, f"{line}\n")
    raise NoCosignature(f"No cosignature is by {cosigner.name}, key {cosigner.key_id.hex()}.")


def cosigned_by(note: bytes, cosigners: Iterable[Cosigner]) -> dict[str, int]:
    """Return which cosigners (by their verifier key) signed a note, and when (POSIX seconds); others are ignored.

    Raises:
        InvalidSignature: a line claims the key of one of them, and does not fit.
    """
    lines = note.decode(errors="replace").rpartition("\n\n")[2]
    seen = {}
    for cosigner in cosigners:
        with suppress(NoCosignature):
            seen[cosigner.vkey] = verify_cosignature(note, lines, cosigner).timestamp
    return seen


def encode_private_key(name: str, private_key: Ed25519PrivateKey) -> str:
    """Return the one line that a witness keeps secret: ``PRIVATE+KEY+<name>+<key id>+<base64(0x04 || seed)>``."""
    cosigner = Cosigner(key_name(name), private_key.public_key().public_bytes_raw())
    return f"{_KEY_PREFIX}+{name}+{cosigner.key_id.hex()}+{_base64(_TYPE + private_key.private_bytes_raw())}\n"


def parse_private_key(text: str) -> tuple[str, Ed25519PrivateKey]:
    """Read what ``encode_private_key`` wrote; return the name and the key.

    Raises:
        InvalidKey: it is something else, or the key id does not fit.
    """
    wrong = InvalidKey("This is not the private key of a witness: make one with `placet witness-key`.")
    prefix, _, rest = text.strip().partition(f"{_KEY_PREFIX}+")
    name, _, rest = rest.partition("+")
    hexid, _, encoded = rest.partition("+")
    try:
        raw = decode64(encoded)
        private_key = Ed25519PrivateKey.from_private_bytes(raw[1:])
        cosigner = Cosigner(key_name(name), private_key.public_key().public_bytes_raw())
    except ValueError:
        raise wrong from None
    if prefix or raw[:1] != _TYPE or cosigner.key_id.hex() != hexid:
        raise wrong
    return name, private_key


def _message(note: bytes, timestamp: int) -> bytes:
    text = note.rpartition(b"\n\n")[0] + b"\n"
    return f"cosignature/v1\ntime {timestamp}\n".encode() + text


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
