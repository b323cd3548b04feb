"""The document centre: which kinds are owed, what is out of date, one document with its gaps, and its changes."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.inventory import declaring
from reports import services
from reports.models import HOLD_A_VALIDATION, Document, DocumentJob
from reports.web import views
from tests.factories import a_user, given
from tests.reports.factories import (
    FIRST_WEEK,
    Bank,
    a_declared_system,
    a_proposal,
    a_window,
    ready_to_declare,
    watch,
)

ANNEX_IV, RISK_FILE = Document.Kind.ANNEX_IV, Document.Kind.RISK_FILE
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    """The bank, with pages that take no time to draw."""
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def build(bank: Bank, kind: str = ANNEX_IV, system=None) -> Document:
    job = services.request_document(kind=kind, ai_system=system or bank.system, requester=bank.owner)
    made = services.build_document(job.pk).document
    assert made
    return made


def answer(bank: Bank, **answers: str) -> None:
    said = {name.replace("_", "-"): text for name, text in answers.items()}
    declaring.declare(ai_system=bank.system, answers=said, by=bank.owner)


def centre(client, bank: Bank):
    return client.get(reverse("system-documents", args=[bank.system.pk]))


def kinds(page):
    return {row["id"]: row for row in page.context["kinds"]}


def text_of(response) -> str:
    return response.content.decode()


# The kinds of one system


def test_each_kind_of_a_system_says_whether_it_is_owed_and_why(bank, client):
    client.force_login(bank.auditor)
    page = centre(client, bank)
    found = kinds(page)
    assert set(found) == set(Document.Kind.values) - {"model-risk"}
    states = {name: row["owed"]["state"] for name, row in found.items()}
    assert {name for name, state in states.items() if state == "own"} == set(HOLD_A_VALIDATION)
    assert set(states.values()) == {"later", "own"}, "high-risk duties have not begun"
    assert [point["id"] for point in found["annex-iv"]["owed"]["points"]] == ["Art 11.1"]
    assert found["annex-iv"]["newest"] is None
    assert reverse("register-point", args=["Art 11.1"]) in text_of(page)


def test_before_a_classification_is_signed_nobody_can_say_what_is_owed(bank, client):
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    a_proposal(other, bank.owner)
    client.force_login(bank.auditor)
    page = client.get(reverse("system-documents", args=[other.pk]))
    states = {row["owed"]["state"] for row in page.context["kinds"] if row["id"] not in HOLD_A_VALIDATION}
    assert states == {"unclassified"}
    assert "no signed classification" in text_of(page)


def test_the_newest_version_stands_there_with_its_counts_and_files(bank, client):
    build(bank)
    made = build(bank)
    client.force_login(bank.auditor)
    row = kinds(page := centre(client, bank))["annex-iv"]
    assert (row["newest"]["pk"], row["versions"]) == (made.pk, 2)
    assert (row["newest"]["measured"], row["newest"]["missing"]) == (made.measured, made.missing)
    assert row["newest"]["outdated"] == []
    for form in ("html", "json", "docx"):
        assert f"{reverse('document-download', args=[made.pk])}?format={form}" in text_of(page)
    assert page.context["stats"][2]["value"] == made.missing


def test_a_button_asks_for_a_kind_and_comes_back_to_the_centre(bank, client, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(views, "enqueue_on_commit", lambda task, *ids: told.extend(map(str, ids)))
    client.force_login(bank.owner)
    said = {"system": str(bank.system.pk), "kind": "risk-file", "from": "centre"}
    response = client.post(reverse("document-build"), said)
    assert response.url == reverse("system-documents", args=[bank.system.pk])
    assert DocumentJob.objects.get().kind == RISK_FILE
    assert told == [str(DocumentJob.objects.get().pk)]
    row = kinds(page := centre(client, bank))["risk-file"]
    assert row["building"]
    assert "waits for a worker" in text_of(page)


# Out of date


def outdated(client, bank: Bank, kind: str = "annex-iv") -> list[str]:
    return kinds(centre(client, bank))[kind]["newest"]["outdated"]


def test_a_changed_answer_makes_only_the_kinds_that_print_it_out_of_date(bank, client):
    for kind in (ANNEX_IV, RISK_FILE):
        build(bank, kind)
    client.force_login(bank.auditor)
    assert outdated(client, bank) == []
    answer(bank, hardware="Two servers in Frankfurt am Main.")
    assert outdated(client, bank)[0].startswith("1 answer of the record changed")
    assert outdated(client, bank, "risk-file") == []


def test_newer_evidence_a_decision_and_another_version_are_named(bank, client):
    build(bank)
    live = bank.live()
    client.force_login(bank.auditor)
    said = " ".join(outdated(client, bank))
    assert "another model version" in said
    assert "fairness/v1" in said
    assert "A decision was made" in said
    build(bank)
    assert outdated(client, bank) == []
    watch(bank, live.version, drifted=False)
    assert outdated(client, bank)[0].startswith("Newer evidence: drift/v1")


def test_evidence_about_another_version_than_the_described_one_changes_nothing(bank, client):
    live = bank.live()
    build(bank)
    client.force_login(bank.auditor)
    bank.promotion(number=2)
    assert outdated(client, bank) == []
    a_window(watch(bank, live.version, drifted=False), live.version, FIRST_WEEK)
    assert outdated(client, bank)


def test_another_version_of_the_law_makes_every_document_out_of_date(bank, client, monkeypatch):
    build(bank)
    client.force_login(bank.auditor)
    from reports import latest

    law = latest.load()
    other = type("Law", (), {"version": "2027-01-01+sha256:0"})()
    monkeypatch.setattr(latest, "load", lambda: other)
    assert law.version != other.version
    assert outdated(client, bank) == ["The legal register has another version."]


def test_a_signed_statement_is_as_old_as_the_draft_that_was_read(bank, client):
    ready_to_declare(bank)
    draft = build(bank, Document.Kind.ANNEX_V)
    said = {"name": "A. Signatory", "function": "Director", "on_behalf_of": "Bank", "place": "Frankfurt"}
    _, job = services.sign_statement(document_id=draft.pk, person=bank.owner, personal_data=True, **said)
    answer(bank, standards="None were applied.")
    signed = services.build_document(job.pk).document
    assert signed is not None
    client.force_login(bank.auditor)
    newest = kinds(centre(client, bank))["annex-v"]["newest"]
    assert (newest["pk"], newest["signed"]) == (signed.pk, "statement")
    assert newest["outdated"], "the answer came after the draft"


def test_what_changes_while_the_pages_are_drawn_makes_them_out_of_date(bank, client, monkeypatch):
    def slowly(content, snapshot, said):
        answer(bank, hardware="Two servers in Frankfurt am Main.")
        return b"%PDF-1.7 slowly made"

    monkeypatch.setattr(services, "render", slowly)
    build(bank)
    client.force_login(bank.auditor)
    assert outdated(client, bank)[0].startswith("1 answer of the record changed")


# One document


def test_a_document_is_drawn_with_its_gaps_owners_and_places_to_fill_them(bank, client):
    made = build(bank)
    client.force_login(bank.auditor)
    page = client.get(reverse("document-detail", args=[made.pk]))
    gaps = page.context["gaps"]
    assert len(gaps) == made.missing
    assert all(gap["place"] for gap in gaps)
    assert {gap["role"] for gap in gaps} >= {"Engineer", "Model owner"}
    body = text_of(page)
    assert "Engineer 41" in body
    for gap in gaps[:5]:
        assert gap["place"]["url"].replace("&", "&amp;") in body
    record = reverse("system-record", args=[bank.system.pk])
    asked = [gap for gap in gaps if gap["place"]["url"].startswith(f"{record}#q-")]
    assert asked
    assert asked[0]["place"]["url"].partition("#")[2] in text_of(client.get(record)), "the question is there"


def test_every_place_to_fill_a_gap_opens(bank, client):
    bank.live()
    client.force_login(bank.auditor)
    for kind in (ANNEX_IV, RISK_FILE, Document.Kind.ANNEX_V, Document.Kind.FRIA, Document.Kind.MONITORING_PLAN):
        gaps = client.get(reverse("document-detail", args=[build(bank, kind).pk])).context["gaps"]
        for url in {gap["place"]["url"].partition("#")[0] for gap in gaps}:
            assert client.get(url).status_code == 200, url


def test_what_people_wrote_is_no_markup_on_the_page_of_a_document_or_of_its_changes(bank, client):
    first = build(bank)
    answer(bank, hardware=HOSTILE)
    second = build(bank)
    client.force_login(bank.auditor)
    for name in ("document-detail", "document-changes"):
        body = text_of(client.get(reverse(name, args=[second.pk])))
        assert "<script>alert" not in body
        assert "<img src=x" not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body, name
    assert first.pk != second.pk


def test_the_preview_answers_under_the_strict_policy_with_charts_as_images(bank, client):
    bank.live()
    made = build(bank)
    client.force_login(bank.auditor)
    page = client.get(reverse("document-detail", args=[made.pk]))
    assert "frame" not in page["Content-Security-Policy"].replace("frame-ancestors 'none'", "")
    body = text_of(page)
    assert 'src="data:image/svg+xml;base64,' in body
    assert " style=" not in body
    assert "[1]" in body, "sources are numbered as on paper"


def test_an_older_version_says_that_a_newer_one_is_there(bank, client):
    older, newer = build(bank), build(bank)
    client.force_login(bank.auditor)
    page = client.get(reverse("document-detail", args=[older.pk]))
    assert "A newer version of this document is there." in text_of(page)
    assert reverse("document-detail", args=[newer.pk]) in text_of(page)
    assert "A newer version" not in text_of(client.get(reverse("document-detail", args=[newer.pk])))


def of_another_release(bank: Bank, made: Document) -> Document:
    kept = {field.attname: getattr(made, field.attname) for field in Document._meta.fields}
    newer = Document(**kept)
    newer.pk, newer._state.adding = uuid.uuid4(), True
    newer.snapshot = made.snapshot | {"format": "placet-snapshot/2"}
    newer.snapshot_digest, newer.made_at = f"sha256:{'0' * 64}", clock.now()
    audit.append(event=Event.DOCUMENT_BUILT, actor=bank.owner, subjects=[newer])
    return newer


def test_what_another_release_made_is_said_to_be_so_and_compared_with_nothing(bank, client):
    newer = of_another_release(bank, build(bank))
    client.force_login(bank.auditor)
    page = client.get(reverse("document-detail", args=[newer.pk]))
    assert page.context["preview"] is None
    assert "made by another release" in text_of(page)
    assert "made by another release" in text_of(client.get(reverse("document-changes", args=[newer.pk])))
    assert client.get(f"/api/v1/documents/{newer.pk}/changes").status_code == 404


# What changed


def changes(client, made: Document, since: object = ""):
    return client.get(reverse("document-changes", args=[made.pk]), {"since": str(since)})


def test_the_version_before_is_what_a_document_is_compared_with(bank, client):
    first = build(bank)
    answer(bank, standards="Two standards were applied in full.")
    second = build(bank)
    answer(bank, standards="Three standards were applied in full.")
    third = build(bank)
    client.force_login(bank.auditor)
    page = changes(client, third)
    assert page.context["older"]["pk"] == second.pk
    (section,) = page.context["sections"]
    (change,) = section["changes"]
    assert (section["number"], change["kind"]) == ("7", "text")
    assert '<del class="x-del">Two</del> standards' in text_of(page)
    assert '<ins class="x-ins">Three</ins> standards' in text_of(page)
    since_the_first = changes(client, third, first.pk).context["sections"]
    assert [change["kind"] for part in since_the_first for change in part["changes"]] == ["state"]


def test_the_first_version_and_one_that_changed_nothing_say_so(bank, client):
    first = build(bank)
    client.force_login(bank.auditor)
    assert "It is the only version" in text_of(changes(client, first))
    second = build(bank)
    assert "It is the first version" in text_of(changes(client, first))
    assert "Both say the same." in text_of(changes(client, second))


def test_only_versions_of_the_same_document_are_compared(bank, client):
    made, other = build(bank), build(bank, RISK_FILE)
    elsewhere = build(bank, system=a_declared_system(bank.owner, slug="churn", name="Churn"))
    client.force_login(bank.auditor)
    for wrong in (other.pk, elsewhere.pk, uuid.uuid4(), "nothing"):
        assert changes(client, made, wrong).status_code == 404, wrong


def test_documents_of_a_system_out_of_reach_do_not_exist(bank, client):
    first, second = build(bank), build(bank)
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    client.force_login(given(a_user(), Role.VALIDATOR, system_id=other.pk).person)
    addresses = [
        reverse("system-documents", args=[bank.system.pk]),
        reverse("document-detail", args=[second.pk]),
        reverse("document-changes", args=[second.pk]),
        f"/api/v1/documents/{second.pk}/changes?since={first.pk}",
    ]
    assert {client.get(address).status_code for address in addresses} == {404}
    assert client.get(reverse("document-list"), {"state": "current"}).context["documents"] == []


def test_documents_about_two_versions_are_no_versions_of_each_other(bank, client):
    cards = []
    for number in (1, 2):
        about = str(bank.promotion(number=number).version.pk)
        for _ in range(2):
            job = services.request_document(
                kind=Document.Kind.MODEL_CARD, ai_system=bank.system, requester=bank.owner, about=about
            )
            cards.append(services.build_document(job.pk).document)
    client.force_login(bank.auditor)
    first, again, other, _ = cards
    assert changes(client, again).context["older"]["pk"] == first.pk
    assert changes(client, other, first.pk).status_code == 404
    rows = client.get(reverse("document-list"), {"system": ""}).context["documents"]
    assert {row["state"] for row in rows} == {""}, "none takes the place of another, and none gets old"
    assert listed(client, state="superseded") == []
    assert kinds(centre(client, bank))["model-card"]["newest"]["outdated"] == []


# The list over all systems


def listed(client, **asked: str):
    page = client.get(reverse("document-list"), {"system": "", **asked})
    assert page.status_code == 200
    return [row["pk"] for row in page.context["documents"]]


def test_the_list_is_narrowed_by_kind_state_signature_law_and_system(bank, client):
    older, newer = build(bank), build(bank)
    risk, draft = build(bank, RISK_FILE), build(bank, Document.Kind.ANNEX_V)
    answer(bank, hardware="Two servers in Frankfurt am Main.")
    client.force_login(bank.auditor)
    assert listed(client) == [draft.pk, risk.pk, newer.pk, older.pk]
    assert listed(client, kind="risk-file") == [risk.pk]
    assert listed(client, state="superseded") == [older.pk]
    assert listed(client, state="outdated") == [newer.pk]
    assert listed(client, state="current") == [draft.pk, risk.pk]
    assert listed(client, signed="waiting") == [draft.pk]
    assert listed(client, signed="statement") == []
    assert listed(client, signed="file") == []
    assert set(listed(client, state="gaps")) == {row.pk for row in Document.objects.filter(missing__gt=0)}
    assert listed(client, law="2020-01-01+sha256:0") == listed(client), "no such version: not asked for"
    assert len(listed(client, law=newer.law_version)) == 4
    assert listed(client, system=str(a_declared_system(bank.owner, slug="churn", name="Churn").pk)) == []
    nothing = client.get(reverse("document-list"), {"system": "", "signed": "file"})
    assert "No document is like that." in text_of(nothing)


def test_each_row_says_whether_it_is_the_newest_and_still_holds(bank, client):
    older, newer = build(bank), build(bank)
    answer(bank, hardware="Two servers in Frankfurt am Main.")
    client.force_login(bank.auditor)
    rows = {row["pk"]: row for row in client.get(reverse("document-list"), {"system": ""}).context["documents"]}
    assert (rows[older.pk]["state"], rows[newer.pk]["state"]) == ("superseded", "outdated")
    assert rows[newer.pk]["outdated"][0].startswith("1 answer")


def test_the_list_comes_in_pages_that_keep_the_filters(bank, client, monkeypatch):
    from reports.web import centre_pages

    monkeypatch.setattr(centre_pages, "A_PAGE", 2)
    made = [build(bank).pk for _ in range(5)][::-1]
    client.force_login(bank.auditor)
    assert listed(client, kind="annex-iv") == made[:2]
    assert listed(client, kind="annex-iv", page="2") == made[2:4]
    page = client.get(reverse("document-list"), {"system": "", "kind": "annex-iv", "page": "2"})
    assert (page.context["newer"], page.context["older"], page.context["total"]) == (1, 3, 5)
    assert "?system=&amp;kind=annex-iv&amp;page=3" in text_of(page)


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(address).status_code == 200
    return len(caught)


def queries_of_pages(client, bank: Bank, made: Document) -> list[int]:
    addresses = [
        reverse("system-documents", args=[bank.system.pk]),
        reverse("document-detail", args=[made.pk]),
        reverse("document-changes", args=[made.pk]),
        f"{reverse('document-list')}?system=&state=current",
        f"/api/v1/documents/{made.pk}/changes",
        "/api/v1/documents",
    ]
    return [queries(client, address) for address in addresses]


def test_the_queries_do_not_grow_with_documents_or_systems(bank, client):
    build(bank)
    client.force_login(bank.auditor)
    few = queries_of_pages(client, bank, build(bank))
    for number in range(3):
        build(bank, RISK_FILE)
        build(bank, system=a_declared_system(bank.owner, slug=f"other-{number}", name=f"Other {number}"))
    build(bank)
    assert queries_of_pages(client, bank, build(bank)) == few
    assert max(few) < 50
