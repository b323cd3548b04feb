"""Deciding on a request: who may, with what, and what the database refuses whatever the code does."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.approvals import lifting, selectors, signing
from governance.approvals.errors import (
    AlreadyDecided,
    ChecksHold,
    NotEligible,
    NothingToReview,
    RationaleTooShort,
    RequestNotOpen,
    SelfApproval,
)
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import selectors as log
from governance.common import clock
from tests.factories import PASSWORD, REASON, Cast, a_policy_text, a_user, accept, approve, given, state_of

TWO_OFFICERS = a_policy_text(
    ("{name: risk, roles: [risk_officer], quorum: 1}", "{name: risk, roles: [risk_officer], quorum: 2}")
)


def events(approval: ApprovalRequest) -> list[str]:
    return [entry.event for entry in log.entries_about_request(approval.pk)]


def test_two_people_in_two_stages_approve_and_each_word_is_in_the_log(cast):
    request = cast.allowed().approval
    for stranger, refusal in ((cast.engineer, SelfApproval), (cast.owner, SelfApproval), (cast.officer, NotEligible)):
        with pytest.raises(refusal):
            approve(request, stranger)
    first = approve(request, cast.validator)
    with pytest.raises(NotEligible):  # signed, and the open stage is another
        approve(request, cast.validator)
    assert state_of(request) == State.IN_REVIEW
    approve(request, cast.officer)
    assert state_of(request) == State.APPROVED
    assert events(request)[-3:] == ["approval.decided", "approval.decided", "approval.approved"]
    assert log.payload_of(first.log_entry) == {"rationale": REASON, "approver": cast.validator.name}
    with pytest.raises(RequestNotOpen):
        approve(request, cast.officer)


def test_a_hold_admits_no_approval_until_a_validator_has_signed_its_review(cast):
    request = cast.reviewed().approval
    assert request.outcome == "HOLD"
    with pytest.raises(ChecksHold):
        approve(request, cast.validator)
    for stranger, refusal in (
        (cast.engineer, SelfApproval),
        (cast.officer, NotEligible),
        (a_user(Role.VALIDATOR), NotEligible),
    ):
        with pytest.raises(refusal):
            accept(request, stranger)
    with pytest.raises(NothingToReview):
        accept(request, cast.validator, check="performance.auc-floor")
    accept(request, cast.validator)
    request.refresh_from_db()
    assert request.outcome == "ALLOW"
    assert "approval.evaluated" in events(request)
    approve(request, cast.validator)


def test_a_rejected_review_keeps_the_hold(cast):
    request = cast.reviewed().approval
    accept(request, cast.validator, verdict="rejected")
    request.refresh_from_db()
    assert request.outcome == "HOLD"
    with pytest.raises(ChecksHold):
        approve(request, cast.validator)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"password": "wrong"}, SignInAgain),
        ({"password": ""}, SignInAgain),
        ({"rationale": "Looks good to me."}, RationaleTooShort),
        ({"rationale": " " * 40}, RationaleTooShort),
    ],
)
def test_a_signature_needs_its_own_password_and_a_reason(cast, changes, refusal):
    request = cast.allowed().approval
    before = len(events(request))
    with pytest.raises(refusal):
        approve(request, cast.validator, **changes)
    assert (Decision.objects.count(), len(events(request)), state_of(request)) == (0, before, State.IN_REVIEW)


def test_one_rejection_settles_it(cast):
    request = cast.allowed().approval
    approve(request, cast.validator, verdict="reject")
    assert state_of(request) == State.REJECTED
    with pytest.raises(RequestNotOpen):
        approve(request, cast.officer)


def test_requested_changes_send_it_back(cast):
    request = cast.allowed().approval
    approve(request, cast.validator, verdict="request_changes")
    assert state_of(request) == State.CHANGES_REQUESTED


def test_nobody_signs_twice_where_a_stage_needs_two(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(TWO_OFFICERS)
    second = a_user(Role.RISK_OFFICER)
    request = cast.allowed().approval
    approve(request, cast.validator)
    approve(request, cast.officer)
    with pytest.raises(AlreadyDecided):
        approve(request, cast.officer)
    assert state_of(request) == State.IN_REVIEW
    approve(request, second)
    assert state_of(request) == State.APPROVED


@pytest.mark.django_db(transaction=True)
def test_a_request_changed_without_an_entry_is_refused_at_commit(committed_cast):
    request = committed_cast.allowed().approval
    with pytest.raises(IntegrityError, match=r"audit_entry_required|without a log entry"):
        ApprovalRequest.objects.filter(pk=request.pk).update(state="withdrawn", settled_at=clock.now())
    assert state_of(request) == State.IN_REVIEW


@pytest.mark.parametrize("who", ["engineer", "owner", "officer"])
def test_the_database_refuses_a_decision_of_the_wrong_person_whatever_the_code_does(cast, who):
    request = cast.allowed().approval
    with pytest.raises(IntegrityError, match=r"separation of duties|not eligible"), transaction.atomic():
        Decision.objects.create(
            request=request,
            stage="validation",
            approver=getattr(cast, who),
            verdict="approve",
            statement="{}",
            statement_digest="sha256:" + "0" * 64,
            decided_at=clock.now(),
            log_entry=uuid.uuid4(),
        )


def test_a_risk_officer_lifts_a_suspension_once_its_critical_finding_is_closed(cast):
    from governance.approvals.findings import close_finding
    from registry.alias_changes import on_bytes_changed

    made = cast.approved()
    request = made.approval
    on_bytes_changed(made.version, request, "sha256:" + "1" * 64)
    assert state_of(request) == State.SUSPENDED
    lift = {"request_id": request.pk, "rationale": REASON, "password": PASSWORD}
    with pytest.raises(NotEligible):
        lifting.lift_suspension(signer=cast.validator, **lift)
    with pytest.raises(Exception, match="Close the critical finding first"):
        lifting.lift_suspension(signer=cast.officer, **lift)
    finding = request.findings.get()
    with pytest.raises(Exception, match="somebody else"):
        close_finding(finding_id=finding.pk, closer=cast.owner, how="The store was restored from the backup.")
    mended = "The store was restored from the backup."
    close_finding(finding_id=finding.pk, closer=cast.officer, how=mended, password=PASSWORD)
    lifting.lift_suspension(signer=cast.officer, **lift)
    assert state_of(request) == State.APPROVED


def test_what_waits_for_a_person_is_what_they_can_sign_now(cast):
    request = cast.allowed().approval
    assert [row.pk for row in selectors.waiting_for(cast.validator)] == [request.pk]
    assert selectors.waiting_for(cast.officer) == selectors.waiting_for(cast.engineer) == []
    approve(request, cast.validator)
    assert selectors.waiting_for(cast.validator) == []
    assert [row.pk for row in selectors.waiting_for(cast.officer)] == [request.pk]


def test_how_many_queries_waiting_costs_does_not_grow_with_the_requests(cast, django_assert_max_num_queries):
    for number in range(1, 5):
        cast.allowed(number=number)
    with django_assert_max_num_queries(4):  # requests, their decisions, the person's roles, places lent to them
        assert len(selectors.waiting_for(cast.validator)) == 4


def test_only_a_risk_officer_without_a_part_revokes_and_the_permit_then_counts_for_nothing(cast):
    from registry.models import Permit
    from registry.permit_status import status_of

    request = cast.approved().approval
    given(cast.engineer, Role.RISK_OFFICER)  # the role alone is not enough for who trained it
    with pytest.raises(SelfApproval):
        signing.revoke_approval(request_id=request.pk, signer=cast.engineer, rationale=REASON, password=PASSWORD)
    for stranger in (cast.validator, cast.owner, cast.engineer):
        with pytest.raises((NotEligible, SelfApproval)):
            signing.revoke_approval(request_id=request.pk, signer=stranger, rationale=REASON, password=PASSWORD)
    with pytest.raises(SignInAgain):
        signing.revoke_approval(request_id=request.pk, signer=cast.officer, rationale=REASON, password="wrong")
    signing.revoke_approval(request_id=request.pk, signer=cast.officer, rationale=REASON, password=PASSWORD)
    assert state_of(request) == State.REVOKED
    request.refresh_from_db()
    assert status_of(Permit(approval=request, expires_at=clock.now())) == "revoked"


def test_a_critical_finding_is_closed_by_a_risk_officer_and_by_nobody_else(cast):
    from governance.approvals.findings import OwnFinding, close_finding, open_finding
    from governance.common.errors import Forbidden
    from registry.mirror import RECONCILER

    finding = open_finding(
        system=cast.system,
        code="digest-mismatch",
        title="other bytes",
        severity="critical",
        source="reconciler",
        actor=RECONCILER,
    )
    with pytest.raises(OwnFinding):
        close_finding(finding_id=finding.pk, closer=cast.owner, how="the bytes are back")
    for stranger in (cast.engineer, cast.validator):
        with pytest.raises(Forbidden):
            close_finding(finding_id=finding.pk, closer=stranger, how="the bytes are back")
    for password in ("", "wrong"):
        with pytest.raises(SignInAgain):
            close_finding(finding_id=finding.pk, closer=cast.officer, how="the bytes are back", password=password)
    closed = close_finding(finding_id=finding.pk, closer=cast.officer, how="the bytes are back", password=PASSWORD)
    assert closed.closed_by == cast.officer


@pytest.mark.parametrize(("severity", "signed"), [("low", False), ("medium", False), ("high", True)])
def test_which_findings_are_closed_with_a_password(cast, severity, signed):
    from governance.approvals.findings import close_finding, open_finding
    from registry.mirror import RECONCILER

    finding = open_finding(
        system=cast.system, code="drift", title="moved", severity=severity, source="monitor", actor=RECONCILER
    )
    if signed:
        with pytest.raises(SignInAgain):
            close_finding(finding_id=finding.pk, closer=cast.validator, how="measured again")
    password = PASSWORD if signed else ""
    assert close_finding(
        finding_id=finding.pk, closer=cast.validator, how="measured again", password=password
    ).closed_at
