"""Receipts: one entry's offline proof that it is in the log, in the C2SP tlog-proof format (``.tlog-proof``)."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from placet.verify import Checkpoint, InvalidProof, decode64, leaf_hash, parse_checkpoint, verify_inclusion

_HEAD = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Receipt:
    """What a receipt proves: an entry stands at ``index`` of the log that ``checkpoint`` describes."""

    index: int
    checkpoint: Checkpoint
    extra: bytes | None
    """Opaque data carried along. It is not signed: never trust it by itself."""


def encode_receipt(*, index: int, proof: Sequence[bytes], checkpoint_note: bytes, extra: bytes | None = None) -> bytes:
    """Return the receipt of entry ``index``.

    Args:
        index: the entry's index in the log, from 0.
        proof: its inclusion proof in the checkpoint's tree, sibling first, 32 bytes each.
        checkpoint_note: the signed checkpoint, verbatim.
        extra: unsigned data to carry along, such as the entry's own bytes.
    """
    lines = [_HEAD]
    if extra is not None:
        lines.append("extra " + base64.b64encode(extra).decode())
    lines.append(f"index {index}")
    lines += [base64.b64encode(item).decode() for item in proof]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint_note


def is_receipt(content: bytes) -> bool:
    """Return whether a file is meant to be a receipt, by its first line."""
    return content.startswith(_HEAD.encode() + b"\n")


def verify_receipt(receipt: bytes, *, entry: bytes | None = None, vkeys: Sequence[str]) -> Receipt:
    """Check that an entry (its exact bytes) is in the log, as ``receipt`` says.

    Args:
        entry: the entry's bytes; None takes those that the receipt carries along, which the proof then covers.

    Raises:
        InvalidProof: the receipt is malformed, carries no entry, or is not for this entry.
        InvalidSignature: no trusted key signed its checkpoint.
    """
    head, _, note = receipt.partition(b"\n\n")
    try:
        first, *lines = head.decode().split("\n")
        extra = decode64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        index = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0) if lines else "")
        proof = [decode64(line) for line in lines]
    except ValueError:
        raise InvalidProof("The receipt is not a C2SP tlog-proof.") from None
    if first != _HEAD or index is None:
        raise InvalidProof("The receipt is not a C2SP tlog-proof.")
    proved = extra if entry is None else entry
    if proved is None:
        raise InvalidProof("The receipt carries no entry; give the entry's bytes.")
    checkpoint = parse_checkpoint(note, vkeys)
    verify_inclusion(int(index[1]), checkpoint.size, leaf_hash(proved), proof, checkpoint.root)
    return Receipt(index=int(index[1]), checkpoint=checkpoint, extra=extra)
