"""Guards of standing approvals each by itself: what the database refuses, what the notary refuses, what is outside."""

from __future__ import annotations

import copy
import uuid
from datetime import timedelta
from typing import Any

import pytest

from governance.accounts.roles import Role
from governance.approvals import envelope, services
from governance.approvals.findings import open_finding
from governance.approvals.models import ApprovalRequest, Finding, State
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory import services as inventory
from placet.derivation import LogDisagrees
from registry import permits, promotions
from tests.approvals.test_rules_in_sql import written
from tests.approvals.test_standing_approvals import outside
from tests.approvals.test_standing_attacks import requested
from tests.approvals.test_standing_rules import in_review, no_use, used
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import (
    SETUP,
    Cast,
    a_policy,
    a_policy_text,
    a_stand_in,
    a_user,
    accept,
    approve,
    fresh,
    given,
    lent,
    put_live,
    state_of,
)
from tests.standing import AUC, BOUNDS, CODE, MADE, SIGNATURE, asked, asked_for, granted, retrained, served

committed = pytest.mark.django_db(transaction=True)
FORCE = "standing_approval_in_force"
OTHER = "request_is_what_the_standing_approval_is_for"
SIGNED = "standing_approval_signed_by_others"


@committed
def test_the_database_asks_findings_and_classification_itself(committed_cast):
    cast = committed_cast
    served(cast)
    row, approval = granted(cast), in_review(cast)
    finding = open_finding(
        source="review",
        code="open",
        title="A high one",
        severity=Finding.Severity.HIGH,
        system=cast.system,
        actor=SETUP,
    )
    no_use(FORCE, row, approval)
    finding.closed_at, finding.closed_by = clock.now(), cast.officer
    written(finding)
    proposal = inventory.propose_classification(ai_system=cast.system, answers=ANSWERS, model_tier=1, by=cast.owner)
    inventory.sign_classification(classification_id=proposal.pk, signer=a_user(Role.VALIDATOR))
    no_use(FORCE, row, approval)


@committed
def test_the_database_lets_it_speak_for_no_request_on_which_somebody_decided_or_of_another_alias(committed_cast):
    cast = committed_cast
    served(cast)
    row = granted(cast)
    decided = in_review(cast, number=2)
    accept(decided, cast.validator)
    approve(decided, cast.validator, change_class="pre-determined")
    no_use(OTHER, row, decided)
    canary = cast.promotion(number=3, alias="canary", **MADE)
    services.withdraw(request_id=canary.approval_id, requester=cast.engineer, reason="Of the other class.")
    canary, _ = promotions.request_promotion(
        model=cast.model.name, version=3, alias="canary", requester=cast.engineer, change_class="pre-determined"
    )
    cast.attached(canary, ratio=0.97, half=0.05)
    no_use(OTHER, row, fresh(canary).approval)
    used(row, in_review(cast, number=4))


@committed
def test_the_database_lets_it_drop_no_use_restriction(committed_cast):
    cast = committed_cast
    first = cast.promotion(code=CODE, signature=SIGNATURE)
    services.withdraw(request_id=first.approval_id, requester=cast.engineer, reason="With its restrictions.")
    live, _ = promotions.request_promotion(
        model=cast.model.name, version=1, alias="champion", requester=cast.engineer, use_restrictions=["adults only"]
    )
    put_live(cast, cast.signed(live))
    no_use(OTHER, granted(cast), in_review(cast))


@committed
def test_the_database_asks_who_asked_who_owns_the_system_and_for_whom_a_delegate_signed(committed_cast):
    cast = committed_cast
    served(cast)
    stand_in = a_stand_in(Role.RISK_OFFICER)
    lent(cast.officer, stand_in)
    row = granted(cast, by=(cast.validator, stand_in))
    no_use(SIGNED, row, in_review(cast, number=2, trained_by=cast.officer))
    given(cast.validator, Role.ENGINEER)
    no_use(SIGNED, row, in_review(cast, number=3, requester=cast.validator))
    no_use(SIGNED, row, listing_nobody(cast, in_review(cast, number=5), requester=cast.validator))
    approval = in_review(cast, number=4)
    cast.system.owner = cast.validator
    written(cast.system)
    no_use(SIGNED, row, approval)


def listing_nobody(cast, approval, **fields):
    """The same request once more, past the services: it keeps nobody from signing, not even who asked."""
    services.withdraw(request_id=approval.pk, requester=cast.engineer, reason="Written again.")
    made, opened, digest = (
        ApprovalRequest.objects.get(pk=approval.pk),
        approval.review_opened_at,
        approval.manifest_digest,
    )
    made.pk, made._state.adding, made.excluded, made.settled_at = uuid.uuid4(), True, [], None
    made.state, made.manifest_digest, made.review_opened_at = "collecting", "", None
    for name, value in fields.items():
        setattr(made, name, value)
    written(made, Event.APPROVAL_OPENED)
    made.state, made.manifest_digest, made.review_opened_at = "in_review", digest, opened
    written(made)
    return made


def test_whose_place_a_signer_took_may_have_no_part_in_the_version(cast):
    served(cast)
    stand_in = a_stand_in(Role.RISK_OFFICER)
    lent(cast.officer, stand_in)
    granted(cast, by=(cast.validator, stand_in))
    assert list(outside(retrained(cast, trained_by=cast.officer))) == ["signers.floor"]


def test_a_request_made_under_the_policy_before_is_outside_one_signed_under_the_policy_after(
    db, mlflow_address, settings
):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast()
    served(cast)
    made = asked_for(cast)
    a_policy(a_policy_text(("  valid_for: P180D", "  valid_for: P170D")))
    granted(cast)
    cast.attached(made, **AUC)
    assert list(outside(made)) == ["standing.policy"]


def test_it_ends_no_later_than_an_approval_of_its_policy_would(cast):
    served(cast)
    with pytest.raises(InvalidInput, match="180 days"):
        asked(cast, expires_at=clock.now() + timedelta(days=181))
    assert asked(cast, expires_at=clock.now() + timedelta(days=180)).max_uses == 2


def test_another_kind_of_source_is_outside(cast):
    served(cast)
    granted(cast)
    assert outside(retrained(cast, code=CODE | {"type": "PROJECT"})) == {"envelope.source": "Another kind of source."}


def test_a_bound_whose_figure_nobody_measured_does_not_hold():
    made = envelope.Made(code=CODE, features=SIGNATURE["inputs"], parameters={}, threshold=0.3, facts={})
    taken = envelope.taken_from(made, parameters={}, bounds=[f"{BOUNDS[0]} || true", BOUNDS[1]])
    rows = {row.id: (row.holds, row.reason) for row in envelope.conditions(taken, made)}
    assert rows["envelope.code"][0]
    assert rows["envelope.bound-1"] == (False, "Not known: evidence.performance.auc.low.")
    assert not rows["envelope.bound-2"][0]


def test_the_notary_holds_the_row_against_the_terms_the_model_and_the_restrictions(cast):
    restricted = ["adults only"]
    first = cast.promotion(code=CODE, signature=SIGNATURE)
    services.withdraw(request_id=first.approval_id, requester=cast.engineer, reason="With its restrictions.")
    put_live(cast, cast.signed(requested(cast, number=1, change_class="non-substantial", use_restrictions=restricted)))
    row = granted(cast)
    made = retrained(cast)
    services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="With its restrictions.")
    made = fresh(requested(cast, use_restrictions=restricted))
    assert state_of(made.approval) == State.APPROVED
    said = [entry.parsed for entry in log.entries_about_request(made.approval_id)]
    use = next(body["data"] for body in said if body["event"] == Event.STANDING_USED)

    def check(use: Any = use, version: Any = made.version, restrictions: Any = ("adults only", "more")) -> None:
        permits._check_envelope(use, made.approval, version, restrictions=restrictions)

    check()
    with pytest.raises(LogDisagrees, match="terms"):
        check(use=use | {"terms": use["terms"] | {"max_uses": 9}})
    elsewhere = copy.copy(made.version)
    elsewhere.model_id = row.pk
    with pytest.raises(LogDisagrees, match="another model"):
        check(version=elsewhere)
    with pytest.raises(LogDisagrees, match="dropped: adults only"):
        check(restrictions=("more",))
