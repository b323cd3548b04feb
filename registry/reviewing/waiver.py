"""The page on which people decide whether a failed check may stand for a time."""

from typing import Any

from governance.accounts.models import User
from governance.approvals import selectors as approvals
from governance.approvals.models import OPEN, ApprovalRequest, Waiver
from governance.audit import selectors as log
from governance.common.errors import Unknown
from governance.common.templatetags.placet import day
from governance.policy.selectors import document_of
from registry import selectors
from registry.reviewing import review, stages
from registry.reviewing.people import People


def waiver_page(approval: ApprovalRequest, viewer: User) -> dict[str, Any]:
    """Return the context of registry/waiver.html, without the values of a refused form.

    Raises:
        Unknown: the request decides on no waiver.
    """
    row = Waiver.objects.select_related("request").filter(approval=approval).first()
    if row is None:
        raise Unknown(f"Request {approval.pk} is about no waiver.")
    about = approvals.request(row.request_id)
    promotion = selectors.promotion_of(about)
    decisions = approvals.decisions(approval)
    people = People(
        {
            approval.requester_id,
            *(decision.approver_id for decision in decisions),
            *(excluded["person"] for excluded in approval.excluded),
            *(pk for stage in approval.stages for pk in [*stage["eligible"], *stage["delegates"]]),
        },
        system_id=approval.system_id,
    )
    document = document_of(approval.policy_version)
    check: dict[str, Any] = next((item for item in about.verdict.get("checks", []) if item["id"] == row.check_id), {})
    rule = next((item for item in document.checks if item.id == row.check_id), None)
    decision = review.decision_panel(approval, document, viewer, "")
    return {
        "approval": {
            "pk": approval.pk,
            "state": approval.state,
            "state_reason": approvals.state_said(approval),
            "opened_at": approval.opened_at,
            "requester": people[approval.requester_id],
        },
        "about": {"pk": about.pk, "reference": str(promotion), "subject": str(promotion.version)},
        "system": review.system_shown(approval.system),
        "check": {
            "title": check.get("title", row.check_id),
            "reason": check.get("reason", ""),
            "outcome": check.get("outcome", ""),
            "why": rule.why if rule else "",
        },
        "until": approval.valid_until or row.expires_at,
        "reason": (log.payload_of(row.log_entry) or {}).get("reason"),
        "stages": stages.stages_shown(
            approval, decisions, people, log.indexes_of([item.log_entry for item in decisions]), viewer
        ),
        "excluded": stages.excluded_shown(approval, people),
        "decision": decision | {"effect": f"The failure may stand until {day(row.expires_at)}."},
        "withdrawable": approval.state in OPEN and approval.requester_id == viewer.pk,
        "form": {},
    }
