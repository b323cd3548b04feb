"""What waits for people: open requests by how long they have been open, overdue findings, and what is next by law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Value

from governance.accounts.access import Reach
from governance.approvals import kinds, listing, selectors
from governance.approvals.models import ApprovalRequest, Finding
from governance.common import clock

AGES = ((0, 2), (2, 7), (7, 30), (30, None))
"""Ages of open requests in days: from the first on, before the second."""
HIGH = (Finding.Severity.HIGH, Finding.Severity.CRITICAL)


@dataclass(frozen=True)
class Waiting:
    """Open requests: how many, their median age (None of none), and how many of each of ``AGES``."""

    count: int
    median: timedelta | None
    ages: tuple[int, ...]


def waiting_for(reach: Reach) -> Waiting:
    """Return the figures of the open requests that the reader may read; one query."""
    now = clock.now()
    figures = {}
    for place, (low, high) in enumerate(AGES):
        aged = Q(opened_at__lte=now - timedelta(days=low))
        if high is not None:
            aged &= Q(opened_at__gt=now - timedelta(days=high))
        figures[f"age{place}"] = Count("pk", filter=aged)
    age = ExpressionWrapper(Value(now) - F("opened_at"), output_field=DurationField())
    found = listing.open_for(reach).aggregate(count=Count("pk"), median=selectors.Median(age), **figures)
    return Waiting(found["count"], found["median"], tuple(found[f"age{place}"] for place in range(len(AGES))))


def oldest_for(reach: Reach, most: int) -> Sequence[tuple[ApprovalRequest, kinds.Presented]]:
    """Return the open requests that were opened first, with what people call them."""
    keys = list(listing.open_for(reach).order_by("opened_at", "pk").values_list("pk", flat=True)[:most])
    rows = ApprovalRequest.objects.filter(pk__in=keys).select_related("system").order_by("opened_at", "pk")
    shown = list(rows.defer("verdict", "context", "required_evidence", "evidence_ids", "stages", "excluded"))
    named = kinds.presented(shown)
    return [(row, named[row.pk]) for row in shown]


@dataclass(frozen=True)
class Findings:
    """Open findings; ``high`` are the overdue ones of high or critical severity."""

    open: int
    overdue: int
    high: int


def findings_for(reach: Reach, today: date) -> Findings:
    """Return the figures of the open findings that the reader may read; one query."""
    late = Q(due_on__lt=today)
    found = selectors.findings_for(reach).aggregate(
        open=Count("pk"), overdue=Count("pk", filter=late), high=Count("pk", filter=late & Q(severity__in=HIGH))
    )
    return Findings(**found)


def overdue_for(reach: Reach, today: date, most: int) -> list[Finding]:
    """Return the findings that are overdue longest."""
    return list(selectors.findings_for(reach).filter(due_on__lt=today).order_by("due_on", "pk")[:most])
