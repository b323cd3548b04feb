"""What an approval stands on beside evidence: how many findings may be open, and what an overdue one does.

A waiver and a standing approval stand on nothing of that: what they are for does.
"""

from typing import Any

from django.db.models import QuerySet

from governance.approvals import unmeasured
from governance.approvals.findings import QUESTIONS
from governance.approvals.models import ApprovalRequest, Finding
from governance.common import clock
from governance.policy.selectors import document_of

OPEN_FINDINGS = "conditions.open-findings"


def holds(approval: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the check that holds a request because too many findings of its system are open; none when it does not."""
    most = document_of(approval.policy_version).approval.conditions.max_open_findings
    if most is None or approval.subject_kind in unmeasured.KINDS:
        return []
    count = _open(approval).exclude(code__in=QUESTIONS).count()
    if count <= most:
        return []
    reason = f"{count} findings of the AI system are open; the policy admits {most}. Close findings, then decide."
    return [{"id": OPEN_FINDINGS, "title": "Open findings of the AI system", "reason": reason}]


def overdue(approval: ApprovalRequest, *, lifting: bool = False) -> Finding | None:
    """Return the finding that takes an approval's force away by being overdue, None when its policy lets it be.

    What asks for a decision on one approval takes the force of that one alone.

    Args:
        lifting: what asks for just that decision does not stand in its way.
    """
    conditions = document_of(approval.policy_version).approval.conditions
    if approval.subject_kind in unmeasured.KINDS or conditions.on_overdue != "suspend":
        return None
    late = _open(approval).filter(due_on__lt=clock.now().date())
    flaws = late.exclude(code__in=QUESTIONS)
    about_it = late.filter(code__in=QUESTIONS, request=approval)
    return (flaws if lifting else flaws | about_it).order_by("due_on").first()


def _open(approval: ApprovalRequest) -> QuerySet[Finding]:
    return Finding.objects.filter(system=approval.system_id, closed_at__isnull=True)
