"""Begin the log anew after a legitimate restore: a shard of another name, whose first entry commits to the old head.

Nothing of the old log is touched. The new tree holds, after the entry that tells of the fork, every entry that
survived, in its old order; so one bundle still speaks for every governed row, and an old checkpoint that covers no lost
entry can still be held against it.
"""

from dataclasses import dataclass

from django.db import connection, transaction

from governance.audit import selectors, services
from governance.audit.errors import ForkRefused
from governance.audit.events import Event
from governance.audit.integration import BATCH, place
from governance.audit.models import SHARD, Checkpoint, Leaf, Origin
from governance.audit.notary import ME, Notary, high_water_in, notes_in
from governance.common import clock
from placet.merkle import Frontier
from placet.verify import Checkpoint as SignedCheckpoint
from placet.verify import InvalidSignature, leaf_hash, parse_checkpoint


@dataclass(frozen=True)
class Fork:
    """What a fork did: the old log's head, how many of its entries survived, the new log's name."""

    previous: SignedCheckpoint
    kept: int
    origin: str

    @property
    def lost(self) -> int:
        """How many entries the old log had signed that the restored database does not hold."""
        return max(self.previous.size - self.kept, 0)


@transaction.atomic
def fork(notary: Notary, *, after: bytes, vkeys: list[str], reason: str) -> Fork:
    """Begin ``notary.origin`` as the continuation of the log that ``after`` is the newest checkpoint of.

    Args:
        notary: with the new origin, and the key that signs it from now on; holds the lock.
        after: the newest checkpoint of the old log that anybody has seen.
        vkeys: the keys trusted for the old log.
        reason: why, for everybody to read.
    Raises:
        ForkRefused: ``after`` is not the old log's newest checkpoint as far as this machine knows, the surviving
            entries contradict a checkpoint of the old log, or the name is not a new one.
    """
    kept_by = Origin.objects.order_by("-shard").first()
    if kept_by is None:
        raise ForkRefused("This database keeps no log yet: start the notary, there is nothing to fork from.")
    if len(reason.strip()) < 20:
        raise ForkRefused("Say in a sentence why the log begins anew (at least 20 characters); everybody can read it.")
    if Origin.objects.filter(origin=notary.origin).exists():
        raise ForkRefused(f"PLACET_LOG_ORIGIN still says {notary.origin}: set it to a new name, such as its successor.")
    try:
        head = parse_checkpoint(after, vkeys)
    except InvalidSignature as error:
        raise ForkRefused(f"The checkpoint given with --after can't be used: {error}") from error
    if head.origin != kept_by.origin:
        raise ForkRefused(f"The checkpoint is of the log {head.origin}; this database keeps {kept_by.origin}.")
    base, kept, carried = selectors.base(), selectors.size(), selectors.pending_count()
    _check_survivors(notary, head, vkeys, kept)
    shard = kept_by.shard + 1
    Origin.objects.create(shard=shard, origin=notary.origin, at=clock.now())
    entry_id = services.append(
        event=Event.LOG_FORKED,
        actor=ME,
        data={
            "previous": {
                "origin": head.origin,
                "size": head.size,
                "root": "sha256:" + head.root.hex(),
                "note": after.decode(),
            },
            "kept": kept,
            "carried": carried,  # written under the old name, never placed in its tree: they come next
            "reason": reason.strip(),
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_pending WHERE entry_id = %s", [entry_id])
    told = selectors.entry_by_id(entry_id)
    place([(told.id, told.body, told.leaf_hash)], base=shard * SHARD, size=0)
    for first in range(0, kept, BATCH):
        rows = (
            Leaf.objects.filter(position__gte=base + first, position__lt=base + min(first + BATCH, kept))
            .order_by("position")
            .values_list("entry_id", "entry__body", "entry__leaf_hash")
        )
        survivors = [(entry_id, bytes(body), bytes(stored)) for entry_id, body, stored in rows]
        place(survivors, base=shard * SHARD, size=first + 1)
    return Fork(head, kept, notary.origin)


def _check_survivors(notary: Notary, head: SignedCheckpoint, vkeys: list[str], kept: int) -> None:
    """Hold the surviving entries against every checkpoint of the old log that this machine still has."""
    seen = [head, *notes_in(notary.anchor_dir, origin=head.origin, vkeys=vkeys)]
    stored = Checkpoint.objects.filter(position__gte=selectors.base()).values_list("note", flat=True)
    seen += [parse_checkpoint(bytes(note), vkeys) for note in stored]
    if mark := high_water_in(notary.state_dir, head.origin):
        seen.append(SignedCheckpoint(head.origin, *mark))
    newest = max(seen, key=lambda checkpoint: checkpoint.size)
    if newest.size > head.size:
        raise ForkRefused(f"A later checkpoint was signed, of {newest.size} entries: give that one with --after.")
    signed = {checkpoint.size: checkpoint.root for checkpoint in seen if 0 < checkpoint.size <= kept}
    tree = Frontier()  # over the entries' own bytes: stored hashes could have been altered with them
    for _, body in selectors.integrated_bodies(max(signed, default=0)):
        tree.append(leaf_hash(body))
        if tree.size in signed and tree.root() != signed[tree.size]:
            raise ForkRefused(
                f"The first {tree.size} entries are not those that the old log signed: this is no older state of the "
                "same log. Restore another back-up, or call in whoever investigates."
            )
