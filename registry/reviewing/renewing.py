"""What a promotion's pages say of its renewal: until when it stands, who may ask for it, which is under way."""

from typing import Any

from governance.accounts.models import User
from governance.approvals.models import OPEN, ApprovalRequest, State
from registry import renewals, selectors
from registry.answering import Answered, answered
from registry.models import PromotionRequest


def renewal_shown(promotion: PromotionRequest, viewer: User) -> dict[str, Any] | None:
    """Return what the form that asks for a renewal needs; None for what is not live."""
    span = selectors.live(promotion.version.model, promotion.alias)
    if span is None or span.promotion_id != promotion.pk:
        return None
    approval = promotion.approval
    opened = approval.renewals.filter(state__in=[*OPEN, State.APPROVED]).select_related("promotion").first()
    refusal = "" if opened else renewals.refusal(promotion, viewer)
    return {
        "until": approval.valid_until,
        "allowed": not opened and not refusal,
        "refusal": refusal,
        "opened": {"reference": str(opened.promotion), "pk": opened.promotion.pk} if opened else None,
    }


def answers_shown(promotion: PromotionRequest) -> Answered | None:
    """Return what a request says that it answers, such as an alert; None where it says nothing."""
    return answered(promotion.in_answer_to, promotion.version.model) if promotion.in_answer_to else None


def renews_shown(approval: ApprovalRequest) -> dict[str, Any] | None:
    """Return what a request renews, None for one that is no renewal."""
    if approval.renews_id is None:
        return None
    old = PromotionRequest.objects.select_related("approval").get(approval=approval.renews_id)
    return {"reference": str(old), "pk": old.pk, "until": old.approval.valid_until, "state": old.approval.state}
