"""Read what served at the end of each month, from the history of aliases and what the log says of the approvals."""

from __future__ import annotations

from django.db.models import Q

from governance.accounts.access import Reader, readable
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from registry.deviations import unexplained
from registry.models import AliasHistory
from reports.overview.live import Counts
from reports.overview.shares import Month, Served, by_month, month_ends, moves_of


def shares_for(reader: Reader, now: Counts) -> list[Month]:
    """Return the last moment of each of eleven months and now, over the systems that the reader may read today.

    A fixed number of queries; suspensions and revocations are as new as the entries that the log has given a place.

    Args:
        now: the figures of this moment, which close the series.
    """
    moment = clock.now()
    ends = month_ends(moment)
    rows = readable(AliasHistory.objects.all(), reader, system="model__system")
    rows = rows.filter(Q(during__endswith__isnull=True) | Q(during__endswith__gt=ends[0]))
    spans = list(
        rows.values_list(
            *("model", "alias", "during", "promotion__approval"),
            *("promotion__approval__settled_at", "promotion__approval__valid_until"),
        )
    )
    keys = [str(approval) for *_, approval, _granted, _until in spans if approval]
    moved = log.entries_of_requests(keys, [Event.APPROVAL_CHANGED], log.size()) if keys else {}
    served = [
        Served(
            place=(model, alias),
            start=during.lower,
            end=during.upper,
            granted_at=granted,
            valid_until=until,
            moves=moves_of(body for _index, body in moved.get(str(approval), ())),
        )
        for model, alias, during, approval, granted, until in spans
    ]
    seen = readable(unexplained(), reader, system="model__system")
    seen = seen.filter(Q(last_seen_at__isnull=True) | Q(last_seen_at__gt=ends[0]))
    strays = [
        (Served((model, alias), first, last), number is not None)
        for model, alias, number, first, last in seen.values_list(
            "model", "alias", "number", "first_seen_at", "last_seen_at"
        )
    ]
    return [*by_month(served, strays, ends), Month(moment, now.live, now.valid)]
