"""What was done on a permit while Placet was away, kept on disk until Placet has taken note of it.

One line of JSON for each step: begun (before the write, flushed to the disk), done or failed (after it), delivered. A
use that was begun and never ended is one in which the server stopped: its outcome is ``unknown``. Lines are only added.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

JOURNAL_ENV = "PLACET_JOURNAL"
DEFAULT_NAME = "placet-journal.jsonl"


@dataclass
class Use:
    """One use of a permit: what Placet will be told, and how far it came."""

    journal_id: str
    subject: Mapping[str, Any]
    identity: Mapping[str, Any]
    detail: Mapping[str, Any]
    steps: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str | None:
        """Return ``done``, ``failed`` or ``unknown``; ``None`` while it is under way."""
        return next((step for step in self.steps if step in ("done", "failed", "unknown")), None)

    def as_question(self) -> bytes:
        """Return the body of the call that tells Placet."""
        detail = {**self.detail, "outcome": self.outcome, "journal_id": self.journal_id}
        body = {"action": "permit.used", "subject": self.subject, "detail": detail, "identity": self.identity}
        return json.dumps({**body, "grant": None}).encode()


class Journal:
    """The journal of one server; its processes take turns by a lock on a file beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the journal alone. Whoever writes on a permit holds it from the check until the outcome is noted.

        Raises:
            OSError: there can be no journal here.
        """
        with self._lock("lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def delivering(self) -> Iterator[bool]:
        """Yield whether this process is the one that delivers now."""
        try:
            with self._lock("delivery", fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def begin(
        self,
        *,
        subject: Mapping[str, Any],
        identity: Mapping[str, Any],
        alias: str,
        permit_digest: str,
        reason: str,
    ) -> str:
        """Note that a use begins, on the disk when this returns; call it under the lock. Returns the use's id.

        Raises:
            OSError: it could not be noted, so the write must not happen.
        """
        journal_id = secrets.token_hex(16)
        now = datetime.now(UTC).isoformat()
        detail = {"alias": alias, "permit_digest": permit_digest, "used_at": now, "reason": reason}
        self._append(
            {"journal_id": journal_id, "step": "begun", "subject": subject, "identity": identity, "detail": detail}
        )
        return journal_id

    def note(self, journal_id: str, step: str) -> None:
        """Note a further step of a use: ``done``, ``failed``, ``unknown`` or ``delivered``; under the lock."""
        self._append({"journal_id": journal_id, "step": step})

    def uses(self) -> list[Use]:
        """Return all uses, oldest first; a line that was torn off by a crash counts as not written."""
        found: dict[str, Use] = {}
        if not self.path.exists():
            return []
        for line in self.path.read_bytes().splitlines():
            try:
                said = json.loads(line)
                journal_id, step = said["journal_id"], said["step"]
                if step == "begun":
                    found[journal_id] = Use(journal_id, said["subject"], said["identity"], said["detail"])
                elif journal_id in found:
                    found[journal_id].steps.append(step)
            except (ValueError, KeyError, TypeError):
                continue
        return list(found.values())

    def undelivered(self) -> list[Use]:
        """Return the uses that Placet has not taken note of, oldest first; under the lock.

        Who holds the lock knows that nobody is in the middle of a use, so one without an outcome was cut off.
        """
        waiting = [use for use in self.uses() if "delivered" not in use.steps]
        for use in waiting:
            if use.outcome is None:
                self.note(use.journal_id, "unknown")
                use.steps.append("unknown")
        return waiting

    def was_used(self, permit_digest: str) -> bool:
        """Tell whether a write was made on this permit already.

        One in which the server stopped counts once Placet knows of it. Until then the permit may be shown again: it is
        for one state of the alias, so where that still stands, nothing was written.
        """
        uses = [use for use in self.uses() if use.detail["permit_digest"] == permit_digest]
        return any(use.outcome == "done" or (use.outcome != "failed" and "delivered" in use.steps) for use in uses)

    def _append(self, said: Mapping[str, Any]) -> None:
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123  (a path knows no O_APPEND with reading)
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            file.write((b"\n" if torn else b"") + json.dumps(said).encode() + b"\n")
            os.fsync(descriptor)
        if is_new:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # or a crash could lose the file itself
            finally:
                os.close(folder)

    @contextmanager
    def _lock(self, suffix: str, how: int) -> Iterator[None]:
        descriptor = os.open(f"{self.path}.{suffix}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def journal_of_this_server() -> Journal:
    """Return the journal that ``PLACET_JOURNAL`` names, else ``placet-journal.jsonl`` where the server was started."""
    return Journal(Path(os.environ.get(JOURNAL_ENV, "").strip() or DEFAULT_NAME).absolute())
