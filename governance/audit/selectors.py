"""Read the log: entries, the tree, proofs, the newest checkpoint and how old its outside copy is."""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from governance.audit.anchors.sinks import place
from governance.audit.errors import NotIntegrated
from governance.audit.models import SHARD, Anchor, AnchorSink, Checkpoint, Entry, Leaf, Payload, Subject
from governance.common.errors import Unknown
from placet.merkle import ReadTile, consistency_proof_from_tiles, inclusion_proof_from_tiles, root_from_tiles
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


def as_entry(row: Entry) -> LogEntry:
    """Return a row of :func:`entries` as people read it."""
    position = row.position  # type: ignore[attr-defined] # annotated by entries()
    index = None if position is None else position % SHARD
    return LogEntry(row.id, row.seq, index, bytes(row.body), bytes(row.leaf_hash), row.recorded_at)


def entries() -> QuerySet[Entry]:
    """Return every entry with its place in the present tree, newest first."""
    places = Leaf.objects.filter(entry=OuterRef("pk")).order_by("-position")
    return Entry.objects.annotate(position=Subquery(places.values("position")[:1])).order_by("-seq")


def entries_about_request(request_id: object) -> list[LogEntry]:
    """Return the entries whose data names an approval request, oldest first."""
    if not request_id:
        return []
    rows = entries().filter(request=str(request_id))
    return [as_entry(row) for row in rows.order_by("seq")]


def entries_naming(table: str, keys: Sequence[uuid.UUID]) -> list[LogEntry]:
    """Return the entries that name any of these governed rows, oldest first."""
    named = Subject.objects.filter(table=table, key__in=[str(key) for key in keys])
    return [as_entry(row) for row in entries().filter(pk__in=named.values("entry")).order_by("seq")]


def entries_of_requests(
    requests: Sequence[str], events: Sequence[str], upto: int
) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Return (index, parsed body) of the first ``upto`` entries of some events, by the request they are about.

    One query however many requests: the notary reads ten thousand at once.
    """
    start = base()
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.request, s.position, e.body FROM audit_search s JOIN audit_leaf l ON l.position = s.position
               JOIN audit_entry e ON e.id = l.entry_id
               WHERE s.event = ANY(%s) AND s.position >= %s AND s.position < %s AND e.request = ANY(%s)
               ORDER BY s.position""",
            [[str(event) for event in events], start, start + upto, list(requests)],
        )
        for request, position, body in cursor:
            found.setdefault(request, []).append((position - start, json.loads(bytes(body))))
    return found


def entries_between(first: int, upto: int, events: Sequence[str]) -> list[dict[str, Any]]:
    """Return the parsed entries of some events with an index from ``first`` to before ``upto``, in order."""
    start = base()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.body FROM audit_search s JOIN audit_leaf l ON l.position = s.position
               JOIN audit_entry e ON e.id = l.entry_id
               WHERE s.event = ANY(%s) AND s.position >= %s AND s.position < %s ORDER BY s.position""",
            [[str(event) for event in events], start + first, start + upto],
        )
        return [json.loads(bytes(body)) for (body,) in cursor]


def entry_by_id(entry_id: uuid.UUID) -> LogEntry:
    """Return one entry, integrated or not."""
    try:
        return as_entry(entries().get(pk=entry_id))
    except Entry.DoesNotExist:
        raise Unknown(f"There is no log entry {entry_id}.") from None


def entry_at(index: int) -> LogEntry:
    """Return the entry at one index of the log."""
    try:
        leaf = Leaf.objects.get(position=base() + index)
        return as_entry(entries().get(pk=leaf.entry_id))
    except (Leaf.DoesNotExist, OverflowError):
        raise Unknown(f"The log has no entry {index}; it holds {size()}.") from None


def entry_at_position(position: int) -> LogEntry:
    """Return the entry at a position of any tree, the ones before a fork included."""
    return as_entry(entries().get(pk=Leaf.objects.get(position=position).entry_id))


def entries_at(indexes: Sequence[int]) -> list[LogEntry]:
    """Return the entries at these indexes of the present tree, in their order; a few queries, however many they are."""
    found: list[LogEntry] = []
    for first in range(0, len(indexes), 1000):
        places = [base() + index for index in indexes[first : first + 1000]]
        ids = Leaf.objects.filter(position__in=places).values("entry_id")
        found += [as_entry(row) for row in entries().filter(pk__in=ids)]
    return sorted(found, key=lambda entry: entry.seq)


def index_of(entry_id: uuid.UUID) -> int:
    """Return the entry's index, or say that the notary has not reached it."""
    try:
        return indexes_of([entry_id])[entry_id]
    except KeyError:
        raise NotIntegrated(f"Entry {entry_id} waits for the notary; try again in a second.") from None


def indexes_of(entry_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the indexes, in the present tree, of those entries that have one."""
    rows = Leaf.objects.filter(entry__in=entry_ids).order_by("position").values_list("entry_id", "position")
    return {entry_id: position % SHARD for entry_id, position in rows}


def base() -> int:
    """Return the position of index 0 of the present tree: 0 until a fork begins another."""
    newest = Leaf.objects.order_by("-position").values_list("position", flat=True).first()
    return 0 if newest is None else newest - newest % SHARD


def size() -> int:
    """Return how many entries have a place in the present tree."""
    newest = Leaf.objects.order_by("-position").values_list("position", flat=True).first()
    return 0 if newest is None else newest % SHARD + 1


def tiles(start: int | None = None, *, along: Sequence[int] = ()) -> ReadTile:
    """Return how to read a tile: its hashes, concatenated (C2SP tlog-tiles).

    Leaves at level 0, the roots of full tiles above; what is not there yet is left out.

    Args:
        start: the position of index 0 of the tree; None for the present one.
        along: indexes whose tiles, at every level, are read at once in one query: all that a proof needs.
    """
    start = base() if start is None else start
    levels = range((max(along, default=0).bit_length() + 7) // 8)
    wanted = {(level, index >> (8 * level + 8)) for index in along for level in levels}
    at_hand = _read_tiles(start, sorted(wanted))

    def read(level: int, index: int) -> bytes:
        key = level, index
        return at_hand[key] if key in at_hand else _read_tiles(start, [key])[key]

    return read


def _read_tiles(start: int, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """Read whole tiles in one query; PostgreSQL joins the hashes, so a tile is one value and not 256 rows."""
    if not wanted:
        return {}
    parts, values = [], []
    for level, index in wanted:
        low = (start >> (8 * level)) + index * TILE
        table, column = ("audit_node", "hash") if level else ("audit_leaf", "leaf_hash")
        at_level = f"level = {int(level)} AND " if level else ""
        parts.append(
            f"SELECT string_agg({column}, '' ORDER BY position) FROM {table} "  # noqa: S608 (fixed names)
            f"WHERE {at_level}position >= %s AND position < %s"
        )
        values += [low, low + TILE]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"({part})" for part in parts), values)
        return dict(zip(wanted, (bytes(tile or b"") for tile in cursor.fetchone()), strict=True))


def root_at(tree_size: int) -> bytes:
    """Return the root hash of the first ``tree_size`` leaves."""
    return root_from_tiles(tree_size, tiles(along=[tree_size]))


def inclusion_proof(index: int, tree_size: int) -> list[bytes]:
    """Return the audit path of one leaf in the tree of ``tree_size``, lowest sibling first."""
    return inclusion_proof_from_tiles(index, tree_size, tiles(along=[index, tree_size]))


def inclusion_proofs(indexes: Sequence[int], tree_size: int) -> dict[int, list[bytes]]:
    """Return the audit paths of many leaves of one tree, read in one query; ask for a few hundred at a time."""
    read = tiles(along=[*indexes, tree_size])
    return {index: inclusion_proof_from_tiles(index, tree_size, read) for index in indexes}


def consistency_proof(old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the older tree is a prefix of the newer one."""
    return consistency_proof_from_tiles(old_size, new_size, tiles(along=[old_size, new_size]))


def newest_checkpoint() -> Checkpoint | None:
    """Return the newest checkpoint of the present tree; a tree that was just forked has none for a moment."""
    return Checkpoint.objects.filter(position__gte=base()).order_by("-position").first()


def checkpoint_of(tree_size: int) -> Checkpoint | None:
    """Return the checkpoint of the present tree at one size."""
    return Checkpoint.objects.filter(position=base() + tree_size).first()


def newest_anchor() -> Anchor | None:
    """Return the newest copy of a checkpoint that stands outside the database."""
    return Anchor.objects.select_related("checkpoint").order_by("-checkpoint__position", "-id").first()


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


def stands_as_told(table: str, key: str) -> bool:
    """Return whether a governed row is what the newest entry that names it says, or is gone as that entry says."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.after IS NOT DISTINCT FROM
                      CASE WHEN s."table" = 'audit_payload' THEN NULL ELSE audit_row_digest(s."table", s.key) END
               FROM audit_subject s JOIN audit_entry e ON e.id = s.entry_id
               WHERE s."table" = %s AND s.key = %s ORDER BY e.seq DESC LIMIT 1""",
            [table, key],
        )
        row = cursor.fetchone()
    return row is None or bool(row[0])


def payload_of(entry_id: uuid.UUID) -> dict[str, Any] | None:
    """Return an entry's erasable payload, None when it has none or it was erased."""
    row = Payload.objects.filter(entry_id=entry_id).first()
    return json.loads(bytes(row.payload)) if row else None


def sealed_payloads(entry_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[bytes, bytes]]:
    """Return salt and text of those entries that have their erasable part still."""
    rows = Payload.objects.filter(entry__in=entry_ids) if entry_ids else ()
    return {row.entry_id: (bytes(row.salt), bytes(row.payload)) for row in rows}


def erased_of(entry_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the entries that have no erasable part (any more)."""
    gone = set(entry_ids)
    for first in range(0, len(entry_ids), 1000):
        some = entry_ids[first : first + 1000]
        gone -= set(Payload.objects.filter(entry__in=some).values_list("entry_id", flat=True))
    return gone


def payloads_of(entry_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return the erasable payloads of those entries that have one still."""
    rows = Payload.objects.filter(entry__in=entry_ids) if entry_ids else ()
    return {row.entry_id: json.loads(bytes(row.payload)) for row in rows}


def lost_entry() -> uuid.UUID | None:
    """Return an entry that has no place in any tree and does not wait for one; there is none in a sound log."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id FROM audit_entry e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = e.id)
               AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.seq = e.seq) ORDER BY e.seq LIMIT 1"""
        )
        row = cursor.fetchone()
    return row[0] if row else None


def integrated_bodies(upto: int = SHARD) -> Iterator[tuple[int, bytes]]:
    """Yield (index, exact bytes) of the integrated entries before ``upto`` in order, without holding them all."""
    start = base()
    rows = Leaf.objects.filter(position__gte=start, position__lt=start + upto).order_by("position")
    for position, body in rows.values_list("position", "entry__body").iterator(chunk_size=2000):
        yield position - start, bytes(body)


def payloads(upto: int = SHARD) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (index, salt, payload) of the entries before ``upto`` that still have their erasable text, in order."""
    start = base()
    rows = Leaf.objects.filter(position__gte=start, position__lt=start + upto, entry__payload__isnull=False)
    rows = rows.order_by("position")
    columns = ("position", "entry__payload__salt", "entry__payload__payload")
    for position, salt, payload in rows.values_list(*columns).iterator(chunk_size=2000):
        yield position - start, bytes(salt), bytes(payload)
