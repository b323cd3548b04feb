"""Count the entries about many governed rows at once, by who the rows belong to and by kind of entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from governance.audit.selectors import base


@dataclass(frozen=True)
class Tally:
    """How many entries there are, and when the newest of them was written, as the entry gives it."""

    count: int
    newest: datetime


def event_tallies(rows: Iterable[tuple[str, str, str]]) -> Mapping[str, Mapping[str, Tally]]:
    """Return by owner and event how many entries of the present tree name any of the owner's rows; two queries.

    Entries that wait for the notary are not counted.

    Args:
        rows: the table and the key of each governed row, and whose it is.
    """
    named = list(rows)
    if not named:
        return {}
    tables, keys, owners = (list(column) for column in zip(*named, strict=True))
    found: dict[str, dict[str, Tally]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT k.owner, se.event, count(DISTINCT l.position), max(se.at)
               FROM unnest(%s::text[], %s::text[], %s::text[]) AS k("table", key, owner)
               JOIN audit_subject s ON s."table" = k."table" AND s.key = k.key
               JOIN audit_leaf l ON l.entry_id = s.entry_id
               JOIN audit_search se ON se.position = l.position
               WHERE l.position >= %s GROUP BY k.owner, se.event""",
            [tables, keys, owners, base()],
        )
        for owner, event, count, newest in cursor:
            found.setdefault(owner, {})[event] = Tally(count, newest)
    return found
