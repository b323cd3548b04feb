"""Export the log as a bundle that a stranger verifies offline."""

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.http import FileResponse

from governance.audit import selectors, services
from governance.audit.actors import Actor
from governance.audit.errors import LogInconsistent, NotIntegrated
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.audit.models import Anchor, Checkpoint
from governance.audit.receipts import wait_for_receipt
from governance.common import clock
from placet.bundle import GovernedRow, write_bundle
from placet.bundle import Payload as BundlePayload

_POLL_S = 0.1
_TRIES = 20
_COSIGNATURE = "\u2014".encode()
"""How a witness's line begins; a time-stamp token begins otherwise."""

Wait = Callable[[], None]


@dataclass(frozen=True)
class Head:
    """One checkpoint, and what was published outside up to it: signed notes and time stamps by size."""

    origin: str
    size: int
    root: bytes
    note: bytes
    at: datetime
    anchored: Mapping[int, bytes]
    time_stamps: Mapping[int, bytes]


def head(size: int | None = None) -> Head:
    """Return the newest checkpoint, or the one at a size, with what was published outside up to it.

    Raises:
        NotIntegrated: there is none.
    """
    found = selectors.newest_checkpoint() if size is None else selectors.checkpoint_of(size)
    if found is None:
        raise NotIntegrated("The log has no such signed checkpoint yet; start the notary and try again.")
    notes = {int(note.split(b"\n")[1]): note for note in _anchored(found)}
    stamps = dict(_timestamps(found))
    return Head(settings.LOG_ORIGIN, found.size, bytes(found.root), bytes(found.note), found.at, notes, stamps)


def wait_until_placed(wait: Wait = lambda: time.sleep(_POLL_S)) -> None:
    """Wait until no entry waits for the notary, but not long: on a busy log some always do."""
    for _ in range(_TRIES):
        if not selectors.pending_count():
            return
        wait()


def governed_models() -> list[type[Governed]]:
    """Return every governed model, by its table: the one list of what the log must speak for."""
    return sorted((m for m in apps.get_models() if issubclass(m, Governed)), key=lambda model: model._meta.db_table)


def governed_tables() -> list[str]:
    """Return the tables of every governed model."""
    return [model._meta.db_table for model in governed_models()]


def export_bundle(path: Path, *, actor: Actor, wait: Wait = lambda: time.sleep(_POLL_S)) -> Path:
    """Write a bundle of everything that is in the tree, from one consistent view of the database, and log that.

    The entry ``bundle.exported`` names the digest of the bundle's manifest; its receipt is the manifest's signature.

    Args:
        path: where to; a failure leaves no file.
        actor: who takes it away.
        wait: called between two looks at what the notary has done.
    Raises:
        NotIntegrated: the log holds no signed checkpoint yet, or the notary stands still.
        LogInconsistent: an entry has lost its place and does not wait for one.
        BrokenLog: the stored entries are not the ones that were signed.
    """
    wait_until_placed(wait)  # a view in which nothing waits shows most
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        checkpoint = selectors.newest_checkpoint()
        if checkpoint is None:
            raise NotIntegrated("The log has no signed checkpoint yet; start the notary and try again.")
        if lost := selectors.lost_entry():
            raise LogInconsistent(f"Entry {lost} has no place in the tree and does not wait for one.")
        size = checkpoint.size
        return write_bundle(
            path,
            origin=settings.LOG_ORIGIN,
            checkpoint_note=bytes(checkpoint.note),
            anchored=_anchored(checkpoint),
            timestamps=_timestamps(checkpoint),
            entries=(body for _, body in selectors.integrated_bodies(size)),
            payloads=(BundlePayload(at, salt, text.decode()) for at, salt, text in selectors.payloads(size)),
            governed=_governed_rows(),
            pending=selectors.pending_count() + selectors.size() - size,
            created_at=clock.rfc3339(clock.now()),
            seal=lambda manifest: _seal(manifest, size, actor, wait),
        )


def _seal(manifest: bytes, size: int, actor: Actor, wait: Wait) -> bytes:
    """Log the export and return the entry's receipt, in a thread: the export's view of the database is still open."""

    def log() -> bytes:
        try:
            with transaction.atomic():
                digest = f"sha256:{sha256(manifest).hexdigest()}"
                data = {"manifest": digest, "size": size}
                entry_id = services.append(event=Event.BUNDLE_EXPORTED, actor=actor, data=data)
            return wait_for_receipt(entry_id, wait=wait)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(log).result()


def _anchors(upto: Checkpoint) -> Iterator[Anchor]:
    rows = Anchor.objects.filter(checkpoint__position__gte=selectors.base(), checkpoint__position__lte=upto.position)
    return rows.select_related("checkpoint").order_by("checkpoint__position", "id").iterator()


def _anchored(upto: Checkpoint) -> list[bytes]:
    """Return each checkpoint that went outside, with the lines of the witnesses that cosigned it."""
    notes: dict[int, bytes] = {}
    for row in _anchors(upto):
        proof = bytes(row.proof or b"")
        line = proof if proof.startswith(_COSIGNATURE) else b""
        notes[row.size] = notes.get(row.size, bytes(row.checkpoint.note)) + line
    return list(notes.values())


def _timestamps(upto: Checkpoint) -> list[tuple[int, bytes]]:
    """Return one time-stamp token for each checkpoint that has any."""
    tokens: dict[int, bytes] = {}
    for row in _anchors(upto):
        proof = bytes(row.proof or b"")
        if proof and not proof.startswith(_COSIGNATURE):
            tokens.setdefault(row.size, proof)
    return list(tokens.items())


def _governed_rows() -> Iterator[GovernedRow]:
    for table in governed_tables():
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT id::text, log_entry::text, audit_row_digest(%s, id::text) FROM "{table}" ORDER BY id::text',  # noqa: S608
                [table],
            )
            for key, entry, digest in cursor.fetchall():
                yield GovernedRow(table, key, entry, digest)


def bundle_response(actor: Actor) -> FileResponse:
    """Return a fresh bundle as a download; its file is gone once it is sent."""
    with tempfile.TemporaryDirectory(prefix="placet-bundle-") as folder:
        path = export_bundle(Path(folder) / f"placet-{uuid.uuid4().hex[:8]}.zip", actor=actor)
        file = path.open("rb")  # the open file outlives its folder; FileResponse closes it
    return FileResponse(file, as_attachment=True, filename="placet-audit-bundle.zip", content_type="application/zip")
