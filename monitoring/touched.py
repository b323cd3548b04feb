"""Say of evidence that rests on records whether they are still what they were when it was made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.common import clock
from governance.evidence.canary import CANARY
from governance.evidence.models import Evidence
from monitoring.models import DriftRun, ErasedFile, RecordBatch
from monitoring.selectors import EVIDENCE_TYPE


def records_gone(evidence: Evidence) -> str:
    """Return in a sentence that records behind evidence were erased or deleted since; empty while they are there."""
    if evidence.type == EVIDENCE_TYPE:
        run = DriftRun.objects.filter(evidence=evidence).first()
        if run is None:
            return ""
        batches = RecordBatch.objects.filter(
            monitor=run.monitor_id,
            version=run.version_id,
            start__lt=run.window_end,
            end__gte=run.window_start,
            received_at__lte=evidence.made_at,
        )
        days: dict[str, Any] = {"day__gte": run.window_start.date(), "day__lte": run.window_end.date()}
    elif evidence.type == CANARY:
        batches = RecordBatch.objects.filter(
            monitor__alias=evidence.payload["alias"], version=evidence.subject_id, received_at__lte=evidence.made_at
        )
        days = {}
    else:
        return ""
    return _said(list(batches), days, evidence.made_at)


def _said(batches: list[RecordBatch], days: dict[str, Any], made_at: datetime) -> str:
    erased = ErasedFile.objects.filter(
        batch__in=[batch.pk for batch in batches], day__isnull=False, erasure__made_at__gt=made_at, **days
    )
    first = erased.order_by("erasure__made_at").values_list("erasure__made_at", flat=True).first()
    if first:
        return (
            f"No longer reproducible since {clock.day(first.date())}: records that it counts were erased, as a data "
            "protection officer had it."
        )
    low, high = (str(days[name]) if name in days else "" for name in ("day__gte", "day__lte"))
    moments = sorted(
        part["at"]
        for batch in batches
        for part in batch.expired_days
        if low <= part["day"] and (not high or part["day"] <= high)
        if datetime.fromisoformat(part["at"]) > made_at  # what was gone by then was not counted
    )
    if not moments:
        return ""
    since = clock.day(datetime.fromisoformat(moments[0]).date())
    return f"No longer reproducible since {since}: records that it counts were deleted because their time had passed."
