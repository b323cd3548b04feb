"""Have each window measured once it has ended, by the policy's calendar and on event time.

The rows are the truth: what is due follows from the records and from what was asked for before, not from when somebody
looked. So an outage of any length is caught up with, and two that look at once ask once. A window is asked for again
while it is recent and more records of it came in, and when its job failed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence.models import EvidenceJob
from monitoring import calendar, runs, selectors, windows
from monitoring.models import DriftRun, Monitor, RecordBatch, ScheduledWindow
from monitoring.terms import terms_of
from registry.models import AliasHistory, ModelVersion

log = logging.getLogger(__name__)
LATE = timedelta(hours=1)
"""How long after its end a window is measured: records may come a little late."""
LOOK_BACK = 60
"""Windows that are caught up with; older records are measured on request. It also bounds one look after an outage."""
AGAIN = timedelta(hours=6)
"""How long after it was asked for a window is asked for again: more of its records came in, or its job failed."""
RECENT = 4
"""Windows for which late records count; later ones stay in the next look by hand."""


@dataclass(frozen=True)
class Due:
    """A window to be measured; ``before`` is what asked for it earlier."""

    start: datetime
    end: datetime
    before: ScheduledWindow | None = None


def ask_for_due(as_of: datetime | None = None) -> list[uuid.UUID]:
    """Ask for every window that has ended and was not asked for; return the jobs to enqueue.

    Args:
        as_of: at which moment, aware; now by default.
    """
    moment = as_of or clock.now()
    jobs = []
    for monitor in Monitor.objects.filter(enabled=True).select_related("model__system", "snapshot"):
        for version_id in RecordBatch.objects.filter(monitor=monitor).values_list("version", flat=True).distinct():
            version = ModelVersion.objects.select_related("model").get(pk=version_id)
            try:
                jobs += [job for window in due(monitor, version, moment) if (job := _ask(monitor, version, window))]
            except DomainError as refused:
                log.warning("No window of %s was asked for: %s", monitor, refused.detail)
    return jobs


def due(monitor: Monitor, version: ModelVersion, as_of: datetime) -> Iterator[Due]:
    """Yield the windows of a version that have ended and are to be measured, the earliest first.

    Those hold records, or the version was live from their first moment to their last: then it is silence that is to be
    seen. Before its first record nothing is: a system that is not connected yet is no change.

    A window that somebody had measured by hand is left out only if that counted all that is there now.
    """
    every = terms_of(monitor, version).monitoring.every
    oldest = as_of - LOOK_BACK * every
    batches = list(RecordBatch.objects.filter(monitor=monitor, version=version, end__gte=oldest).order_by("start"))
    if not batches:
        return
    asked = {
        row.start: row
        for row in ScheduledWindow.objects.filter(monitor=monitor, version=version, end__gt=oldest).select_related(
            "job"
        )
    }
    spans = AliasHistory.objects.filter(model=monitor.model_id, alias=monitor.alias, version=version)
    served = list(spans.values_list("during", flat=True))
    newest = max((row.end for row in asked.values()), default=None)
    after = max(oldest, min(batch.start for batch in batches))
    for start, end in calendar.windows(every, monitor.time_zone, after=after, until=as_of - LATE):
        inside = [batch for batch in batches if batch.start < end and batch.end >= start]
        if not windows.window_paths(inside, start=start, end=end) and not any(
            span.lower <= start and (span.upper is None or end <= span.upper) for span in served
        ):
            continue
        if row := asked.get(start):
            if _to_be_asked_again(row, inside, as_of, recent=as_of - RECENT * every):
                yield Due(start, end, row)
        elif newest and start < newest and any(row.start < end and start < row.end for row in asked.values()):
            continue  # the policy's calendar has changed since; nothing is measured twice
        elif not _measured(monitor, version, start, end, selectors.batches_digest(inside)):
            yield Due(start, end)


def _to_be_asked_again(row: ScheduledWindow, inside: list[RecordBatch], as_of: datetime, *, recent: datetime) -> bool:
    if row.asked_at > as_of - AGAIN:
        return False
    if row.job.state == EvidenceJob.State.FAILED:
        return True
    more = row.job.dataset_digest != selectors.batches_digest(inside)
    return more and row.job.state == EvidenceJob.State.DONE and row.end > recent


def _measured(monitor: Monitor, version: ModelVersion, start: datetime, end: datetime, digest: str) -> bool:
    same = DriftRun.objects.filter(monitor=monitor, version=version, window_start=start, window_end=end)
    return same.filter(evidence__dataset_digest=digest).exists()


def _ask(monitor: Monitor, version: ModelVersion, window: Due) -> uuid.UUID | None:
    try:
        with transaction.atomic():
            job = runs.request_run(
                monitor_id=monitor.pk, start=window.start, end=window.end, version=version, silence=True
            )
            if window.before is None:
                ScheduledWindow.objects.create(
                    monitor=monitor, version=version, start=window.start, end=window.end, job=job, asked_at=clock.now()
                )
            else:
                row = ScheduledWindow.objects.select_for_update(of=("self",)).get(pk=window.before.pk)
                if row.job_id != window.before.job_id:
                    return None  # somebody else looked at the same time
                row.job, row.asked_at = job, clock.now()
                row.save(update_fields=["job", "asked_at"])
    except IntegrityError:  # somebody else looked at the same time
        return None
    return job.pk
