"""What an approval stands on beside evidence: its system's class, how many findings are open, what an overdue one does.

On findings a waiver and a standing approval do not stand: what they are for does.
"""

from typing import Any

from django.db.models import QuerySet

from governance.approvals import unmeasured
from governance.approvals.findings import QUESTIONS
from governance.approvals.models import ApprovalRequest, Finding
from governance.common import clock
from governance.inventory.models import AISystem
from governance.policy.selectors import document_of

OPEN_FINDINGS = "conditions.open-findings"
PROHIBITED = "conditions.prohibited-practice"
CHECKS = (PROHIBITED, OPEN_FINDINGS)


def holds(approval: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the checks that hold a request: its system is prohibited, or too many of its findings are open."""
    return [*_prohibited(approval), *_too_many_open(approval)]


def prohibition(approval: ApprovalRequest) -> str:
    """Return that its system is a prohibited practice in one sentence, an empty text when it is none. Read anew."""
    rows = AISystem.objects.filter(pk=approval.system_id, ai_act_class=AISystem.AIActClass.PROHIBITED)
    name = rows.values_list("name", flat=True).first()
    return f"{name} is classified as a prohibited practice (Article 5); nothing of it is approved." if name else ""


def _prohibited(approval: ApprovalRequest) -> list[dict[str, Any]]:
    reason = prohibition(approval)
    return [{"id": PROHIBITED, "title": "No prohibited practice", "reason": reason}] if reason else []


def _too_many_open(approval: ApprovalRequest) -> list[dict[str, Any]]:
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
