"""Read waivers: which failed checks of a request may stand for now.

A waiver is decided through a request of its own, and bound to the evidence: on other evidence it counts for nothing.
"""

from typing import Any

from django.db.models import QuerySet

from governance.approvals import unmeasured
from governance.approvals.models import ApprovalRequest, State, Waiver
from governance.common import clock

KIND = unmeasured.WAIVER


def in_force(approval: ApprovalRequest) -> QuerySet[Waiver]:
    """Return the waivers of a request's checks that were granted on its present evidence and have not ended."""
    return Waiver.objects.filter(
        request=approval,
        manifest_digest=approval.manifest_digest,
        approval__state=State.APPROVED,
        approval__valid_until__gt=clock.now(),
    )


def named(approval: ApprovalRequest) -> dict[str, Any]:
    """Return what an evaluation's entry says of them: check and the request that granted it; nothing without one."""
    rows = {row.check_id: str(row.approval_id) for row in in_force(approval).order_by("made_at")}
    return {"waivers": rows} if rows else {}
