"""Follow the log: read what is new in it, in its order, without missing or repeating anything.

The order is the notary's, not that of arrival. Arrival numbers are given before a commit, so a reader who keeps the
highest one it has seen skips the entry of a slower transaction with a lower number. Places in the tree are given after
the commit, by one process, without gaps: whoever has read up to a place has read everything before it.
"""

from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef

from governance.audit.models import Leaf
from governance.audit.selectors import LogEntry


@dataclass(frozen=True)
class Placed:
    """An entry at its position; ``entry`` is None for one that an earlier tree holds, too."""

    position: int
    entry: LogEntry | None


def newest_position() -> int:
    """Return the position of the newest entry that has a place, -1 while there is none."""
    newest = Leaf.objects.order_by("-position").values_list("position", flat=True).first()
    return -1 if newest is None else newest


def placed_after(position: int, *, most: int) -> list[Placed]:
    """Return what follows a position, in order, at most ``most``.

    A fork of the log places every surviving entry once more, in the new tree; those were read where they stood first.
    """
    earlier = Leaf.objects.filter(entry=OuterRef("entry"), position__lt=OuterRef("position"))
    rows = Leaf.objects.filter(position__gt=position).annotate(repeated=Exists(earlier), seq=F("entry__seq"))
    return [
        Placed(
            row.position,
            None
            if row.repeated
            else LogEntry(
                row.entry_id, row.seq, None, bytes(row.entry.body), bytes(row.leaf_hash), row.entry.recorded_at
            ),
        )
        for row in rows.select_related("entry").order_by("position")[:most]
    ]
