"""What people write lies in the log's erasable payload alone, is covered by what they sign, and binds to evidence."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from governance.approvals import lifting, selectors, services, signing
from governance.approvals.errors import ChecksHold, NothingToReview, ReviewMissing
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import erasure
from governance.audit import selectors as log
from governance.audit.models import Payload
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence.models import Evidence
from registry import promotions
from tests import payloads
from tests.factories import PASSWORD, REASON, SETUP, Cast, a_policy_text, accept, approve, attach, state_of
from tests.roles import as_role

SECRET = "Ms Example of branch 12 was refused twice, see her letter of 3 March."


def payload_row(entry_id: uuid.UUID) -> tuple[bytes, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT salt, payload FROM audit_payload WHERE entry_id = %s", [entry_id])
        salt, content = cursor.fetchone()
    return bytes(salt), bytes(content)


def erase_payloads() -> None:
    with as_role("privacy"):
        for entry_id in Payload.objects.values_list("pk", flat=True):
            erasure.redact(entry_id=entry_id, actor=SETUP, reason="Asked for by the data subject.")


def everything_stored() -> str:
    """Every row of every table but the log's payloads, as text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'audit_payload'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            found += [row for (row,) in cursor.fetchall()]
        cursor.execute("SELECT convert_from(body, 'UTF8') FROM audit_entry")
        found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_the_signed_statement_covers_the_reason_by_the_commitment_of_the_entry(cast):
    request = cast.allowed().approval
    decision = approve(request, cast.validator)
    said = json.loads(decision.statement)
    salt, content = payload_row(decision.log_entry)
    commitment = "sha256:" + sha256(b"placet/payload/v1\0" + salt + content).hexdigest()
    assert said["rationale"] == commitment == log.entry_by_id(decision.log_entry).parsed["payload"]
    assert json.loads(content)["rationale"] == REASON
    assert "rationale_length" not in said
    assert decision.statement_digest == "sha256:" + sha256(decision.statement.encode()).hexdigest()


@pytest.mark.parametrize("verdict", ["reject", "request_changes", "approve"])
def test_a_rationale_stands_in_no_row_and_in_no_entry(cast, verdict):
    request = cast.allowed().approval
    approve(request, cast.validator, verdict=verdict, rationale=SECRET)
    assert SECRET not in everything_stored()
    request.refresh_from_db()
    assert (
        request.state_reason
        == {
            "reject": "Rejected in stage validation.",
            "request_changes": "Changes requested in stage validation.",
            "approve": "",
        }[verdict]
    )


def test_nor_do_the_words_of_a_review_a_withdrawal_a_resubmission_a_revocation_or_a_lifting(cast):
    held = cast.reviewed(number=1).approval
    signing.review_check(
        request_id=held.pk,
        reviewer=cast.validator,
        check_id="fairness.selection-ratio-sex",
        verdict="accepted",
        statement=SECRET,
        password=PASSWORD,
    )
    approve(held, cast.validator, verdict="request_changes")
    services.resubmit(request_id=held.pk, requester=cast.engineer, reason=SECRET)
    services.withdraw(request_id=held.pk, requester=cast.engineer, reason=SECRET)
    signed = {"signer": cast.officer, "rationale": SECRET, "password": PASSWORD}
    approved = cast.approved(number=2).approval
    services.suspend(request_id=approved.pk, reason="Drift.", actor=services.PLACET)
    lifting.lift_suspension(request_id=approved.pk, **signed)
    signing.revoke_approval(request_id=approved.pk, **signed)
    assert SECRET not in everything_stored()
    revoked, withdrawn = selectors.request(approved.pk), selectors.request(held.pk)
    assert selectors.state_said(revoked) == f"Revoked by a risk officer. {SECRET}"
    assert selectors.state_said(withdrawn) == f"Withdrawn by its requester. {SECRET}"


@pytest.mark.django_db(transaction=True)
def test_pages_say_what_was_written_and_once_it_is_erased_that_it_was(committed_cast):
    cast = committed_cast
    rejected = cast.reviewed().approval
    accept(rejected, cast.validator)
    approve(rejected, cast.validator, verdict="reject", rationale=SECRET)
    client = Client()
    client.force_login(cast.officer)
    page = reverse("review", args=[rejected.pk])
    before = client.get(page).content.decode()
    assert before.count(SECRET) == 2
    assert REASON in before
    erase_payloads()
    after = client.get(page).content.decode()
    assert SECRET not in after
    assert REASON not in after
    assert f"Rejected in stage validation. {selectors.ERASED}" in after
    assert "The rationale was erased" in after
    assert "The statement was erased" in after


def test_the_evidence_of_a_review_holds_its_commitment_and_what_was_read(cast):
    request = cast.reviewed().approval
    review = accept(request, cast.validator)
    assert review.payload["statement"] == log.entry_by_id(review.log_entry).parsed["payload"]
    assert log.payload_of(review.log_entry) == {"statement": REASON, "reviewer": cast.validator.name}
    fairness = Evidence.objects.get(pk__in=request.evidence_ids, type="fairness/v1")
    assert review.payload["evidence"] == [fairness.payload_digest]


def test_a_review_counts_for_nothing_once_its_evidence_has_changed(cast):
    """The fault: reviewed, sent back, measured anew; the old signature must not lift the new hold."""
    made = cast.reviewed()
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator, verdict="request_changes")
    attach(made.approval, payloads.fairness(ratio=0.85, half=0.2))
    promotions.resubmit(promotion_id=made.pk, requester=cast.engineer, reason="measured on the same rows again")
    request = selectors.request(made.approval_id)
    assert (request.state, request.outcome) == (State.IN_REVIEW, "HOLD")
    with pytest.raises(ChecksHold):
        approve(request, cast.validator)
    assert selectors.standing_reviews(request) == []
    accept(request, cast.validator)
    approve(request, cast.validator)


def test_a_review_still_counts_when_only_other_evidence_changed(cast):
    made = cast.reviewed()
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator, verdict="request_changes")
    attach(made.approval, payloads.explanation() | {"seed": 8})
    promotions.resubmit(promotion_id=made.pk, requester=cast.engineer, reason="explained on another background")
    request = selectors.request(made.approval_id)
    assert request.outcome == "ALLOW"
    approve(request, cast.validator)


def test_a_stage_that_requires_a_human_review_admits_no_approval_before_one_is_signed(cast):
    request = cast.reviewed(ratio=0.97, half=0.05).approval
    assert request.outcome == "ALLOW"
    with pytest.raises(ReviewMissing, match="Stage validation requires a signed human review"):
        approve(request, cast.validator)
    with pytest.raises(NothingToReview):
        accept(request, cast.validator, check="no-such-check")
    accept(request, cast.validator, verdict="rejected")
    with pytest.raises(ReviewMissing):
        approve(request, cast.validator)
    accept(request, cast.validator, check="performance.auc-floor")
    with pytest.raises(NothingToReview):  # given: nothing else asks for one
        accept(request, cast.validator, check="explanation.additivity")
    approve(request, cast.validator)
    assert selectors.open_stage(request)["name"] == "risk"
    approve(request, cast.officer)
    assert state_of(request) == State.APPROVED


def test_without_the_review_one_may_still_send_back(cast):
    request = cast.reviewed(ratio=0.97, half=0.05).approval
    approve(request, cast.validator, verdict="reject")
    assert state_of(request) == State.REJECTED


def test_the_page_asks_for_the_required_review_of_the_check_that_is_furthest_from_a_pass(cast):
    request = cast.reviewed(ratio=0.97, half=0.05).approval
    client = Client()
    client.force_login(cast.validator)
    page = client.get(reverse("review", args=[request.pk]))
    (asked,) = page.context["reviews"]
    assert asked["check_id"] == page.context["checks"][0]["id"]
    assert "requires a signed human review" in page.content.decode()
    accept(request, cast.validator, check=asked["check_id"])
    assert client.get(reverse("review", args=[request.pk])).context["reviews"] == []


def test_the_clock_expires_what_nobody_decides_in_time_and_nothing_else(cast):
    made, collecting = cast.allowed(number=1), cast.promotion(number=2)
    request = made.approval
    due = selectors.due_at(request)
    assert due == request.review_opened_at + timedelta(days=30)
    with clock.frozen(due - timedelta(seconds=1)):
        assert services.expire_undecided() == 0
    with clock.frozen(due + timedelta(seconds=1)):
        assert services.expire_undecided() == 1
        assert services.expire_undecided() == 0
    assert (state_of(request), state_of(collecting.approval)) == (State.EXPIRED, State.COLLECTING)
    assert log.entries_about_request(request.pk)[-1].actor == "system:clock"


def test_what_was_approved_may_be_loaded_until_its_grace_ends(cast):
    request = cast.approved().approval
    assert selectors.serves_until(request) == request.valid_until + timedelta(days=14)
    said = [entry for entry in log.entries_about_request(request.pk) if entry.event == "approval.approved"]
    assert said[0].parsed["data"]["serves_until"] == clock.rfc3339(selectors.serves_until(request))
    assert selectors.serves_until(cast.promotion(number=2).approval) is None


def test_an_unknown_request_is_unknown_not_a_fault(cast):
    nobody = uuid.uuid4()
    for act in (
        lambda: signing.record_decision(
            request_id=nobody, approver=cast.validator, verdict="approve", rationale=REASON, password=PASSWORD
        ),
        lambda: signing.revoke_approval(request_id=nobody, signer=cast.officer, rationale=REASON, password=PASSWORD),
        lambda: services.withdraw(request_id=nobody, requester=cast.engineer, reason=REASON),
    ):
        with pytest.raises(Unknown):
            act()
    assert Decision.objects.count() == 0
    assert not ApprovalRequest.objects.filter(pk=nobody).exists()


def test_the_review_that_a_stage_requires_is_by_somebody_who_may_sign_in_it(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(
        a_policy_text(("human_review: {roles: [validator]}", "human_review: {roles: [validator, risk_officer]}"))
    )
    request = cast.reviewed(ratio=0.97, half=0.05).approval
    accept(request, cast.officer)
    with pytest.raises(ReviewMissing):
        approve(request, cast.validator)
    accept(request, cast.validator)
    approve(request, cast.validator)
