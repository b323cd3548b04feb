"""A request can be taken back, and changes that were asked for can be answered in the same thread."""

import pytest

from governance.approvals import services, signing
from governance.approvals.models import Decision, State
from governance.common.errors import Forbidden
from registry import promotions
from tests.factories import PASSWORD, REASON, approve, state_of


def test_requested_changes_are_answered_in_a_new_round_in_which_the_same_people_may_sign(cast):
    promotion = cast.allowed()
    signing.record_decision(
        request_id=promotion.approval_id,
        approver=cast.validator,
        verdict=Decision.Verdict.REQUEST_CHANGES,
        rationale=REASON,
        password=PASSWORD,
    )
    assert state_of(promotion.approval) == State.CHANGES_REQUESTED
    with pytest.raises(Forbidden):
        promotions.resubmit(promotion_id=promotion.pk, requester=cast.owner, reason="not mine to answer")
    promotions.resubmit(promotion_id=promotion.pk, requester=cast.engineer, reason="the threshold is explained now")
    assert state_of(promotion.approval) == State.IN_REVIEW
    approve(promotion.approval, cast.validator)
    approve(promotion.approval, cast.officer)
    assert state_of(promotion.approval) == State.APPROVED


def test_a_request_is_withdrawn_by_its_requester_alone_and_can_be_made_anew(cast):
    promotion = cast.allowed()
    with pytest.raises(Forbidden):
        services.withdraw(request_id=promotion.approval_id, requester=cast.owner, reason="not mine to withdraw")
    services.withdraw(request_id=promotion.approval_id, requester=cast.engineer, reason="a better version is coming")
    assert state_of(promotion.approval) == State.WITHDRAWN
    again, jobs = promotions.request_promotion(
        model=cast.model.name, version=1, alias="champion", requester=cast.engineer
    )
    assert jobs == []  # its evidence is still fresh
    assert state_of(again.approval) == State.IN_REVIEW
