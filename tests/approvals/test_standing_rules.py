"""What the database, the notary and the clock hold of standing approvals: raw SQL refused, the log derived, races."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from governance.approvals import lifting, services, signing
from governance.approvals.models import ApprovalRequest, StandingApproval, StandingMatch, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from placet.derivation import LogDisagrees, rederive
from registry import permits, promotions
from registry.models import ModelVersion, Permit
from tests import payloads
from tests.approvals.test_races import at_once
from tests.approvals.test_rules_in_sql import refused, written
from tests.factories import (
    PASSWORD,
    REASON,
    SETUP,
    a_policy,
    a_policy_text,
    accept,
    approve,
    attach,
    fresh,
    state_of,
)
from tests.proving import count
from tests.reports.factories import notarise
from tests.standing import MADE, asked, asked_for, granted, retrained, served
from tests.validation.working import signed as validated

pytestmark = pytest.mark.django_db(transaction=True)
YEAR = timedelta(days=366)


def refused_update(rule, row, **fields):
    changed = StandingApproval.objects.get(pk=row.pk)
    for name, value in fields.items():
        setattr(changed, name, value)
    refused(rule, changed)


def test_what_was_signed_does_not_change(committed_cast):
    cast = committed_cast
    served(cast)
    row = granted(cast)
    for field, value in (
        ("envelope", row.envelope | {"bounds": []}),
        ("max_uses", 100),
        ("expires_at", row.expires_at + timedelta(days=1)),
        ("alias", "canary"),
        ("model_id", uuid.uuid4()),
    ):
        refused_update("standing_approval_does_not_change", row, **{field: value})
    refused_update("uses_of_a_standing_approval_are_counted", row, used=1)
    refused_update("standing_approval_not_used_up", row, used=3)


def test_one_that_its_own_request_does_not_decide_is_not_written(committed_cast):
    cast = committed_cast
    served(cast)
    row = granted(cast)

    def copy(**fields):
        made = StandingApproval.objects.get(pk=row.pk)
        made.pk, made._state.adding = uuid.uuid4(), True
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    def deciding(made, **fields):
        request = ApprovalRequest.objects.get(pk=row.approval_id)
        request.pk, request._state.adding, request.subject_id = uuid.uuid4(), True, made.pk
        request.state, request.settled_at, request.valid_until = "collecting", None, None
        request.manifest_digest, request.evidence_ids, request.review_opened_at = "", [], None
        for name, value in fields.items():
            setattr(request, name, value)
        written(request, Event.APPROVAL_OPENED)
        made.approval = request
        return made

    rule = "standing_approval_decided_by_its_own_request"
    refused(rule, copy())  # decided by a request that is about another one, and settled
    refused(rule, deciding(copy(), stages=[]))
    refused(rule, deciding(copy(), excluded=[]))
    refused(rule, deciding(copy(), subject_id=uuid.uuid4()))
    refused(rule, deciding(copy(alias="canary")))
    refused(rule, deciding(copy(model_name="another")))
    refused(rule, deciding(copy(used=1)))
    refused("standing_approval_of_a_year_at_most", deciding(copy(expires_at=row.made_at + YEAR + timedelta(days=1))))
    refused("standing_approval_has_few_uses", deciding(copy(max_uses=101)))
    written(deciding(copy()), Event.STANDING_REQUESTED)


def used(row, approval, *, number=1, settle=True, **fields):
    """Approve a request past every service, by a use of a standing approval."""
    with transaction.atomic():
        match = StandingMatch(
            standing=row,
            request=approval,
            number=number,
            conditions=[],
            **({"made_at": clock.now()} | fields),
        )
        standing = StandingApproval.objects.get(pk=row.pk)
        standing.used += 1
        audit.append(event=Event.STANDING_USED, actor=SETUP, subjects=[match, standing], data={"made": "by a test"})
        if settle:
            approval = ApprovalRequest.objects.get(pk=approval.pk)
            approval.state, approval.settled_at, approval.valid_until = "approved", clock.now(), row.expires_at
            audit.append(event=Event.APPROVAL_APPROVED, actor=SETUP, subjects=[approval], data={"made": "by a test"})


def no_use(rule, *arguments, **fields):
    with pytest.raises(IntegrityError) as problem:
        used(*arguments, **fields)
    assert problem.value.__cause__.diag.constraint_name == rule


def in_review(cast, *, number=2, **fields):
    """A request whose facts the standing approval does not let pass, so that people are to decide."""
    return retrained(cast, number=number, **({"decision_threshold": 0.4} | fields)).approval


def test_nothing_is_approved_without_signatures_but_by_a_standing_approval_in_force(committed_cast):
    cast = committed_cast
    served(cast)
    row = asked(cast)
    approval = in_review(cast)
    no_use("standing_approval_in_force", row, approval)  # nobody signed it
    services.withdraw(request_id=row.approval_id, requester=cast.engineer, reason="Again.")
    row = granted(cast, max_uses=2)
    approval.state, approval.settled_at = State.APPROVED, clock.now()
    refused("approved_by_a_quorum_of_each_stage", approval)
    no_use("standing_approval_has_a_use_left", row, approval, number=2)
    no_use("use_of_a_standing_approval_approves", row, approval, settle=False)
    no_use("standing_approval_in_force", row, approval, made_at=row.expires_at)
    wrong = "request_is_what_the_standing_approval_is_for"
    no_use(wrong, row, in_review(cast, number=3, change_class="non-substantial"))
    no_use(wrong, row, in_review(cast, number=4, measured={"ratio": 0.93, "half": 0.145}))
    no_use("standing_approval_signed_by_others", row, in_review(cast, number=5, trained_by=cast.officer))
    type(cast.officer).objects.filter(pk=cast.officer.pk).update(is_active=False)
    no_use("standing_approval_signed_by_others", row, approval)
    type(cast.officer).objects.filter(pk=cast.officer.pk).update(is_active=True)
    used(row, approval)
    assert state_of(approval) == State.APPROVED
    used(row, in_review(cast, number=6), number=2)
    no_use("standing_approval_has_a_use_left", row, in_review(cast, number=7), number=3)
    signing.revoke_approval(request_id=row.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    no_use("standing_approval_in_force", row, in_review(cast, number=8), number=3)


def test_the_database_overrules_nobody_who_objected_to_the_same_bytes_elsewhere(committed_cast):
    cast = committed_cast
    served(cast)
    row = granted(cast, max_uses=9)
    rule = "standing_approval_overrules_nobody"

    def again(made):
        made, _ = promotions.request_promotion(
            model=cast.model.name,
            version=made.version.number,
            alias="champion",
            requester=cast.engineer,
            change_class="pre-determined",
        )
        cast.attached(made, ratio=0.97, half=0.05)
        return fresh(made).approval

    def canary(number):
        made = cast.promotion(number=number, alias="canary", decision_threshold=0.4, **MADE)
        cast.attached(made, ratio=0.97, half=0.05)
        return fresh(made)

    made = canary(2)
    approve(made.approval, cast.validator, verdict="reject")
    no_use(rule, row, again(made))
    made = canary(3)
    accept(made.approval, cast.validator, verdict="rejected")
    no_use(rule, row, again(made))
    made = canary(4)
    validated(made.approval, cast.validator, opinion="not_fit")
    no_use(rule, row, again(made))
    validated(made.approval, cast.validator)
    used(row, again_of(made))
    made = canary(5)
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    services.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    no_use(rule, row, again(made), number=2)


def again_of(made):
    return ApprovalRequest.objects.get(subject_digest=made.approval.subject_digest, asks_for="alias champion")


def test_the_database_asks_what_serves_which_model_and_which_policy(committed_cast):
    cast = committed_cast
    live = served(cast)
    row = granted(cast)
    approval = in_review(cast)
    services.suspend(request_id=live.approval_id, reason="Drift.", actor=SETUP)
    no_use("standing_approval_repeats_what_serves", row, approval)
    lifting.lift_suspension(request_id=live.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    other = ModelVersion.objects.get(pk=approval.subject_id)
    elsewhere = ApprovalRequest.objects.get(pk=approval.pk)
    elsewhere.pk, elsewhere._state.adding, elsewhere.subject_id = uuid.uuid4(), True, uuid.uuid4()
    elsewhere.state, elsewhere.manifest_digest, elsewhere.evidence_ids = "collecting", "", []
    elsewhere.review_opened_at, opened, digest = None, approval.review_opened_at, approval.manifest_digest
    written(elsewhere, Event.APPROVAL_OPENED)
    elsewhere.state, elsewhere.manifest_digest, elsewhere.review_opened_at = "in_review", digest, opened
    written(elsewhere)
    assert other.pk != elsewhere.subject_id
    no_use("standing_approval_of_the_same_model", row, elsewhere)
    a_policy(a_policy_text(("  valid_for: P180D", "  valid_for: P170D")))
    no_use("standing_approval_in_force", row, approval)


def test_what_a_request_asks_for_keeps_its_restrictions_and_its_evidence(committed_cast):
    approval = in_review(committed_cast, number=1, change_class="non-substantial")
    for fields in ({"use_restrictions": ["none"]}, {"required_evidence": []}):
        for name, value in fields.items():
            setattr(approval, name, value)
        refused("request_rests_on_what_it_was_made_on", approval)
        approval.refresh_from_db()


def entries(approval):
    return permits.entries_about(approval)


def test_the_notary_signs_a_permit_on_a_standing_approval_that_it_derived(committed_cast, tmp_path):
    cast = committed_cast
    served(cast)
    row = granted(cast)
    made = [retrained(cast, number=number).approval for number in (2, 3)]
    notarise(tmp_path)
    assert {*Permit.objects.values_list("approval_id", flat=True)} >= {approval.pk for approval in made}
    known = entries(made[1])
    found = rederive(known, str(made[1].pk))
    assert (found.use["granted_by"], found.use["number"], found.signed) == (str(row.approval_id), 2, False)
    own = str(row.approval_id)

    def without(said, keep):
        with pytest.raises(LogDisagrees, match=said):
            rederive([item for item in known if keep(item[1])], str(made[1].pk))

    def changed(said, event, change, request=str(made[1].pk)):
        def new(body):
            hit = body["event"] == event and body["data"].get("request") == request
            return {**body, "data": change(body["data"])} if hit else body

        with pytest.raises(LogDisagrees, match=said):
            rederive([(index, new(body)) for index, body in known], str(made[1].pk))

    without("never opened|no entry approves", lambda body: body["data"].get("request") != own)
    without("too few signatures", lambda body: body["event"] != "approval.decided")
    without("no entry shows", lambda body: (body["event"], body["data"].get("number")) != (Event.STANDING_USED, 2))
    without("no use left", lambda body: (body["event"], body["data"].get("number")) != (Event.STANDING_USED, 1))
    use = Event.STANDING_USED
    changed("on other terms", use, lambda data: data | {"terms": data["terms"] | {"max_uses": 9}})
    changed("is outside it", use, lambda data: data | {"conditions": {"envelope.code": False}})
    changed("no entry shows", use, lambda data: data | {"number": 1})
    changed("were to decide", "promotion.requested", lambda data: data | {"change_class": "substantial"})
    changed("another model", "promotion.requested", lambda data: data | {"alias": "canary"})
    changed("had a part", "approval.review_opened", lambda data: data | {"excluded": [str(cast.officer.pk)]})
    changed("too few signatures", "approval.approved", lambda data: {k: v for k, v in data.items() if k != "standing"})
    late = [
        (i, {**b, "at": "2099-01-01T00:00:00.000000Z"}) if b["event"] == "approval.approved" else (i, b)
        for i, b in known
    ]
    with pytest.raises(LogDisagrees, match="had ended"):
        rederive(late, str(made[1].pk))


def test_a_standing_approval_revoked_later_leaves_what_it_granted(committed_cast, tmp_path):
    cast = committed_cast
    served(cast)
    row = granted(cast)
    made = retrained(cast).approval
    signing.revoke_approval(request_id=row.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    notarise(tmp_path)
    assert Permit.objects.filter(approval=made).exists()
    assert rederive(entries(made), str(made.pk)).use["number"] == 1


def test_no_permit_for_a_use_that_the_database_took_and_the_envelope_does_not_cover(committed_cast, tmp_path):
    """Who writes to the tables and the log past the services still gets no permit."""
    cast = committed_cast
    served(cast)
    row = granted(cast)
    outside = in_review(cast)
    said = next(
        entry.parsed["data"] for entry in log.entries_about_request(outside.pk) if entry.event == Event.STANDING_OUTSIDE
    )
    named = {"standing": str(row.pk), "granted_by": str(row.approval_id), "number": 1}
    with transaction.atomic():
        standing = StandingApproval.objects.get(pk=row.pk)
        standing.used = 1
        match = StandingMatch(standing=row, request=outside, number=1, conditions=[], made_at=clock.now())
        conditions = dict.fromkeys(said["conditions"], True)
        audit.append(
            event=Event.STANDING_USED,
            actor=services.PLACET,
            subjects=[match, standing],
            data=said | named | {"conditions": conditions},
        )
        services.approve(services.locked(outside.pk), services.PLACET, standing=named)
    notarise(tmp_path)
    assert rederive(entries(outside), str(outside.pk)).use["number"] == 1  # the log alone would do
    assert not Permit.objects.filter(approval=outside).exists()


def complete(cast, *made):
    """Attach all evidence but the last of each; return the acts that attach the last and so open each review."""

    def last(approval):
        return lambda: attach(approval, payloads.explanation())

    for promotion in made:
        attach(promotion.approval, payloads.performance())
        attach(promotion.approval, payloads.fairness(ratio=0.97, half=0.05))
    return [last(promotion.approval) for promotion in made]


def test_two_versions_and_one_use_left_end_with_one_approved(committed_cast):
    cast = committed_cast
    served(cast)
    for turn in range(count(20, 3)):
        row = granted(cast, max_uses=1)
        made = [asked_for(cast, number=10 + 2 * turn + n) for n in range(2)]
        assert at_once(*complete(cast, *made)) == [True, True]
        states = sorted(state_of(promotion.approval) for promotion in made)
        row.refresh_from_db()
        assert (states, row.used) == ([State.APPROVED, State.IN_REVIEW], 1)
        signing.revoke_approval(request_id=row.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)


def test_a_use_and_a_revocation_at_once_end_in_one_order(committed_cast):
    cast = committed_cast
    served(cast)
    for turn in range(count(20, 3)):
        row = granted(cast)
        made = asked_for(cast, number=10 + turn)

        def revoke(key=row.approval_id):
            signing.revoke_approval(request_id=key, signer=cast.officer, rationale=REASON, password=PASSWORD)

        assert at_once(*complete(cast, made), revoke) == [True, True]
        row.refresh_from_db()
        assert state_of(row.approval) == State.REVOKED
        assert (state_of(made.approval) == State.APPROVED) == (row.used == 1)
