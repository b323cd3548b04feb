"""Integrate: give the entries that wait their place in the tree, without gaps, in one transaction."""

import json
import uuid
from collections.abc import Sequence

from django.db import connection, transaction

from governance.audit import selectors
from governance.audit.errors import LogInconsistent
from governance.audit.searching import words_of
from placet.merkle import extend_tiles
from placet.verify import TILE, leaf_hash

BATCH = 5000
Placed = tuple[uuid.UUID, bytes, bytes]
"""An entry as it is placed: id, exact bytes, the leaf hash stored with them."""


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
                 DELETE FROM audit_pending WHERE seq IN
                   (SELECT p.seq FROM audit_pending p ORDER BY p.seq LIMIT %s) RETURNING entry_id)
               SELECT e.id, e.body, e.leaf_hash FROM taken t JOIN audit_entry e ON e.id = t.entry_id ORDER BY e.seq""",
            [BATCH],
        )
        rows = cursor.fetchall()
    if rows:
        place(rows, base=selectors.base(), size=selectors.size())
    return len(rows)


def place(rows: Sequence[Placed], *, base: int, size: int) -> None:
    """Append ``rows`` to the tree whose index 0 is at position ``base`` and which holds ``size`` leaves.

    Raises:
        LogInconsistent: an entry's bytes and leaf hash do not fit.
    """
    hashes = [leaf_hash(bytes(body)) for _, body, _ in rows]
    for (entry_id, _, stored), computed in zip(rows, hashes, strict=True):
        if bytes(stored) != computed:
            raise LogInconsistent(f"Entry {entry_id}: its bytes do not have the leaf hash stored with them.")
    changed = extend_tiles(size, hashes, selectors.tiles(base))
    with connection.cursor() as cursor:
        with cursor.copy("COPY audit_leaf (position, entry_id, leaf_hash) FROM STDIN") as copy:
            for at, (row, computed) in enumerate(zip(rows, hashes, strict=True), start=base + size):
                copy.write_row((at, row[0], computed))
        with cursor.copy("COPY audit_search (position, event, actor, at, words) FROM STDIN") as copy:
            for at, (_, body, _) in enumerate(rows, start=base + size):
                entry = json.loads(bytes(body))
                copy.write_row((at, entry["event"], entry["actor"], entry["at"], words_of(entry)))
        with cursor.copy("COPY audit_node (level, position, hash) FROM STDIN") as copy:
            for (level, index), data in changed.items():
                held = (size >> (8 * level)) - index * TILE  # hashes of this tile that stand already
                for at in range(max(held, 0), len(data) // 32) if level else ():
                    position = (base >> (8 * level)) + index * TILE + at
                    copy.write_row((level, position, data[at * 32 : at * 32 + 32]))
