"""What evidence or records settle stands as measured in a system's record, as in its documents, and nobody owes it."""

from django.urls import reverse

from governance.inventory import declaring, system_record
from governance.inventory.web.record_pages import point_map, progress
from reports.documents.building import build
from reports.documents.kinds import KINDS
from reports.settled import QUESTIONS
from tests.factories import Cast
from tests.reports.factories import Bank
from tests.reports.test_reports_facts import snapshot_of
from tests.standing import granted, served


def states(system):
    return {row.question.id: row.state for row in system_record.answered(system)}


def test_every_question_that_documents_settle_is_settled_in_the_record_too():
    assert {ask.settles for kind in KINDS.values() for ask in kind.asks} - {""} == set(QUESTIONS)


def test_a_settled_question_is_measured_and_counts_as_answered(db, client):
    bank = Bank(declared={})
    before = states(bank.system)
    assert before["product-part"] == "measured", "its classification says so"
    assert before["compute"] == "open"
    live = bank.live()
    rows = system_record.answered(bank.system)
    found = {row.question.id: row for row in rows}
    assert found["compute"].state == "measured"
    assert str(live.version) in found["compute"].settled.text
    assert progress(rows)["answered"] == progress(rows)["counts"]["measured"] == 2
    tiles = {tile["point"]: tile for group in point_map(rows) for tile in group["tiles"]}
    assert (tiles["Annex IV.2.c"]["done"], tiles["Annex IV.1.f"]["state"]) == (1, "measured")
    client.force_login(bank.owner)
    page = client.get(reverse("system-record", args=[bank.system.pk]))
    text = page.content.decode()
    assert f"MLflow measured the machine of the training run of {live.version}." in text
    assert f'href="{reverse("model-detail", args=[live.version.model_id])}"' in text
    shown = client.get(reverse("system-record", args=[bank.system.pk]), {"show": "open"}).context["sections"]
    assert not {"compute", "product-part"} & {row["id"] for section in shown for row in section["questions"]}
    body = client.get(f"/api/v1/systems/{bank.system.slug}/record").json()
    assert body["counts"]["measured"] == 2
    said = {row["id"]: (row["state"], row["settled_by"]) for row in body["questions"]}
    assert said["compute"] == ("measured", found["compute"].settled.text)
    assert said["hardware"] == ("open", None)


def test_what_is_measured_there_is_no_gap_in_the_document_and_what_is_not_is_one(db):
    bank = Bank(declared={})
    gaps = {gap.what for gap in build(snapshot_of(bank.system)).gaps}
    missing = {row.question.id: row.question.missing for row in system_record.answered(bank.system)}
    for question in QUESTIONS:
        assert (missing[question] in gaps) == (states(bank.system)[question] == "open"), question


def test_a_change_approved_in_advance_settles_its_question(db, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path
    cast = Cast()
    served(cast)
    assert states(cast.system)["predetermined-changes"] == "open"
    granted(cast)
    (row,) = [row for row in system_record.answered(cast.system) if row.question.id == "predetermined-changes"]
    assert (row.state, row.settled.text) == ("measured", f"1 standing approval of {cast.model} is in force.")


def test_what_a_person_said_stands_before_what_records_say(db):
    bank = Bank(declared={})
    declaring.declare(ai_system=bank.system, answers={"product-part": "No part of a product."}, by=bank.owner)
    assert states(bank.system)["product-part"] == "given"
    declaring.declare(ai_system=bank.system, answers={"product-part": ""}, by=bank.owner)
    assert states(bank.system)["product-part"] == "measured"
