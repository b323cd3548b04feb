"""The notary: gives entries their place, signs checkpoints, publishes them outside the database, and does its duties.

Order of one round: integrate (commit), check against the last tree it signed, write the high-water mark (fsync), store
the signed checkpoint, publish the copy. A crash between two of them repeats a step, never skips one.
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from governance.audit import selectors, services
from governance.audit.actors import System
from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.folder import Folder
from governance.audit.anchors.publisher import Publisher
from governance.audit.anchors.sinks import as_file_name
from governance.audit.errors import LogInconsistent
from governance.audit.events import Event
from governance.audit.integration import integrate
from governance.audit.models import Checkpoint, Entry, Origin, Search
from governance.common import clock
from placet.merkle import MissingTile
from placet.notes import checkpoint_text, encode_note, encode_vkey, load_private_key, signature_line
from placet.verify import Checkpoint as SignedCheckpoint
from placet.verify import InvalidSignature, parse_checkpoint

log = logging.getLogger(__name__)
ME = System("notary")
LOCK = 0x706C_6163_6574  # "placet": one notary at a time holds this advisory lock
HEARTBEAT_EVERY = timedelta(hours=1)

Duty = Callable[["Notary"], None]
_duties: list[Duty] = []


def register_duty(duty: Duty) -> None:
    """Have the notary call ``duty`` after each round. Upper layers issue their permits this way."""
    _duties.append(duty)


@dataclass
class Notary:
    """One notary with its keys, its high-water file, its write-once folder and all other places outside.

    Attributes:
        origin: the log's name, also the name of its keys.
        log_key: signs checkpoints.
        permit_key: signs permits.
        state_dir: holds the high-water mark; outside PostgreSQL, so that restoring the database can't turn it back.
        anchor_dir: a write-once folder; what is found there counts when the high-water mark is lost.
        more_log_keys: sign checkpoints as well, while one key takes over from another.
        publisher: takes checkpoints to the places outside; by default to ``anchor_dir``, within the round.
    """

    origin: str
    log_key: Ed25519PrivateKey
    permit_key: Ed25519PrivateKey
    state_dir: Path
    anchor_dir: Path
    more_log_keys: Sequence[Ed25519PrivateKey] = ()
    heartbeat_at: datetime | None = None  # of the newest heartbeat; None: look it up
    _past_keys: frozenset[str] = frozenset()  # vkeys that the log has on record, retired ones too
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = Publisher([Folder(self.anchor_dir)], background=False)

    @classmethod
    def from_files(
        cls,
        *,
        origin: str,
        log_keys: Sequence[str],
        permit_key: str,
        state_dir: str,
        anchor_dir: str,
        anchors: Sequence[str] = ("folder:",),
    ) -> "Notary":
        """Load the keys, make the folders, and publish to ``anchors`` (URLs) in the background."""
        for folder in (state_dir, anchor_dir):
            Path(folder).mkdir(parents=True, exist_ok=True)
        first, *more = [load_private_key(Path(file)) for file in log_keys]
        notary = cls(origin, first, load_private_key(Path(permit_key)), Path(state_dir), Path(anchor_dir), more)
        notary.publisher = Publisher(sinks_from(anchors))
        return notary

    @property
    def vkeys(self) -> list[str]:
        """The public keys of the log, in the form of a trust file."""
        return [encode_vkey(self.origin, key.public_key()) for key in (self.log_key, *self.more_log_keys)]

    @property
    def vkey(self) -> str:
        """The public key that signs first."""
        return self.vkeys[0]

    def lock(self) -> bool:
        """Try to become the one working notary; the lock lasts as long as the database session."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            return bool(cursor.fetchone()[0])

    def open(self) -> None:
        """Begin, or go on with, the log of this name, and put every change of its keys on record.

        Raises:
            LogInconsistent: the database keeps a log of another name.
        """
        newest = Origin.objects.order_by("-shard").first()
        if newest is None:
            first = Entry.objects.order_by("seq").first()
            said = json.loads(bytes(first.body))["log"] if first else self.origin
            self._check_name(said)
            Origin.objects.create(shard=0, origin=self.origin, at=clock.now())
        else:
            self._check_name(newest.origin)
        self._announce_keys()

    def _check_name(self, kept: str) -> None:
        if kept != self.origin:
            raise LogInconsistent(
                f"This database keeps the log {kept}, and PLACET_LOG_ORIGIN says {self.origin}: set it to {kept} in "
                "every process. After a restore, `manage.py notary fork` begins the log of another name."
            )

    def _announce_keys(self) -> None:
        known: set[str] = set()
        past: set[str] = set()
        for row in Search.objects.filter(event__in=[Event.KEY_ADDED, Event.KEY_RETIRED]).order_by("position"):
            said = selectors.entry_at_position(row.position).parsed["data"]
            if said["origin"] == self.origin:
                past.add(said["vkey"])
                (known.add if row.event == Event.KEY_ADDED else known.discard)(said["vkey"])
        self._past_keys = frozenset(past)
        for event, vkeys in (
            (Event.KEY_ADDED, set(self.vkeys) - known),
            (Event.KEY_RETIRED, known - set(self.vkeys)),
        ):
            for vkey in sorted(vkeys):
                with transaction.atomic():
                    services.append(event=event, actor=ME, data={"origin": self.origin, "vkey": vkey})

    def round(self) -> int:
        """Do one round and return how many entries were integrated.

        Raises:
            LogInconsistent: the stored tree contradicts what was signed before; nothing is signed.
        """
        self._heartbeat()
        integrated = integrate()
        size = selectors.size()
        newest = selectors.newest_checkpoint()
        if size and (newest is None or newest.size < size):
            self._sign(size)
        self.publisher.offer(selectors.newest_checkpoint())
        for duty in _duties:
            duty(self)
        return integrated

    def _heartbeat(self) -> None:
        """Append an entry each hour, so that silence can be told from a log that stands still."""
        if self.heartbeat_at is None:
            last = Search.objects.filter(event=Event.LOG_HEARTBEAT).order_by("-position").first()
            self.heartbeat_at = last.at if last else clock.now() - HEARTBEAT_EVERY
        now = clock.now()
        if now - self.heartbeat_at >= HEARTBEAT_EVERY:
            with transaction.atomic():
                services.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"size": selectors.size()})
            self.heartbeat_at = now

    def _sign(self, size: int) -> None:
        try:
            root = selectors.root_at(size)
            self._check_consistent(size, root)
        except MissingTile as gap:
            raise LogInconsistent(f"The stored tree has a gap: {gap}") from gap
        text = checkpoint_text(origin=self.origin, size=size, root=root)
        keys = (self.log_key, *self.more_log_keys)
        note = encode_note(text, *(signature_line(text, name=self.origin, private_key=key) for key in keys))
        self._write_high_water(size, root)
        Checkpoint.objects.create(position=selectors.base() + size, root=root, note=note, at=clock.now())

    def _check_consistent(self, size: int, root: bytes) -> None:
        signed = self.high_water()
        if signed is None:
            return
        old_size, old_root = signed
        if old_size > size:
            raise LogInconsistent(
                f"The database holds {size} entries, but a tree of {old_size} was signed before: entries are missing, "
                "or the database was restored from a back-up. See docs/how-to/back-up-and-restore.md."
            )
        if (root if old_size == size else selectors.root_at(old_size)) != old_root:
            raise LogInconsistent(
                f"The first {old_size} entries do not have the root that was signed for them: an entry was changed."
            )

    @property
    def _high_water_file(self) -> Path:
        return _high_water_file(self.state_dir, self.origin)

    def high_water(self) -> tuple[int, bytes] | None:
        """Return the largest tree this notary signed; with the file lost, what its signatures outside still show."""
        if kept := high_water_in(self.state_dir, self.origin):
            return kept
        known = sorted({*self.vkeys, *self._past_keys})
        try:
            seen = notes_in(self.anchor_dir, origin=self.origin, vkeys=known)
            if newest := selectors.newest_checkpoint():
                seen.append(parse_checkpoint(bytes(newest.note), known))
        except InvalidSignature as error:
            raise LogInconsistent(f"A published checkpoint is not signed with this log's key: {error}") from error
        return max(((checkpoint.size, checkpoint.root) for checkpoint in seen), default=None)

    def _write_high_water(self, size: int, root: bytes) -> None:
        temporary = self._high_water_file.with_suffix(".part")
        with temporary.open("w") as file:
            json.dump({"size": size, "root": root.hex()}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._high_water_file)
        folder = os.open(self.state_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def high_water_in(state_dir: Path, origin: str) -> tuple[int, bytes] | None:
    """Return size and root of the largest tree of a log that was signed on this machine, None if that is not known."""
    file = _high_water_file(state_dir, origin)
    if not file.exists():
        return None
    held = json.loads(file.read_text())
    return int(held["size"]), bytes.fromhex(held["root"])


def _high_water_file(state_dir: Path, origin: str) -> Path:
    return state_dir / f"{as_file_name(origin)}.high-water.json"


def notes_in(folder: Path, *, origin: str, vkeys: Sequence[str]) -> list[SignedCheckpoint]:
    """Return the checkpoints of a log that lie in a write-once folder.

    Raises:
        InvalidSignature: one of them is not signed by any of ``vkeys``.
    """
    return [parse_checkpoint(path.read_bytes(), vkeys) for path in folder.glob(f"{as_file_name(origin)}.*.note")]
