"""A class signed as prohibited: nothing is promoted under any policy, and nothing that was approved keeps its force."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.approvals import conditions, enforcement, lifting, services
from governance.approvals.errors import ChecksHold
from governance.approvals.models import Finding, State
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common.errors import Forbidden
from governance.inventory import services as inventory
from governance.inventory.models import AISystem, Classification
from governance.policy import shipped
from governance.policy.selectors import document_of
from registry.errors import SystemProhibited
from registry.models import AliasChange, PromotionRequest
from registry.promotions import request_promotion
from tests import payloads
from tests.approvals.test_races import at_once
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import PASSWORD, REASON, Cast, a_policy_text, a_user, a_version, approve, attach, fresh, state_of
from tests.outside import a_recorded_version

PROHIBITED = {
    key: ANSWERS[key]
    for key in (
        "is_ai_system",
        "operator_roles",
        "union_link",
        "scope_exclusion",
        "general_purpose_model",
        "built_on_general_purpose_model",
    )
} | {"prohibited_practices": ["Art 5.1.c"]}
WHY = "Its AI system was classified as a prohibited practice (Article 5)."


def classified(system, answers=PROHIBITED):
    """Sign a class as the pages do: the owner answers, a second person signs."""
    row = inventory.propose_classification(ai_system=system, answers=answers, model_tier=1, by=system.owner)
    return inventory.sign_classification(classification_id=row.pk, signer=a_user(Role.VALIDATOR))


@pytest.mark.parametrize("name", shipped.names())
@pytest.mark.django_db
def test_no_promotion_of_a_prohibited_system_is_asked_for_under_any_shipped_policy(name, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(shipped.text(name), answers=PROHIBITED)
    assert cast.system.ai_act_class == "prohibited"
    versions = {"in-use": a_recorded_version(cast.system, cast.engineer)}
    mirrored = a_version(cast.model, trained_by=cast.engineer)
    for alias in document_of(cast.policy).targets:
        version = versions.get(alias, mirrored)
        with pytest.raises(SystemProhibited, match=r"prohibited practice \(Article 5\); nothing is promoted"):
            request_promotion(model=str(version.model), version=version.number, alias=alias, requester=cast.engineer)
    assert not PromotionRequest.objects.exists()


@pytest.mark.django_db
def test_what_was_approved_loses_its_force_with_the_signature_and_what_waits_is_held(cast):
    live = cast.live()
    held = cast.allowed(number=2)
    classified(cast.system)
    approval = fresh(live).approval
    assert (approval.state, approval.state_reason) == (State.SUSPENDED, WHY)
    (entry,) = [
        entry
        for entry in log.entries_about_request(approval.pk)
        if entry.event == Event.APPROVAL_CHANGED and entry.parsed["data"]["to"] == State.SUSPENDED
    ]
    assert (entry.actor, entry.parsed["data"]["reason"]) == ("system:classification", WHY)

    finding = Finding.objects.get(code="prohibited-practice")
    assert (finding.severity, finding.owner, finding.system) == ("critical", cast.owner, cast.system)
    (check,) = [row for row in fresh(held).approval.verdict["checks"] if row["id"] == conditions.PROHIBITED]
    assert check["effect"] == "HOLD"
    with pytest.raises(ChecksHold, match="prohibited practice"):
        approve(held.approval, cast.validator)


@pytest.mark.django_db
def test_the_class_is_not_signed_where_its_approvals_can_t_be_suspended(cast, monkeypatch):
    made = cast.approved()

    def broken(*args, **kwargs):
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(services, "move", broken)
    with pytest.raises(RuntimeError):
        classified(cast.system)
    assert AISystem.objects.get().ai_act_class == "high"
    assert Classification.objects.filter(signed_at__isnull=False).count() == 1
    assert state_of(made.approval) == State.APPROVED


@pytest.mark.django_db
def test_the_suspension_is_lifted_only_once_another_class_is_signed(cast):
    made, waiting = cast.approved(), cast.allowed(number=2)
    classified(cast.system)
    lifted = {"request_id": made.approval_id, "signer": a_user(Role.RISK_OFFICER), "rationale": REASON}
    with pytest.raises(Forbidden, match="prohibited practice"):
        lifting.lift_suspension(**lifted, password=PASSWORD)
    classified(cast.system, ANSWERS)
    assert state_of(made.approval) == State.SUSPENDED, "somebody must look"
    assert lifting.lift_suspension(**lifted, password=PASSWORD).state == State.APPROVED
    assert fresh(waiting).approval.outcome == "ALLOW"
    approve(waiting.approval, cast.validator)


@pytest.mark.django_db
def test_evidence_that_comes_after_the_class_opens_a_review_that_is_held(cast):
    made = cast.promotion()
    classified(cast.system)
    cast.attached(made, ratio=0.97, half=0.05)
    approval = fresh(made).approval
    assert (approval.state, approval.outcome) == (State.IN_REVIEW, "HOLD")
    assert not enforcement.settle(approval), "it says so already"


@pytest.mark.django_db
def test_a_policy_without_stages_approves_nothing_of_it_by_itself(mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    minimal = {key: ANSWERS[key] for key in ANSWERS.keys() - {"fraud_detection_only", "profiling"}}
    cast = Cast(shipped.text("minimal-risk"), answers=minimal | {"annex_iii_uses": ["none"]}, tier=4)
    made = cast.promotion()
    classified(cast.system)
    attach(made.approval, payloads.performance(production=False))
    assert (state_of(made.approval), fresh(made).approval.outcome) == (State.IN_REVIEW, "HOLD")


@pytest.mark.django_db
def test_another_class_leaves_approvals_alone_and_opens_nothing(cast):
    made = cast.live()
    classified(cast.system, ANSWERS | {"transparency_cases": ["Art 50.3"]})
    assert state_of(made.approval) == State.APPROVED
    assert not Finding.objects.exists()


@pytest.mark.django_db
def test_a_prohibited_system_of_which_nothing_is_in_use_gets_no_finding(cast):
    classified(cast.system)
    assert not Finding.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_decision_that_is_being_made_meanwhile_grants_nothing(committed_cast):
    """The last signature and the class at once, whichever is first: in the end nothing is approved."""
    cast = committed_cast
    made = cast.allowed()
    approve(made.approval, cast.validator)
    signer = a_user(Role.VALIDATOR)
    row = inventory.propose_classification(ai_system=cast.system, answers=PROHIBITED, model_tier=1, by=cast.owner)

    calls = (
        lambda: approve(made.approval, cast.officer),
        lambda: inventory.sign_classification(classification_id=row.pk, signer=signer),
    )
    at_once(*calls)
    assert state_of(made.approval) in {State.SUSPENDED, State.IN_REVIEW}
    assert fresh(made).approval.system.ai_act_class == "prohibited"


@pytest.mark.django_db
def test_a_policy_that_rolls_back_asks_for_nothing_that_is_refused(mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(("on_suspend: keep_serving", "on_suspend: rollback")))
    live = cast.live()
    classified(cast.system)
    assert state_of(live.approval) == State.SUSPENDED
    assert not AliasChange.objects.exists(), "there is nothing to go back to"
    assert "prohibited-practice" in set(Finding.objects.values_list("code", flat=True))
