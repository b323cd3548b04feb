"""What follows in the registry when an approval of a model version changes its state, in the same transaction."""

import uuid

from governance.approvals.models import State
from governance.policy.selectors import document_of
from registry import bases, interventions, outside, promotions, selectors
from registry.models import PromotionRequest


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Follow an approval: a standing approval may grant it as its review opens; a suspension may roll back.

    Outside MLflow nothing can be rolled back, and the owner is asked to stop it. Who builds on it is told either way.
    """
    promotions.on_state_change(request_id, old, new)
    if new not in outside.SEVERITY:
        return
    promotion = selectors.promotion_about(request_id)
    bases.on_trouble(promotion.version, State(new).label.lower())
    if promotion.version.is_recorded:
        outside.ask_to_stop(promotion, State(new))
    elif new == State.SUSPENDED and _goes_back(promotion):
        interventions.go_back_by_policy(promotion)


def _goes_back(promotion: PromotionRequest) -> bool:
    return document_of(promotion.approval.policy_version).approval.on_suspend == "rollback"
