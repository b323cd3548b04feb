"""A document is built once from the facts, kept by digest, named in the log, and says why when it can't be built."""

import io
import json
import re
from hashlib import sha256

import pypdf
import pytest

from governance.audit import selectors as log
from governance.evidence import storage
from governance.evidence.models import Evidence
from reports import selectors, services, tasks
from reports.documents.building import build
from reports.documents.render import render
from reports.documents.snapshot import canonical, digest
from reports.models import Document, DocumentJob
from tests.documents.figures import not_in_snapshot
from tests.reports.factories import Bank, notarise, watch

QUICK = b"%PDF-1.7 stands in where a test is not about the pages"


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


@pytest.fixture
def quick(monkeypatch) -> None:
    """Draw no pages: what is kept and logged is tested without them."""
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: QUICK)
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})


def a_job(bank: Bank) -> DocumentJob:
    return services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)


def texts_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*sRGB2014.icc.*")  # WeasyPrint leaves its colour profile open
@pytest.mark.django_db(transaction=True)
def test_the_pdf_is_drawn_from_the_kept_snapshot_alone(settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path / "storage"
    bank = Bank()
    live = bank.live()
    notarise(tmp_path)
    watch(bank, live.version)
    notarise(tmp_path)
    job = services.build_document(a_job(bank).pk)
    assert (job.state, job.error) == (DocumentJob.State.DONE, "")
    kept = Document.objects.get()
    pdf = selectors.pdf_of(kept)
    # The snapshot travels with the pages, and drawing them anew from it gives the same bytes: nothing else went in.
    (attached,) = pypdf.PdfReader(io.BytesIO(pdf)).attachments["evidence.json"]
    assert attached == canonical(kept.snapshot)
    again = json.loads(attached)
    assert digest(again) == kept.snapshot_digest
    assert render(build(again), again) == pdf
    assert f"sha256:{sha256(pdf).hexdigest()}" == kept.pdf_digest
    assert not not_in_snapshot(build(again), again, pdf), "numbers on the pages that the snapshot does not hold"
    # The figures of the evidence are on the pages, and no name is.
    text = re.sub(r"\s+", " ", texts_of(pdf))
    auc = next(row for row in _payload(kept, "performance/v1")["metrics"] if row["id"] == "auc")["candidate"]
    for number in (auc["value"], auc["low"], auc["high"], _payload(kept, "drift/v1")["columns"][0]["value"]):
        assert f"{number:.3f}" in text
    assert "Example Bank (demonstration, no real bank)" in text
    assert [name for name in bank.names if name in text or name.encode() in attached] == []


def _payload(document: Document, evidence_type: str):
    return next(row["payload"] for row in document.snapshot["evidence"] if row["type"] == evidence_type)


def test_a_document_is_kept_by_digest_and_named_in_the_log(bank, quick):
    bank.live()
    job = services.build_document(a_job(bank).pk)
    kept = Document.objects.get()
    assert job.document == kept
    assert job.finished_at
    assert storage.get(kept.pdf_digest) == QUICK
    assert kept.law_version == kept.snapshot["law"]["version"]
    counts = build(kept.snapshot).counts
    assert (kept.measured, kept.declared, kept.missing) == tuple(counts.values())
    (entry,) = log.entries_naming("reports_document", [kept.pk])
    assert (entry.event, entry.actor) == ("document.built", bank.owner.actor_id)
    assert entry.parsed["data"] == {
        "kind": "annex-iv",
        "system": "consumer-credit",
        "subject": {"name": "credit-risk/1", "digest": kept.snapshot["model"]["artifact_digest"]},
        "pdf": kept.pdf_digest,
        "unsigned": kept.pdf_digest,  # no key is set
        "signature": None,
        "certificate": None,
        "snapshot": kept.snapshot_digest,
        "law": kept.law_version,
        **counts,
    }
    attached = Evidence.objects.get(type="document/v1")
    assert attached.subject_digest == kept.snapshot_digest
    assert attached.payload["pdf_digest"] == kept.pdf_digest


def test_building_a_finished_job_again_changes_nothing(bank, quick):
    first = services.build_document(a_job(bank).pk)
    entries = log.entries().count()
    again = services.build_document(first.pk)
    assert (again.state, again.document_id, again.finished_at) == (first.state, first.document_id, first.finished_at)
    assert Document.objects.count() == 1
    assert Evidence.objects.filter(type="document/v1").count() == 1
    assert log.entries().count() == entries


def test_two_jobs_make_two_documents_each_with_its_moment(bank, quick):
    made = [services.build_document(a_job(bank).pk).document for _ in range(2)]
    assert made[0].snapshot_digest != made[1].snapshot_digest
    assert made[0].snapshot["document"]["id"] != made[1].snapshot["document"]["id"]


def test_what_goes_wrong_is_kept_with_the_job_and_nothing_else_is(bank, quick, monkeypatch, caplog):
    def broken(content, snapshot, said):
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr(services, "render", broken)
    job = a_job(bank)
    tasks.build_document(str(job.pk))
    job.refresh_from_db()
    assert job.state == DocumentJob.State.FAILED
    assert job.error == "OSError: cannot load library 'libpango-1.0-0'"
    assert job.finished_at
    assert not Document.objects.exists()
    assert not Evidence.objects.filter(type="document/v1").exists()
    monkeypatch.undo()
    services.build_document(job.pk)
    assert not Document.objects.exists(), "a failed job stays failed; a person asks again"


def test_a_done_job_is_never_marked_as_failed(bank, quick):
    job = services.build_document(a_job(bank).pk)
    services.fail_document(job.pk, "too late")
    job.refresh_from_db()
    assert (job.state, job.error) == (DocumentJob.State.DONE, "")


def test_a_declaration_that_changes_later_leaves_the_document_as_it_was(bank, quick):
    document = services.build_document(a_job(bank).pk).document
    before = json.dumps(document.snapshot, sort_keys=True)
    bank.live()
    document.refresh_from_db()
    assert json.dumps(document.snapshot, sort_keys=True) == before
    assert digest(document.snapshot) == document.snapshot_digest


def test_a_job_that_two_workers_draw_at_once_is_kept_once(bank, quick, monkeypatch):
    job = a_job(bank)

    def second_worker_first(content, snapshot, said):
        monkeypatch.setattr(services, "render", lambda content, snapshot, said: QUICK)
        services.build_document(job.pk)
        return QUICK

    monkeypatch.setattr(services, "render", second_worker_first)
    done = services.build_document(job.pk)
    assert done.document == Document.objects.get()
    assert Evidence.objects.filter(type="document/v1").count() == 1
