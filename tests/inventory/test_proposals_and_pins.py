"""Who may propose a class and take it back, and which data can be pinned."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory import services
from governance.inventory.errors import AlreadyProposed, ProposalWithdrawn
from registry.models import DatasetSnapshot
from tests import payloads
from tests.factories import PASSWORD, a_dataset, a_system, a_user
from tests.reports.factories import a_declared_system, a_proposal


@pytest.fixture
def system(db):
    return a_declared_system(a_user(Role.OWNER))


def test_a_machine_owns_no_system(db):
    engineer = a_user(Role.ENGINEER)
    with pytest.raises(InvalidInput, match="a person owns"):
        a_declared_system(a_user(Role.ENGINEER, sponsor=engineer), by=engineer)


def test_nobody_without_a_part_in_it_proposes_a_class_and_so_blocks_the_next_proposal(system):
    for role in (None, Role.AUDITOR, Role.VALIDATOR, Role.RISK_OFFICER):
        with pytest.raises(Forbidden, match="proposes its classification"):
            a_proposal(system, a_user(role))
    a_proposal(system, a_user(Role.ENGINEER))


def test_a_proposal_is_withdrawn_by_proposer_owner_or_administrator_and_logged(system):
    for number, proposer in enumerate((system.owner, a_user(Role.ENGINEER), a_user(Role.ENGINEER)), start=1):
        by = (system.owner, proposer, a_user(Role.ADMINISTRATOR))[number - 1]
        proposal = a_proposal(system, proposer)
        with pytest.raises(AlreadyProposed):
            a_proposal(system, system.owner)
        with pytest.raises(Forbidden, match="withdraws a classification"):
            services.withdraw_classification(classification_id=proposal.pk, by=a_user(Role.VALIDATOR))
        services.withdraw_classification(classification_id=proposal.pk, by=by)
        (_, entry) = log.entries_naming("inventory_classification", [proposal.pk])
        assert (entry.event, entry.actor) == ("classification.withdrawn", by.actor_id)
        with pytest.raises(ProposalWithdrawn):
            services.sign_classification(classification_id=proposal.pk, signer=a_user(Role.VALIDATOR))
        with pytest.raises(ProposalWithdrawn):
            services.withdraw_classification(classification_id=proposal.pk, by=by)


def test_the_page_withdraws_a_proposal_and_then_shows_none(system, client):
    proposal = a_proposal(system, a_user(Role.ENGINEER))
    address = reverse("classification-withdraw", args=[system.pk, proposal.pk])
    client.force_login(a_user(Role.VALIDATOR))
    assert "Withdraw the proposal" not in client.get(reverse("system-detail", args=[system.pk])).content.decode()
    assert client.post(address).status_code == 403
    client.force_login(system.owner)
    assert "Withdraw the proposal" in client.get(reverse("system-detail", args=[system.pk])).content.decode()
    page = client.post(address, follow=True)
    assert page.context["sign"] is None
    assert client.get(address).status_code == 405


def test_over_the_api_a_withdrawn_proposal_makes_room(system, client):
    client.force_login(system.owner)
    proposal = a_proposal(system, system.owner)
    path = f"/api/v1/systems/{system.slug}/classifications"
    done = client.post(f"{path}/{proposal.pk}/withdrawals", content_type="application/json")
    assert (done.status_code, done.json()["signed_at"]) == (201, None)
    assert done.json()["withdrawn_at"]
    for act in ("withdrawals", "signatures"):
        missing = client.post(f"{path}/{uuid.uuid4()}/{act}", {"password": PASSWORD}, content_type="application/json")
        assert missing.status_code == 404
    with pytest.raises(Unknown):
        services.sign_classification(classification_id=uuid.uuid4(), signer=a_user(Role.VALIDATOR))


def test_only_mirrored_data_in_the_role_that_it_is_kept_for_can_be_pinned(db):
    system, validator = a_system(), a_user(Role.VALIDATOR)
    with pytest.raises(InvalidInput, match="no mirrored dataset has it"):
        services.pin_dataset(ai_system=system, dataset_digest=payloads.a_digest("nothing"), by=validator)
    training = a_dataset("training rows")
    with transaction.atomic():
        from governance.audit import services as audit
        from governance.audit.events import Event
        from tests.factories import SETUP

        training.role = DatasetSnapshot.Role.TRAINING
        audit.append(event=Event.DATASET_MIRRORED, actor=SETUP, subjects=[training], data={"made": "by a test"})
    with pytest.raises(InvalidInput, match="it is kept as training data"):
        services.pin_dataset(ai_system=system, dataset_digest=training.digest, by=validator)
    assert not system.dataset_pins.exists()
    services.pin_dataset(ai_system=system, dataset_digest=a_dataset().digest, by=validator)


def test_over_the_api_an_unknown_digest_is_refused_when_it_is_pinned_not_when_it_is_needed(db, client):
    system = a_system()
    client.force_login(a_user(Role.VALIDATOR))
    answer = client.post(
        f"/api/v1/systems/{system.slug}/dataset-pins",
        {"dataset_digest": payloads.a_digest("nothing")},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
