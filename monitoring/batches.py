"""Read batches of records, the rows that were put aside, and erasures."""

from pathlib import Path

from django.db.models import QuerySet

from governance.common import files
from governance.common.errors import Unknown
from monitoring import windows
from monitoring.models import Monitor, RecordBatch, RecordErasure


def batches_of(monitor: Monitor) -> QuerySet[RecordBatch]:
    """Return the batches of a monitor, newest first."""
    return RecordBatch.objects.filter(monitor=monitor).select_related("version").order_by("-received_at", "-pk")


def erasures_of(monitor: Monitor) -> QuerySet[RecordErasure]:
    """Return what was erased from a monitor's records, newest first."""
    return RecordErasure.objects.filter(monitor=monitor).select_related("officer").order_by("-made_at", "-pk")


def put_aside(monitor: Monitor, batch_id: str) -> Path:
    """Return the file of the rows of a batch that did not fit: JSON lines of ``row``, ``reasons`` and ``record``.

    Raises:
        Unknown: the monitor has no such batch, or no row of it was put aside.
    """
    batch = RecordBatch.objects.filter(monitor=monitor, batch_id=batch_id).first() if "\0" not in batch_id else None
    if batch is None:
        raise Unknown(
            f"{monitor} has no batch {batch_id[:100]!r}. GET /api/v1/monitors/{monitor.pk}/records lists them."
        )
    path = windows.quarantine_path(batch)
    files.fetch([path])
    if not batch.quarantined or not path.exists():
        raise Unknown(f"No row of batch {batch_id!r} was put aside.")
    return path
