"""A change of the law names the documents that were printed under another version of it."""

from __future__ import annotations

import pytest

from governance.inventory.law import systems_in_law
from governance.regulation.register import load
from governance.regulation.versions import difference, shipped
from governance.regulation.web.changed import touched_rows
from reports import services
from reports.documents import snapshot
from reports.models import Document
from tests.reports.factories import Bank


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def build(bank):
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    return services.build_document(job.pk).document


def test_documents_under_another_version_are_counted_and_those_under_this_one_are_not(bank, monkeypatch):
    first = next(iter(shipped().values()))
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "load", lambda: first)
        assert build(bank).law_version == first.version
    assert build(bank).law_version == load().version
    systems = [row for row in systems_in_law(None) if row.pk == bank.system.pk]
    assert {(made.count, made.law_version) for made in systems[0].made} == {(1, first.version), (1, load().version)}
    (row,) = touched_rows(systems, difference(first, load()), first, load())
    assert [(made["count"], made["kind"]) for made in row["made"]] == [(1, "document")]
    assert row["made"][0]["under"].startswith(f"{first.as_of} (")
