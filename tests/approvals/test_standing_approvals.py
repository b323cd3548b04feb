"""Standing approvals: a retrained version inside a signed envelope needs no new signatures; outside, people decide."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.approvals import lifting, selectors, services, signing
from governance.approvals.errors import NothingStands, StandingApprovalOpen
from governance.approvals.findings import open_finding
from governance.approvals.models import Finding, StandingMatch, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.inventory import services as inventory
from registry import promotions
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import PASSWORD, REASON, SETUP, Cast, a_policy, a_policy_text, a_user, approve, given, state_of
from tests.standing import CODE, COMMIT, SIGNATURE, asked, granted, retrained, served

OTHER = "e" * 40


def outside(made):
    """The conditions that a request did not meet, by id; and that people decide on it."""
    assert state_of(made.approval) == State.IN_REVIEW
    match = StandingMatch.objects.get(request=made.approval)
    assert match.number is None
    return {row["id"]: row["reason"] for row in match.conditions if not row["holds"]}


def test_a_version_inside_the_envelope_is_approved_without_new_signatures(cast):
    served(cast)
    row = granted(cast)
    made = retrained(cast, parameters={"max_depth": "5", "learning_rate": "0.1", "seed": "4711"})
    assert state_of(made.approval) == State.APPROVED
    assert not made.approval.decisions.exists()
    match = StandingMatch.objects.get(request=made.approval)
    row.refresh_from_db()
    assert (match.standing_id, match.number, row.used) == (row.pk, 1, 1)
    assert all(condition["holds"] for condition in match.conditions)
    said = [entry.parsed for entry in log.entries_about_request(made.approval.pk)]
    use = next(body["data"] for body in said if body["event"] == Event.STANDING_USED)
    named = {"standing": str(row.pk), "granted_by": str(row.approval_id), "number": 1}
    assert use["conditions"] == {condition["id"]: True for condition in match.conditions}
    assert named.items() <= use.items()
    assert next(body["data"] for body in said if body["event"] == Event.APPROVAL_APPROVED)["standing"] == named


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({"code": CODE | {"commit": OTHER}}, "envelope.code"),
        ({"code": CODE | {"commit": ""}}, "envelope.code"),
        ({"code": CODE | {"commit": "main"}}, "envelope.code"),
        ({"code": CODE | {"source": "other.py"}}, "envelope.source"),
        ({"code": CODE | {"repository": "https://git.example/other"}}, "envelope.source"),
        ({"code": CODE | {"entry_point": "tune"}}, "envelope.source"),
        ({"signature": {}}, "envelope.features"),
        ({"signature": {"inputs": SIGNATURE["inputs"][1:]}}, "envelope.features"),
        ({"decision_threshold": 0.31}, "envelope.threshold"),
        ({"parameters": {"max_depth": "9", "learning_rate": "0.1", "seed": "7"}}, "envelope.parameters"),
        ({"parameters": {"max_depth": "4", "learning_rate": "0.1"}}, "envelope.parameters"),
        (
            {"parameters": {"max_depth": "4", "learning_rate": "0.1", "seed": "7", "extra": "1"}},
            "envelope.parameters",
        ),
        ({"measured": {"auc": 0.74}}, "envelope.bound-1"),
        ({"measured": {"ratio": 0.89}}, "envelope.bound-2"),
    ],
)
def test_outside_the_envelope_a_full_request_opens_and_says_why(cast, fields, condition):
    served(cast)
    row = granted(cast)
    made = retrained(cast, **fields)
    assert list(outside(made)) == [condition]
    row.refresh_from_db()
    assert row.used == 0
    approve_fully(cast, made)


def test_without_any_code_identity_nothing_is_the_same(cast):
    served(cast)
    granted(cast)
    assert set(outside(retrained(cast, code=None))) == {"envelope.code", "envelope.source"}


def approve_fully(cast, made):
    """People decide as on any request."""
    from tests.factories import accept

    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator, change_class=made.change_class)
    approve(made.approval, cast.officer)
    assert state_of(made.approval) == State.APPROVED


@pytest.mark.parametrize("change_class", ["non-substantial", "substantial"])
def test_another_change_class_asks_no_standing_approval(cast, change_class):
    served(cast)
    granted(cast)
    made = retrained(cast, change_class=change_class)
    assert state_of(made.approval) == State.IN_REVIEW
    assert not StandingMatch.objects.exists()


def test_a_verdict_that_holds_is_outside(cast):
    served(cast)
    granted(cast, bounds=["evidence.performance.auc.low >= 0.1"])
    made = retrained(cast, measured={"ratio": 0.93, "half": 0.145})
    assert list(outside(made)) == ["standing.verdict"]


def test_each_thing_that_ends_its_force_opens_a_full_request(cast):
    served(cast)
    row = granted(cast, max_uses=5)

    def finding(severity):
        return open_finding(
            source="review",
            code="open",
            title=f"A {severity} one",
            severity=severity,
            system=cast.system,
            owner=cast.owner,
            actor=SETUP,
        )

    finding(Finding.Severity.MEDIUM)
    assert state_of(retrained(cast, number=2).approval) == State.APPROVED
    found = finding(Finding.Severity.HIGH)
    assert list(outside(retrained(cast, number=3))) == ["standing.findings"]
    found.closed_at, found.closed_by = clock.now(), cast.officer
    audit.append(event=Event.FINDING_CLOSED, actor=cast.officer, subjects=[found], data={"made": "by a test"})
    live = row.live
    services.suspend(request_id=live.pk, reason="Drift.", actor=SETUP)
    assert list(outside(retrained(cast, number=4))) == ["standing.live"]
    words = {"signer": cast.officer, "rationale": REASON, "password": PASSWORD}
    lifting.lift_suspension(request_id=live.pk, **words)
    assert state_of(retrained(cast, number=5).approval) == State.APPROVED
    with clock.frozen(row.expires_at + timedelta(minutes=1)):
        assert "standing.in-force" in outside(retrained(cast, number=6))
    signing.revoke_approval(request_id=row.approval_id, **words)
    made = retrained(cast, number=7)
    assert state_of(made.approval) == State.IN_REVIEW
    assert not StandingMatch.objects.filter(request=made.approval).exists()  # a revoked one is not even asked


def test_used_up_it_grants_nothing(cast):
    served(cast)
    row = granted(cast, max_uses=1)
    assert state_of(retrained(cast, number=2).approval) == State.APPROVED
    assert outside(retrained(cast, number=3)) == {"standing.uses": "1 of 1 are used."}
    row.refresh_from_db()
    assert row.used == 1


def test_another_policy_version_ends_its_force(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast()
    served(cast)
    granted(cast)
    a_policy(a_policy_text(("  valid_for: P180D", "  valid_for: P170D")))
    assert list(outside(retrained(cast))) == ["standing.policy"]


def test_another_classification_ends_its_force(cast):
    served(cast)
    granted(cast)
    proposal = inventory.propose_classification(ai_system=cast.system, answers=ANSWERS, model_tier=1, by=cast.owner)
    assert state_of(retrained(cast, number=2).approval) == State.APPROVED  # what is proposed is not yet so
    inventory.sign_classification(classification_id=proposal.pk, signer=a_user(Role.VALIDATOR))
    assert list(outside(retrained(cast, number=3))) == ["standing.classification"]


def test_who_signed_it_may_have_no_part_in_the_version(cast):
    served(cast)
    granted(cast)
    given(cast.officer, Role.ENGINEER)
    assert list(outside(retrained(cast, number=2, trained_by=cast.officer))) == ["signers.floor"]
    assert list(outside(retrained(cast, number=3, requester=cast.officer))) == ["signers.floor"]
    made = retrained(cast, number=4)
    assert state_of(made.approval) == State.APPROVED


def test_a_role_that_ended_leaves_it_in_force_and_a_deactivation_does_not(cast):
    served(cast)
    granted(cast)
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        for grant in Grant.objects.filter(person=cast.officer):
            grant.valid_until = clock.now()
            audit.append(event=Event.ROLE_REVOKED, actor=SETUP, subjects=[grant], data={"made": "by a test"})
        assert state_of(retrained(cast, number=2).approval) == State.APPROVED
        type(cast.officer).objects.filter(pk=cast.officer.pk).update(is_active=False)
        assert list(outside(retrained(cast, number=3))) == ["signers.active"]


def test_it_overrules_nobody_who_has_objected(cast):
    served(cast)
    granted(cast, max_uses=9)
    made = retrained(cast, change_class="non-substantial")
    approve(made.approval, cast.validator, verdict="request_changes")
    promotions.resubmit(
        promotion_id=made.pk, requester=cast.engineer, reason="Of the other class.", change_class="pre-determined"
    )
    assert list(outside(made)) == ["request.untouched"]
    approve(made.approval, cast.validator, verdict="reject")
    again, _ = promotions.request_promotion(
        model=cast.model.name,
        version=2,
        alias="champion",
        requester=cast.engineer,
        change_class="pre-determined",
    )
    assert list(outside(again)) == ["request.untouched"]


def test_who_may_ask_and_for_what(cast):
    with pytest.raises(NothingStands, match="Nothing serves"):
        asked(cast)
    made = served(cast)
    with pytest.raises(Forbidden):
        asked(cast, requester=cast.officer)
    for wrong, sentence in (
        ({"reason": " "}, "Say why"),
        ({"expires_at": clock.now()}, "at the latest in"),
        ({"expires_at": clock.now() + timedelta(days=800)}, "at the latest in"),
        ({"max_uses": 0}, "uses"),
        ({"max_uses": 101}, "uses"),
        ({"bounds": []}, "between one and"),
        ({"bounds": ["true"]}, "bounds nothing"),
        ({"bounds": ["evidence.performance.auc.lo >= 0.7"]}, "no field"),
        ({"bounds": ["evidence.drift.n >= 0.7"]}, "does not ask for"),
        ({"bounds": ["evidence.performance.auc.low >= 'x'"]}, "can't be applied"),
        ({"bounds": ["evidence.performance.auc.low +"]}, "Bound 1, column"),
        ({"bounds": ["evidence.performance.auc.low + 1"]}, "true or false"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            asked(cast, **wrong)
    row = asked(cast)
    assert (state_of(row.approval), row.approval.outcome) == (State.IN_REVIEW, "ALLOW")
    assert log.payload_of(row.log_entry) == {"reason": "Retrained each month on new applications, by the same code."}
    with pytest.raises(StandingApprovalOpen):
        asked(cast)
    assert {item["person"] for item in row.approval.excluded} >= {str(cast.engineer.pk), str(cast.owner.pk)}
    services.withdraw(request_id=row.approval_id, requester=cast.engineer, reason="Later.")
    services.suspend(request_id=made.approval.pk, reason="Drift.", actor=SETUP)
    with pytest.raises(NothingStands, match="no approval in force"):
        asked(cast)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"code": CODE | {"commit": ""}}, "no commit"),
        ({"code": {"commit": COMMIT}}, "no source"),
        ({"signature": {}}, "no signature"),
    ],
)
def test_no_envelope_is_taken_from_what_is_not_known(cast, fields, sentence):
    served(cast, **fields)
    with pytest.raises(InvalidInput, match=sentence):
        asked(cast)


def test_it_grants_nothing_while_it_waits_for_signatures(cast):
    served(cast)
    row = asked(cast)
    approve(row.approval, cast.validator)
    made = retrained(cast)
    assert (state_of(row.approval), state_of(made.approval)) == (State.IN_REVIEW, State.IN_REVIEW)
    assert selectors.request(made.approval.pk).outcome == "ALLOW"
