"""Close the findings by which an alert asks people to decide, once the decision is seen to be made."""

import uuid

from django.db import transaction
from django.db.models import QuerySet

from governance.approvals.findings import QUESTIONS, settle_findings
from governance.approvals.models import Finding, State
from monitoring import selectors
from monitoring.alerts import MONITORING, REVIEW
from monitoring.models import Alert


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Settle what asked for a decision on an approval: lifting its suspension, revoking and renewing it are the answer.

    Where it may stand, nobody need roll it back any more. One that lapses was decided by nobody.
    """
    stands = new == State.RENEWED or (old == State.SUSPENDED and new == State.APPROVED)
    if not stands and new != State.REVOKED:
        return
    how = f"Answered: the approval is {State(new).label.lower()}; its own entry of the log says by whom, and why."
    asked = Finding.objects.filter(request=request_id, closed_at__isnull=True)
    settle_findings(asked.filter(code__in=QUESTIONS if stands else [REVIEW]), actor=MONITORING, how=how)


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
