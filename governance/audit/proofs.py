"""What can be said of one entry, as three separate verdicts, each computed now with the auditor's own verifier."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from governance.audit import selectors
from governance.audit.models import Anchor, Checkpoint
from governance.audit.selectors import LogEntry
from governance.common import clock
from placet.trust import InvalidTrust, load_trust
from placet.verify import InvalidProof, InvalidSignature, leaf_hash, parse_checkpoint, verify_inclusion


@dataclass(frozen=True)
class Word:
    """A verdict (``holds``, ``fails`` or ``not shown``) and the sentence behind it."""

    word: str
    text: str


@dataclass(frozen=True)
class Proof:
    """The verdicts about one entry, with what they rest on."""

    integrity: Word
    completeness: Word
    anchoring: Word
    checkpoint: Checkpoint | None
    path: list[bytes]


@lru_cache(maxsize=4)
def _log_keys(path: str, changed_ns: int) -> tuple[str, ...]:
    del changed_ns  # part of the cache's key: a rotated trust file is read again
    return tuple(load_trust(Path(path)).logs)


def log_keys() -> tuple[str, ...]:
    """Return the log's public keys from the trust file, empty when there is none."""
    try:
        return _log_keys(settings.TRUST_FILE, Path(settings.TRUST_FILE).stat().st_mtime_ns)
    except (OSError, InvalidTrust):
        return ()


def prove(entry: LogEntry) -> Proof:
    """Verify one entry against the newest checkpoint and the newest outside copy of one."""
    checkpoint = selectors.newest_checkpoint()
    pending = selectors.pending_count()
    waits = Word("not shown", "The notary has not placed the entry yet; this takes about a second.")
    if entry.index is None or checkpoint is None or checkpoint.size <= entry.index:
        return Proof(waits, _completeness(pending), waits, None, [])
    path = selectors.inclusion_proof(entry.index, checkpoint.size)
    return Proof(
        _integrity(entry, entry.index, checkpoint, path),
        _completeness(pending),
        _anchoring(entry.index),
        checkpoint,
        path,
    )


def _integrity(entry: LogEntry, index: int, checkpoint: Checkpoint, path: list[bytes]) -> Word:
    try:
        signed = parse_checkpoint(bytes(checkpoint.note), log_keys())
        verify_inclusion(index, signed.size, leaf_hash(entry.body), path, signed.root)
    except (InvalidSignature, InvalidProof) as problem:
        return Word("fails", str(problem))
    return Word(
        "holds", f"The bytes are under the root that the notary signed for {signed.size:,} entries; checked just now."
    )


def _completeness(pending: int) -> Word:
    if pending:
        return Word("not shown", f"{pending} entries wait for the notary.")
    return Word("holds", "Every entry that was written has its place in the tree; nothing waits.")


def _anchoring(index: int) -> Word:
    anchor = (
        Anchor.objects.select_related("checkpoint")
        .filter(checkpoint__size__gt=index)
        .order_by("checkpoint__size")
        .first()
    )
    if anchor is None:
        return Word("not shown", "No copy of a checkpoint outside the database covers this entry yet.")
    age = int((clock.now() - anchor.at).total_seconds())
    return Word(
        "holds",
        f"Covered by the checkpoint of {anchor.checkpoint_id:,} entries, copied to the {anchor.where} {age:,} s ago.",
    )
