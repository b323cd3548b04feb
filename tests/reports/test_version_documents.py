"""Model card and validation report: what they state is of the version that was asked for and of no other."""

import json
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.approvals import findings, waivers
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.inventory import criteria
from governance.validation import services as validations
from reports import services
from reports.documents.building import build
from reports.facts_version import reports_with_words_of
from reports.models import Document, DocumentJob
from reports.web import views
from tests import payloads
from tests.factories import a_dataset, a_user, a_version, approve, attach, given, submit
from tests.reports.factories import Bank, notarise
from tests.validation import working

CRITERIA = [{"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}]


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: content.snapshot_digest.encode())
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def built(bank: Bank, kind: str, version) -> Document:
    job = services.request_document(kind=kind, ai_system=bank.system, requester=bank.owner, about=str(version.pk))
    document = services.build_document(job.pk).document
    assert document
    return document


def said(document: Document, anchor: str) -> list[str]:
    sections = {part.anchor: part for part in build(document.snapshot).sections}
    return [f"{row.state}: {row.text}" for row in sections[anchor].paragraphs]


def a_finding(bank: Bank, title: str, request=None):
    return findings.open_finding(
        source="review", code="manual", title=title, severity="medium", system=bank.system, owner=bank.owner,
        actor=bank.validator, request=request,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["model-card", "validation-report"])
def test_the_document_is_about_the_version_that_was_asked_for(bank, kind):
    first = bank.live(number=1)
    second = bank.live(number=2)
    for promotion, title in ((first, "Of the first"), (second, "Of the second"), (None, "Of no version")):
        a_finding(bank, title, promotion.approval if promotion else None)
    made = built(bank, kind, first.version)
    snapshot = made.snapshot
    assert (snapshot["model"]["id"], snapshot["model"]["version"]) == (str(first.version.pk), "1")
    assert [row["reference"] for row in snapshot["requests"]] == [str(first)]
    assert {row["version"] for row in snapshot["alias_history"]} == {"1"}
    assert [row["title"] for row in snapshot["findings"]] == ["Of the first", "Of no version"]
    assert snapshot["request"]["reference"] == str(first)
    assert (made.kind, build(snapshot).kind, made.law_version) == (kind, kind, snapshot["law"]["version"])
    assert built(bank, kind, second.version).snapshot["model"]["version"] == "2"


def test_a_version_that_was_never_asked_for_is_not_said_to_run(bank):
    bank.live(number=1)
    version = a_version(bank.model, number=7, training_dataset=a_dataset())
    card = built(bank, "model-card", version)
    assert card.snapshot["permits"] == card.snapshot["requests"] == card.snapshot["alias_history"] == []
    assert "request" not in card.snapshot
    assert "missing: No promotion of this version was asked for." in said(card, "decisions")
    text = " ".join(paragraph.text for _, paragraph in build(card.snapshot).paragraphs())
    assert "The system runs" not in text


def test_a_waiver_is_printed_in_the_card_of_its_version_and_of_no_other(bank):
    blocked = bank.reviewed(number=1, ratio=0.6, half=0.05)
    check = next(row["id"] for row in blocked.approval.verdict["checks"] if row["outcome"] == "fail")
    until = clock.now() + timedelta(days=30)
    waiver = waivers.request_waiver(
        request_id=blocked.approval_id, check_id=check, requester=bank.engineer, reason="The next data mends it.",
        expires_at=until,
    )  # fmt: skip
    for person in (bank.validator, bank.officer):
        approve(waiver.approval, person)
    other = a_version(bank.model, number=7)
    card = built(bank, "model-card", blocked.version)
    (table,) = (
        block
        for _, paragraph in build(card.snapshot).paragraphs()
        for block in paragraph.blocks
        if getattr(block, "caption", "") == "Waivers"
    )
    (row,) = table.rows
    days = [at.date().isoformat() for at in (clock.now(), until)]
    assert [cell.text for cell in row[:4]] == [check, *days, "approved"]
    assert built(bank, "model-card", other).snapshot["waivers"] == []


def test_the_data_that_a_version_was_trained_on_stands_in_its_card(bank):
    version = a_version(bank.model, number=7, training_dataset=a_dataset("trained"))
    card = built(bank, "model-card", version)
    assert a_dataset("trained").digest in {row["digest"] for row in card.snapshot["datasets"]}


def test_the_report_states_a_signed_validation_and_names_nobody(bank):
    validator = a_user(Role.VALIDATOR, name="Validator 47")
    proposal = criteria.propose_criteria(ai_system=bank.system, criteria=CRITERIA, by=bank.owner)
    criteria.sign_criteria(criteria_id=proposal.pk, signer=bank.officer)
    promotion = bank.live()
    validation = working.worked(promotion.approval, validator, opinion="fit_with_conditions")
    validations.write_report(
        validation_id=validation.pk, by=validator, opinion="fit_with_conditions",
        summary=f"{bank.engineer.name} showed how the ranking holds in each quarter.",
        limitations="None are known here.",
    )  # fmt: skip
    working.sign(validation, validator)
    report = built(bank, "validation-report", promotion.version)
    assert report.snapshot["validation"]["state"] == "signed"
    assert f"declared: Scope: {working.PLAN['scope']}" in said(report, "scope")
    assert "declared: What was found: the engineer showed how the ranking holds in each quarter." in said(
        report, "outcome"
    )
    assert any("fit with conditions" in text for text in said(report, "outcome"))
    assert "declared: Limitations: None are known here." in said(report, "validity")
    assert "measured: The opinion holds if these are closed in time." in said(report, "conditions")
    assert any("That was before this version's performance was measured" in text for text in said(report, "criteria"))
    tables = [block for _, paragraph in build(report.snapshot).paragraphs() for block in paragraph.blocks]
    signed = next(block for block in tables if block.caption == "Signatories by role")
    assert [row[2].text for row in signed.rows] == ["validator", "risk officer", "validator"]
    raw = json.dumps(report.snapshot)
    assert [name for name in (*bank.names, validator.name) if name in raw] == []
    card = built(bank, "model-card", promotion.version)
    assert any("concludes: fit with conditions" in text for text in said(card, "decisions"))


def test_criteria_signed_after_a_first_measurement_are_not_said_to_come_before_a_later_one(bank):
    promotion = bank.promotion()
    attach(promotion.approval, payloads.performance(production=False))
    proposal = criteria.propose_criteria(ai_system=bank.system, criteria=CRITERIA, by=bank.owner)
    criteria.sign_criteria(criteria_id=proposal.pk, signer=bank.officer)
    submit(promotion.approval, payloads.performance(production=False), bank.engineer)
    report = built(bank, "validation-report", promotion.version)
    assert len([row for row in report.snapshot["evidence"] if row["type"] == "performance/v1"]) == 1
    (text,) = [text for text in said(report, "criteria") if "signed by a second person" in text]
    assert "That was after this version's performance was first measured" in text


@pytest.mark.django_db(transaction=True)
def test_a_report_outlasts_an_erasure_and_says_which_words_it_prints(bank, tmp_path):
    validator = a_user(Role.VALIDATOR, name="Validator 47")
    promotion = bank.live()
    validation = working.signed(promotion.approval, validator)
    notarise(tmp_path)
    report, card = (built(bank, kind, promotion.version) for kind in ("validation-report", "model-card"))
    plan = validation.parts.get(part="plan").log_entry
    held = reports_with_words_of(plan)
    assert [made.pdf_digest in text for made, text in zip((report, card), held, strict=True)] == [True, True]
    assert reports_with_words_of(promotion.log_entry) == []


def test_what_is_no_version_of_the_system_is_refused(bank):
    elsewhere = a_version(number=3)
    for about in ("", "x", str(uuid.uuid4()), str(elsewhere.pk)):
        with pytest.raises(Unknown, match="id of a model version"):
            services.request_document(kind="model-card", ai_system=bank.system, requester=bank.owner, about=about)
    with pytest.raises(InvalidInput, match="name it"):
        services.request_document(kind="model-card", ai_system=None, requester=bank.owner, about=str(elsewhere.pk))


def test_the_page_offers_the_versions_in_reach_and_builds_the_document(bank, client, monkeypatch):
    monkeypatch.setattr(views, "enqueue_on_commit", lambda task, *ids: None)
    version = bank.promotion().version
    hidden = a_version(number=3)
    person = a_user(name="Only here")
    given(person, Role.ENGINEER, system_id=bank.system.pk)
    client.force_login(person)
    page = client.get(reverse("document-list"), {"system": ""}).content.decode()
    assert f'value="{version.pk}"' in page
    assert str(hidden.pk) not in page
    sent = {"kind": "validation-report", "about": str(version.pk)}
    assert client.post(reverse("document-build"), sent).status_code == 302
    job = DocumentJob.objects.get()
    assert (job.kind, job.system, job.about) == ("validation-report", bank.system, str(version.pk))
    for about in (str(hidden.pk), "", "x"):
        refused = client.post(reverse("document-build"), sent | {"about": about})
        assert refused.status_code == 422
        assert "Choose the model version" in refused.content.decode()
    assert DocumentJob.objects.count() == 1
