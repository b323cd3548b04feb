"""Have each window measured once it has ended, by the policy's calendar and on event time.

The rows are the truth: what is due follows from the records and from what was asked for before, not from when somebody
looked. So an outage of any length is caught up with, and two that look at once ask once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Min

from governance.common import clock
from governance.common.errors import DomainError
from monitoring import calendar, runs
from monitoring.errors import NothingToCompare
from monitoring.models import DriftRun, Monitor, RecordBatch, ScheduledWindow
from monitoring.terms import terms_of
from registry.models import ModelVersion

log = logging.getLogger(__name__)
LATE = timedelta(hours=1)
"""How long after its end a window is measured: records may come a little late."""
MOST_AT_ONCE = 60
"""Windows of one version asked for in one look: after a long outage workers get their work in portions."""


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
                jobs += [job for window in due(monitor, version, moment) if (job := _ask(monitor, version, *window))]
            except DomainError as refused:
                log.warning("No window of %s was asked for: %s", monitor, refused.detail)
    return jobs


def due(monitor: Monitor, version: ModelVersion, as_of: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows of a version that have ended, hold records and were not asked for, the earliest first."""
    batches = RecordBatch.objects.filter(monitor=monitor, version=version)
    span = batches.aggregate(first=Min("start"), last=Max("end"))
    if span["first"] is None:
        return
    every = terms_of(monitor, version).monitoring.every
    asked = ScheduledWindow.objects.filter(monitor=monitor, version=version).aggregate(last=Max("end"))["last"]
    until = min(as_of - LATE, span["last"] + every)
    found = 0
    for start, end in calendar.windows(every, monitor.time_zone, after=asked or span["first"], until=until):
        if asked and start < asked:  # the policy's calendar has changed since; nothing is measured twice
            continue
        if not batches.filter(start__lt=end, end__gte=start).exists():
            continue
        if DriftRun.objects.filter(monitor=monitor, version=version, window_start=start, window_end=end).exists():
            continue  # somebody asked for it by hand
        yield start, end
        found += 1
        if found == MOST_AT_ONCE:
            return


def _ask(monitor: Monitor, version: ModelVersion, start: datetime, end: datetime) -> uuid.UUID | None:
    try:
        with transaction.atomic():
            job = runs.request_run(monitor_id=monitor.pk, start=start, end=end, version=version)
            ScheduledWindow.objects.create(
                monitor=monitor, version=version, start=start, end=end, job=job, asked_at=clock.now()
            )
    except IntegrityError:  # somebody else looked at the same time
        return None
    except NothingToCompare:  # a batch spans the window and has no record in it
        return None
    return job.pk
