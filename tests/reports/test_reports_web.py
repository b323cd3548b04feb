"""The page of documents: what each could state, who owes what is missing, and a form that asks for a new one."""

import uuid

import pytest
from django.urls import reverse

from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from reports import services
from reports.models import Document, DocumentJob
from reports.web import views
from tests.reports.factories import Bank, a_declared_system

PDF = b"%PDF-1.7 quickly made"
LIST, BUILD = "/documents", "/documents/build"


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


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: PDF)
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})


def a_document(bank: Bank) -> Document:
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    made = services.build_document(job.pk).document
    assert made
    return made


def text_of(response) -> str:
    return response.content.decode()


def test_somebody_who_is_not_signed_in_is_sent_to_sign_in(db, client):
    for address in (LIST, reverse("document-download", args=[uuid.uuid4()]), "/documents/making", "/systems"):
        response = client.get(address)
        assert (response.status_code, response.url.split("?")[0]) == (302, "/login"), address
    assert client.post(BUILD, {"system": "x"}).url.startswith("/login")
    assert not DocumentJob.objects.exists()


def test_everybody_who_is_signed_in_reads_documents_and_downloads_them(bank, client, quick):
    made = a_document(bank)
    for person in (bank.engineer, bank.owner, bank.validator, bank.officer, bank.auditor):
        client.force_login(person)
        assert client.get(LIST).status_code == 200
        response = client.get(reverse("document-download", args=[made.pk]))
        assert response.content == PDF
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Disposition"].startswith('attachment; filename="consumer-credit-annex-iv-')


def test_without_any_system_the_page_says_that_there_is_no_document(db, client, bank):
    client.force_login(bank.owner)
    page = client.get(LIST)
    assert "No document yet." in text_of(page)
    assert "No document of this system yet" in text_of(page)
    assert page.context["map"] is None


def test_the_map_shows_each_point_in_the_state_of_its_weakest_paragraph(bank, client, quick):
    bank.live()
    made = a_document(bank)
    client.force_login(bank.auditor)
    page = client.get(LIST)
    groups = page.context["map"]["groups"]
    assert [group["title"].split()[0] for group in groups] == ["1", "2", "Points", "R"]
    tiles = {tile["point"]: tile for group in groups for tile in group["tiles"]}
    assert list(tiles) == [
        *(f"1({letter})" for letter in "abcdefgh"),
        *(f"2({letter})" for letter in "abcdefgh"),
        *"3456789",
        "R.1",
        "R.2",
        "R.3",
    ]
    assert tiles["2(d)"]["state"] == "measured"
    assert tiles["1(d)"]["state"] == "declared"
    assert tiles["2(h)"]["state"] == tiles["7"]["state"] == "missing"
    counted = {state: sum(tile[state] for tile in tiles.values()) for state in ("measured", "declared", "missing")}
    assert counted == {"measured": made.measured, "declared": made.declared, "missing": made.missing}
    assert page.context["stats"][0]["value"] == made.measured


def test_each_gap_names_the_role_that_owes_it_and_who_holds_it(bank, client, quick):
    bank.live()
    made = a_document(bank)
    client.force_login(bank.auditor)
    page = client.get(LIST)
    gaps = {gap["point"]: gap for gap in page.context["gaps"]}
    assert len(page.context["gaps"]) == made.missing
    assert gaps["5"]["owner"] == {"name": "Risk officer 43", "role": "Risk officer"}
    assert gaps["7"]["owner"]["name"] == "Model owner 44"
    assert "Risk officer: Risk officer 43" in text_of(page)


def test_a_gap_of_a_role_that_nobody_holds_is_the_owner_s_of_the_system(db, client, quick, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path / "storage"
    bank = Bank(declared={})
    a_document(bank)
    client.force_login(bank.auditor)
    page = text_of(client.get(LIST))
    assert "nobody yet" not in page
    assert "Administrator:" not in page
    assert f"Model owner: {bank.owner.name}" in page


def test_a_document_that_another_release_made_is_listed_without_its_map(bank, client, quick):
    made = a_document(bank)
    kept = {field.attname: getattr(made, field.attname) for field in Document._meta.fields}
    newer = Document(**kept)
    newer.pk, newer._state.adding = uuid.uuid4(), True
    newer.snapshot = made.snapshot | {"format": "placet-snapshot/2"}
    newer.snapshot_digest, newer.made_at = f"sha256:{'0' * 64}", clock.now()
    audit.append(event=Event.DOCUMENT_BUILT, actor=bank.owner, subjects=[newer])
    client.force_login(bank.auditor)
    page = client.get(LIST)
    assert len(page.context["documents"]) == 2
    assert page.context["map"] is None
    assert "made by another release" in text_of(page)


def test_one_chosen_system_shows_its_own_documents_and_an_empty_choice_all(bank, client, quick):
    made = a_document(bank)
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    client.force_login(bank.owner)
    assert client.get(LIST).context["system"]["pk"] == bank.system.pk, "the system of the newest document"
    chosen = client.get(LIST, {"system": str(other.pk)})
    assert chosen.context["documents"] == []
    assert chosen.context["system"]["name"] == "Churn"
    everything = client.get(LIST, {"system": ""})
    assert [row["pk"] for row in everything.context["documents"]] == [made.pk]
    assert everything.context["system"] is None
    unknown = client.get(LIST, {"system": str(uuid.uuid4())})
    assert unknown.status_code == 404
    assert "There is no AI system" in text_of(unknown)


def test_a_missing_or_altered_file_is_refused_with_a_sentence(bank, client, quick):
    made = a_document(bank)
    client.force_login(bank.auditor)
    path = storage.path_of(made.pdf_digest)
    path.write_bytes(b"other bytes")
    altered = client.get(reverse("document-download", args=[made.pk]))
    assert altered.status_code == 404
    assert "are not the ones that were put there" in text_of(altered)
    path.unlink()
    assert client.get(reverse("document-download", args=[made.pk])).status_code == 404
    assert client.get(reverse("document-download", args=[uuid.uuid4()])).status_code == 404


def test_the_form_asks_for_one_document_at_a_time(bank, client, enqueued):
    client.force_login(bank.owner)
    response = client.post(BUILD, {"system": str(bank.system.pk)})
    assert (response.status_code, response.url) == (302, f"{LIST}?system={bank.system.pk}")
    job = DocumentJob.objects.get()
    assert (job.system, job.requested_by, job.state) == (bank.system, bank.owner, DocumentJob.State.QUEUED)
    assert enqueued == [str(job.pk)]
    again = client.post(BUILD, {"system": str(bank.system.pk)}, follow=True)
    assert "is being built already" in text_of(again)
    assert DocumentJob.objects.count() == 1
    assert "asked for by Model owner 44, waits for a worker" in text_of(again)


@pytest.mark.parametrize("system", ["", "nothing", str(uuid.UUID(int=7))])
def test_a_document_of_no_system_is_not_asked_for(bank, client, enqueued, system):
    client.force_login(bank.owner)
    response = client.post(BUILD, {"system": system})
    assert response.status_code == 422
    assert "Choose the AI system" in text_of(response)
    assert not DocumentJob.objects.exists()
    assert enqueued == []


def test_the_addresses_keep_to_their_methods_and_the_form_to_its_token(bank, client, enqueued):
    client.force_login(bank.owner)
    assert client.get(BUILD).status_code == 405
    assert client.post(LIST).status_code == 405
    client.handler.enforce_csrf_checks = True
    assert client.post(BUILD, {"system": str(bank.system.pk)}).status_code == 403
    assert not DocumentJob.objects.exists()


def test_the_page_asks_again_while_a_job_is_open_and_is_loaded_anew_when_it_is_done(bank, client, quick):
    client.force_login(bank.owner)
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    address = f"/documents/making?system={bank.system.pk}"
    waiting = client.get(address)
    assert f'hx-get="{address}"' in text_of(waiting)
    assert "HX-Refresh" not in waiting
    services.build_document(job.pk)
    done = client.get(address)
    assert done["HX-Refresh"] == "true"
    assert text_of(done).strip() == ""


def test_a_failure_is_shown_until_a_later_document_is_made(bank, client, quick):
    client.force_login(bank.owner)
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    services.fail_document(job.pk, "OSError: cannot load library <pango>")
    page = client.get(LIST)
    assert "OSError: cannot load library &lt;pango&gt;" in text_of(page)
    assert "hx-get" not in text_of(page)
    a_document(bank)
    assert "OSError" not in text_of(client.get(LIST))


def test_the_number_of_queries_does_not_grow_with_the_documents(
    bank, client, quick, django_assert_max_num_queries, django_assert_num_queries
):
    client.force_login(bank.auditor)
    a_document(bank)
    with django_assert_max_num_queries(40) as few:
        client.get(LIST)
    for _ in range(4):
        a_document(bank)
    with django_assert_num_queries(len(few)):
        client.get(LIST)
