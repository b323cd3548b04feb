"""Delete records whose time has passed, day by day, and what unfinished work left behind."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from governance.accounts import holds
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock, files
from monitoring import windows
from monitoring.adopting import adopt
from monitoring.erasure import finish
from monitoring.intake_settings import IntakeSettings
from monitoring.keeping import things_of
from monitoring.models import ErasedFile, LabelBatch, Monitor, RecordBatch
from monitoring.runs import MONITORING

A_DAY_S = 86_400


def expire_records() -> int:
    """Delete the days of each monitor that are past its retention, unless it is held; return how many records.

    The rows say so first, in one transaction with the log; then the files go. What a crash leaves of them goes with the
    next call, since a file whose day its row has expired is deleted whenever it is met.
    """
    finish()
    gone = 0
    for pk in Monitor.objects.values_list("pk", flat=True):
        with transaction.atomic():
            monitor = _locked(pk)
            if holds.standing().on(*things_of(monitor)):
                continue
            gone += _expire(monitor)
        _remove(pk)
    _remove_drafts()
    return gone


def _locked(pk: uuid.UUID) -> Monitor:
    return Monitor.objects.select_for_update(of=("self",)).select_related("model").get(pk=pk)


def _expire(monitor: Monitor) -> int:
    finish(ErasedFile.objects.filter(erasure__monitor=monitor))
    adopt(monitor)
    now, last = clock.now(), _last_day(monitor)
    records, batches = 0, 0
    due = (batch for batch in RecordBatch.objects.filter(monitor=monitor, start__date__lt=last) if _past(batch, last))
    for batch in due:
        records, batches = records + _expire_days(batch, last, clock.rfc3339(now)), batches + 1
    late = LabelBatch.objects.filter(monitor=monitor, expired_at__isnull=True, day__lt=last)
    labels = sum(row.rows - row.erased for row in late)
    label_batches = late.update(expired_at=now)
    if batches or label_batches:
        audit.append(
            event=Event.RECORDS_EXPIRED,
            actor=MONITORING,
            data={
                "monitor": monitor.pk,
                "days_before": last.isoformat(),
                "retention_days": IntakeSettings.from_json(monitor.intake).retention_days,
                "batches": batches,
                "records": records,
                "label_batches": label_batches,
                "labels": labels,
            },
        )
    return records + labels


def _last_day(monitor: Monitor) -> date:
    """Return the first day that is kept: one before it ended the retention ago, or longer."""
    days = IntakeSettings.from_json(monitor.intake).retention_days
    return clock.now().date() - timedelta(days=days)


def _past(batch: RecordBatch, last: date) -> list[dict[str, Any]]:
    return [part for part in batch.partitions if date.fromisoformat(part["day"]) < last]


def _expire_days(batch: RecordBatch, last: date, at: str) -> int:
    days = _past(batch, last)
    erased: dict[str, int] = {}
    for day, rows in batch.rewritten.filter(day__isnull=False, lost_at=None).values_list("day", "rows"):
        erased[f"{day}"] = erased.get(f"{day}", 0) + rows
    gone: int = sum(part["rows"] - erased.get(part["day"], 0) for part in days)
    batch.partitions = [part for part in batch.partitions if part not in days]
    batch.expired_days = [*batch.expired_days, *({**part, "at": at} for part in days)]
    batch.expired += gone
    if not batch.partitions:
        batch.quarantined = 0  # its file goes with the last day
    batch.save(update_fields=["partitions", "expired_days", "expired", "quarantined"])
    batch.profiles.filter(day__lt=last).delete()
    return gone


@transaction.atomic
def _remove(pk: uuid.UUID) -> None:
    """Take the files of expired days away; also those that a call which died had not come to."""
    monitor = _locked(pk)
    if holds.standing().on(*things_of(monitor)):  # set since
        return
    records, late = windows.home_of(monitor.pk), windows.home_of(monitor.pk, windows.LABELS)
    last = _last_day(monitor)
    for path in files.found(records, "date=*/batch=*.parquet"):
        if (day := path.parent.name.removeprefix("date=")) < last.isoformat():
            batch = RecordBatch.objects.filter(monitor=monitor, batch_id=_batch_id(path)).first()
            if batch and all(part["day"] != day for part in batch.partitions):
                files.remove(path)
    for path in files.found(records / "_quarantine", "batch=*.jsonl"):
        if RecordBatch.objects.filter(monitor=monitor, batch_id=_batch_id(path), partitions=[]).exists():
            files.remove(path)
    expired = LabelBatch.objects.filter(monitor=monitor, expired_at__isnull=False)
    for path in files.found(late, "date=*/batch=*.parquet", "_quarantine/batch=*.jsonl"):
        if expired.filter(batch_id=_batch_id(path)).exists():
            files.remove(path)


def _batch_id(path: Path) -> str:
    return path.name.removeprefix("batch=").removesuffix(path.suffix)


def _remove_drafts() -> None:
    """Take away what somebody who died had not finished."""
    waiting = set(ErasedFile.objects.filter(replaced_at=None, lost_at=None).values_list("draft", flat=True))
    # Of files that nobody has touched for a day: whoever wrote them is gone.
    for draft in files.old_drafts(windows.records_root(), older_than=clock.now().timestamp() - A_DAY_S):
        if draft.relative_to(windows.records_root()).as_posix() not in waiting:
            files.remove(draft)
