"""What counts as success of a system is the word of two people, and other criteria ask for other evidence."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit.events import Event
from governance.audit.selectors import entries_naming
from governance.common.errors import Forbidden, InvalidInput
from governance.inventory.criteria import propose_criteria, sign_criteria, withdraw_criteria
from governance.inventory.errors import AlreadyProposed, AlreadySigned, OwnCriteria, ProposalWithdrawn
from governance.inventory.models import SuccessCriteria
from registry.required import yardstick
from tests.factories import PASSWORD, a_system, a_user, given

RANKS = {"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}
COSTS = {"fp": 1, "fn": 5, "unit": "EUR"}


@pytest.fixture
def owner(db):
    return a_user(Role.OWNER)


@pytest.fixture
def system(owner):
    return a_system(owner=owner)


@pytest.fixture
def validator(db):
    return a_user(Role.VALIDATOR)


def test_criteria_take_effect_when_a_second_person_signs(system, owner, validator):
    proposal = propose_criteria(ai_system=system, criteria=[RANKS], cost_matrix=COSTS, by=owner)
    system.refresh_from_db()
    assert (system.success_criteria, system.cost_matrix) == ([], None)
    assert yardstick(system) == {}
    sign_criteria(criteria_id=proposal.pk, signer=validator)
    system.refresh_from_db()
    assert system.success_criteria == [RANKS]
    assert system.cost_matrix == {"fp": 1.0, "fn": 5.0, "unit": "EUR"}
    assert yardstick(system) == {"success_criteria": [RANKS], "cost_matrix": system.cost_matrix}
    said = [entry.parsed for entry in entries_naming("inventory_successcriteria", [proposal.pk])]
    assert [body["event"] for body in said] == [Event.CRITERIA_PROPOSED, Event.CRITERIA_SIGNED]
    assert said[1]["data"]["criteria"] == {"ranks": "candidate.auc >= 0.7"}


def test_who_proposes_or_owns_signs_nothing(system, owner, validator):
    engineer = a_user(Role.ENGINEER)
    given(engineer, Role.VALIDATOR)
    proposal = propose_criteria(ai_system=system, criteria=[RANKS], by=engineer)
    for signer in (engineer, owner):
        with pytest.raises(OwnCriteria):
            sign_criteria(criteria_id=proposal.pk, signer=signer)
    with pytest.raises(Forbidden, match="validator or risk officer"):
        sign_criteria(criteria_id=proposal.pk, signer=a_user(Role.AUDITOR))
    sign_criteria(criteria_id=proposal.pk, signer=validator)
    with pytest.raises(AlreadySigned):
        sign_criteria(criteria_id=proposal.pk, signer=validator)


def test_one_proposal_waits_at_a_time_and_can_be_withdrawn(system, owner, validator):
    proposal = propose_criteria(ai_system=system, criteria=[RANKS], by=owner)
    with pytest.raises(AlreadyProposed):
        propose_criteria(ai_system=system, criteria=[], by=owner)
    with pytest.raises(Forbidden):
        withdraw_criteria(criteria_id=proposal.pk, by=validator)
    withdraw_criteria(criteria_id=proposal.pk, by=owner)
    with pytest.raises(ProposalWithdrawn):
        sign_criteria(criteria_id=proposal.pk, signer=validator)
    propose_criteria(ai_system=system, criteria=[], by=owner)


def test_no_criteria_replace_those_in_effect(system, owner, validator):
    for criteria, costs in (([RANKS], COSTS), ([], None)):
        proposal = propose_criteria(ai_system=system, criteria=criteria, cost_matrix=costs, by=owner)
        sign_criteria(criteria_id=proposal.pk, signer=validator)
    system.refresh_from_db()
    assert (system.success_criteria, system.cost_matrix) == ([], None)


@pytest.mark.parametrize(
    ("criteria", "costs", "message"),
    [
        ([RANKS | {"expr": "candidate.profit > 1"}], None, r"Criterion ranks: There is no figure candidate.profit"),
        ([RANKS | {"expr": "candidate.auc"}], None, "true or false"),
        ([RANKS, RANKS], None, "each id once"),
        ([RANKS | {"id": "Ranks well"}], None, "can't be an id"),
        ([RANKS | {"id": f"c{n}"} for n in range(21)], None, "21 criteria are too many"),
        ([], {"fp": -1, "fn": 5, "unit": "EUR"}, "0 or more"),
        ([], {"fp": 0, "fn": 0, "unit": "EUR"}, "not both are 0"),
        ([], {"fp": float("nan"), "fn": 1, "unit": "EUR"}, "0 or more"),
        ([], {"fp": 1, "fn": 1, "unit": " "}, "Name the unit"),
    ],
)
def test_what_can_not_be_held_against_figures_is_refused(system, owner, criteria, costs, message):
    with pytest.raises(InvalidInput, match=message):
        propose_criteria(ai_system=system, criteria=criteria, cost_matrix=costs, by=owner)
    assert not SuccessCriteria.objects.exists()


def test_somebody_without_a_part_in_the_system_proposes_nothing(system, validator):
    with pytest.raises(Forbidden):
        propose_criteria(ai_system=system, criteria=[RANKS], by=validator)


def test_the_database_keeps_a_signature_by_the_proposer_out(system, owner):
    proposal = propose_criteria(ai_system=system, criteria=[RANKS], by=owner)
    with pytest.raises(IntegrityError, match="criteria_signed_by_a_second_person"), transaction.atomic():
        SuccessCriteria.objects.filter(pk=proposal.pk).update(signed_by=owner, signed_at=proposal.proposed_at)


def test_over_the_api_and_on_the_page(system, owner, validator):
    client = Client()
    client.force_login(owner)
    asked = client.post(
        f"/api/v1/systems/{system.slug}/success-criteria",
        {"criteria": [RANKS], "cost_matrix": COSTS},
        content_type="application/json",
    )
    assert asked.status_code == 201, asked.content
    assert asked.headers["Location"].endswith(asked.json()["id"])
    client.force_login(validator)
    page = client.get(reverse("system-detail", args=[system.pk])).content.decode()
    assert "Success criteria wait for a second person" in page
    sign = reverse("criteria-sign", args=[system.pk, asked.json()["id"]])
    assert client.post(sign, {"password": "wrong"}).status_code in {403, 422}
    assert client.post(sign, {"password": PASSWORD}).status_code == 302
    page = client.get(reverse("system-detail", args=[system.pk])).content.decode()
    assert "candidate.auc &gt;= 0.7" in page
    assert "A false positive costs 1.00, a false negative 5.00 (EUR)." in page
