"""Delegations: a place is lent, never a role, and it can't defeat separation of duties or a quorum."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from governance.accounts.administration import deactivate_person, take_role
from governance.accounts.errors import RolesExclude
from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.approvals import delegations, selectors
from governance.approvals.errors import (
    AlreadyDecided,
    DelegateUnfit,
    DelegationChain,
    DelegationSettled,
    NotEligible,
    SelfApproval,
)
from governance.approvals.models import Decision, Delegation, State
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from placet.derivation import rederive
from tests import payloads
from tests.approvals.test_rules_in_sql import a_decision, refused, written
from tests.factories import (
    PASSWORD,
    Cast,
    a_policy_text,
    a_stand_in,
    a_user,
    accept,
    approve,
    given,
    lent,
    state_of,
    submit,
)

TWO_OFFICERS = a_policy_text(
    ("{name: risk, roles: [risk_officer], quorum: 1}", "{name: risk, roles: [risk_officer], quorum: 2}")
)
SOON = timedelta(days=30)


@pytest.fixture
def stand_in():
    """Somebody who is risk officer of another system."""
    return a_stand_in(Role.RISK_OFFICER, name="Stand-in")


def body(row):
    return log.entry_by_id(row.log_entry).parsed


def test_a_delegate_signs_in_the_place_of_the_delegator_and_the_log_derives_it(cast, stand_in):
    made = lent(cast.officer, stand_in, role=Role.RISK_OFFICER, ai_system=cast.system)
    request = cast.allowed().approval
    assert request.stages[1]["delegates"] == {str(stand_in.pk): str(cast.officer.pk)}
    assert request.stages[0]["delegates"] == {}
    assert not selectors.can_sign_now(request, stand_in)
    approve(request, cast.validator)
    request = selectors.request(request.pk)
    assert [row.pk for row in selectors.waiting_for(stand_in)] == [request.pk]
    assert (selectors.waiting_count(stand_in), selectors.waiting_count(cast.officer)) == (1, 1)
    decision = approve(request, stand_in)
    assert state_of(request) == State.APPROVED
    assert decision.on_behalf_of_id == cast.officer.pk
    assert f'"on_behalf_of":"{cast.officer.pk}"' in decision.statement
    assert body(decision)["data"]["on_behalf_of"] == str(cast.officer.pk)
    entries = enumerate(entry.parsed for entry in log.entries_about_request(request.pk))
    assert rederive(entries, str(request.pk)).subject_digest == request.subject_digest
    assert body(made)["data"].keys() >= {"delegation", "delegator", "delegate", "role", "system"}


def test_delegator_and_delegate_count_once(db, mlflow_address, settings, stand_in):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(TWO_OFFICERS)
    lent(cast.officer, stand_in)
    for first, second in ((cast.officer, stand_in), (stand_in, cast.officer)):
        request = cast.allowed(number=1 + Decision.objects.count()).approval
        approve(request, cast.validator)
        approve(request, first)
        assert not selectors.can_sign_now(selectors.request(request.pk), second)
        with pytest.raises(AlreadyDecided, match="whom they stand for"):
            approve(request, second)
        assert state_of(request) == State.IN_REVIEW


def test_one_decision_per_place_in_the_database(transactional_db, mlflow_address, settings, stand_in):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(TWO_OFFICERS)
    lent(cast.officer, stand_in)
    request = cast.allowed().approval
    approve(request, cast.validator)
    approve(request, stand_in)
    refused("one_decision_per_place_and_round", a_decision(request, cast.officer, stage="risk"))
    again = a_decision(request, a_user(Role.RISK_OFFICER), stage="risk", on_behalf_of=cast.officer)
    refused("delegated_since_submission", again)
    request.state, request.settled_at = State.APPROVED, clock.now()
    refused("approved_by_a_quorum_of_each_stage", request)


def test_a_stand_in_for_a_validator_reviews_and_signs(cast):
    stand_in = a_stand_in(Role.VALIDATOR)
    lent(cast.validator, stand_in)
    request = cast.reviewed(ratio=0.97, half=0.05).approval
    with pytest.raises(NotEligible):
        accept(request, a_stand_in(Role.VALIDATOR))
    accept(request, stand_in)
    assert approve(request, stand_in).on_behalf_of_id == cast.validator.pk


def test_whoever_is_eligible_signs_in_their_own_place(cast):
    second = a_user(Role.RISK_OFFICER)
    lent(cast.officer, second)
    request = cast.allowed().approval
    assert request.stages[1]["delegates"] == {}
    approve(request, cast.validator)
    assert approve(request, second).on_behalf_of_id is None


@pytest.mark.parametrize("excluded", ["delegator", "delegate"])
def test_a_delegation_of_or_to_somebody_with_a_part_gives_nothing(committed_cast, excluded):
    cast = committed_cast
    stand_in = a_stand_in(Role.RISK_OFFICER)
    if excluded == "delegator":
        given(cast.owner, Role.RISK_OFFICER)
        lent(cast.owner, stand_in)
        request, place = cast.allowed().approval, cast.owner
        refusal, rule = NotEligible, "separation_of_duties"
    else:
        lent(cast.officer, stand_in)
        request, place = cast.promotion(trained_by=stand_in).approval, cast.officer
        cast.attached(request.promotion, ratio=0.97, half=0.05)
        request = selectors.request(request.pk)
        accept(request, cast.validator)
        refusal, rule = SelfApproval, "separation_of_duties"
    assert request.stages[1]["delegates"] == {}
    approve(request, cast.validator)
    with pytest.raises(refusal):
        approve(request, stand_in)
    refused(rule, a_decision(request, stand_in, stage="risk", on_behalf_of=place))


def test_who_made_the_evidence_lends_no_place_although_it_was_lent_before(committed_cast, stand_in):
    cast = committed_cast
    lent(cast.officer, stand_in)
    made = cast.promotion()
    request = made.approval
    for payload in (payloads.performance(production=False), payloads.explanation()):
        submit(request, payload, cast.validator)
    submit(request, payloads.fairness(ratio=0.97, half=0.05), cast.officer)
    request = selectors.request(request.pk)
    assert request.stages[1]["delegates"] == {str(stand_in.pk): str(cast.officer.pk)}
    refused("separation_of_duties", a_decision(request, stand_in, stage="risk", on_behalf_of=cast.officer))
    assert not selectors.is_eligible(request, request.stages[1], stand_in, lambda *_: set())


def test_what_was_lent_after_the_request_was_made_gives_nothing(committed_cast, stand_in):
    cast = committed_cast
    made = lent(cast.officer, stand_in, confirmed=False)
    request = cast.allowed().approval
    delegations.confirm_delegation(delegation_id=made.pk, administrator=a_user(Role.ADMINISTRATOR), password=PASSWORD)
    approve(request, cast.validator)
    with pytest.raises(NotEligible):
        approve(request, stand_in)
    refused("delegated_since_submission", a_decision(request, stand_in, stage="risk", on_behalf_of=cast.officer))
    assert cast.allowed(number=2).approval.stages[1]["delegates"] == {str(stand_in.pk): str(cast.officer.pk)}


def test_what_was_ended_and_lent_anew_gives_nothing_to_an_earlier_request(committed_cast, stand_in):
    cast = committed_cast
    made = lent(cast.officer, stand_in)
    request = cast.allowed().approval
    approve(request, cast.validator)
    delegations.end_delegation(delegation_id=made.pk, by=cast.officer)
    lent(cast.officer, stand_in)
    with pytest.raises(NotEligible):
        approve(request, stand_in)
    refused("delegated_since_submission", a_decision(request, stand_in, stage="risk", on_behalf_of=cast.officer))


def ended(cast, stand_in, made):
    delegations.end_delegation(delegation_id=made.pk, by=cast.officer)


def role_of(who):
    def act(cast, stand_in, made):
        grant = {"delegator": cast.officer, "delegate": stand_in}[who].grants.get()
        grant.valid_until = clock.now()
        written(grant, Event.ROLE_REVOKED)

    return act


def gone(who):
    def act(cast, stand_in, made):
        person = {"delegator": cast.officer, "delegate": stand_in}[who]
        person.is_active = False
        person.save()

    return act


def over(cast, stand_in, made):
    """The time runs out; the decision in SQL carries a later moment."""


@pytest.mark.parametrize(
    "end", [ended, role_of("delegator"), role_of("delegate"), gone("delegator"), gone("delegate"), over]
)
def test_what_ends_on_either_side_ends_at_once(committed_cast, stand_in, end):
    cast = committed_cast
    made = lent(cast.officer, stand_in, days=2)
    request = cast.allowed().approval
    approve(request, cast.validator)
    later = clock.now() + timedelta(days=3 if end is over else 0)
    end(cast, stand_in, made)
    with clock.frozen(max(later, clock.now())), pytest.raises(NotEligible):
        approve(request, stand_in)
    decision = a_decision(
        request, stand_in, stage="risk", on_behalf_of=cast.officer, decided_at=max(later, clock.now())
    )
    with pytest.raises(IntegrityError) as problem:
        written(decision)
    rule = problem.value.__cause__.diag.constraint_name
    assert rule in {"eligible_since_submission", "delegated_since_submission"}


def test_deactivation_ends_what_was_given_and_received(cast, stand_in):
    given, received = lent(cast.officer, stand_in), lent(cast.validator, a_stand_in(Role.VALIDATOR))
    administrator = a_user(Role.ADMINISTRATOR)
    deactivate_person(person=stand_in, by=administrator, reason="Left.")
    deactivate_person(person=cast.validator, by=administrator, reason="Left.")
    for row in (given, received):
        row.refresh_from_db()
        assert row.ended_at
        assert (body(row)["event"], body(row)["actor"]) == ("delegation.ended", "system:placet")


def test_a_place_is_not_lent_on_and_one_stands_for_one_other_at_a_time(cast, stand_in):
    second = a_user(Role.RISK_OFFICER)
    lent(cast.officer, stand_in)
    with pytest.raises(DelegationChain):
        lent(stand_in, second)
    with pytest.raises(DelegationChain):
        lent(second, cast.officer)
    with pytest.raises(DelegationChain, match="one at a time"):
        lent(second, stand_in)
    later = lent(second, stand_in, days=80, valid_from=clock.now() + timedelta(days=40))
    assert later.confirmed_at is None  # the row in hand; the one in the database is
    assert Delegation.objects.get(pk=later.pk).confirmed_at


@pytest.mark.django_db(transaction=True)
def test_the_database_keeps_the_rules_of_delegations(committed_cast, stand_in):
    cast = committed_cast
    second, administrator = a_user(Role.RISK_OFFICER), a_user(Role.ADMINISTRATOR)
    lent(cast.officer, stand_in)

    def a_row(delegator, delegate, **fields):
        now = clock.now()
        values = {"valid_from": now, "valid_until": now + SOON} | fields
        return Delegation(delegator=delegator, delegate=delegate, **values)

    def confirmed(row, by, at=None):
        written(row, Event.DELEGATION_MADE)
        row.confirmed_by, row.confirmed_at = by, at or clock.now()
        return row

    refused("nobody_delegates_to_oneself", a_row(second, second))
    refused("delegation_of_90_days_at_most", a_row(second, stand_in, valid_until=clock.now() + timedelta(days=91)))
    refused("a_deciding_role_is_delegated", a_row(second, stand_in, role="owner"))
    at_once = a_row(second, a_user(), confirmed_by=administrator, confirmed_at=clock.now())
    refused("delegation_is_made_then_confirmed", at_once)
    refused("delegation_confirmed_by_an_administrator", confirmed(a_row(second, a_user()), a_user()))
    long_ago = clock.now() - timedelta(days=1)
    refused("delegation_confirmed_by_an_administrator", confirmed(a_row(second, a_user()), administrator, long_ago))
    refused("delegation_confirmed_by_a_third_person", confirmed(a_row(second, administrator), administrator))
    refused("no_chain_of_delegations", confirmed(a_row(stand_in, a_user()), administrator))
    refused("no_chain_of_delegations", confirmed(a_row(second, cast.officer), administrator))
    refused("one_delegator_at_a_time", confirmed(a_row(second, stand_in), administrator))
    row = (
        Delegation.objects.get()
        if Delegation.objects.count() == 1
        else Delegation.objects.filter(confirmed_at__isnull=False).get()
    )
    row.valid_until += timedelta(days=1)
    refused("delegation_does_not_change", row)
    delegations.end_delegation(delegation_id=row.pk, by=stand_in)
    row.refresh_from_db()
    row.ended_at = None
    refused("delegation_does_not_change", row)


def test_who_may_make_confirm_and_end_one(cast, stand_in):
    administrator = a_user(Role.ADMINISTRATOR)
    made = lent(cast.officer, stand_in, confirmed=False)
    assert log.payload_of(made.log_entry) == {"reason": "On leave."}
    assert "leave" not in str(body(made)["data"])

    def confirm(person, password=PASSWORD):
        delegations.confirm_delegation(delegation_id=made.pk, administrator=person, password=password)

    for person in (cast.officer, stand_in, cast.owner):
        with pytest.raises(Forbidden):
            confirm(person)
    with pytest.raises(SignInAgain):
        confirm(administrator, "wrong")
    confirm(administrator)
    with pytest.raises(DelegationSettled):
        confirm(administrator)
    with pytest.raises(Forbidden):
        delegations.end_delegation(delegation_id=made.pk, by=cast.validator)
    delegations.end_delegation(delegation_id=made.pk, by=administrator)
    with pytest.raises(DelegationSettled):
        delegations.end_delegation(delegation_id=made.pk, by=cast.officer)


def test_a_delegate_who_turned_administrator_confirms_nothing(cast, stand_in):
    made, administrator = lent(cast.officer, stand_in, confirmed=False), a_user(Role.ADMINISTRATOR)
    with pytest.raises(RolesExclude):
        given(stand_in, Role.ADMINISTRATOR)
    held = Grant.objects.get(person=stand_in)
    take_role(person=stand_in, role=Role(held.role), system_id=held.system_id, by=administrator)
    given(stand_in, Role.ADMINISTRATOR)
    with pytest.raises(Forbidden, match="third person"):
        delegations.confirm_delegation(delegation_id=made.pk, administrator=stand_in, password=PASSWORD)


def test_what_cannot_be_lent(cast, stand_in):
    with pytest.raises(DelegateUnfit):
        lent(cast.officer, cast.officer)
    with pytest.raises(DelegateUnfit, match="who decides"):
        lent(cast.engineer, stand_in)
    with pytest.raises(DelegateUnfit, match="who decides"):
        lent(cast.officer, stand_in, role=Role.VALIDATOR)
    with pytest.raises(DelegateUnfit, match="no risk officer"):
        lent(cast.officer, a_user(Role.VALIDATOR))
    with pytest.raises(DelegateUnfit, match="no risk officer"):
        lent(cast.officer, a_user(Role.OWNER))
    for days in (0, 91):
        with pytest.raises(InvalidInput):
            lent(cast.officer, stand_in, days=days)
    with pytest.raises(InvalidInput, match="Say why"):
        delegations.delegate(delegator=cast.officer, to=stand_in, reason=" ", valid_until=clock.now() + SOON)
