"""Close the findings by which an alert asks people to decide, once the decision is seen to be made."""

import uuid

from django.db import transaction
from django.db.models import QuerySet

from governance.approvals.findings import settle_findings
from governance.approvals.models import State
from governance.audit.actors import System
from monitoring import selectors
from monitoring.models import Alert

MONITORING = System("monitoring")


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Settle what asked for a decision on a suspended approval: lifting, revoking and renewing it are the answer.

    Where its force was given back, the version may stand, so nobody need roll it back any more.
    """
    if old != State.SUSPENDED:
        return
    how = f"Answered: the approval is {State(new).label.lower()}; its own entry of the log says by whom, and why."
    for alert in _asking().filter(approval=request_id):
        asked = [alert.review, alert.rollback] if new == State.APPROVED else [alert.review]
        settle_findings([finding for finding in asked if finding], actor=MONITORING, how=how)


def settle_rolled_back() -> int:
    """Settle what asks people to roll back a version that serves no longer behind the alias; return how many."""
    settled = 0
    for alert in _asking().exclude(rollback=None).filter(rollback__closed_at__isnull=True):
        with transaction.atomic():
            live = selectors.live_now(alert.monitor)
            if alert.rollback and (live is None or live.version_id != alert.version_id):
                how = f"{alert.version} serves no longer behind {alert.monitor.alias}."
                settled += settle_findings([alert.rollback], actor=MONITORING, how=how)
    return settled


def _asking() -> QuerySet[Alert]:
    return Alert.objects.select_related("review", "rollback", "monitor__model", "version__model")
