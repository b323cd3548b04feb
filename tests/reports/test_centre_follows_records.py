"""The document centre goes by what the record says of the deployer, and by success criteria that were signed since."""

import pytest

from governance.inventory import criteria
from governance.inventory import services as inventory
from reports import services
from tests.reports.factories import ANSWERS, Bank
from tests.reports.test_document_centre import answer, build, centre, kinds, outdated


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


@pytest.mark.parametrize(("body", "state"), [("Neither", "not_owed"), ("Public body", "later")])
def test_what_a_deployer_owes_follows_from_the_record_s_answer_on_its_kind(bank, client, body, state):
    proposal = inventory.propose_classification(
        ai_system=bank.system,
        answers=ANSWERS | {"operator_roles": ["deployer"], "annex_iii_uses": ["Annex III.4.a"]},
        model_tier=1,
        by=bank.owner,
    )
    inventory.sign_classification(classification_id=proposal.pk, signer=bank.officer)
    client.force_login(bank.auditor)
    assert {kinds(centre(client, bank))[kind]["owed"]["state"] for kind in ("fria", "annex-viii")} == {"later"}
    answer(bank, public_body=body)
    assert {kinds(centre(client, bank))[kind]["owed"]["state"] for kind in ("fria", "annex-viii")} == {state}


def test_success_criteria_that_were_signed_since_are_named(bank, client):
    build(bank)
    client.force_login(bank.auditor)
    assert outdated(client, bank) == []
    row = {"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}
    proposal = criteria.propose_criteria(ai_system=bank.system, criteria=[row], by=bank.owner)
    criteria.sign_criteria(criteria_id=proposal.pk, signer=bank.validator)
    assert outdated(client, bank)[0].startswith("Success criteria were signed on ")
