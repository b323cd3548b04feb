"""What the database refuses, whatever writes to it: each case as raw SQL, with an entry that names the row."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from governance.accounts.roles import Role
from governance.approvals.errors import NotEligible, SelfApproval
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.approvals.transitions import MOVES
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from tests import payloads
from tests.factories import SETUP, a_user, accept, approve, attach, given, state_of, submit

pytestmark = pytest.mark.django_db(transaction=True)


def written(row: Any, event: Event = Event.APPROVAL_CHANGED) -> None:
    """Save a row past every service, with the entry that the log's own guard wants."""
    with transaction.atomic():
        audit.append(event=event, actor=SETUP, subjects=[row], data={"made": "by a test"})


def a_decision(approval: ApprovalRequest, person: Any, **fields: Any) -> Decision:
    values = {"round": 1, "stage": "validation", "verdict": "approve", "decided_at": clock.now()} | fields
    confirms = "non-substantial" if (values["stage"], values["verdict"]) == ("validation", "approve") else ""
    values = {"change_class": confirms} | values
    return Decision(request=approval, approver=person, statement="{}", statement_digest="sha256:0", **values)


def refused(rule: str, row: Any) -> None:
    with pytest.raises(IntegrityError) as problem:
        written(row)
    assert problem.value.__cause__.diag.constraint_name == rule


def test_the_table_of_moves_in_the_database_is_the_one_in_the_code():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('approvals_keep_the_rules'::regproc)")
        body = cursor.fetchone()[0]
        cursor.execute("SELECT %s::jsonb", [body[body.index("'{") + 1 : body.index("}'") + 1]])
        found = cursor.fetchone()[0]
    rules = found if isinstance(found, dict) else json.loads(found)
    assert {state: set(after) for state, after in rules.items()} == {str(k): set(map(str, v)) for k, v in MOVES.items()}


@pytest.mark.parametrize("state", sorted(set(State) - set(MOVES[State.IN_REVIEW]) - {State.IN_REVIEW}))
def test_a_request_moves_by_the_table_only(committed_cast, state):
    approval = committed_cast.allowed().approval
    approval.state = state
    approval.settled_at = None if state in {"collecting", "changes_requested"} else clock.now()
    refused("request_moves_by_the_table", approval)


def test_nothing_is_approved_without_a_quorum_of_each_stage(committed_cast):
    approval = committed_cast.allowed().approval
    approval.state, approval.settled_at = State.APPROVED, clock.now()
    refused("approved_by_a_quorum_of_each_stage", approval)
    approve(approval, committed_cast.validator)  # the first stage is signed, the second is not
    refused("approved_by_a_quorum_of_each_stage", approval)
    assert state_of(approval) == State.IN_REVIEW


def test_a_request_is_not_made_as_one_that_is_approved(committed_cast):
    approval = committed_cast.allowed().approval
    copy = ApprovalRequest.objects.get(pk=approval.pk)
    copy.pk, copy._state.adding, copy.asks_for = uuid.uuid4(), True, "alias canary"
    refused("request_moves_by_the_table", copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stages", []),
        ("subject_digest", "sha256:" + "0" * 64),
        ("asks_for", "alias canary"),
        ("opened_at", clock.now()),
    ],
)
def test_what_was_asked_and_who_may_sign_never_changes(committed_cast, field, value):
    approval = committed_cast.promotion().approval
    setattr(approval, field, value)
    refused("request_rests_on_what_it_was_made_on", approval)


@pytest.mark.parametrize(
    ("field", "value"), [("excluded", "more"), ("evidence_ids", []), ("manifest_digest", "sha256:1")]
)
def test_the_evidence_is_frozen_while_people_decide(committed_cast, field, value):
    approval = committed_cast.allowed().approval
    more = [*approval.excluded, {"person": str(uuid.uuid4()), "reasons": ["owner"]}]
    setattr(approval, field, more if value == "more" else value)
    refused("manifest_frozen_in_review", approval)


def test_whoever_is_kept_from_signing_stays_kept_before_the_review_too(committed_cast):
    approval = committed_cast.promotion().approval
    assert approval.state == State.COLLECTING
    kept = approval.excluded
    approval.excluded = kept[1:]
    refused("kept_from_signing_stays", approval)
    approval.excluded = [*kept, {"person": str(uuid.uuid4()), "reasons": ["evidence_producer"]}]
    written(approval)


def test_what_is_known_of_the_subject_is_frozen_while_people_decide(committed_cast):
    approval = committed_cast.allowed().approval
    approval.context = {**approval.context, "change_class": "pre-determined"}
    refused("context_frozen_in_review", approval)


def test_an_approval_in_the_validation_stage_confirms_the_change_class_that_was_stated(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    for said in ("", "substantial"):
        refused("change_class_confirmed_in_validation", a_decision(approval, cast.validator, change_class=said))
    refused(
        "change_class_confirmed_in_validation",
        a_decision(approval, cast.validator, verdict="reject", change_class="non-substantial"),
    )
    approve(approval, cast.validator)
    refused(
        "change_class_confirmed_in_validation",
        a_decision(approval, cast.officer, stage="risk", change_class="non-substantial"),
    )
    promotion = approval.promotion
    promotion.change_class = "tiny"
    refused("known_change_class_is_stated", promotion)


def test_a_decision_stands_in_the_open_stage_of_the_present_round_alone(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    refused("decided_in_the_open_stage", a_decision(approval, cast.officer, stage="risk"))
    refused("decided_in_the_open_stage", a_decision(approval, cast.validator, round=2))
    refused("decided_in_the_open_stage", a_decision(approval, cast.validator, stage="none"))
    approve(approval, cast.validator)
    refused("decided_in_the_open_stage", a_decision(approval, a_user(Role.VALIDATOR)))
    waiting = cast.promotion(number=2).approval
    refused("decided_in_the_open_stage", a_decision(waiting, cast.validator))


def test_whoever_had_a_part_or_was_not_eligible_signs_nothing(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    refused("separation_of_duties", a_decision(approval, cast.engineer))
    refused("separation_of_duties", a_decision(approval, cast.owner))
    refused("eligible_since_submission", a_decision(approval, cast.officer))
    refused("eligible_since_submission", a_decision(approval, a_user(Role.VALIDATOR)))


def test_whose_role_ended_or_was_given_anew_signs_nothing_although_listed(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    grant = cast.validator.grants.get()
    grant.valid_until = clock.now()
    written(grant, Event.ROLE_REVOKED)
    refused("eligible_since_submission", a_decision(approval, cast.validator))
    with pytest.raises(NotEligible):
        approve(approval, cast.validator)
    given(cast.validator, Role.VALIDATOR)
    refused("eligible_since_submission", a_decision(approval, cast.validator))
    with pytest.raises(NotEligible):
        approve(approval, cast.validator)


def test_a_deactivated_person_signs_nothing_although_listed(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    cast.validator.is_active = False
    cast.validator.save()
    refused("eligible_since_submission", a_decision(approval, cast.validator))
    with pytest.raises(NotEligible):
        approve(approval, cast.validator)


def test_whose_evidence_it_is_and_who_stands_behind_a_service_account_are_kept_from_signing(committed_cast):
    cast = committed_cast
    sponsor = a_user(Role.VALIDATOR, name="Sponsor")
    robot = a_user(name="Training pipeline", sponsor=sponsor)
    made = cast.promotion(trained_by=robot)
    reasons = {row["person"]: row["reasons"] for row in made.approval.excluded}
    assert reasons[str(robot.pk)] == ["trainer"]
    assert reasons[str(sponsor.pk)] == ["sponsor"]
    assert str(sponsor.pk) not in made.approval.stages[0]["eligible"]
    attach(made.approval, payloads.performance(production=False))
    submit(made.approval, payloads.fairness(ratio=0.97, half=0.05), cast.officer)
    attach(made.approval, payloads.explanation())
    made.approval.refresh_from_db()
    assert {row["person"]: row["reasons"] for row in made.approval.excluded}[str(cast.officer.pk)] == [
        "evidence_producer"
    ]
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    with pytest.raises(SelfApproval, match="evidence producer"):
        approve(made.approval, cast.officer)
    refused("separation_of_duties", a_decision(made.approval, cast.officer, stage="risk"))


def test_who_owns_the_system_by_now_signs_nothing_although_not_listed(committed_cast):
    cast = committed_cast
    approval = cast.allowed().approval
    cast.system.owner = cast.validator
    written(cast.system, Event.SYSTEM_UPDATED)
    refused("separation_of_duties", a_decision(approval, cast.validator))
    with pytest.raises(SelfApproval, match="You are the owner"):
        approve(approval, cast.validator)
