"""Reconcile with MLflow, apply promotions, and sweep what was left half done."""

import uuid

from celery import shared_task

from governance.evidence.tasks import enqueue
from registry import applying, reconcile, renewals
from registry.errors import MlflowDown
from registry.models import PromotionRequest


@shared_task
def watch_aliases() -> int:
    """Look at every protected alias; returns the number of new findings."""
    return len(reconcile.run_pass("aliases", reconcile.watch_aliases).findings)


@shared_task
def check_live_bytes() -> int:
    """Digest what is live and due; returns the number of new findings."""
    return len(reconcile.run_pass("live-bytes", reconcile.check_live_bytes).findings)


@shared_task
def mirror_registry() -> int:
    """Mirror new models and versions; returns the number of new findings."""
    return len(reconcile.run_pass("new-versions", reconcile.mirror_registry).findings)


@shared_task(autoretry_for=(MlflowDown,), retry_backoff=True, max_retries=5)
def apply_promotion(promotion_id: str) -> str:
    """Apply one promotion. Safe twice: it repeats only the steps that did not happen."""
    return applying.apply_promotion(uuid.UUID(promotion_id))


@shared_task
def open_renewals() -> int:
    """Open the renewals that policies let Placet open by itself; returns the number of evidence jobs."""
    jobs = renewals.open_due()
    enqueue(jobs)
    return len(jobs)


@shared_task
def sweep_promotions() -> int:
    """Take up promotions that a dead worker left applying, and renewals that can take their place."""
    applying.begin_renewals()
    ids = PromotionRequest.objects.filter(state=PromotionRequest.State.APPLYING).values_list("pk", flat=True)
    for pk in ids:
        apply_promotion.delay(str(pk))
    return len(ids)
