"""Count, after a batch came in, how many of its predictions an earlier batch had already."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from governance.common import clock
from monitoring import windows
from monitoring.models import RecordBatch

AGE_TO_SWEEP = timedelta(minutes=1)
LATEST = timedelta(hours=1)
SWEPT_AT_ONCE = 200


def count_duplicates(batch: RecordBatch) -> int:
    """Return how many records of a batch have a ``prediction_id`` that a batch received before it has; and keep that.

    Nothing is dropped: whose records are right is for their sender to say. Safe twice.

    Raises:
        UnreadableRecords: a file is not there, or is damaged.
    """
    from monitoring.record_files import repeated

    if batch.duplicates is not None:
        return batch.duplicates
    earlier = RecordBatch.objects.filter(
        Q(received_at__lt=batch.received_at) | Q(received_at=batch.received_at, pk__lt=batch.pk),
        monitor=batch.monitor_id,
    )
    found = repeated(windows.paths_of(batch), [path for row in earlier for path in windows.paths_of(row)])
    RecordBatch.objects.filter(pk=batch.pk).update(duplicates=found)
    return found


def uncounted() -> list[RecordBatch]:
    """Return batches whose message was lost: received a minute ago and not counted yet; note that.

    Where counting fails, as by a file that can't be read, the next look comes twice as late as the one before it, an
    hour at most: batches that can't be counted hold up none that can.
    """
    now = clock.now()
    rows = RecordBatch.objects.filter(duplicates=None, received_at__lt=now - AGE_TO_SWEEP)
    due = list(
        rows.filter(Q(count_after=None) | Q(count_after__lte=now)).order_by("count_attempts", "received_at")[
            :SWEPT_AT_ONCE
        ]
    )
    for batch in due:
        batch.count_after = now + min(AGE_TO_SWEEP * 2 ** min(batch.count_attempts, 10), LATEST)
        batch.count_attempts = min(batch.count_attempts + 1, 1_000)
    RecordBatch.objects.bulk_update(due, ["count_after", "count_attempts"])
    return due
