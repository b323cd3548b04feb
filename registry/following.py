"""What follows in the registry when an approval of a model version changes its state, in the same transaction."""

import uuid

from governance.approvals.models import State
from governance.policy.selectors import document_of
from registry import interventions, promotions, selectors


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Follow an approval: a standing approval may grant it as its review opens; a suspension may roll back."""
    promotions.on_state_change(request_id, old, new)
    if new == State.SUSPENDED:
        promotion = selectors.promotion_about(request_id)
        if document_of(promotion.approval.policy_version).approval.on_suspend == "rollback":
            interventions.go_back_by_policy(promotion)
