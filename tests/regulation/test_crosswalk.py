"""The crosswalk claims only what a point and a control both ask for, and says nothing on the rest."""

import csv
import json

import pytest

from governance.audit.events import Event
from governance.regulation import applicability, record
from governance.regulation.crosswalk import (
    ROWS_FILE,
    UnknownFramework,
    controls_of,
    crosswalk,
    framework,
    frameworks,
    read,
    superseded_by,
)
from governance.regulation.register import RegisterInvalid, load
from tests.arch.tree import ROOT

SCHEMAS = {path.stem.replace("-", "/") for path in (ROOT / "governance/evidence/schemas").glob("*-v?.json")} - {
    "common/v1"
}


def test_every_row_gives_its_reason_and_names_what_there_is():
    for row in crosswalk().rows:
        assert len(row.why) > 40, row
        assert set(row.holds.evidence) <= SCHEMAS, row
        assert set(row.holds.log) <= {str(event) for event in Event}, row


def test_iso_42001_has_38_controls_and_not_all_of_them_are_claimed():
    found = crosswalk().for_framework(framework("iso-42001"))
    assert len(found) == 38
    claimed = {item.control.id for item in found if item.rows}
    # A policy of the organisation, its people, its suppliers: nothing that Placet holds answers these.
    assert not claimed & {"A.2.2", "A.2.3", "A.2.4", "A.4.6", "A.5.5", "A.10.3", "A.10.4"}
    assert "A.6.2.4" in claimed


def test_sr_11_7_is_shown_as_rescinded_and_its_successor_has_no_claims_of_its_own():
    legacy = framework("sr-11-7")
    assert legacy.status == "rescinded 2026-04-17"
    assert superseded_by(legacy).id == "sr-26-2"
    assert "sr-26-2" in [item.id for item in frameworks()]
    assert not [row for row in crosswalk().rows if row.framework == "sr-26-2"]


def test_a_row_may_say_that_nothing_is_held():
    (row,) = [row for row in crosswalk().for_point("Art 14.4.d") if row.framework == "gdpr-22"]
    assert row.holds.is_empty


def test_what_people_are_said_to_declare_on_is_something_that_the_record_asks():
    for row in crosswalk().rows:
        for point in row.holds.declarations:
            assert record.load().serving(point), (row.framework, row.control, point)


def test_a_decision_is_one_item_and_not_cut_at_its_comma():
    for row in crosswalk().rows:
        assert not [said for said in row.holds.decisions if said.startswith(("each ", "with "))]


def test_it_is_said_in_the_data_that_sr_26_2_is_not_itemised():
    assert "Not itemised here" in framework("sr-26-2").note
    assert controls_of(framework("sr-26-2")) == ()


def test_a_framework_without_rows_has_no_page():
    with pytest.raises(UnknownFramework):
        framework("iso-24970")
    assert {item.id for item in frameworks()} == {"iso-42001", "nist-ai-rmf", "sr-26-2", "sr-11-7", "gdpr-22"}
    assert all(controls_of(item) for item in frameworks() if item.id != "sr-26-2")


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("points: [Art 27.1.a, Art 27.1.b]", "points: [Art 10.5]", "Art 10.5 is no point"),
        ("points: [Art 27.1.a, Art 27.1.b]", "points: [Art 26.5.financial]", "Art 26.5.financial is no point"),
        ("points: [Art 27.1.a, Art 27.1.b]", "points: [Art 999]", "Art 999 is no point"),
        ("points: [Art 27.1.a, Art 27.1.b]", "points: []", "names no point"),
        ("points: [Art 27.1.a, Art 27.1.b]", "points: [Art 3.12]", "Art 3.12 is no point"),
        ("schema_version: 1", "schema_version: 7", "Schema version 7"),
        ("control: A.5.3", "control: A.5.9", "no such control"),
    ],
)
def test_a_row_about_what_is_not_there_is_refused(wrong, right, says):
    content = ROWS_FILE.read_text(encoding="utf-8")
    assert wrong in content
    with pytest.raises(RegisterInvalid, match=says):
        read(content.replace(wrong, right).encode(), load())


def test_the_statement_of_applicability_leaves_the_organisations_part_blank():
    said = json.loads(json.dumps(applicability.as_json()))
    assert len(said["controls"]) == 38
    assert {control["applicable"] for control in said["controls"]} == {None}
    assert {control["justification"] for control in said["controls"]} == {None}
    assert {control["status"] for control in said["controls"]} == {None}
    policy = next(control for control in said["controls"] if control["id"] == "A.2.2")
    assert policy["placet_holds"] == {"evidence": [], "decisions": [], "declarations": [], "log": []}
    tested = next(control for control in said["controls"] if control["id"] == "A.6.2.4")
    assert "performance/v1" in tested["placet_holds"]["evidence"]
    assert "blank" in said["note"]
    assert said["law_version"] == load().version


def test_the_statement_as_csv_says_the_same_in_cells_that_are_no_formula():
    rows = list(csv.reader("".join(applicability.as_csv()).splitlines()))
    assert rows[1] == list(applicability.COLUMNS)
    assert len(rows[2:]) == 38
    assert all(row[2:5] == ["", "", ""] for row in rows[2:])
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
