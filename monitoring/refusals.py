"""Keep in mind which batches were refused, and why, so that an owner sees what a sender was told.

Nothing of the records is kept: names of columns, kinds of values, and counts. A batch that is sent again and again is
one row with a count, and a monitor keeps its newest few hundred, so whoever sends nonsense fills no table.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from governance.accounts import holds
from governance.accounts.models import User
from governance.common import clock
from governance.common.errors import DomainError
from monitoring.keeping import things_of
from monitoring.models import Monitor, RefusedBatch

RECORDS, LABELS = RefusedBatch.Kind.RECORDS, RefusedBatch.Kind.LABELS
KEPT = 500
REASONS = 20
SHOWN_NAME = 80


@transaction.atomic
def note(monitor: Monitor, sender: User, batch_id: str, *, kind: RefusedBatch.Kind, refusal: DomainError) -> None:
    """Note that a batch was refused; outside of the transaction that was rolled back."""
    problems = refusal.extra.get("problems", [])
    now, name = clock.now(), batch_id[:100].replace("\0", "")
    said: dict[str, Any] = {
        "code": refusal.code(),
        "title": refusal.title[:100],
        "reasons": [_reason(problem) for problem in problems[:REASONS]],
        "more": max(0, len(problems) - REASONS),
        "sender": sender,
        "last_at": now,
    }
    _, created = RefusedBatch.objects.get_or_create(
        monitor=monitor, kind=kind, batch_id=name, defaults={**said, "first_at": now}
    )
    if not created:
        same = RefusedBatch.objects.filter(monitor=monitor, kind=kind, batch_id=name)
        same.update(**said, attempts=F("attempts") + 1)
        return
    if holds.standing().on(*things_of(monitor)):
        return
    beyond = RefusedBatch.objects.filter(monitor=monitor).order_by("-last_at", "-pk")[KEPT:]
    RefusedBatch.objects.filter(pk__in=list(beyond.values_list("pk", flat=True))).delete()


def _reason(problem: dict[str, Any]) -> dict[str, Any]:
    """Return a problem without its rows, cut: the name of an unknown column is whatever the sender made it."""
    texts = {
        name: str(problem[name])[:SHOWN_NAME].replace("\0", "") for name in ("column", "kind", "expected", "found")
    }
    return {**texts, "count": problem["count"]}
