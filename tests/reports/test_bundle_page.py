"""The page and the API of audit bundles: ask, be refused in a sentence, follow, download what one asked for."""

import uuid
from typing import Any

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.common import clock
from governance.evidence import storage
from reports.bundles import selectors
from reports.models import BundleJob
from reports.web import bundles as views
from tests.factories import a_system, a_user, given
from tests.reports.factories import Bank

LIST, ASK = "/bundles", "/bundles/ask"


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


@pytest.fixture
def enqueued(monkeypatch) -> list[str]:
    """The jobs that a worker was told about."""
    told: list[str] = []
    monkeypatch.setattr(views, "enqueue_on_commit", lambda task, *ids: told.extend(map(str, ids)))
    return told


def a_made_bundle(bank: Bank, **fields: Any) -> BundleJob:
    known = {"scope": "system", "system": bank.system, "requested_by": bank.auditor, "made_at": clock.now()}
    digest = storage.put_stream([b"PK a bundle"], folder=selectors.FOLDER)
    made = {"state": "done", "file_digest": digest, "file_bytes": 11, "kept_until": clock.now()}
    return BundleJob.objects.create(**(known | made | fields))


def test_each_of_the_three_is_asked_for_on_the_page(bank, client, enqueued):
    promotion = bank.promotion()
    client.force_login(bank.auditor)
    for body in (
        {"scope": "promotion", "promotion": f" {promotion} ", "seen_size": "12"},
        {"scope": "system", "system": bank.system.pk},
        {"scope": "period", "first": "2026-11-01", "last": "2026-11-20"},
    ):
        response = client.post(ASK, body)
        assert (response.status_code, response.url) == (302, LIST), body
    one, two, three = BundleJob.objects.order_by("made_at")
    assert (one.promotion, one.seen_size, two.system) == (promotion, 12, bank.system)
    assert f"{three.begins_at:%Y-%m-%dT%H:%M} {three.ends_at:%Y-%m-%dT%H:%M}" == "2026-11-01T00:00 2026-11-21T00:00"
    assert enqueued == [str(row.pk) for row in (one, two, three)]
    page = client.get(LIST).content.decode()
    assert page.count("Waiting") == 3
    assert 'hx-get="/bundles/making"' in page


def test_a_refusal_shows_its_sentence_and_what_was_typed(bank, client, enqueued):
    client.force_login(bank.auditor)
    response = client.post(ASK, {"scope": "promotion", "promotion": "PR-999999"})
    assert response.status_code == 404
    assert "There is no promotion request PR-999999" in response.content.decode()
    assert 'value="PR-999999"' in response.content.decode()
    for body in ({"scope": "period", "first": "2026-11-20"}, {"scope": "all"}, {"scope": "system", "seen_size": "x"}):
        assert client.post(ASK, body).status_code in {404, 422}, body
    client.force_login(bank.owner)
    response = client.post(ASK, {"scope": "period", "first": "2026-11-01", "last": "2026-11-20"})
    assert response.status_code == 403
    assert not BundleJob.objects.exists()
    assert enqueued == []


def test_the_page_offers_what_the_person_may_take(bank, client):
    other = a_system(owner=a_user(Role.OWNER))
    client.force_login(bank.owner)
    page = client.get(f"{LIST}?system={bank.system.pk}")
    assert [row["name"] for row in page.context["systems"]] == [bank.system.name, other.name]
    assert f'value="{bank.system.pk}" selected' in " ".join(page.content.decode().split())
    assert "Of a period" not in page.content.decode()
    narrow = a_user()
    given(narrow, Role.RISK_OFFICER, system_id=other.pk)
    client.force_login(narrow)
    page = client.get(LIST)
    assert [row["name"] for row in page.context["systems"]] == [other.name]
    client.force_login(bank.auditor)
    assert "Of a period" in client.get(LIST).content.decode()
    for person in (bank.engineer, bank.validator, a_user()):
        client.force_login(person)
        assert client.get(LIST).status_code == 403


def test_a_file_goes_to_whoever_asked_for_it_alone(bank, client):
    job = a_made_bundle(bank)
    client.force_login(bank.auditor)
    response = client.get(f"/bundles/{job.pk}/file")
    assert b"".join(response.streaming_content) == b"PK a bundle"
    assert response["Content-Disposition"] == f'attachment; filename="placet-system-{bank.system.slug}.zip"'
    client.force_login(bank.officer)
    assert client.get(f"/bundles/{job.pk}/file").status_code == 404
    assert client.get(f"/api/v1/bundles/{job.pk}").status_code == 404


def test_the_api_asks_follows_and_downloads(bank):
    client = Client()
    client.force_login(bank.auditor)
    answer = client.post(
        "/api/v1/bundles", {"system": bank.system.slug}, "application/json", headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/bundles/{answer.json()['id']}"
    again = client.post(
        "/api/v1/bundles", {"system": bank.system.slug}, "application/json", headers={"Idempotency-Key": "k"}
    )
    assert again.json()["id"] == answer.json()["id"]
    told = client.get(answer["Location"]).json()
    assert (told["state"], told["scope"], told["about"]) == ("queued", "system", bank.system.slug)
    assert [row["id"] for row in client.get("/api/v1/bundles").json()["results"]] == [told["id"]]
    assert client.get(f"{answer['Location']}/file").status_code == 404
    job = a_made_bundle(bank)
    assert b"".join(client.get(f"/api/v1/bundles/{job.pk}/file").streaming_content) == b"PK a bundle"
    for body in ({}, {"from": "2026-11-01T00:00:00Z"}, {"system": "x", "promotion": "y"}, {"seen_size": 0}):
        answer = client.post("/api/v1/bundles", body, "application/json")
        assert answer.status_code in {400, 404, 422}, body
    assert client.get(f"/api/v1/bundles/{uuid.uuid4()}").status_code == 404
