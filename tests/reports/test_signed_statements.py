"""An owner who is a person signs a declaration; what is drawn then is the draft that they read, with their name."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.audit import selectors as log
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.models import Evidence
from governance.inventory import declaring
from governance.inventory import services as inventory
from governance.inventory.errors import AlreadySigned
from reports import services
from reports.documents.building import build
from reports.errors import StatementNotReady
from reports.facts import Facts
from reports.facts_portfolio import portfolio, quarter_from
from reports.models import ABOUT_ONE_THING, Document, DocumentJob, DocumentSignatory
from reports.web import signing
from tests.factories import PASSWORD
from tests.reports.factories import ANSWERS, Bank, a_declared_system, ready_to_declare

SAID = {
    "name": "A. Signatory",
    "function": "Managing director",
    "on_behalf_of": "Example Bank",
    "place": "Frankfurt am Main",
    "personal_data": True,
}


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: content.snapshot_digest.encode())
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    monkeypatch.setattr(signing, "enqueue_on_commit", lambda task, *ids: None)
    return Bank()


@pytest.fixture
def ready(bank) -> Bank:
    ready_to_declare(bank)
    return bank


def built(bank: Bank, kind: str, **more) -> Document:
    job = services.request_document(kind=kind, ai_system=bank.system, requester=bank.owner, **more)
    document = services.build_document(job.pk).document
    assert document
    return document


def points_of(document: Document, number: str) -> set[str]:
    return {row.state for part in build(document.snapshot).sections if part.number == number for row in part.paragraphs}


@pytest.mark.usefixtures("ready")
def test_the_signed_declaration_is_the_draft_with_its_signatory(bank):
    bank.live()
    draft = built(bank, "annex-v")
    assert "missing" in points_of(draft, "3")
    signatory, job = services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID)
    signed = services.build_document(job.pk).document
    assert signed
    assert signed.signatory == signatory
    assert points_of(signed, "3") == {"declared"}
    changed = {key for key in signed.snapshot if signed.snapshot[key] != draft.snapshot.get(key)}
    assert changed == {"document", "signatory"}
    assert signed.snapshot["signatory"]["draft_digest"] == draft.pdf_digest
    (entry,) = log.entries_naming("reports_documentsignatory", [signatory.pk])
    assert (entry.event, entry.actor) == ("document.signed", bank.owner.actor_id)
    assert entry.parsed["data"]["pdf"] == draft.pdf_digest
    assert Evidence.objects.get(subject_digest=signed.snapshot_digest).payload["kind"] == "annex-v"


@pytest.mark.usefixtures("ready")
def test_annex_iv_point_8_is_measured_by_the_signed_declaration_and_by_no_draft(bank):
    bank.live()
    draft = built(bank, "annex-v")
    assert points_of(built(bank, "annex-iv"), "8") == {"missing"}
    _, job = services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID)
    signed = services.build_document(job.pk).document
    assert signed
    technical = built(bank, "annex-iv")
    assert points_of(technical, "8") == {"measured"}
    (row,) = [row for row in technical.snapshot["documents"] if row["kind"] == "annex-v"]
    assert (row["id"], row["digest"]) == (str(signed.pk), signed.pdf_digest)


@pytest.mark.usefixtures("ready")
def test_nobody_but_an_owner_who_is_a_person_signs_and_nobody_twice(bank):
    draft = built(bank, "annex-v")
    for person in (bank.engineer, bank.validator, bank.officer, bank.auditor):
        with pytest.raises(Forbidden):
            services.sign_statement(document_id=draft.pk, person=person, **SAID)
    services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID)
    with pytest.raises(AlreadySigned):
        services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID)
    assert DocumentSignatory.objects.count() == 1


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("empty", ["name", "function", "on_behalf_of", "place"])
def test_what_annex_v_wants_printed_has_to_be_said(bank, empty):
    draft = built(bank, "annex-v")
    with pytest.raises(InvalidInput, match="Annex V point 8"):
        services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID | {empty: "  "})
    assert not DocumentSignatory.objects.exists()


def test_other_kinds_make_no_statement(bank):
    with pytest.raises(InvalidInput, match="makes no statement"):
        services.sign_statement(document_id=built(bank, "annex-iv").pk, person=bank.owner, **SAID)


def test_the_page_asks_for_the_password_and_signs(bank, client):
    ready_to_declare(bank, personal_data="No")
    draft = built(bank, "annex-v")
    address = reverse("document-sign", args=[draft.pk])
    client.force_login(bank.owner)
    said = SAID | {"personal_data": "no"}
    page = client.get(address)
    assert page.status_code == 200
    assert page.context["personal_data"] == "no", "as the record answers"
    contrary = client.post(address, SAID | {"personal_data": "yes", "password": PASSWORD})
    assert contrary.status_code == 422
    assert "The record says that the system processes no personal data" in contrary.content.decode()
    assert client.post(address, said | {"password": "wrong"}).status_code in {403, 422, 429}
    assert client.post(address, said).status_code == 422
    assert not DocumentSignatory.objects.exists()
    assert client.post(address, said | {"password": PASSWORD}).status_code == 302
    assert DocumentSignatory.objects.get().personal_data is False
    assert DocumentJob.objects.filter(signatory__isnull=False).count() == 1


def refused(bank: Bank, draft: Document, says: str) -> None:
    with pytest.raises(StatementNotReady, match=says):
        services.sign_statement(document_id=draft.pk, person=bank.owner, **SAID)
    assert not DocumentSignatory.objects.exists()


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("trade-name", "Point 1: The trade name is not recorded."),
        ("provider-address", "Point 2: The provider's address"),
        ("other-union-law", "Point 4: Whether other Union law"),
        ("personal-data", "Point 5: Whether personal data are processed"),
        ("standards", "Point 6: "),
        ("notified-body", "Point 7: Whether a notified body"),
    ],
)
def test_a_draft_that_lacks_an_answer_is_not_signed(ready, question, says):
    declaring.declare(ai_system=ready.system, answers={question: ""}, by=ready.owner)
    draft = built(ready, "annex-v")
    refused(ready, draft, says)


def test_a_draft_that_is_out_of_date_or_not_the_newest_is_not_signed(ready):
    first = built(ready, "annex-v")
    declaring.declare(ai_system=ready.system, answers={"standards": "None were applied."}, by=ready.owner)
    refused(ready, first, "out of date: since it was made, answers of the record changed")
    second = built(ready, "annex-v")
    refused(ready, first, "not the newest")
    services.sign_statement(document_id=second.pk, person=ready.owner, **SAID)


@pytest.mark.parametrize(
    ("answers", "becomes"),
    [
        ({"annex_iii_uses": ["none"]}, "minimal"),
        ({"prohibited_practices": ["Art 5.1.c"]}, "prohibited"),
        ({"operator_roles": ["deployer"]}, "high"),
    ],
)
def test_of_a_system_that_owes_no_declaration_none_is_signed(ready, answers, becomes):
    built(ready, "annex-v")
    proposal = inventory.propose_classification(
        ai_system=ready.system, answers=ANSWERS | answers, model_tier=1, by=ready.owner
    )
    inventory.sign_classification(classification_id=proposal.pk, signer=ready.officer)
    ready.system.refresh_from_db()
    assert ready.system.ai_act_class == becomes
    refused(ready, built(ready, "annex-v"), "asks for a declaration of conformity of high-risk systems, from their")


def test_of_a_system_that_nobody_classified_none_is_signed(bank):
    bank.system = a_declared_system(bank.owner, slug="other", name="Another")
    refused(bank, built(bank, "annex-v"), "no signed classification")


def test_the_contrary_of_what_the_record_says_of_personal_data_is_not_stated(ready):
    draft = built(ready, "annex-v")
    with pytest.raises(InvalidInput, match="The record says that the system processes personal data"):
        services.sign_statement(document_id=draft.pk, person=ready.owner, **SAID | {"personal_data": False})
    assert not DocumentSignatory.objects.exists()


@pytest.mark.usefixtures("ready")
def test_a_field_that_is_refused_says_why_and_keeps_what_was_typed(bank, client):
    client.force_login(bank.owner)
    address = reverse("document-sign", args=[built(bank, "annex-v").pk])
    long = "Frankfurt am Main, " * 8
    page = client.post(address, SAID | {"place": long, "personal_data": "no", "password": PASSWORD})
    assert page.status_code == 422
    assert "at most 120 characters" in page.content.decode()
    assert 'maxlength="120"' in page.content.decode()
    assert long.strip() in page.content.decode()


@pytest.mark.usefixtures("ready")
def test_who_signs_reads_that_the_draft_is_old_or_out_of_date(bank, client):
    client.force_login(bank.owner)
    draft = built(bank, "annex-v")
    address = reverse("document-sign", args=[draft.pk])
    assert "Out of date" not in client.get(address).content.decode()
    declaring.declare(ai_system=bank.system, answers={"standards": "None were applied."}, by=bank.owner)
    assert "Out of date" in client.get(address).content.decode()
    newer = built(bank, "annex-v")
    page = client.get(address).content.decode()
    assert "A newer version of this document is there." in page
    assert reverse("document-detail", args=[newer.pk]) in page


@pytest.mark.usefixtures("ready")
def test_who_may_not_sign_reads_why(bank, client):
    draft = built(bank, "annex-v")
    client.force_login(bank.officer)
    page = client.get(reverse("document-sign", args=[draft.pk]))
    assert "An owner of the system" in page.content.decode()
    assert 'name="password"' not in page.content.decode()


@pytest.mark.parametrize("kind", sorted(set(Document.Kind.values) - set(ABOUT_ONE_THING)))
def test_every_kind_is_built_from_the_facts_of_a_system(bank, kind):
    bank.live()
    made = built(bank, kind)
    content = build(made.snapshot)
    assert (made.kind, content.kind) == (kind, kind)
    assert made.snapshot["law"]["points"]
    assert made.measured + made.declared + made.missing
    assert Evidence.objects.get(type="document/v1").payload["kind"] == kind


def test_the_report_over_all_systems_counts_their_rows(bank):
    bank.live()
    job = services.request_document(kind="model-risk", ai_system=None, requester=bank.owner, about=_quarter())
    made = services.build_document(job.pk).document
    assert made
    assert made.system is None
    assert [row["system"] for row in made.snapshot["portfolio"]["systems"]] == [bank.system.slug]
    (row,) = made.snapshot["portfolio"]["systems"]
    assert {owed["from"] for owed in row["owed"]} == {"2027-12-02"}, "nothing is owed before the Act applies"
    assert made.missing
    assert bank.system.name in " ".join(gap.what for gap in build(made.snapshot).gaps)


def test_the_report_over_all_systems_lists_what_is_owed_and_nothing_else(bank):
    a_declared_system(bank.owner, slug="churn", name="Churn")
    built(bank, "annex-iv")
    found = {row["system"]: row for row in _portfolio()["portfolio"]["systems"]}
    assert found["churn"]["owed"] is None
    kinds = {row["kind"] for row in found[bank.system.slug]["owed"]}
    assert {"annex-iv", "annex-v", "risk-file"} <= kinds
    assert not kinds & {"model-card", "incident", "answer-86"}, "nobody expects one of each system"
    assert found[bank.system.slug]["documents"] == ["annex-iv"]
    gaps = {gap.what.partition(":")[0]: gap.what for gap in build(_portfolio()).gaps}
    assert "Technical documentation" not in gaps[bank.system.name]
    assert "Risk file (Art. 9), owed from 2027-12-02" in gaps[bank.system.name]
    assert "can't be said" in gaps["Churn"]


def test_the_queries_of_the_report_over_all_systems_do_not_grow_with_them(bank, django_assert_num_queries):
    with CaptureQueriesContext(connection) as before:
        _portfolio()
    for number in range(3):
        a_declared_system(bank.owner, slug=f"other-{number}", name=f"Other {number}")
    with django_assert_num_queries(len(before)):
        _portfolio()


def _portfolio():
    return portfolio(uuid.uuid4(), {}, quarter_from(_quarter()))


def _quarter() -> str:
    from governance.common import clock

    today = clock.now().date()
    return today.replace(month=today.month - (today.month - 1) % 3, day=1).isoformat()


def test_a_kind_is_asked_for_with_what_it_is_about_and_nothing_else(bank):
    ask = services.request_document
    with pytest.raises(InvalidInput, match="all systems"):
        ask(kind="model-risk", ai_system=bank.system, requester=bank.owner, about="2026-07-01")
    with pytest.raises(InvalidInput, match="name it"):
        ask(kind="fria", ai_system=None, requester=bank.owner)
    with pytest.raises(InvalidInput, match="first day"):
        ask(kind="model-risk", ai_system=None, requester=bank.owner, about="2026-08-01")
    with pytest.raises(Unknown, match="no incident"):
        ask(kind="incident", ai_system=bank.system, requester=bank.owner, about=str(uuid.uuid4()))
    with pytest.raises(InvalidInput, match="leave `about` out"):
        ask(kind="fria", ai_system=bank.system, requester=bank.owner, about="x")
    assert Facts(bank.system)
