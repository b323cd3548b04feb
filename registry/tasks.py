"""Reconcile with MLflow, apply promotions, and sweep what was left half done."""

import uuid

from celery import shared_task

from governance.evidence.tasks import enqueue
from registry import alias_changes, applying, datasets, marking, reconcile, renewals
from registry.errors import MlflowDown
from registry.models import AliasChange


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
def carry_out(change_id: str) -> str:
    """Write one protected alias. Safe twice: it repeats only the steps that did not happen."""
    return alias_changes.carry_out(uuid.UUID(change_id))


@shared_task
def mark_models() -> int:
    """Show Placet's state in MLflow's own tags; returns how many models and versions changed."""
    return marking.mark_all()


@shared_task
def open_renewals() -> int:
    """Open the renewals that policies let Placet open by itself; returns the number of evidence jobs."""
    jobs = renewals.open_due()
    enqueue(jobs)
    return len(jobs)


@shared_task
def delete_due_data() -> int:
    """Delete the datasets whose delete-by date has passed; returns how many."""
    return datasets.delete_due()


@shared_task
def sweep_alias_changes() -> int:
    """Take up writes that a dead worker left, and renewals that can take their place."""
    applying.begin_renewals()
    ids = AliasChange.objects.filter(state=AliasChange.State.ASKED).order_by("asked_at").values_list("pk", flat=True)
    for pk in ids:
        carry_out.delay(str(pk))
    return len(ids)
