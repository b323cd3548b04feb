"""Run evidence jobs in the evidence worker, and hand out again what was lost."""

import logging
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from celery import shared_task
from django.db import DatabaseError, connection

from governance.common.broker import enqueue_on_commit
from governance.evidence import producers, reproducing, selectors, services
from governance.evidence.errors import CannotProduce, InvalidEvidence, LeaseLost
from governance.evidence.models import EvidenceJob

log = logging.getLogger(__name__)
BEAT_S = 5.0


@shared_task(queue="evidence")
def run_job(job_id: str) -> None:
    """Claim one job and produce its evidence. Safe twice: only one attempt at a time holds the row."""
    pk = uuid.UUID(job_id)
    attempt = services.claim(pk)
    if attempt is None:
        return
    job = EvidenceJob.objects.get(pk=pk)
    log.info("%s for %s, attempt %s", job.type, job.subject_name, attempt)

    def progress(done: int, total: int, message: str) -> None:
        services.heartbeat(pk, attempt, steps_done=min(done, total), steps_total=total, message=message[:200])

    task = producers.Task(
        job_id=pk,
        type=job.type,
        subject_digest=job.subject_digest,
        dataset_digest=job.dataset_digest,
        baseline_digest=job.baseline_digest,
        parameters=job.parameters,
        seed=reproducing.seed_of(job),
        progress=progress,
        subject_id=job.subject_id,
        baseline_id=job.baseline_id,
        settings=job.settings,
    )
    try:
        with _lease_kept(pk, attempt):
            product = reproducing.produced_again(job, task) if job.again else producers.producer(job.type)(task)
        (services.finish_again if job.again else services.finish)(pk, attempt, product)
    except LeaseLost:
        log.warning("%s for %s: attempt %s was replaced", job.type, job.subject_name, attempt)
    except (CannotProduce, InvalidEvidence, LookupError) as error:
        log.warning("%s for %s can't be produced: %s", job.type, job.subject_name, error)
        services.fail(pk, attempt, str(error), again=False)
    except Exception as error:
        log.exception("%s for %s failed in attempt %s", job.type, job.subject_name, attempt)
        services.fail(pk, attempt, f"{type(error).__name__}: {error}", again=True)


@shared_task
def sweep_jobs() -> int:
    """Hand out again what nobody works on: a lost message, a dead worker. Returns how many."""
    services.park_exhausted()
    ids = list(selectors.claimable_jobs(enqueued_before=timedelta(seconds=20)).values_list("pk", flat=True)[:200])
    services.mark_enqueued(ids)
    for pk in ids:
        run_job.delay(str(pk))
    return len(ids)


def enqueue(job_ids: list[uuid.UUID]) -> None:
    """Tell the broker about new jobs once the transaction is committed; ``sweep_jobs`` tells it again if it must."""
    services.mark_enqueued(job_ids)
    enqueue_on_commit(run_job, *job_ids)


@contextmanager
def _lease_kept(job_id: uuid.UUID, attempt: int) -> Iterator[None]:
    """Extend the lease from a thread of its own while a producer computes, however rarely it reports.

    When the lease is gone (the job was cancelled, or handed out again), the producer is stopped where it is: whatever
    it waits for, and with it the isolated process that it started, which ends as the exception passes its ``finally``.
    """
    stop = threading.Event()
    interruptible = threading.current_thread() is threading.main_thread()

    def keep() -> None:
        try:
            while not stop.wait(BEAT_S):
                try:
                    services.heartbeat(job_id, attempt)
                except DatabaseError as error:  # it may be back before the lease runs out
                    log.warning("job %s: no heartbeat could be written: %s", job_id, error)
                    connection.close()
        except LeaseLost:
            log.warning("job %s: the lease is gone", job_id)
            if interruptible and not stop.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        finally:
            connection.close()

    def give_up(number: int, frame: object) -> None:
        if not stop.is_set():
            raise LeaseLost(f"Attempt {attempt} of job {job_id} was replaced or cancelled.")

    thread = threading.Thread(target=keep, name=f"lease-{job_id}", daemon=True)
    before = signal.signal(signal.SIGUSR2, give_up) if interruptible else None
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if interruptible:
            signal.signal(signal.SIGUSR2, before)
