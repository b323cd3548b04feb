"""Letters: drawn of one notice or request, holding no more than they say, and the explanation of one decision."""

import json
import re
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory import correspondence as letters
from governance.inventory import declaring
from reports import services
from reports.documents.building import build
from reports.models import Document, DocumentJob
from reports.web import records as record_pages
from reports.web import views
from tests.factories import a_user, a_version
from tests.reports.factories import Bank
from tests.reports.test_explanation_of_logged import RECORD, World
from tests.security.named import a_request, a_settled

ANSWER = "A credit officer refused the application; the score was one of three grounds."
REASON = "The person asked us to forget the request."


@pytest.fixture
def drawing(settings, tmp_path, monkeypatch):
    """Documents without their pages, in a store of the test's own."""
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: content.snapshot_digest.encode())
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    for page in (views, record_pages):
        monkeypatch.setattr(page, "enqueue_on_commit", lambda task, *ids: None)


@pytest.fixture
def bank(db, drawing) -> Bank:
    return Bank()


def a_notice(system, by, **more):
    said = {"kind": "notice-26-11", "reference": "LET-2026-7", "text": "We score applications with it."}
    return letters.record_correspondence(ai_system=system, by=by, **(said | more))


def drawn(row, kind, by) -> Document:
    job = services.request_document(kind=kind, ai_system=row.system, requester=by, about=str(row.pk))
    made = services.build_document(job.pk).document
    assert made
    return made


def said(document: Document, anchor: str) -> list[str]:
    sections = {part.anchor: part for part in build(document.snapshot).sections}
    return [f"{row.state}: {row.text}" for row in sections[anchor].paragraphs]


def test_a_notice_says_what_was_written_and_declared_and_holds_nothing_else(bank):
    bank.live()
    row = a_notice(bank.system, bank.owner)
    made = drawn(row, "notice-26-11", bank.owner)
    assert said(made, "message") == ["declared: We score applications with it."]
    assert any(text.startswith("declared: Intended purpose: ") for text in said(made, "system"))
    assert any("Article 86 of the AI Act" in text for text in said(made, "rights"))
    assert said(made, "point-26-11")[0] == "measured: C-1 is recorded and not sent yet: this is a draft."
    assert set(made.snapshot) <= {
        "format", "document", "organisation", "law", "system", "classification", "model", "log", "environment",
        "record", "letter",
    }  # fmt: skip
    asked = {question["id"] for question in made.snapshot["record"]}
    assert asked == {
        "deployer-details", "processes", "period-and-frequency", "oversight-measures", "oversight-implementation",
        "response-measures", "information-to-people",
    }  # fmt: skip
    assert [name for name in bank.names if name in json.dumps(made.snapshot)] == []
    letters.send_correspondence(correspondence_id=row.pk, by=bank.owner, sent_on=clock.now().date())
    again = drawn(row, "notice-26-11", bank.owner)
    assert said(again, "point-26-11")[0].startswith("measured: C-1 was sent on ")


def test_a_request_without_a_record_of_the_decision_says_so_and_who_owes_it(bank):
    bank.live()
    row = a_request(bank.system, bank.owner)
    made = drawn(row, "answer-86", bank.owner)
    assert said(made, "answer") == ["missing: The answer is not written yet."]
    (missing,) = [gap for gap in build(made.snapshot).gaps if "for this decision" in gap.what]
    assert "no monitor that you may read" in missing.what
    assert missing.owner == "engineer"
    assert "measured: Over all cases that were examined" in " ".join(said(made, "result"))
    letters.answer_correspondence(correspondence_id=row.pk, by=bank.engineer, answer=ANSWER)
    made = drawn(row, "answer-86", bank.owner)
    assert said(made, "answer") == [f"declared: {ANSWER}"]
    assert made.snapshot["letter"]["answered_by_role"] == "engineer"
    assert not {"findings", "incidents", "history", "checks", "approvals", "validation"} & set(made.snapshot)


def test_a_notification_has_the_results_of_the_assessment_and_names_its_file(bank):
    bank.live()
    row = a_notice(bank.system, bank.owner, kind="notification-27-3", text="We notify the results.")
    made = drawn(row, "notification-27-3", bank.owner)
    assert "missing: No fundamental rights impact assessment is made" in said(made, "assessment")[1]
    job = services.request_document(kind="fria", ai_system=bank.system, requester=bank.owner)
    fria = services.build_document(job.pk).document
    assert fria
    declaring.declare(ai_system=bank.system, answers={"specific-harms": "A wrong refusal."}, by=bank.owner)
    made = drawn(row, "notification-27-3", bank.owner)
    assert said(made, "message") == ["declared: We notify the results."]
    assert said(made, "assessment") == [
        "declared: Owed: the organisation deploys a system listed in Annex III.5.b, which every deployer assesses.",
        "measured: The results are those of this assessment, which goes with the notification.",
    ]
    assert [row["id"] for row in made.snapshot["documents"]] == [str(fria.pk)]
    assert any("A wrong refusal." in text for text in said(made, "results"))
    assert {row["type"] for row in made.snapshot["evidence"]} == {"fairness/v1"}
    assert not {"findings", "incidents", "history", "checks", "approvals", "risks", "correspondence"} & set(
        made.snapshot
    )
    assert [name for name in bank.names if name in json.dumps(made.snapshot)] == []


def test_a_registration_says_what_is_entered_and_names_the_sheet(bank):
    bank.live()
    row = a_notice(bank.system, bank.owner, kind="registration-49", text="We register it.")
    made = drawn(row, "registration-49", bank.owner)
    assert said(made, "sheet") == ["missing: No registration sheet is made."]
    job = services.request_document(kind="annex-viii", ai_system=bank.system, requester=bank.owner)
    sheet = services.build_document(job.pk).document
    assert sheet
    made = drawn(row, "registration-49", bank.owner)
    assert said(made, "sheet") == ["measured: The data to be entered are those of this registration sheet."]
    assert [row["id"] for row in made.snapshot["documents"]] == [str(sheet.pk)]
    assert any("Section A applies: high-risk under Annex III.5.b" in text for text in said(made, "which"))
    assert said(made, "point-49-1")[0] == "measured: C-1 is recorded and not sent yet: this is a draft."
    assert said(made, "point-49-2") == ["declared: By class and role, Section B is not entered."]


def test_what_is_no_letter_of_the_system_is_refused(bank):
    notice, gone = a_notice(bank.system, bank.owner), a_settled(a_request(bank.system, bank.owner))
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    letters.erase_correspondence(correspondence_id=gone.pk, by=officer, reason=REASON)
    for about in ("", "x", str(uuid.uuid4()), str(notice.pk), str(gone.pk)):
        with pytest.raises(Unknown, match="ask from its page"):
            services.request_document(kind="answer-86", ai_system=bank.system, requester=bank.owner, about=about)


def test_a_letter_of_what_was_erased_meanwhile_is_not_drawn(bank):
    row = a_settled(a_request(bank.system, bank.owner))
    job = services.request_document(kind="answer-86", ai_system=bank.system, requester=bank.owner, about=str(row.pk))
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    letters.erase_correspondence(correspondence_id=row.pk, by=officer, reason=REASON)
    with pytest.raises(Unknown):
        services.build_document(job.pk)
    assert not Document.objects.exists()


def test_the_impact_assessment_says_whether_the_authority_was_notified(bank):
    def paragraph() -> str:
        job = services.request_document(kind="fria", ai_system=bank.system, requester=bank.owner)
        made = services.build_document(job.pk).document
        assert made
        return said(made, "point-27-3")[0]

    assert paragraph().startswith("missing: ")
    row = a_notice(bank.system, bank.owner, kind="notification-27-3")
    assert paragraph().startswith("missing: ")
    letters.send_correspondence(correspondence_id=row.pk, by=bank.owner, sent_on=clock.now().date())
    assert paragraph().startswith("measured: The authority was notified, as recorded: C-1 on ")


def test_the_page_of_a_request_asks_for_its_letter(bank, client):
    row = a_request(bank.system, bank.owner)
    client.force_login(bank.owner)
    page = client.get(reverse("correspondence-detail", args=[row.system_id, row.pk])).content.decode()
    assert 'name="kind" value="answer-86"' in page
    sent = {"kind": "answer-86", "system": str(row.system_id), "about": str(row.pk)}
    assert client.post(reverse("document-build"), sent).status_code == 302
    assert DocumentJob.objects.get().about == str(row.pk)
    listed = client.get(reverse("document-list"), {"system": str(row.system_id)}).context["build"]["kinds"]
    letters_too = {"answer-86", "notice-26-11", "notification-27-3", "registration-49"}
    assert not (letters_too | {"model-card"}) & {kind["value"] for kind in listed}


def test_an_answer_to_a_person_is_read_by_whoever_may_answer_and_by_auditors(bank, client, monkeypatch):
    monkeypatch.setattr("reports.api.views.enqueue_on_commit", lambda task, *ids: None)
    row = a_request(bank.system, bank.owner)
    letters.answer_correspondence(correspondence_id=row.pk, by=bank.owner, answer=ANSWER)
    made = drawn(row, "answer-86", bank.owner)
    notice = drawn(a_notice(bank.system, bank.owner), "notice-26-11", bank.owner)
    job = DocumentJob.objects.get(document=made)
    addresses = [
        reverse("document-detail", args=[made.pk]),
        reverse("document-download", args=[made.pk]),
        f"/api/v1/documents/{job.pk}",
        *(f"/api/v1/documents/{made.pk}/{form}" for form in ("pdf", "html", "json", "docx")),
    ]
    for role, status in ((Role.AUDITOR, 200), (Role.ENGINEER, 200), (Role.POLICY_AUTHOR, 404)):
        client.force_login(a_user(role))
        assert {client.get(address).status_code for address in addresses} == {status}, role
        assert client.get(reverse("document-detail", args=[notice.pk])).status_code == 200
        page = client.get(reverse("document-list"), {"system": str(bank.system.pk)}).content.decode()
        assert (str(made.pk) in page) is (status == 200)
        assert str(notice.pk) in page
        assert str(made.pk) not in client.get(reverse("system-detail", args=[bank.system.pk])).content.decode()
    said = {"kind": "answer-86", "system": bank.system.slug, "about": str(row.pk)}
    assert client.post("/api/v1/documents", said, content_type="application/json").status_code == 404
    client.force_login(bank.auditor)
    assert client.post("/api/v1/documents", said, content_type="application/json").status_code == 202


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.django_db(transaction=True)
def test_the_answer_explains_the_decision_by_the_version_that_took_it(drawing, tmp_path):
    world = World(tmp_path / "model")
    world.explained()
    said_then = 1 - world.says(RECORD)
    logged = {"prediction": said_then, "prediction_id": "client-77", "predicted_at": "2026-11-02T08:00:00Z"}
    world.send("b-1", RECORD | logged)
    a_version(world.version.model, number=world.version.number + 1)  # a newer one, which decided nothing
    system = world.version.model.system
    row = a_request(system, system.owner, received_on=clock.now().date() - timedelta(days=2))
    before = Entry.objects.count()
    made = drawn(row, "answer-86", world.engineer)
    assert made.snapshot["model"]["id"] == str(world.version.pk)
    found = made.snapshot["letter"]["explained"]
    assert sum(item["phi"] for item in found["contributions"]) == pytest.approx(found["score"] - found["base"])
    assert found["said"] == pytest.approx(world.says(RECORD))
    assert found["logged"]["differs"] is True
    assert {name for item in found["contributions"] for name in item} == {"feature", "phi"}
    assert any("Asked again today it gives another number" in text for text in said(made, "result"))
    assert not re.search(r"-1\.5(?!\d)", json.dumps(made.snapshot["letter"])), "a value of the record"
    (looked,) = [entry for entry in map(str, map(vars, Entry.objects.all())) if '"event":"explanation.read"' in entry]
    assert world.engineer.actor_id in looked
    assert Entry.objects.count() > before
