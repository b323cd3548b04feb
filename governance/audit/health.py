"""How the log is doing: what its keeper would look at first, each with how it was found out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import connection

from governance.audit import erasure, guards, proofs, selectors
from governance.audit.events import Event
from governance.audit.models import Anchor, AnchorSink, Origin, Search
from governance.audit.notary import HEARTBEAT_EVERY
from governance.common import clock

SLOW = timedelta(seconds=10)
"""An entry that waits longer than this for its place says that the notary stands still."""
STALE_ANCHOR = timedelta(days=1)

Tone = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Sign:
    """One sign of the log's health."""

    name: str
    value: str
    tone: Tone
    text: str
    since: datetime | None = None


@dataclass(frozen=True)
class Outside:
    """The newest copy of a checkpoint in one place outside the database."""

    sink: str
    size: int
    behind: int
    at: datetime | None
    age: timedelta | None
    reference: str
    signed: bool
    """Whether the far side signed it (a time-stamp, a witness)."""
    failing_since: datetime | None = None
    error: str = ""


_further: list[Callable[[], Sign]] = []


def register_sign(sign: Callable[[], Sign]) -> None:
    """Let an upper layer say how something goes that follows from the log, on the same page."""
    _further.append(sign)


def signs() -> list[Sign]:
    """Return what can be said about the log now, and about what follows from it."""
    own = [_sequencing(), _signing(), _publishing(), _heartbeat(), _guards(), _erasures()]
    return [*own, *(sign() for sign in _further)]


def outside_copies() -> list[Outside]:
    """Return the newest copy in each place outside the database, what fails first."""
    size, now = selectors.size(), clock.now()
    newest = Anchor.objects.select_related("checkpoint").order_by("sink", "-checkpoint__position").distinct("sink")
    failing = {row.name: row for row in AnchorSink.objects.filter(failing_since__isnull=False)}
    found = []
    for row in newest:
        failure = failing.pop(row.sink, None)
        found.append(
            Outside(
                sink=row.sink,
                size=row.size,
                behind=max(size - row.size, 0),
                at=row.at,
                age=now - row.at,
                reference=row.reference,
                signed=row.proof is not None,
                failing_since=failure.failing_since if failure else None,
                error=failure.error if failure else "",
            )
        )
    found += [
        Outside(row.name, 0, size, None, None, "", signed=False, failing_since=row.failing_since, error=row.error)
        for row in failing.values()
    ]
    return sorted(found, key=lambda copy: (copy.failing_since is None, copy.at or now))


def shards() -> list[Origin]:
    """Return the names of this database's log, newest first; more than one after a fork."""
    return list(Origin.objects.order_by("-shard"))


def keys() -> list[str]:
    """Return the public keys that sign checkpoints now, as the log has them on record."""
    known: dict[str, None] = {}
    for row in Search.objects.filter(event__in=[Event.KEY_ADDED, Event.KEY_RETIRED]).order_by("position"):
        vkey = selectors.entry_at_position(row.position).parsed["data"]["vkey"]
        known.pop(vkey, None)
        if row.event == Event.KEY_ADDED:
            known[vkey] = None
    return list(known)


def _sequencing() -> Sign:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(e.recorded_at) FROM audit_pending p JOIN audit_entry e ON e.id = p.entry_id"
        )
        waiting, oldest = cursor.fetchone()
    late = oldest is not None and clock.now() - oldest > SLOW
    text = (
        "The oldest has waited longer than it should: look whether the notary runs, and what it refuses."
        if late
        else "Counted just now in the queue of the database."
    )
    return Sign("Entries that wait for their place", f"{waiting:,}", "bad" if late else "ok", text, oldest)


def _signing() -> Sign:
    checkpoint, size = selectors.newest_checkpoint(), selectors.size()
    if checkpoint is None:
        return Sign("Signed checkpoint", "none", "warn", "Nothing is signed yet: start the notary.")
    behind = size - checkpoint.size
    trusted = checkpoint_is_trusted(bytes(checkpoint.note))
    tone: Tone = "ok" if trusted and not behind else "warn" if trusted else "bad"
    said = "by a key of this installation's trust file" if trusted else "by no key of this installation's trust file"
    text = f"Signed {said}; {behind:,} entries came after it."
    return Sign("Signed checkpoint", f"{checkpoint.size:,} entries", tone, text, checkpoint.at)


def _publishing() -> Sign:
    sinks = selectors.anchor_sinks()
    failing = [sink for sink in sinks if sink.failing_since is not None]
    if not sinks:
        return Sign("Places outside", "none yet", "warn", "The notary names them with its first checkpoint.")
    if not failing:
        return Sign(
            "Places outside", f"{len(sinks)}, all work", "ok", "The last publication to each of them succeeded."
        )
    since = min(sink.failing_since for sink in failing if sink.failing_since)
    text = " ".join(sink.error for sink in failing)
    tone: Tone = "bad" if len(failing) == len(sinks) else "warn"
    return Sign("Places outside", f"{len(failing)} of {len(sinks)} fail", tone, text, since)


def checkpoint_is_trusted(note: bytes) -> bool:
    """Return whether a key of the trust file signed the note."""
    return proofs.read_checkpoint(note) is not None


def _heartbeat() -> Sign:
    last = Search.objects.filter(event=Event.LOG_HEARTBEAT).order_by("-position").first()
    if last is None:
        return Sign("Heartbeat", "none yet", "warn", "The notary appends one each hour, from its first start on.")
    late = clock.now() - last.at > HEARTBEAT_EVERY + timedelta(minutes=5)
    text = "One is missing: the notary did not run, or entries were removed." if late else "The next is due in an hour."
    return Sign("Heartbeat", "late" if late else "on time", "bad" if late else "ok", text, last.at)


def _guards() -> Sign:
    found = guards.problems()
    last = Search.objects.filter(event=Event.LOG_GUARDS_CHECKED).order_by("-position").first()
    text = " ".join(found) or "Asked of the database just now: this process can't alter the log, every trigger is on."
    value = f"{len(found)} problems" if found else "all stand"
    return Sign("Guards", value, "bad" if found else "ok", text, last.at if last else None)


def _erasures() -> Sign:
    waiting = sum(not wish.done for wish in erasure.wishes())
    text = "The data protection officer runs `manage.py redact`; it lists them." if waiting else "Nobody waits for one."
    return Sign("Requests to erase", f"{waiting} open", "warn" if waiting else "ok", text)
