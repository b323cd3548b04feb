"""Have each window measured once it has ended, by the policy's calendar and on event time.

The rows are the truth: what is due follows from the records and from what was asked for before, not from when somebody
looked. So an outage of any length is caught up with, and two that look at once ask once. A window is asked for again
while it is recent and more records of it came in, and when its job failed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Min, Q

from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence.models import EvidenceJob
from monitoring import calendar, runs, selectors, serving, windows
from monitoring.models import DriftRun, Monitor, RecordBatch, ScheduledWindow
from monitoring.serving import Span
from monitoring.terms import terms_of
from registry.models import ModelVersion

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
        for version in _versions(monitor):
            try:
                jobs += [job for window in due(monitor, version, moment) if (job := _ask(monitor, version, window))]
            except DomainError as refused:
                log.warning("No window of %s was asked for: %s", monitor, refused.detail)
    return jobs


def due(monitor: Monitor, version: ModelVersion, as_of: datetime) -> Iterator[Due]:
    """Yield the windows of a version that have ended and are to be measured, the earliest first.

    Those hold records, or the version served from their first moment to their last: then it is silence that is to be
    seen. Before anything was sent to the monitor nothing is: a system that is not connected yet is no change.

    A window that somebody had measured by hand is left out only if that counted all that is there now.
    """
    every = terms_of(monitor, version).monitoring.every
    oldest = as_of - LOOK_BACK * every
    spans = serving.spans_of(monitor, version)
    first = _first(monitor, version, spans)
    if first is None:
        return
    batches = list(RecordBatch.objects.filter(monitor=monitor, version=version, end__gte=oldest).order_by("start"))
    rows = ScheduledWindow.objects.filter(monitor=monitor, version=version, end__gt=oldest).select_related("job")
    asked = {row.start: row for row in rows}
    for start, end in _not_measured_yet(monitor.time_zone, every, max(oldest, first), as_of - LATE, asked):
        inside = [batch for batch in batches if batch.start < end and batch.end >= start]
        silent = not windows.window_paths(inside, start=start, end=end)
        if silent and windows.deleted_days(inside, start=start, end=end):
            continue  # it was no silence, and there is nothing left to measure
        if silent and not (serving.throughout(spans, start, end) and start >= (monitor.enabled_at or start)):
            continue
        if row := asked.get(start):
            if _to_be_asked_again(row, inside, as_of, recent=as_of - RECENT * every):
                yield Due(start, end, row)
        elif not _measured(monitor, version, start, end, selectors.batches_digest(inside)):
            yield Due(start, end)


def _not_measured_yet(
    zone: str, every: timedelta, after: datetime, until: datetime, asked: Mapping[datetime, ScheduledWindow]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows of the calendar; where it has changed since, what is left of a window, so nothing twice."""
    newest = max((row.end for row in asked.values()), default=None)
    for start, end in calendar.windows(every, zone, after=after, until=until):
        if start in asked or not any(row.start < end and start < row.end for row in asked.values()):
            yield start, end
        elif newest and newest < end:
            yield newest, end


def _versions(monitor: Monitor) -> list[ModelVersion]:
    """Return the versions of which a monitor has records, and what serves now."""
    live = selectors.live_now(monitor)
    sent = RecordBatch.objects.filter(monitor=monitor).values("version")
    found = ModelVersion.objects.filter(Q(pk__in=sent) | Q(pk=live.version_id if live else None))
    return list(found.select_related("model").order_by("number"))


def _first(monitor: Monitor, version: ModelVersion, spans: Sequence[Span]) -> datetime | None:
    """Return since when a version is measured: its first record; if others sent and it never did, since it serves."""
    sent = RecordBatch.objects.filter(monitor=monitor)
    first: datetime | None = sent.filter(version=version).aggregate(first=Min("start"))["first"]
    if first is None and spans and sent.exists():
        return spans[-1].lower
    return first


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
