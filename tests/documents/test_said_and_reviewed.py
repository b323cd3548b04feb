"""What a person declared says whether a second person read it, in every form of the document."""

import json

from reports.documents.building import build
from reports.documents.comparing import compare
from reports.documents.exports import export
from reports.documents.render import Pictures, to_html
from tests.documents import sample_kinds as samples

PDF = "sha256:" + "1" * 64


def declared(snapshot, number):
    found = next(part for part in build(snapshot).sections if part.number == number)
    return [row.declared_by.line for row in found.paragraphs if row.state == "declared"]


def test_an_answer_says_whether_it_was_reviewed_and_by_which_role():
    snapshot = samples.full("annex-iv")
    assert declared(snapshot, "4") == [
        "by the validator, 2026-11-21, log 63",  # two people stand for what is signed: nobody is asked to review it
        "by the validator, 2026-11-22, log 71; reviewed by the risk officer, 2026-11-22",
    ]
    (said,) = declared(snapshot, "1(d)")
    assert said == "by the owner, 2026-11-21, log 58; not reviewed"


def test_every_form_prints_the_review():
    snapshot = samples.full("annex-iv")
    assert "; reviewed by the risk officer, 2026-11-22" in export("html", snapshot, PDF).decode()
    assert "log 58; not reviewed" in to_html(build(snapshot), snapshot, Pictures())
    made = json.loads(export("json", snapshot, PDF))
    found = [row["declared_by"] for part in made["sections"] for row in part["paragraphs"] if row["declared_by"]]
    assert {"reviewed by the risk officer, 2026-11-22", "not reviewed", ""} == {row["review"] for row in found}


def test_a_review_that_came_later_is_a_change_of_the_document():
    before, after = samples.full("annex-iv"), samples.full("annex-iv")
    for row in before["record"]:
        if row["id"] == "metric-choice":
            row["answer"] |= {"reviewed_by_role": None, "reviewed_at": None}
    compared = compare(build(before), build(after))
    assert [(part.point, [change.kind for change in part.changes]) for part in compared.changed] == [
        ("Annex IV.4", ["text"])
    ]
