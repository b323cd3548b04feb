"""The review pack: what people who decide on one request are asked to weigh, of that request and of no other."""

import json

import pytest
from django.urls import reverse

from governance.approvals import comments
from governance.common.errors import InvalidInput, Unknown
from reports import services
from reports.documents.building import build
from reports.facts_version import reports_with_words_of
from reports.models import Document, DocumentJob
from reports.web import views
from tests import payloads
from tests.factories import a_user, accept, approve, attach
from tests.reports.factories import Bank, a_declared_system, notarise
from tests.validation import working


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: content.snapshot_digest.encode())
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def pack(bank: Bank, about: str) -> Document:
    job = services.request_document(kind="review-pack", ai_system=bank.system, requester=bank.validator, about=about)
    document = services.build_document(job.pk).document
    assert document
    return document


def said(document: Document, anchor: str) -> str:
    sections = {part.anchor: part for part in build(document.snapshot).sections}
    return "\n".join(f"{row.state}: {row.text} {row.blocks}" for row in sections[anchor].paragraphs)


def test_the_pack_tells_what_is_asked_and_who_still_signs(bank):
    asked = bank.reviewed(number=2)
    accept(asked.approval, bank.validator)
    approve(asked.approval, bank.validator)
    document = pack(bank, str(asked))
    assert document.snapshot["review"]["reference"] == str(asked)
    assert f"credit-risk version 2 asks for the alias {asked.alias}" in said(document, "asked")
    assert "Nothing serves behind the alias" in said(document, "change")
    signed = {row["name"]: (row["signed"], row["quorum"]) for row in document.snapshot["review"]["stages"]}
    assert sorted(signed.values()) == [(0, 1), (1, 1)]
    who = {tuple(row["reasons"]): row["role"] for row in document.snapshot["review"]["excluded"]}
    assert who
    assert set(who.values()) <= {"engineer", "owner", "service_account"}
    assert not any(name in json.dumps(document.snapshot) for name in bank.names)


def test_a_pack_is_about_its_own_request_also_when_another_version_serves(bank):
    live, asked = bank.live(number=1), bank.reviewed(number=2)
    document = pack(bank, str(asked.pk))
    assert (document.snapshot["model"]["version"], document.snapshot["request"]["reference"]) == ("2", str(asked))
    assert document.snapshot["review"]["serving"]["version"] == "1"
    assert "Version 1 serves behind the alias champion" in said(document, "change")
    older = pack(bank, str(live))
    assert "This version serves behind the alias champion" in said(older, "change")
    assert older.snapshot["request"]["reference"] == str(live)


def test_evidence_that_came_after_the_manifest_was_frozen_is_no_part_of_the_pack(bank):
    asked = bank.reviewed(number=2)
    frozen = set(asked.approval.evidence_ids)
    later = attach(asked.approval, payloads.performance())
    shown = {row["id"] for row in pack(bank, str(asked)).snapshot["evidence"] if row["type"] != "human_review/v1"}
    assert str(later.pk) not in shown
    assert shown
    assert shown <= frozen


@pytest.mark.parametrize(("about", "error"), [("", InvalidInput), ("PR-987654", Unknown), ("x", Unknown)])
def test_a_request_has_to_be_named(bank, about, error):
    with pytest.raises(error, match="PR-"):
        pack(bank, about)


def test_a_request_of_another_system_is_unknown_to_this_one(bank):
    asked = bank.promotion(number=3)
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    with pytest.raises(Unknown, match="has a promotion request"):
        services.request_document(kind="review-pack", ai_system=other, requester=bank.owner, about=str(asked))


def test_the_page_of_a_review_asks_for_its_pack(bank, client, monkeypatch):
    monkeypatch.setattr(views, "enqueue_on_commit", lambda task, *ids: None)
    asked = bank.reviewed(number=2)
    client.force_login(bank.officer)
    page = client.get(reverse("review", args=[asked.approval_id])).content.decode()
    assert f'name="about" value="{asked.pk}"' in page
    sent = {"kind": "review-pack", "system": str(bank.system.pk), "about": str(asked.pk)}
    assert client.post(reverse("document-build"), sent).status_code == 302
    job = DocumentJob.objects.get()
    assert (job.kind, job.system, job.about) == ("review-pack", bank.system, str(asked.pk))
    client.force_login(a_user())
    assert client.post(reverse("document-build"), sent).status_code == 422


def test_of_comments_it_says_who_and_when_and_no_word(bank):
    asked = bank.reviewed(number=2)
    comment = comments.write_comment(request_id=asked.approval_id, author=bank.engineer, text="Look at the thin files.")
    document = pack(bank, str(asked))
    (row,) = document.snapshot["review"]["comments"]
    assert (row["id"], row["roles"]) == (str(comment.pk), ["requester", "trainer", "engineer"])
    assert "thin files" not in json.dumps(document.snapshot)
    assert "requester, trainer and engineer" in said(document, "discussion")
    assert "can be erased" in said(document, "discussion")


@pytest.mark.django_db(transaction=True)
def test_what_a_pack_keeps_of_a_validator_is_named_when_that_is_erased(bank, tmp_path):
    asked = bank.reviewed(number=2)
    validation = working.worked(asked.approval, bank.validator, opinion="fit")
    notarise(tmp_path)
    document = pack(bank, str(asked))
    written = validation.parts.get(part="report").log_entry
    assert [document.pdf_digest in line for line in reports_with_words_of(written)] == [True]
    assert reports_with_words_of(asked.log_entry) == []
