"""What can be said of one entry, as three separate verdicts, each computed now with the auditor's own verifier."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from governance.audit import selectors
from governance.audit.models import Anchor, Checkpoint, Payload
from governance.audit.selectors import LogEntry
from governance.audit.services import SealedPayload
from governance.common import clock
from governance.common.templatetags.placet import duration
from placet.trust import InvalidTrust, load_trust
from placet.verify import Checkpoint as SignedCheckpoint
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


def read_checkpoint(note: bytes) -> SignedCheckpoint | None:
    """Return what a note says if a key of the trust file signed it, else None."""
    try:
        return parse_checkpoint(note, log_keys())
    except (InvalidSignature, InvalidTrust):
        return None


def prove(entry: LogEntry) -> Proof:
    """Verify one entry against the newest checkpoint and the newest outside copy of one."""
    checkpoint = selectors.newest_checkpoint()
    pending = selectors.pending_count()
    waits = Word("not shown", "The notary has not placed the entry yet; this takes about a second.")
    complete = _completeness(entry, pending)
    if entry.index is None or checkpoint is None or checkpoint.size <= entry.index:
        return Proof(waits, complete, waits, None, [])
    path = selectors.inclusion_proof(entry.index, checkpoint.size)
    return Proof(
        _integrity(entry, entry.index, checkpoint, path),
        complete,
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
    text = Payload.objects.filter(pk=entry.id).first()
    if text and SealedPayload(bytes(text.salt), bytes(text.payload)).commitment != entry.parsed["payload"]:
        return Word("fails", "The entry is as it was signed, but the text beside it is not the one it commits to.")
    return Word(
        "holds", f"The bytes are under the root that the notary signed for {signed.size:,} entries; checked just now."
    )


def _completeness(entry: LogEntry, pending: int) -> Word:
    """Hold the rows that the entry names against the newest entries about them; the whole, only a bundle shows."""
    named = [(subject["table"], subject["key"]) for subject in entry.parsed["subjects"]]
    changed = [f"{table} {key}" for table, key in named if not selectors.stands_as_told(table, key)]
    if changed:
        return Word("fails", f"Not what the newest entry left, so changed without an entry: {', '.join(changed)}.")
    if pending:
        return Word("not shown", f"{pending} entries wait for the notary.")
    rows = f"The {len(named)} rows that it names stand" if len(named) != 1 else "The row that it names stands"
    said = f"{rows} as the newest entry about each says." if named else "It names no governed row."
    return Word("holds", f"{said} No entry waits for its place. For all rows at once, verify a bundle.")


def _anchoring(index: int) -> Word:
    anchor = (
        Anchor.objects.select_related("checkpoint")
        .filter(checkpoint__position__gt=selectors.base() + index)
        .order_by("checkpoint__position")
        .first()
    )
    if anchor is None:
        return Word("not shown", "No copy of a checkpoint outside the database covers this entry yet.")
    signed = read_checkpoint(bytes(anchor.checkpoint.note))
    if signed is None or signed.root != selectors.root_at(signed.size):
        return Word("fails", f"The checkpoint of {anchor.size:,} entries that was copied outside does not fit the log.")
    age = duration(clock.now() - anchor.at)
    return Word(
        "not shown",
        f"A checkpoint of {signed.size:,} entries that covers it was sent to the {anchor.where} {age} ago and fits "
        "the log as it stands. This server can't vouch for that copy: hold a bundle against the one out there.",
    )
