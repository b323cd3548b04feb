"""Write signed notes: verifier keys, checkpoints and their Ed25519 signatures (C2SP signed-note, tlog-checkpoint).

Signing is deterministic: the same key and text always give the same bytes. Reading is in ``placet.verify``.
"""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from placet.verify import key_id


class InvalidKey(ValueError):
    """A private key file does not hold an unencrypted Ed25519 key."""


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key from a PKCS #8 PEM file.

    Raises:
        InvalidKey: the file holds something else.
        OSError: it cannot be read.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise InvalidKey(f"{path} is not an unencrypted private key in PEM form.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidKey(f"{path} does not hold an Ed25519 key.")
    return key


def encode_vkey(name: str, public_key: Ed25519PublicKey, kind: int = 1) -> str:
    """Return the verifier key ``name+<key id>+<base64>`` that goes into a trust file.

    Args:
        kind: the signature type: 1 signs notes, 4 cosigns checkpoints (a witness).
    Raises:
        ValueError: ``name`` is empty, or contains white space or ``+``.
    """
    raw = public_key.public_bytes_raw()
    return f"{key_name(name)}+{key_id(name, raw, kind).hex()}+{_base64(bytes([kind]) + raw)}"


def checkpoint_text(*, origin: str, size: int, root: bytes) -> str:
    """Return the three lines that a checkpoint's signature covers.

    Raises:
        ValueError: a negative ``size``, a ``root`` that is not 32 bytes, or an ``origin`` that cannot name a key.
    """
    if size < 0 or len(root) != 32:
        raise ValueError("A checkpoint has a size of 0 or more and a root of 32 bytes.")
    return f"{key_name(origin)}\n{size}\n{_base64(root)}\n"


def signature_line(text: str, *, name: str, private_key: Ed25519PrivateKey) -> str:
    """Return one signature line over ``text`` (which ends in a newline), to be added to a note."""
    public = private_key.public_key().public_bytes_raw()
    signature = private_key.sign(text.encode())
    return f"\u2014 {key_name(name)} {_base64(key_id(name, public) + signature)}\n"


def encode_note(text: str, *signature_lines: str) -> bytes:
    """Put a text and its signature lines together.

    Raises:
        ValueError: the text does not end in a newline, or nobody signed.
    """
    if not text.endswith("\n") or not signature_lines:
        raise ValueError("A note is a text that ends in a newline, and at least one signature line.")
    return f"{text}\n{''.join(signature_lines)}".encode()


def sign_checkpoint(*, origin: str, size: int, root: bytes, private_key: Ed25519PrivateKey) -> bytes:
    """Return the signed checkpoint of a log; the key's name is the log's origin."""
    text = checkpoint_text(origin=origin, size=size, root=root)
    return encode_note(text, signature_line(text, name=origin, private_key=private_key))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def key_name(name: str) -> str:
    """Return ``name`` if it can name a key.

    Raises:
        ValueError: it is empty, or contains white space or ``+``.
    """
    if not name or "+" in name or any(c.isspace() or ord(c) < 32 for c in name):
        raise ValueError(f"{name!r} cannot name a key: it is empty or contains white space or '+'.")
    return name
