"""Read what came in for a monitor: now, batch by batch, and what was put aside of a batch, never with a value of it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common import clock
from governance.common.errors import Unknown
from monitoring import services, windows
from monitoring.models import LabelBatch, Monitor, RecordBatch, RefusedBatch

READERS = (*services.KEEPERS, Role.DATA_PROTECTION_OFFICER)
"""Who reads the rows that were put aside; their reasons alone, row by row, too."""


@dataclass(frozen=True)
class PutAside:
    """What was put aside of a batch: how many rows, and the reasons, each with its count and first rows."""

    rows: int
    reasons: list[dict[str, Any]]


def incoming(monitor_id: uuid.UUID) -> dict[str, Any]:
    """Return what came in today (UTC) and last, in one query over indexes of the time of receipt.

    Keys: ``batches``, ``rows``, ``quarantined``, ``refused``, ``labels`` (of today); ``last_batch``, ``last_rows``,
    ``last_at`` (of the newest batch, None before there is one); ``refused_at``, ``labels_at`` (None likewise).
    """
    today = datetime.combine(clock.now().date(), time.min, UTC)
    records = RecordBatch.objects.filter(monitor=OuterRef("pk"))
    labels = LabelBatch.objects.filter(monitor=OuterRef("pk"))
    refused = RefusedBatch.objects.filter(monitor=OuterRef("pk"))
    newest = records.order_by("-received_at", "-pk")
    since = records.filter(received_at__gte=today)
    found = dict(
        Monitor.objects.filter(pk=monitor_id)
        .values(
            today_batches=_of(since, Count("pk")),
            today_rows=_of(since, Sum("rows")),
            today_quarantined=_of(since, Sum("quarantined")),
            today_refused=_of(refused.filter(last_at__gte=today), Count("pk")),
            today_labels=_of(labels.filter(received_at__gte=today), Sum("rows")),
            last_batch=Subquery(newest.values("batch_id")[:1]),
            last_rows=Subquery(newest.values("rows")[:1]),
            last_at=Subquery(newest.values("received_at")[:1]),
            refused_at=Subquery(refused.order_by("-last_at").values("last_at")[:1]),
            labels_at=Subquery(labels.order_by("-received_at").values("received_at")[:1]),
        )
        .get()
    )
    # The model has fields of these names.
    return {name.removeprefix("today_"): value for name, value in found.items()}


def _of(rows: QuerySet[Any], figure: Any) -> Coalesce:
    """One figure over rows of the monitor, 0 over none."""
    grouped = rows.order_by().values("monitor").annotate(figure=figure).values("figure")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)


def totals(monitor: Monitor) -> dict[str, Any]:
    """Return over all batches: ``batches``, ``rows``, ``quarantined``, ``erased``, ``expired``, ``kept``."""
    names = ("rows", "quarantined", "erased", "expired")
    found = RecordBatch.objects.filter(monitor=monitor).aggregate(
        batches=Count("pk"), **{name: Sum(name, default=0) for name in names}
    )
    return found | {"kept": found["rows"] - found["erased"] - found["expired"]}


def batches_like(monitor: Monitor, *, q: str = "", only: str = "") -> QuerySet[RecordBatch]:
    """Return batches of records, newest first.

    Args:
        q: a part of the batch's id.
        only: ``quarantined``, ``erased`` or ``expired``: those with such rows.
    """
    rows = RecordBatch.objects.filter(monitor=monitor).select_related("version__model", "sender")
    if only in {"quarantined", "erased", "expired"}:
        rows = rows.filter(**{f"{only}__gt": 0})
    return (rows.filter(batch_id__icontains=q) if q else rows).order_by("-received_at", "-pk")


def labels_of(monitor: Monitor) -> QuerySet[LabelBatch]:
    """Return batches of late labels, newest first."""
    return LabelBatch.objects.filter(monitor=monitor).select_related("sender").order_by("-received_at", "-pk")


def refused_of(monitor: Monitor) -> QuerySet[RefusedBatch]:
    """Return batches that were refused, the last attempt first; those that were taken in since are marked ``taken``."""
    taken = RecordBatch.objects.filter(monitor=OuterRef("monitor"), batch_id=OuterRef("batch_id"))
    late = LabelBatch.objects.filter(monitor=OuterRef("monitor"), batch_id=OuterRef("batch_id"))
    rows = RefusedBatch.objects.filter(monitor=monitor).select_related("sender").order_by("-last_at", "-pk")
    return rows.annotate(
        taken_records=Subquery(taken.filter(received_at__gt=OuterRef("last_at")).values("received_at")[:1]),
        taken_labels=Subquery(late.filter(received_at__gt=OuterRef("last_at")).values("received_at")[:1]),
    )


def batch_for(monitor: Monitor, batch_id: str) -> RecordBatch:
    """Return one batch of a monitor.

    Raises:
        Unknown: the monitor has none with that id.
    """
    rows = RecordBatch.objects.filter(monitor=monitor).select_related("version__model", "sender")
    found = rows.filter(batch_id=batch_id).first() if "\0" not in batch_id else None
    if found is None:
        raise Unknown(f"{monitor} has no batch {batch_id[:100]!r}. Its records page lists them.")
    return found


def may_read_rows(person: User, monitor: Monitor) -> bool:
    """Return whether a person may know of single rows that were put aside."""
    return has_role(person, *READERS, system_id=monitor.model.system_id)


def reasons_by_row(batch: RecordBatch | LabelBatch) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each row that was put aside and its reasons; of the row itself nothing."""
    path = windows.quarantine_path(batch)
    if not batch.quarantined or not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            found = json.loads(line)
            yield int(found["row"]), [str(reason) for reason in found["reasons"]]


def put_aside(batch: RecordBatch | LabelBatch, *, first: int = 5) -> PutAside:
    """Count the rows that were put aside of a batch by their reasons.

    Args:
        first: how many row numbers are named for each reason.
    """
    counts, places, rows = Counter[str](), dict[str, list[int]](), 0
    for row, reasons in reasons_by_row(batch):
        rows += 1
        for reason in reasons:
            counts[reason] += 1
            named = places.setdefault(reason, [])
            if len(named) < first:
                named.append(row)
    return PutAside(
        rows, [{"reason": reason, "count": n, "rows": places[reason]} for reason, n in counts.most_common()]
    )
