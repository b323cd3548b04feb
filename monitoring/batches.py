"""Read batches of records, the rows that were put aside, and erasures."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Q, QuerySet

from governance.common import files
from governance.common.errors import Unknown
from monitoring import windows
from monitoring.intake_settings import IntakeSettings
from monitoring.models import LabelBatch, Monitor, RecordBatch, RecordErasure


def batches_of(monitor: Monitor) -> QuerySet[RecordBatch]:
    """Return the batches of a monitor, newest first."""
    return RecordBatch.objects.filter(monitor=monitor).select_related("version").order_by("-received_at", "-pk")


def label_batches_of(monitor: Monitor) -> QuerySet[LabelBatch]:
    """Return the batches of labels that came late, newest first."""
    return LabelBatch.objects.filter(monitor=monitor).order_by("-received_at", "-pk")


def erasures_of(monitor: Monitor) -> QuerySet[RecordErasure, Any]:
    """Return what was erased from a monitor's records, newest first.

    Each with ``waiting`` and ``lost``: files whose new ones are not in place yet, and files whose new ones are gone.
    """
    rows = RecordErasure.objects.filter(monitor=monitor).select_related("officer").order_by("-made_at", "-pk")
    waiting = Count("files", filter=Q(files__replaced_at=None, files__lost_at=None))
    return rows.annotate(waiting=waiting, lost=Count("files", filter=Q(files__lost_at__isnull=False)))


def put_aside(
    monitor: Monitor, batch_id: str, *, of: type[RecordBatch] | type[LabelBatch] = RecordBatch
) -> Iterator[bytes]:
    """Return the rows of a batch that did not fit: JSON lines of ``row``, ``reasons`` and ``record``.

    Columns that are kept hashed, or out, are left out, also where they stand in the file.

    Raises:
        Unknown: the monitor has no such batch, or no row of it was put aside.
    """
    from monitoring.quarantine import lines_shown

    rows: QuerySet[Any] = of._default_manager.filter(monitor=monitor)
    batch = rows.filter(batch_id=batch_id).first() if "\0" not in batch_id else None
    if batch is None:
        kind = "records" if of is RecordBatch else "labels"
        raise Unknown(
            f"{monitor} has no batch {batch_id[:100]!r}. GET /api/v1/monitors/{monitor.pk}/{kind} lists them."
        )
    path = windows.quarantine_path(batch)
    files.fetch([path])
    if not batch.quarantined or not path.exists():
        raise Unknown(f"No row of batch {batch_id!r} was put aside.")
    intake = IntakeSettings.from_json(monitor.intake)
    return lines_shown(path, frozenset({*intake.hash, *intake.keep_out}))
