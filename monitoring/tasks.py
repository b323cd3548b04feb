"""Work behind the edges: count new records, open monitors for what went live."""

from celery import shared_task

from governance.evidence.tasks import enqueue
from monitoring import dropped, duplicates, pulling, retention, schedule, services, settling, windows
from monitoring.models import RecordBatch, ReferenceProfile
from monitoring.retraining import services as retraining


@shared_task
def profile_batch(batch_pk: str) -> int:
    """Count a new batch ahead of the next run, if its reference is there. Safe twice; returns the days counted.

    A run counts for itself what this did not, so a lost message costs time only.
    """
    batch = RecordBatch.objects.select_related("monitor").get(pk=batch_pk)
    reference = ReferenceProfile.objects.filter(monitor=batch.monitor_id, version=batch.version_id).first()
    return len(windows.profile_batch(batch, reference)) if reference else 0


@shared_task
def count_duplicates(batch_pk: str) -> int:
    """Count the predictions of a new batch that an earlier batch has, too. Safe twice; returns how many."""
    return duplicates.count_duplicates(RecordBatch.objects.get(pk=batch_pk))


@shared_task
def sweep_batches() -> int:
    """Send again what no message counted; returns how many batches."""
    waiting = duplicates.uncounted()
    for batch in waiting:
        count_duplicates.delay(str(batch.pk))
    return len(waiting)


@shared_task
def expire_records() -> int:
    """Delete records whose time has passed, and finish erasures that a crash interrupted; returns how many."""
    return retention.expire_records()


@shared_task(soft_time_limit=3600)
def pull_records() -> int:
    """Pull the closed windows of every monitor's table, each once; returns how many records came in."""
    return sum(pulled.records for pulled in pulling.pull_due())


@shared_task(soft_time_limit=3600)
def take_dropped() -> int:
    """Take in the files that were laid into the folder for that; returns how many were."""
    return sum(file.outcome == "taken" for file in dropped.take_dropped())


@shared_task
def watch_live() -> int:
    """Open a monitor for each live alias that has none; returns how many."""
    return len(services.watch_live())


@shared_task
def measure_due() -> int:
    """Have each window measured that has ended since, and close what it asked for before and came; returns how many."""
    settling.settle_rolled_back()
    jobs = schedule.ask_for_due()
    enqueue(jobs)
    return len(jobs)


@shared_task(soft_time_limit=600)
def call_hooks() -> int:
    """Send the retraining events that are due; returns how many were taken."""
    return retraining.deliver_due()
