"""The document says what the snapshot holds: nothing is invented, and what is missing has an owner."""

import copy
from datetime import UTC, datetime

import pytest

from governance.regulation import record
from governance.regulation.register import load
from reports.documents import snapshot as snapshots
from reports.documents.annex_iv import ASKS
from reports.documents.building import build
from reports.documents.content import Table
from reports.documents.snapshot import SnapshotInvalid
from tests.documents.sample_evidence import CANARY, FAIRNESS
from tests.documents.sample_snapshot import a_bare_snapshot, a_snapshot, asked


def section(content, number):
    return next(part for part in content.sections if part.number == number)


def gaps_at(content, number):
    return [gap.what for gap in content.gaps if gap.number == number]


def tables(content, number):
    return [
        block
        for paragraph in section(content, number).paragraphs
        for block in paragraph.blocks
        if isinstance(block, Table)
    ]


def test_the_sections_are_the_points_of_annex_iv_in_order_and_then_the_release_record():
    content = build(a_snapshot())
    assert [part.point for part in content.sections if part.point] == [
        point.id for point in load().points_of("Annex IV")
    ]
    assert [part.number for part in content.sections][-4:] == ["R", "R.1", "R.2", "R.3"]


def test_every_ask_names_a_point_of_the_register_and_every_point_without_letters_below_is_asked_for():
    asked = {ask.point for ask in ASKS} | {point for row in record.load().questions.values() for point in row.points}
    known = [point.id for point in load().points_of("Annex IV")]
    chapters_with_letters = {point.rpartition(".")[0] for point in known if point.count(".") == 2}
    assert {point for point in asked if point.startswith("Annex IV.")} == set(known) - chapters_with_letters


def test_a_bare_snapshot_still_builds_and_every_ask_with_a_gap_is_listed_with_an_owner():
    content = build(a_bare_snapshot())
    questions = [row for row in record.load().questions.values() if any("Annex IV." in at for at in row.points)]
    expected = [ask.gap for ask in ASKS if ask.gap] + [row.missing for row in questions]
    assert sorted(gap.what for gap in content.gaps if not gap.number.startswith("R")) == sorted(expected)
    assert all(gap.owner for gap in content.gaps)
    assert content.counts["measured"] == content.counts["declared"] == 0


@pytest.mark.parametrize(
    ("evidence_type", "number", "says"),
    [
        ("performance/v1", "2(g)", "No performance evidence"),
        ("fairness/v1", "2(g)", "No fairness evidence"),
        ("explanation/v1", "2(e)", "No explanation evidence"),
        ("robustness/v1", "2(g)", "No robustness evidence"),
        ("data_quality/v1", "2(d)", "No data quality evidence"),
    ],
)
def test_evidence_that_is_not_attached_becomes_a_gap(evidence_type, number, says):
    given = a_snapshot()
    assert not any(says in gap for gap in gaps_at(build(given), number))
    given["evidence"] = [row for row in given["evidence"] if row["type"] != evidence_type]
    assert any(says in gap for gap in gaps_at(build(given), number))


SAID = {"text": "One service.", "role": "engineer", "at": "2026-11-22T08:00:00Z"}


def test_an_answer_closes_the_gap_of_its_question_and_only_that_one():
    before = gaps_at(build(a_snapshot()), "2(c)")
    content = build(a_snapshot(record=asked(architecture=SAID)))
    assert before == ["The software architecture is not described."]
    assert gaps_at(content, "2(c)") == []
    assert any(paragraph.text == "One service." for paragraph in section(content, "2(c)").paragraphs)


def test_no_answer_stands_in_for_a_measurement():
    everything = {row.id.replace("-", "_"): SAID for row in record.load().questions.values()}
    content = build(a_bare_snapshot() | {"record": asked(**everything)})
    left = {gap.what for gap in content.gaps if not gap.number.startswith("R")}
    assert left == {ask.gap for ask in ASKS if ask.gap}
    assert any("No performance evidence" in gap for gap in left)


def test_what_was_measured_need_not_be_said():
    measured = a_snapshot()
    assert "Computing resources for development and training were not recorded." not in gaps_at(build(measured), "2(c)")
    measured["model"]["training"] = {}
    assert "Computing resources for development and training were not recorded." in gaps_at(build(measured), "2(c)")


def test_what_serves_two_points_is_printed_once_and_referred_to():
    given = asked(architecture=SAID)
    next(row for row in given if row["id"] == "architecture")["points"].append("Annex IV.4")
    content = build(a_snapshot(record=given))
    said = [paragraph.text for paragraph in section(content, "4").paragraphs if paragraph.state == "declared"]
    assert said[-1] == "Architecture: as declared under 2(c)."


def test_an_answer_that_a_reviewer_returned_is_missing_and_says_so():
    given = asked()
    next(row for row in given if row["id"] == "standards")["returned"] = {"at": "2026-11-23T08:00:00Z"}
    (said,) = gaps_at(build(a_snapshot(record=given)), "7")
    assert said.endswith("not listed. An answer of 2026-11-23 was returned by review.")


def test_an_answer_without_a_role_or_a_date_is_refused():
    given = a_snapshot(record=asked(metric_choice={"text": "They suit.", "role": "validator"}))
    with pytest.raises(SnapshotInvalid, match="'role' and 'at'"):
        build(given)


def test_a_gap_goes_to_the_owner_that_the_snapshot_names():
    content = build(a_bare_snapshot() | {"owners": {"Annex IV.5": "validator", "Annex IV.1": "administrator"}})
    owners = {gap.number: gap.owner for gap in content.gaps}
    assert owners["5"] == "validator"
    assert owners["1(b)"] == "administrator"


def test_the_newest_evidence_of_a_type_is_the_one_that_speaks():
    given = a_snapshot()
    later = copy.deepcopy(next(row for row in given["evidence"] if row["type"] == "fairness/v1"))
    later |= {"id": "later", "made_at": "2026-11-24T00:00:00Z"}
    given["evidence"].insert(0, later)
    assert any(source.id == "later" for source in build(given).sources)


def test_an_undefined_rate_is_printed_with_its_reason_and_never_as_zero():
    given = a_snapshot()
    payload = copy.deepcopy(FAIRNESS)
    payload["features"][0]["groups"][1]["tpr"] = {
        "value": None,
        "low": None,
        "high": None,
        "n": 9,
        "denominator": 0,
        "reason": "no repaid loan",
    }
    next(row for row in given["evidence"] if row["type"] == "fairness/v1")["payload"] = payload
    cells = [cell for table in tables(build(given), "2(g)") for row in table.rows for cell in row]
    assert any(cell.text == "undefined" and "no repaid loan" in cell.sub for cell in cells)


def test_an_insufficient_check_stays_insufficient_beside_the_review_that_lifted_it():
    rows = next(table for table in tables(build(a_snapshot()), "2(g)") if table.caption == "Checks of the policy").rows
    held = next(row for row in rows if row[0].text.startswith("Selection-rate ratio"))
    assert held[4].text == "insufficient"
    assert "accepted by validator" in held[4].sub
    assert "log 119" in held[4].sub


def test_a_classification_without_a_second_signature_says_so():
    given = a_snapshot()
    given["classification"] |= {"signed_by_role": None, "signed_at": None}
    content = build(given)
    assert gaps_at(content, "R.1") == ["The classification is not signed by a second person."]
    assert section(content, "R.1").count("declared") == 1


def test_the_cover_names_the_law_its_date_and_that_it_is_an_unsigned_draft():
    content = build(a_snapshot())
    cover = dict(content.cover)
    assert content.status == "Unsigned draft"
    assert cover["Law"] == "Regulation (EU) 2024/1689, as amended by Regulation (EU) 2026/1744"
    assert cover["Law as of"].startswith("2026-11-23 (register ")
    assert cover["Class under the AI Act"] == "High-risk, Annex III.5.b"


def test_the_law_prints_from_the_snapshot_and_not_from_todays_register():
    given = a_snapshot()
    given["law"]["points"][1]["title"] = "Wording of that day"
    assert section(build(given), "1(a)").title == "Wording of that day"


def test_every_footnote_is_numbered_once_and_leads_to_evidence_of_the_snapshot():
    given = a_snapshot()
    sources = build(given).sources
    assert len(sources) == len(set(sources))
    ids = {row["id"] for row in given["evidence"]}
    assert {source.id for source in sources if source.name.endswith("/v1")} == ids


def test_building_changes_nothing_in_the_snapshot_and_is_the_same_each_time():
    given = a_snapshot()
    before = copy.deepcopy(given)
    assert build(given) == build(given)
    assert given == before


def test_any_changed_figure_changes_the_digest():
    given = a_snapshot()
    first = build(given).snapshot_digest
    given["model"]["threshold"] = 0.31
    assert build(given).snapshot_digest != first


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other/1"}, "format is 'other/1'"),
        ({"document": {"id": "x"}}, r"lacks document\.created_at"),
        ({"law": None}, "lacks the object 'law'"),
        ({"system": {"name": ""}}, r"lacks system\.name"),
        ({"evidence": {"not": "a list"}}, "'evidence' must be a list"),
        ({"model": ["not", "an", "object"]}, "'model' must be an object"),
        ({"environment": {"made": datetime(2026, 11, 23, tzinfo=UTC)}}, "not plain JSON"),
        ({"environment": {"value": float("nan")}}, "not plain JSON"),
    ],
)
def test_a_snapshot_of_the_wrong_shape_is_refused_by_the_name_of_its_part(change, says):
    with pytest.raises(SnapshotInvalid, match=says):
        build(a_snapshot() | change)


def test_the_law_part_leaves_out_what_is_not_in_force_and_keeps_both_dates():
    part = snapshots.law_part(groups=["Annex VIII.B"])
    register = load()
    assert all(register.in_force(point["id"], register.as_of) is not False for point in part["points"])
    annex_iv = snapshots.law_part()["points"]
    assert [(row["route"], row["formal"], row["practical"]) for row in annex_iv[0]["applies_from"]] == [
        ("annex_iii", "2027-12-02", None),
        ("annex_i", "2028-08-02", None),
    ]


def test_what_a_version_did_as_a_canary_stands_under_point_9_and_nothing_does_where_nobody_asked():
    given = a_snapshot()
    assert not any("before its promotion" in table.caption for table in tables(build(given), "9"))
    row = {
        "id": "e-canary",
        "type": "canary/v1",
        "made_at": "2026-11-20T08:00:00.000000Z",
        "payload_digest": "sha256:1",
    }
    given["evidence"].append(row | {"payload": CANARY})
    (table,) = [table for table in tables(build(given), "9") if "before its promotion" in table.caption]
    assert table.caption == "Served before its promotion: 9.5 days, 1,716 records, 0 alerts open"
    assert [[cell.text for cell in cells][2:] for cells in table.rows] == [
        ["Behind canary by PR-12", "9.5 days"],
        ["Drift window: stable", "1,204 records"],
    ]
    given["evidence"][-1]["payload"] = CANARY | {"spans": [], "windows": [], "days": 0.0, "n": 0}
    said = [paragraph.text for paragraph in section(build(given), "9").paragraphs]
    assert "Before the request for its promotion the version served no traffic." in said
