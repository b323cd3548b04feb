"""A request can be taken back, and changes that were asked for can be answered in the same thread."""

import pytest

from governance.approvals import services, signing
from governance.approvals.errors import ChangeClassUnconfirmed, RequestNotOpen
from governance.approvals.models import Decision, State
from governance.audit import selectors as log
from governance.common.errors import Forbidden
from placet.derivation import rederive
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


def test_a_validator_who_sees_another_change_class_has_it_stated_anew(cast):
    promotion = cast.allowed()
    request = promotion.approval
    for said in ("", "substantial"):
        with pytest.raises(ChangeClassUnconfirmed, match="non-substantial"):
            approve(request, cast.validator, change_class=said)
    approve(request, cast.validator, verdict="request_changes", change_class="")
    with pytest.raises(Forbidden):
        promotions.resubmit(promotion_id=promotion.pk, requester=cast.owner, reason="no", change_class="substantial")
    promotions.resubmit(
        promotion_id=promotion.pk, requester=cast.engineer, reason="it is one", change_class="substantial"
    )
    promotion.refresh_from_db()
    assert promotion.change_class == "substantial"
    with pytest.raises(ChangeClassUnconfirmed):
        approve(request, cast.validator)
    decision = approve(request, cast.validator, change_class="substantial")
    assert decision.change_class == "substantial"
    assert '"change_class":"substantial"' in decision.statement
    assert approve(request, cast.officer, change_class="substantial").change_class == ""
    entries = list(enumerate(entry.parsed for entry in log.entries_about_request(request.pk)))
    assert rederive(entries, str(request.pk)).index == len(entries) - 1
    with pytest.raises(RequestNotOpen):
        promotions.resubmit(
            promotion_id=promotion.pk, requester=cast.engineer, reason="late", change_class="pre-determined"
        )
    promotion.refresh_from_db()
    assert promotion.change_class == "substantial"
