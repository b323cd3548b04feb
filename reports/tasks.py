"""Build documents in the evidence worker, where the heavy libraries live."""

import logging
import uuid
from datetime import timedelta

from celery import shared_task

from governance.common import clock
from governance.common.errors import DomainError
from reports import looks, services, time_stamps
from reports.bundles import services as bundles
from reports.models import DocumentJob
from reports.retention import disposing

log = logging.getLogger(__name__)


@shared_task(queue="evidence")
def build_document(job_id: str) -> None:
    """Build one document; whatever goes wrong is kept with the job."""
    try:
        services.build_document(uuid.UUID(job_id))
    except Exception as error:
        log.exception("document job %s failed", job_id)
        services.fail_document(uuid.UUID(job_id), f"{type(error).__name__}: {error}")


@shared_task(queue="evidence")
def explain_record(look_id: str) -> None:
    """Explain one record for the person who asked; no row, no evidence: it is kept ten minutes."""
    looks.work(uuid.UUID(look_id))


@shared_task
def sweep_documents() -> int:
    """Hand out again what a lost message or a dead worker left behind."""
    before = clock.now() - timedelta(minutes=2)
    waiting = DocumentJob.objects.filter(state=DocumentJob.State.QUEUED, made_at__lt=before)
    stuck = DocumentJob.objects.filter(
        state=DocumentJob.State.RUNNING, started_at__lt=clock.now() - timedelta(minutes=15)
    )
    ids = [row.pk for row in [*waiting[:50], *stuck[:50]]]
    for pk in ids:
        build_document.delay(str(pk))
    return len(ids)


@shared_task(queue="evidence")
def renew_time_stamps() -> int:
    """Have the documents stamped whose last time-stamp ends within half a year; return how many were."""
    return time_stamps.renew()


@shared_task
def sweep_disposals() -> int:
    """Remove the files that an interrupted disposal left; return how many. It disposes of nothing by itself."""
    return disposing.finish()


@shared_task
def build_bundle(job_id: str) -> None:
    """Make one bundle; whatever goes wrong is kept with the job, and tried again if it may pass."""
    try:
        bundles.build_bundle(uuid.UUID(job_id))
    except DomainError as refusal:
        log.warning("bundle job %s: %s", job_id, refusal.detail)
    except Exception:
        log.exception("bundle job %s failed", job_id)


@shared_task
def sweep_bundles() -> int:
    """Hand out again what a lost message or a dead worker left behind, and delete the files whose time is over."""
    bundles.delete_old()
    due = bundles.due_bundles()
    for pk in due:
        build_bundle.delay(str(pk))
    return len(due)
