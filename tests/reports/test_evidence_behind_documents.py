"""The figures of a document are those of the evidence that it cites, and evidence that was changed is noticed."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from governance.common.postgres.base import as_owner
from governance.evidence.models import Evidence
from reports import checking, services
from reports.documents.building import build
from reports.models import Document
from tests.documents import sample_kinds as samples
from tests.documents.figures import not_in_evidence
from tests.factories import a_user
from tests.reports.factories import Bank, ready_to_declare, watch

PDF = b"%PDF-1.7 stands in where a test is not about the pages"


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: PDF)
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    bank = Bank()
    watch(bank, bank.live().version)
    job = services.request_document(kind="annex-iv", ai_system=bank.system, requester=bank.owner)
    services.build_document(job.pk)
    return bank


def test_every_figure_under_an_evidence_stands_in_that_evidence(bank):
    content = build(Document.objects.get().snapshot)
    payloads = {str(row.pk): row.payload for row in Evidence.objects.exclude(type="document/v1")}
    assert not_in_evidence(content, payloads) == set()
    # The check would see a figure that is not from there.
    row = Evidence.objects.get(
        type="performance/v1", pk__in=[pk for pk in payloads if "auc" in json.dumps(payloads[pk])]
    )
    auc = next(metric for metric in row.payload["metrics"] if metric["id"] == "auc")["candidate"]["value"]
    poorer = payloads | {str(row.pk): json.loads(json.dumps(row.payload).replace(json.dumps(auc), "0.000123"))}
    assert f"{auc:.3f}" in not_in_evidence(content, poorer)


@pytest.mark.parametrize("kind", ["annex-iv", "instructions", "model-card", "validation-report", "fria", "risk-file"])
def test_every_figure_of_the_german_credit_sample_stands_in_the_evidence_that_it_cites(kind):
    snapshot = samples.full(kind)
    payloads = {row["id"]: row["payload"] for row in snapshot["evidence"]}
    content = build(snapshot)
    assert not_in_evidence(content, payloads) == set()
    cited = {source.id for _, paragraph in content.paragraphs() for source in paragraph.sources}
    assert cited & set(payloads)


def changed_behind_our_back(table, statement, values):
    """Change a row as the owner of the database can who switches the guards off."""
    with as_owner(connection), connection.cursor() as cursor:
        named = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled = 'A'"
        cursor.execute(named, [table])
        guards = [name for (name,) in cursor.fetchall()]
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        for guard in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}")


@pytest.mark.django_db(transaction=True)
def test_evidence_that_was_changed_in_the_database_is_noticed_when_the_document_is_checked(bank, client):
    found = checking.check(PDF, bank.owner)
    assert (found.standing, found.changes) == ("ours", [])
    cited = [part["id"] for part in Document.objects.get().snapshot["evidence"] if part["type"] == "performance/v1"]
    changed_behind_our_back(
        "evidence_evidence",
        "UPDATE evidence_evidence SET payload = jsonb_set(payload, '{n}', '1') WHERE id = %s",
        [cited[0]],
    )
    found = checking.check(PDF, bank.owner)
    (said,) = found.changes
    assert said.startswith("the evidence performance/v1")
    assert found.standing == "evidence_changed"
    # Whoever may not read the system learns that it does not hold, and nothing of why.
    found = checking.check(PDF, a_user())
    assert (found.standing, found.document, found.changes) == ("evidence_changed", None, [])
    client.force_login(a_user())
    page = client.post("/documents/check", {"file": SimpleUploadedFile("x.pdf", PDF)}).content.decode()
    assert "the document does not hold" in page
    assert "x-note x-ok" not in page


@pytest.mark.django_db(transaction=True)
def test_facts_that_were_changed_in_the_database_are_noticed_when_the_document_is_checked(bank):
    changed_behind_our_back(
        "reports_document",
        "UPDATE reports_document SET snapshot = jsonb_set(snapshot, '{system,purpose}', '\"Something else\"')",
        [],
    )
    found = checking.check(PDF, bank.owner)
    assert found.standing == "evidence_changed"
    assert found.changes == [
        "the facts in the database are not the ones that it was made from",
        "its row in the database is not what the log tells",
    ]


def test_a_document_that_was_made_anew_says_which_is_the_newest(bank, monkeypatch):
    assert checking.check(PDF, bank.owner).newer is None
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: PDF + b" anew")
    job = services.request_document(kind="annex-iv", ai_system=bank.system, requester=bank.owner)
    newer = services.build_document(job.pk).document
    assert checking.check(PDF, bank.owner).newer == newer
    assert checking.check(PDF + b" anew", bank.owner).newer is None


@pytest.mark.django_db(transaction=True)
def test_a_signed_statement_is_checked_with_its_signatory(bank, monkeypatch):
    ready_to_declare(bank)
    asked = services.request_document(kind="annex-v", ai_system=bank.system, requester=bank.owner)
    draft = services.build_document(asked.pk).document
    said = {"name": "A. Signatory", "function": "Director", "on_behalf_of": "Bank", "place": "Frankfurt"}
    signatory, job = services.sign_statement(document_id=draft.pk, person=bank.owner, personal_data=True, **said)
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: PDF + b" signed")
    services.build_document(job.pk)
    found = checking.check(PDF + b" signed", bank.owner)
    assert found.signatory is not None
    assert (found.signatory.name, found.signatory.index, found.signatory.why) == ("A. Signatory", None, "")
    assert found.newer is None
    assert checking.check(PDF + b" signed", a_user()).signatory is None
    table = "reports_documentsignatory"
    changed_behind_our_back(table, f"UPDATE {table} SET name = 'B. Other' WHERE id = %s", [signatory.pk])
    found = checking.check(PDF + b" signed", bank.owner)
    assert found.signatory is not None
    assert "are not the ones that the log tells of" in found.signatory.why
