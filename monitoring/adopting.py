"""Give batches whose sender died before their row was written their row, so that erasures and time reach their files.

What is complete gets the row that its sender would have written; of what is not complete the files with rows go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from governance.common import clock, files
from monitoring import windows
from monitoring.models import LabelBatch, Monitor, RecordBatch

if TYPE_CHECKING:
    from monitoring.records import StoredBatch


@transaction.atomic
def record_row(monitor: Monitor, stored: StoredBatch) -> tuple[RecordBatch, bool]:
    """Return the row of a complete batch of records, and whether it was made just now."""
    _wait_for(monitor)
    return RecordBatch.objects.get_or_create(
        monitor=monitor,
        batch_id=stored.batch_id,
        defaults={
            "version_id": stored.noted["version"],
            "digest": stored.digest,
            "rows": stored.rows,
            "quarantined": stored.quarantined,
            "start": stored.start,
            "end": stored.end,
            "sender_id": stored.noted["sender"],
            "received_at": clock.now(),
            "partitions": [{"day": part.day.isoformat(), "rows": part.rows} for part in stored.partitions],
        },
    )


@transaction.atomic
def label_row(monitor: Monitor, stored: StoredBatch) -> tuple[LabelBatch, bool]:
    """Return the row of a complete batch of labels, and whether it was made just now."""
    _wait_for(monitor)
    return LabelBatch.objects.get_or_create(
        monitor=monitor,
        batch_id=stored.batch_id,
        defaults={
            "digest": stored.digest,
            "rows": stored.rows,
            "quarantined": stored.quarantined,
            "day": stored.partitions[0].day,
            "sender_id": stored.noted["sender"],
            "received_at": clock.now(),
        },
    )


def _wait_for(monitor: Monitor) -> None:
    """Let an erasure, or the retention, come to its end first: it may be about to write the same row.

    The foreign key would wait, too, but after the row is written: then each would wait for the other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM monitoring_monitor WHERE id = %s FOR KEY SHARE", [monitor.pk])


def adopt(monitor: Monitor) -> int:
    """See to every file of a monitor that no row stands for; returns how many batches got a row.

    A sender that is still at it is waited for; one that claims its id later comes after.
    """
    from monitoring.records import stored_or_removed

    made = 0
    for folder, model, row in (("", RecordBatch, record_row), (windows.LABELS, LabelBatch, label_row)):
        home = windows.home_of(monitor.pk, folder)
        lying = files.found(home, "date=*/batch=*.parquet", "_quarantine/batch=*.jsonl")
        ids = {path.name.removeprefix("batch=").removesuffix(path.suffix) for path in lying}
        known = set(model._default_manager.filter(monitor=monitor).values_list("batch_id", flat=True)) if ids else set()
        for batch_id in sorted(ids - known):
            if stored := stored_or_removed(home, batch_id):
                made += row(monitor, stored)[1]
    return made
