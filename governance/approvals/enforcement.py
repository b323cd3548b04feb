"""Hold approvals against their conditions: evaluate again what findings changed, suspend what an overdue one ends."""

import uuid

from django.db import transaction
from django.db.models import Exists, OuterRef

from governance.approvals import conditions, documents, inherited, services
from governance.approvals.models import ApprovalRequest, Finding, State
from governance.audit.actors import System
from governance.common import clock

CLOCK = System("clock")


def settle(approval: ApprovalRequest) -> bool:
    """Evaluate a locked request again if class, findings, documents or a base moved since; return whether it was."""
    of_these = {*conditions.CHECKS, inherited.CHECK}
    held = {row["id"]: row["reason"] for row in approval.verdict.get("checks", []) if row["id"] in of_these}
    now = {row["id"]: row["reason"] for row in [*conditions.holds(approval), *inherited.holds(approval)]}
    if held == now and not documents.changed(approval):
        return False
    services.evaluate_again(approval, actor=CLOCK)
    return True


def sweep() -> int:
    """Evaluate anew what findings changed, and suspend approvals with an overdue one; return how many moved or changed.

    Each request in a transaction of its own: one that somebody is deciding on is taken the next time.
    """
    today = clock.now().date()
    late = Finding.objects.filter(system=OuterRef("system"), closed_at__isnull=True, due_on__lt=today)
    granted = ApprovalRequest.objects.filter(Exists(late), state=State.APPROVED).values_list("pk", flat=True)
    in_review = ApprovalRequest.objects.filter(state=State.IN_REVIEW).values_list("pk", flat=True)
    return sum(_swept(pk) for pk in [*granted, *in_review])


@transaction.atomic
def _swept(pk: uuid.UUID) -> bool:
    rows = ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",)).select_related("policy_version")
    approval = rows.filter(pk=pk, state__in=[State.APPROVED, State.IN_REVIEW]).first()
    if approval is None:
        return False
    if approval.state == State.IN_REVIEW:
        return settle(approval)
    if conditions.overdue(approval) is None:
        return False
    reason = "A finding of its AI system is overdue."
    services.move(approval, State.SUSPENDED, actor=CLOCK, reason=reason, allowed={State.APPROVED})
    return True
