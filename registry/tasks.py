"""Reconcile with MLflow, apply promotions, and sweep what was left half done."""

import logging
import uuid

from celery import shared_task
from django.core.cache import cache

from registry import applying
from registry.errors import MlflowDown, NotApproved
from registry.models import PromotionRequest
from registry.reconcile import reconcile as run_reconcile

log = logging.getLogger(__name__)


@shared_task
def reconcile() -> int:
    """Do one pass; a pass that is still running makes this one a no-op. Returns the number of new findings."""
    if not cache.add("placet:reconciling", 1, timeout=120):
        return 0
    try:
        return len(run_reconcile().findings)
    except MlflowDown as down:
        log.warning("reconcile: %s", down.detail)
        return 0
    finally:
        cache.delete("placet:reconciling")


@shared_task(autoretry_for=(MlflowDown,), retry_backoff=True, max_retries=5)
def apply_promotion(promotion_id: str) -> str:
    """Apply one promotion. Safe twice: it repeats only the steps that did not happen."""
    try:
        return applying.apply_promotion(uuid.UUID(promotion_id))
    except NotApproved as refusal:
        log.warning("apply %s: %s", promotion_id, refusal.detail)
        return "refused"


@shared_task
def sweep_promotions() -> int:
    """Take up promotions that a dead worker left applying."""
    ids = PromotionRequest.objects.filter(state=PromotionRequest.State.APPLYING).values_list("pk", flat=True)
    for pk in ids:
        apply_promotion.delay(str(pk))
    return len(ids)
