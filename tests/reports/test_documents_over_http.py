"""The list of documents over the API."""

import uuid

import pytest

from governance.accounts.roles import Role
from governance.common import clock
from reports import services
from reports.models import Document
from tests.factories import a_user, given
from tests.reports.factories import Bank, a_declared_system


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: content.snapshot_digest.encode())
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def built(bank: Bank, kind: str, system=None) -> Document:
    job = services.request_document(kind=kind, ai_system=system or bank.system, requester=bank.owner)
    made = services.build_document(job.pk).document
    assert made
    return made


def test_documents_are_listed_with_what_they_hold_and_how_they_are_signed(bank, client):
    bank.live()
    made = built(bank, "annex-iv")
    client.force_login(bank.auditor)
    (row,) = client.get("/api/v1/documents").json()["results"]
    assert row == {
        "id": str(made.pk),
        "kind": "annex-iv",
        "system": bank.system.slug,
        "version": "1",
        "made_at": clock.rfc3339(made.made_at),
        "measured": made.measured,
        "declared": made.declared,
        "missing": made.missing,
        "law_version": made.law_version,
        "pdf_digest": made.pdf_digest,
        "snapshot_digest": made.snapshot_digest,
        "statement": None,
        "file_signed": False,
        "log_index": None,
    }
    built(bank, "annex-v")
    newest = client.get("/api/v1/documents").json()["results"][0]
    assert (newest["kind"], newest["statement"]) == ("annex-v", "waiting")


def test_the_list_is_narrowed_by_kind_and_system_and_comes_in_pages(bank, client):
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    for kind, system in (("annex-iv", None), ("annex-iv", other), ("risk-file", None)):
        built(bank, kind, system)
    client.force_login(bank.auditor)

    def found(**asked: str) -> list[tuple[str, str]]:
        rows = client.get("/api/v1/documents", asked).json()["results"]
        return [(row["kind"], row["system"]) for row in rows]

    credit = bank.system.slug
    assert found() == [("risk-file", credit), ("annex-iv", "churn"), ("annex-iv", credit)]
    assert found(kind="annex-iv", system="churn") == [("annex-iv", "churn")]
    assert found(system=str(bank.system.pk)) == [("risk-file", credit), ("annex-iv", credit)]
    first = client.get("/api/v1/documents", {"limit": 2}).json()
    assert [row["kind"] for row in client.get(first["next"]).json()["results"]] == ["annex-iv"]
    assert client.get("/api/v1/documents", {"kind": "annex-x"}).status_code == 422
    assert client.get("/api/v1/documents", {"system": "nowhere"}).status_code == 404


def test_documents_out_of_reach_are_not_listed(bank, client):
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    built(bank, "annex-iv")
    client.force_login(given(a_user(), Role.VALIDATOR, system_id=other.pk).person)
    assert client.get("/api/v1/documents").json()["results"] == []
    assert client.get("/api/v1/documents", {"system": bank.system.slug}).status_code == 404


def test_the_changes_are_there_over_the_api_with_figures_and_sources(bank, client):
    first = built(bank, "annex-iv")
    bank.live()
    second = built(bank, "annex-iv")
    client.force_login(bank.auditor)
    body = client.get(f"/api/v1/documents/{second.pk}/changes").json()
    assert (body["document"], body["since"]) == (str(second.pk), str(first.pk))
    assert body["counts"]["state"] > 3
    found = [
        change
        for section in body["sections"]
        for change in section["changes"]
        if change["kind"] == "state" and section["number"] == "2(g)"
    ]
    assert {change["before"]["state"] for change in found} == {"missing"}
    assert all(change["sources_after"][0]["digest"].startswith("sha256:") for change in found)
    assert client.get(f"/api/v1/documents/{first.pk}/changes").json()["since"] is None
    assert client.get(f"/api/v1/documents/{second.pk}/changes?since=nothing").status_code == 422
    assert client.get(f"/api/v1/documents/{second.pk}/changes?since={uuid.uuid4()}").status_code == 404
