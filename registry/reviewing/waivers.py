"""The waivers of a request, and what of it may be asked for, as its review page shows them."""

from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import waivers
from governance.approvals.models import GRANTED, ApprovalRequest, State, Waiver
from governance.common import clock
from governance.policy.selectors import document_of


def waivers_shown(approval: ApprovalRequest, viewer: User) -> dict[str, Any] | None:
    """Return the waivers of a request and what may be asked for; None where there is neither."""
    rows = Waiver.objects.filter(request=approval).select_related("approval").order_by("made_at")
    titles = {row["id"]: row["title"] for row in approval.verdict.get("checks", [])}
    failed = waivers.waivable_checks(approval) if approval.state in {State.IN_REVIEW, *GRANTED} else {}
    asks = has_role(viewer, Role.ENGINEER, Role.OWNER, system_id=approval.system_id)
    document = document_of(approval.policy_version)
    shown = [
        {
            "pk": row.approval_id,
            "title": titles.get(row.check_id, row.check_id),
            "state": row.approval.state,
            "until": row.approval.valid_until or row.expires_at,
            "other_evidence": row.manifest_digest != approval.manifest_digest,
        }
        for row in rows
    ]
    if not shown and not failed:
        return None
    return {
        "rows": shown,
        "checks": sorted(failed.items()) if asks and document.stages else [],
        "longest": document.approval.waive_for.days,
        "today": clock.now().date(),
        "form": {},
    }
