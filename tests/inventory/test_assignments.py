"""Which system a model serves is the word of two people, because the system's class decides which policy governs it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory.assignments import propose_assignment, sign_assignment, withdraw_assignment
from governance.inventory.errors import (
    AlreadyProposed,
    AlreadySigned,
    AssignmentStands,
    OwnAssignment,
    ProposalWithdrawn,
)
from governance.inventory.models import AISystem, ModelAssignment
from governance.inventory.services import register_system
from registry.errors import UnknownModel
from registry.models import RegisteredModel
from tests.factories import PASSWORD, Cast, a_model, a_system, a_user, given, mirrored
from tests.healthy_mlflow import healthy_mlflow

PURPOSE = "Sorts the mail of the back office by the department that it is for."


def a_bare_model(name: str = "orphan") -> RegisteredModel:
    return mirrored(Event.MODEL_MIRRORED, RegisteredModel(name=name, mirrored_at=clock.now()))


def served_by(name: str) -> AISystem | None:
    return RegisteredModel.objects.select_related("system").get(name=name).system


def api(person: Any, path: str, body: Any = None) -> Any:
    client = Client()
    client.force_login(person)
    return client.post(f"/api/v1/{path}", body or {}, content_type="application/json")


@pytest.fixture
def validator(db):
    return a_user(Role.VALIDATOR)


@pytest.fixture
def officer(db):
    return a_user(Role.RISK_OFFICER)


@pytest.fixture
def cast(db, settings):
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield Cast()


def test_a_person_without_a_role_takes_no_system_in(db):
    for role in (None, Role.VALIDATOR, Role.AUDITOR):
        with pytest.raises(Forbidden, match="takes AI systems in"):
            register_system(
                slug="mail",
                name="Mail",
                purpose=PURPOSE,
                owner=a_user(),
                ai_roles=[],
                favourable_outcome="sorted",
                by=a_user(role),
            )


def test_one_person_alone_can_not_move_a_high_risk_model_under_a_laxer_policy(cast, validator):
    """The attack: take in a system of one's own, have it classified as minimal, move the model there, promote it."""
    attacker = a_user(Role.ENGINEER)
    lax = register_system(
        slug="lax",
        name="Lax",
        purpose=PURPOSE,
        owner=attacker,
        ai_roles=[],
        favourable_outcome="sorted",
        by=attacker,
    )
    proposal = propose_assignment(model=cast.model.name, ai_system=lax, by=attacker)
    assert served_by(cast.model.name) == cast.system
    with pytest.raises(OwnAssignment):
        sign_assignment(assignment_id=proposal.pk, signer=attacker)
    with pytest.raises(Forbidden, match="a risk officer of that system must sign"):
        sign_assignment(assignment_id=proposal.pk, signer=validator)
    with pytest.raises(OwnAssignment):
        sign_assignment(assignment_id=proposal.pk, signer=cast.owner)
    assert served_by(cast.model.name) == cast.system
    assert sign_assignment(assignment_id=proposal.pk, signer=cast.officer).signed_by == cast.officer
    assert served_by(cast.model.name) == lax


def test_a_first_assignment_needs_its_second_person_too_and_both_are_in_the_log(db, validator):
    model, target = a_bare_model(), a_system()
    with pytest.raises(Forbidden):
        propose_assignment(model="orphan", ai_system=target, by=a_user(Role.ENGINEER))
    proposal = propose_assignment(model="orphan", ai_system=target, by=target.owner)
    assert served_by("orphan") is None
    for stranger in (a_user(), a_user(Role.ENGINEER), a_user(Role.DATA_PROTECTION_OFFICER), a_user(Role.ADMINISTRATOR)):
        with pytest.raises(Forbidden, match="validator or risk officer"):
            sign_assignment(assignment_id=proposal.pk, signer=stranger)
    with pytest.raises(AlreadyProposed):
        propose_assignment(model="orphan", ai_system=target, by=target.owner)
    sign_assignment(assignment_id=proposal.pk, signer=validator)
    assert served_by("orphan") == target
    said = [(entry.event, entry.actor) for entry in log.entries_naming("inventory_modelassignment", [proposal.pk])]
    assert said == [("assignment.proposed", target.owner.actor_id), ("model.assigned", validator.actor_id)]
    assert log.entries_naming("registry_registeredmodel", [model.pk])[-1].event == "model.assigned"
    with pytest.raises(AlreadySigned):
        sign_assignment(assignment_id=proposal.pk, signer=a_user(Role.VALIDATOR))
    with pytest.raises(InvalidInput, match="already"):
        propose_assignment(model="orphan", ai_system=target, by=target.owner)


def test_the_owner_that_a_model_leaves_may_propose_it_and_then_a_validator_suffices(db, validator):
    target = a_system()
    model = a_model(a_system())
    proposal = propose_assignment(model=model.name, ai_system=target, by=model.system.owner)
    with pytest.raises(OwnAssignment):
        sign_assignment(assignment_id=proposal.pk, signer=target.owner)
    sign_assignment(assignment_id=proposal.pk, signer=validator)
    assert served_by(model.name) == target


def test_who_proposes_signs_nothing_even_with_every_role(db):
    target = a_system()
    both = target.owner
    for role in (Role.VALIDATOR, Role.RISK_OFFICER):
        given(both, role)
    a_bare_model()
    proposal = propose_assignment(model="orphan", ai_system=target, by=both)
    with pytest.raises(OwnAssignment):
        sign_assignment(assignment_id=proposal.pk, signer=both)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        ModelAssignment.objects.filter(pk=proposal.pk).update(signed_by=both, signed_at=clock.now())


@pytest.mark.parametrize("bound_by", ["promotion", "approved", "live"])
def test_a_model_is_bound_while_something_of_it_is_asked_approved_or_live(cast, officer, bound_by):
    target = a_system()
    before = propose_assignment(model=cast.model.name, ai_system=target, by=cast.owner)
    getattr(cast, bound_by)()
    with pytest.raises(AssignmentStands, match="can't leave"):
        sign_assignment(assignment_id=before.pk, signer=officer)
    withdraw_assignment(assignment_id=before.pk, by=cast.owner)
    with pytest.raises(AssignmentStands):
        propose_assignment(model=cast.model.name, ai_system=target, by=cast.owner)
    assert served_by(cast.model.name) == cast.system


def test_a_proposal_is_withdrawn_by_those_who_answer_for_it_and_can_be_made_anew(db, validator):
    a_bare_model()
    target, administrator = a_system(), a_user(Role.ADMINISTRATOR)
    proposal = propose_assignment(model="orphan", ai_system=target, by=administrator)
    for stranger in (validator, a_user(Role.ENGINEER)):
        with pytest.raises(Forbidden, match="withdraws an assignment"):
            withdraw_assignment(assignment_id=proposal.pk, by=stranger)
    withdraw_assignment(assignment_id=proposal.pk, by=target.owner)
    with pytest.raises(ProposalWithdrawn):
        sign_assignment(assignment_id=proposal.pk, signer=validator)
    propose_assignment(model="orphan", ai_system=target, by=target.owner)


def test_what_does_not_exist_is_unknown(db, validator):
    for act in (
        lambda: sign_assignment(assignment_id=uuid.uuid4(), signer=validator),
        lambda: withdraw_assignment(assignment_id=uuid.uuid4(), by=validator),
    ):
        with pytest.raises(Unknown):
            act()
    target = a_system()
    with pytest.raises(UnknownModel):
        propose_assignment(model="nothing", ai_system=target, by=target.owner)


def test_over_the_api_the_owner_proposes_and_a_second_person_signs_with_a_password(db, validator):
    a_bare_model()
    target = a_system()
    path = f"systems/{target.slug}/assignments"
    made = api(target.owner, path, {"model": "orphan"})
    assert (made.status_code, made.json()["signed_at"]) == (201, None)
    sign = f"{path}/{made.json()['id']}/signatures"
    assert api(target.owner, sign, {"password": PASSWORD}).json()["type"] == "/problems/own-assignment"
    assert api(validator, sign, {"password": "wrong"}).json()["type"] == "/problems/sign-in-again"
    token = create_token(holder=validator, label="ci", scopes=["promotions:write"])
    refused = Client().post(
        f"/api/v1/{sign}",
        {"password": PASSWORD},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert refused.status_code == 403
    assert api(validator, f"{path}/{uuid.uuid4()}/signatures", {"password": PASSWORD}).status_code == 404
    assert served_by("orphan") is None
    assert api(validator, sign, {"password": PASSWORD}).status_code == 201
    assert served_by("orphan") == target
    assert api(target.owner, f"{path}/{made.json()['id']}/withdrawals").json()["type"] == "/problems/already-signed"


def test_the_systems_page_shows_what_waits_and_takes_the_signature(db, client, validator):
    a_bare_model()
    target = a_system()
    proposal = propose_assignment(model="orphan", ai_system=target, by=target.owner)
    page, sign = (
        reverse("system-detail", args=[target.pk]),
        reverse("assignment-sign", args=[target.pk, proposal.pk]),
    )
    client.force_login(target.owner)
    shown = client.get(page).content.decode()
    assert "orphan waits for a second person" in shown
    assert "someone else must sign" in shown
    assert "Withdraw the proposal" in shown
    assert "assignment-1-password" not in shown
    assert client.post(sign, {"password": PASSWORD}).status_code == 403
    client.force_login(validator)
    assert "assignment-1-password" in client.get(page).content.decode()
    for password, status in (("", 422), ("wrong", 403)):
        refused = client.post(sign, {"password": password})
        assert refused.status_code == status
        assert 'aria-describedby="assignment-1-password-e"' in refused.content.decode()
    assert served_by("orphan") is None
    assert client.post(sign, {"password": PASSWORD}).status_code == 302
    assert served_by("orphan") == target
    assert client.get(page).context["assignments"] == []


def test_a_proposal_is_withdrawn_on_the_page(db, client, validator):
    a_bare_model()
    target = a_system()
    proposal = propose_assignment(model="orphan", ai_system=target, by=target.owner)
    address = reverse("assignment-withdraw", args=[target.pk, proposal.pk])
    client.force_login(validator)
    assert client.post(address).status_code == 403
    client.force_login(target.owner)
    assert client.post(address).status_code == 302
    assert client.post(reverse("assignment-withdraw", args=[target.pk, uuid.uuid4()])).status_code == 404
    assert ModelAssignment.objects.get(pk=proposal.pk).withdrawn_at is not None
