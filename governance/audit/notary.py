"""The notary: gives entries their place, signs checkpoints, publishes them outside the database, and does its duties.

Order of one round: integrate (commit), check against the last tree it signed, write the high-water mark (fsync), sign
and store the checkpoint, publish the copy. A crash between two of them repeats a step, never skips one.
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from governance.audit import selectors
from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.folder import Folder
from governance.audit.anchors.publisher import Publisher
from governance.audit.errors import LogInconsistent
from governance.audit.models import Checkpoint
from governance.common import clock
from placet.merkle import extend_tiles
from placet.notes import encode_vkey, load_private_key, sign_checkpoint
from placet.verify import TILE, InvalidSignature, leaf_hash, parse_checkpoint

log = logging.getLogger(__name__)
BATCH = 5000
LOCK = 0x706C_6163_6574  # "placet": one notary at a time holds this advisory lock

Duty = Callable[["Notary"], None]
_duties: list[Duty] = []


def register_duty(duty: Duty) -> None:
    """Have the notary call ``duty`` after each round. Upper layers issue their permits this way."""
    _duties.append(duty)


@dataclass
class Notary:
    """One notary with its keys, its high-water file, its write-once folder and all other places outside.

    Attributes:
        origin: the log's name, also the name of its key.
        log_key: signs checkpoints.
        permit_key: signs permits.
        state_dir: holds the high-water mark; outside PostgreSQL, so that restoring the database can't turn it back.
        anchor_dir: a write-once folder; what is found there counts when the high-water mark is lost.
        publisher: takes checkpoints to the places outside; by default to ``anchor_dir``, within the round.
    """

    origin: str
    log_key: Ed25519PrivateKey
    permit_key: Ed25519PrivateKey
    state_dir: Path
    anchor_dir: Path
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = Publisher([Folder(self.anchor_dir)], background=False)

    @classmethod
    def from_files(
        cls,
        *,
        origin: str,
        log_key: str,
        permit_key: str,
        state_dir: str,
        anchor_dir: str,
        anchors: Sequence[str] = ("folder:",),
    ) -> "Notary":
        """Load the keys, make the folders, and publish to ``anchors`` (URLs) in the background."""
        for folder in (state_dir, anchor_dir):
            Path(folder).mkdir(parents=True, exist_ok=True)
        notary = cls(
            origin,
            load_private_key(Path(log_key)),
            load_private_key(Path(permit_key)),
            Path(state_dir),
            Path(anchor_dir),
        )
        notary.publisher = Publisher(sinks_from(anchors))
        return notary

    @property
    def vkey(self) -> str:
        return encode_vkey(self.origin, self.log_key.public_key())

    def lock(self) -> bool:
        """Try to become the one working notary; the lock lasts as long as the database session."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            return bool(cursor.fetchone()[0])

    def round(self) -> int:
        """Do one round and return how many entries were integrated.

        Raises:
            LogInconsistent: the stored tree contradicts what was signed before; nothing is signed.
        """
        integrated = integrate()
        size = selectors.size()
        newest = selectors.newest_checkpoint()
        if size and (newest is None or newest.size < size):
            self._sign(size)
        self.publisher.offer(selectors.newest_checkpoint())
        for duty in _duties:
            duty(self)
        return integrated

    def _sign(self, size: int) -> None:
        root = selectors.root_at(size)
        self._check_consistent(size, root)
        self._write_high_water(size, root)
        note = sign_checkpoint(origin=self.origin, size=size, root=root, private_key=self.log_key)
        Checkpoint.objects.create(size=size, root=root, note=note, at=clock.now())

    def _check_consistent(self, size: int, root: bytes) -> None:
        signed = self._high_water()
        if signed is None:
            return
        old_size, old_root = signed
        if old_size > size:
            raise LogInconsistent(
                f"The database holds {size} entries, but a tree of {old_size} was signed before: entries are missing, "
                "or the database was restored from a back-up. See docs/how-to/back-up-and-restore.md."
            )
        if selectors.root_at(old_size) != old_root:
            raise LogInconsistent(
                f"The first {old_size} entries do not have the root that was signed for them: an entry was changed."
            )

    @property
    def _high_water_file(self) -> Path:
        return self.state_dir / "high-water.json"

    def _high_water(self) -> tuple[int, bytes] | None:
        """Return the last tree this notary signed; with the file lost, what its own signatures outside still show."""
        candidates: list[tuple[int, bytes]] = []
        if self._high_water_file.exists():
            held = json.loads(self._high_water_file.read_text())
            candidates.append((int(held["size"]), bytes.fromhex(held["root"])))
        else:
            notes = [path.read_bytes() for path in sorted(self.anchor_dir.glob("*.note"))]
            notes += [bytes(note) for note in Checkpoint.objects.order_by("-size").values_list("note", flat=True)[:1]]
            for note in notes:
                try:
                    checkpoint = parse_checkpoint(note, [self.vkey])
                except InvalidSignature as error:
                    raise LogInconsistent(
                        f"A published checkpoint is not signed with this log's key: {error}"
                    ) from error
                candidates.append((checkpoint.size, checkpoint.root))
        return max(candidates, default=None)

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


@transaction.atomic
def integrate() -> int:
    """Give each pending entry the next index, in order of arrival, and return how many there were.

    Each leaf hash is computed again from the stored bytes, and must be the one that was stored with them.

    Raises:
        LogInconsistent: an entry's bytes and leaf hash do not fit.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH taken AS (
                 DELETE FROM audit_pending WHERE entry_id IN
                   (SELECT p.entry_id FROM audit_pending p ORDER BY p.seq LIMIT %s) RETURNING entry_id)
               SELECT e.id, e.body, e.leaf_hash FROM taken t JOIN audit_entry e ON e.id = t.entry_id ORDER BY e.seq""",
            [BATCH],
        )
        rows = cursor.fetchall()
        if not rows:
            return 0
        size = selectors.size()
        hashes = [leaf_hash(bytes(body)) for _, body, _ in rows]
        for (entry_id, _, stored), computed in zip(rows, hashes, strict=True):
            if bytes(stored) != computed:
                raise LogInconsistent(f"Entry {entry_id}: its bytes do not have the leaf hash stored with them.")
        changed = extend_tiles(size, hashes, selectors.read_tile)
        cursor.executemany(
            "INSERT INTO audit_leaf (index, entry_id, leaf_hash) VALUES (%s, %s, %s)",
            [(size + i, row[0], computed) for i, (row, computed) in enumerate(zip(rows, hashes, strict=True))],
        )
        nodes = [
            (level, index * TILE + offset // 32, data[offset : offset + 32])
            for (level, index), data in changed.items()
            if level > 0
            for offset in range(0, len(data), 32)
        ]
        if nodes:
            cursor.executemany(
                "INSERT INTO audit_node (level, index, hash) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", nodes
            )
    return len(rows)
