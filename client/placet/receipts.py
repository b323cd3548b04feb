"""Receipts: one entry's offline proof that it is in the log, in the C2SP tlog-proof format (``.tlog-proof``)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from placet.trust import Trust
from placet.verify import Checkpoint, InvalidProof, leaf_hash, open_receipt, parse_checkpoint, verify_inclusion

_HEAD = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Receipt:
    """What a receipt proves: an entry stands at ``index`` of the log that ``checkpoint`` describes."""

    index: int
    checkpoint: Checkpoint
    extra: bytes | None
    """Opaque data carried along. It is not signed: never trust it by itself."""
    witnesses: dict[str, int]
    """Your witnesses that cosigned the checkpoint, by their name in the trust file, and when (POSIX time)."""
    quorum: bool
    """Whether they are the quorum of the trust file."""


def encode_receipt(*, index: int, proof: Sequence[bytes], checkpoint_note: bytes, extra: bytes | None = None) -> bytes:
    """Return the receipt of entry ``index``.

    Args:
        index: the entry's index in the log, from 0.
        proof: its inclusion proof in the checkpoint's tree, sibling first, 32 bytes each.
        checkpoint_note: the signed checkpoint, verbatim, with its cosignatures if it has any.
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


def verify_receipt(
    receipt: bytes, *, entry: bytes | None = None, vkeys: Sequence[str] = (), trust: Trust | None = None
) -> Receipt:
    """Check that an entry (its exact bytes) is in the log, as ``receipt`` says.

    Args:
        entry: the entry's bytes; None takes those that the receipt carries along, which the proof then covers.
        vkeys: the log keys that you trust; not needed with ``trust``.
        trust: a whole trust file, for its log keys and its witnesses.

    Raises:
        InvalidProof: the receipt is malformed, carries no entry, or is not for this entry.
        InvalidSignature: no trusted key signed its checkpoint, or a cosignature by a witness of yours does not verify.
    """
    index, proof, note, extra = open_receipt(receipt)
    proved = extra if entry is None else entry
    if proved is None:
        raise InvalidProof("The receipt carries no entry; give the entry's bytes.")
    known = trust or Trust(tuple(vkeys), ())
    checkpoint = parse_checkpoint(note, known.logs)
    verify_inclusion(index, checkpoint.size, leaf_hash(proved), proof, checkpoint.root)
    witnesses, quorum = known.cosigned(note)
    return Receipt(index, checkpoint, extra, witnesses, quorum)
