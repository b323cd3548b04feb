"""Read the log: entries, the tree, proofs, the newest checkpoint and how old its outside copy is."""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from governance.audit.anchors.sinks import place
from governance.audit.errors import NotIntegrated
from governance.audit.models import Anchor, AnchorSink, Checkpoint, Entry, Leaf, Node, Payload
from governance.common.errors import Unknown
from placet.merkle import consistency_proof_from_tiles, inclusion_proof_from_tiles, root_from_tiles
from placet.verify import TILE


@dataclass(frozen=True)
class LogEntry:
    """One entry as people read it: its parsed body beside its exact bytes."""

    id: uuid.UUID
    seq: int
    index: int | None
    body: bytes
    leaf_hash: bytes
    recorded_at: datetime

    @property
    def parsed(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def event(self) -> str:
        return str(self.parsed["event"])

    @property
    def actor(self) -> str:
        return str(self.parsed["actor"])


def _as_entry(row: Entry) -> LogEntry:
    leaf = getattr(row, "leaf", None)
    return LogEntry(
        row.id, row.seq, leaf.index if leaf else None, bytes(row.body), bytes(row.leaf_hash), row.recorded_at
    )


def entries() -> QuerySet[Entry]:
    """Return every entry, newest first, with its place in the tree where it has one."""
    return Entry.objects.select_related("leaf").order_by("-seq")


_BODY = "convert_from(audit_entry.body, 'UTF8')"


def search(
    *, text: str = "", event: str = "", before_seq: int | None = None, limit: int = 50
) -> tuple[list[LogEntry], int]:
    """Return the newest entries whose bytes contain ``text`` and whose event is ``event``, and how many there are."""
    rows = entries()
    if event:
        rows = rows.extra(where=[f"{_BODY}::jsonb ->> 'event' = %s"], params=[event])  # noqa: S610 (parameters)
    if text.isdigit():
        rows = rows.filter(leaf__index=int(text))
    elif text:
        rows = rows.extra(where=[f"position(lower(%s) in lower({_BODY})) > 0"], params=[text])  # noqa: S610
    found = rows.count()
    if before_seq:
        rows = rows.filter(seq__lt=before_seq)
    return [_as_entry(row) for row in rows[:limit]], found


def entries_about_request(request_id: object) -> list[LogEntry]:
    """Return the entries whose data names an approval request, oldest first."""
    if not request_id:
        return []
    rows = entries().filter(request=str(request_id))
    return [_as_entry(row) for row in rows.order_by("seq")]


def entries_naming(table: str, keys: Sequence[uuid.UUID]) -> list[LogEntry]:
    """Return the entries that name any of these governed rows, oldest first."""
    rows = (
        Entry.objects.select_related("leaf")
        .filter(subjects__table=table, subjects__key__in=[str(key) for key in keys])
        .distinct()
        .order_by("seq")
    )
    return [_as_entry(row) for row in rows]


def entry_by_id(entry_id: uuid.UUID) -> LogEntry:
    """Return one entry, integrated or not."""
    try:
        return _as_entry(Entry.objects.select_related("leaf").get(pk=entry_id))
    except Entry.DoesNotExist:
        raise Unknown(f"There is no log entry {entry_id}.") from None


def entry_at(index: int) -> LogEntry:
    """Return the entry at one index of the log."""
    try:
        return _as_entry(Entry.objects.select_related("leaf").get(leaf__index=index))
    except Entry.DoesNotExist:
        raise Unknown(f"The log has no entry {index}; it holds {size()}.") from None


def index_of(entry_id: uuid.UUID) -> int:
    """Return the entry's index, or say that the notary has not reached it."""
    index = Leaf.objects.filter(entry_id=entry_id).values_list("index", flat=True).first()
    if index is None:
        raise NotIntegrated(f"Entry {entry_id} waits for the notary; try again in a second.")
    return index


def indexes_of(entry_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the indexes of those entries that have one."""
    return dict(Leaf.objects.filter(entry_id__in=entry_ids).values_list("entry_id", "index"))


def size() -> int:
    """Return how many entries have a place in the tree."""
    newest = Leaf.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if newest is None else newest + 1


def read_tile(level: int, index: int) -> bytes:
    """Return the hashes of one tile, concatenated (C2SP tlog-tiles): leaves at level 0, roots of full tiles above."""
    low, high = index * TILE, (index + 1) * TILE
    if level == 0:
        leaves = Leaf.objects.filter(index__gte=low, index__lt=high).order_by("index")
        return b"".join(bytes(value) for value in leaves.values_list("leaf_hash", flat=True))
    nodes = Node.objects.filter(level=level, index__gte=low, index__lt=high).order_by("index")
    return b"".join(bytes(value) for value in nodes.values_list("hash", flat=True))


def root_at(tree_size: int) -> bytes:
    """Return the root hash of the first ``tree_size`` leaves."""
    return root_from_tiles(tree_size, read_tile)


def inclusion_proof(index: int, tree_size: int) -> list[bytes]:
    """Return the audit path of one leaf in the tree of ``tree_size``, lowest sibling first."""
    return inclusion_proof_from_tiles(index, tree_size, read_tile)


def consistency_proof(old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the older tree is a prefix of the newer one."""
    return consistency_proof_from_tiles(old_size, new_size, read_tile)


def newest_checkpoint() -> Checkpoint | None:
    """Return the checkpoint with the largest size."""
    return Checkpoint.objects.order_by("-size").first()


def newest_anchor() -> Anchor | None:
    """Return the newest copy of a checkpoint that stands outside the database."""
    return Anchor.objects.select_related("checkpoint").order_by("-checkpoint__size").first()


@dataclass(frozen=True)
class SinkHealth:
    """How publishing to one place outside the database goes.

    Attributes:
        name: as stored with its anchors.
        where: the place in words.
        every: the least time between two publications.
        newest: the newest checkpoint that is there, None before the first.
        failing_since: when its present run of failures began; None while it works.
        attempts: how many failed since then.
        error: the last failure, a sentence; empty while it works.
    """

    name: str
    where: str
    every: timedelta
    newest: Anchor | None
    failing_since: datetime | None
    attempts: int
    error: str


def anchor_sinks() -> list[SinkHealth]:
    """Return each place that the notary publishes to at present, with its newest anchor and its last failure."""
    return [
        SinkHealth(
            name=row.name,
            where=place(row.name),
            every=timedelta(seconds=row.every_s),
            newest=Anchor.objects.filter(sink=row.name).order_by("-checkpoint_id").first(),
            failing_since=row.failing_since,
            attempts=row.attempts,
            error=row.error,
        )
        for row in AnchorSink.objects.order_by("name")
    ]


def pending_count() -> int:
    """Return how many entries wait for the notary."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_pending")
        return int(cursor.fetchone()[0])


def payload_of(entry_id: uuid.UUID) -> dict[str, Any] | None:
    """Return an entry's erasable payload, None when it has none or it was erased."""
    row = Payload.objects.filter(entry_id=entry_id).first()
    return json.loads(bytes(row.payload)) if row else None


def integrated_bodies(first: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (index, exact bytes) of the integrated entries in order, from ``first`` on, without holding them all."""
    rows = Leaf.objects.filter(index__gte=first).order_by("index").values_list("index", "entry__body")
    for index, body in rows.iterator(chunk_size=2000):
        yield index, bytes(body)
