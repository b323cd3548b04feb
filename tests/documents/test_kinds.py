"""Every kind of document: each point of the Act that it outlines is answered or missing, and nothing else is."""

import re
from datetime import date, timedelta

import pytest

from governance.regulation import record
from governance.regulation.register import load
from reports.documents.building import build, leaves
from reports.documents.kinds import KINDS
from reports.documents.render import TEMPLATES, Pictures, to_html
from reports.documents.snapshot import SnapshotInvalid
from reports.models import Document
from tests.documents import sample_kinds as samples
from tests.documents.sample_kinds import ON

OF_THE_ACT = [kind for kind in KINDS.values() if kind.groups]


# The days on which parts of the Act begin to apply, each with the day before and the day after.
BEGINNINGS = (date(2026, 8, 2), date(2026, 12, 2), date(2027, 12, 2), date(2028, 8, 2))
DAYS = [ON, *(day + timedelta(days) for day in BEGINNINGS for days in (-1, 0, 1))]


def in_force(kind, on=ON):
    law = load()
    points = [point for group in kind.groups for point in law.points_of(group)]
    return [point.id for point in points if law.in_force(point.id, on) is not False and point.status != "deleted"]


def contents_of(kind, on=ON):
    """The documents of a kind that together have to print each of its points, each with its page."""
    made = [samples.full(kind.id), samples.bare(kind.id)]
    if kind.id == "annex-viii":
        made = [made[0], samples.exempt()]
    if kind.id == "incident":
        made = made[:1]
    made = [samples.of_kind(kind.id, snapshot, on) for snapshot in made]
    return [(content := build(snapshot), to_html(content, snapshot, Pictures())) for snapshot in made]


def section(content, number):
    return next(part for part in content.sections if part.number == number)


def texts(content, number):
    return [paragraph.text for paragraph in section(content, number).paragraphs]


def test_the_kinds_of_rows_and_the_kinds_that_are_built_are_the_same():
    assert set(Document.Kind.values) == set(KINDS)


@pytest.mark.parametrize("on", DAYS, ids=str)
@pytest.mark.parametrize("kind", OF_THE_ACT, ids=lambda kind: kind.id)
def test_every_point_in_force_is_measured_declared_or_missing(kind, on):
    points = in_force(kind, on)
    assert points
    made = contents_of(kind, on)
    assert {part.point for content, _ in made for part in content.sections if part.point} == set(points)
    for content, page in made:
        printed = [part for part in content.sections if part.point]
        if kind.id != "annex-viii":  # its sections go by class and role: together the two print every point
            assert [part.point for part in printed] == points
        for part in printed:
            text = re.search(rf'id="{re.escape(part.anchor)}">(.*?)</section>', page, re.DOTALL)[1]
            states = re.findall(r'<span class="state">(\w+)</span>', text)
            assert f">{part.point}<" in text
            assert states == [paragraph.state.capitalize() for paragraph in part.paragraphs]
            assert states or part.point not in leaves(points), f"nothing is said of {part.point}"


@pytest.mark.parametrize("kind", OF_THE_ACT, ids=lambda kind: kind.id)
def test_every_ask_and_every_question_of_the_group_names_a_point_that_is_in_force(kind):
    questions = {point for row in record.load().questions.values() for point in row.points}
    of_the_group = {point for point in questions if any(point == g or point.startswith(f"{g}.") for g in kind.groups)}
    assert {ask.point for ask in kind.asks} | of_the_group <= set(in_force(kind))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_bare_snapshot_states_nothing_and_every_gap_has_an_owner(kind):
    if kind == "model-risk":
        return
    content = build(samples.bare(kind))
    assert content.counts["measured"] == content.counts["declared"] == 0
    assert content.gaps
    assert all(gap.owner and gap.what for gap in content.gaps)


def test_deleted_points_are_never_printed():
    for snapshot in (samples.full("annex-viii"), samples.exempt()):
        assert not {"Annex VIII.B.7", "Annex VIII.B.9"} & {part.point for part in build(snapshot).sections}


def test_a_kind_that_this_release_does_not_build_is_refused():
    snapshot = samples.bare("annex-iv")
    snapshot["document"]["kind"] = "annex-x"
    with pytest.raises(SnapshotInvalid, match="annex-x"):
        build(snapshot)


def test_a_snapshot_that_names_the_kind_as_earlier_ones_did_is_built():
    snapshot = samples.full("annex-iv")
    snapshot["document"]["kind"] = "annex_iv"
    assert build(snapshot).kind == "annex-iv"


# Annex V


def test_an_unsigned_declaration_states_nothing_of_points_3_to_5_and_8():
    content = build(samples.full("annex-v"))
    for number in ("3", "4", "5", "8"):
        assert {paragraph.state for paragraph in section(content, number).paragraphs} == {"missing"}
    said = " ".join(paragraph.text for _, paragraph in content.paragraphs())
    assert "in conformity" not in said
    assert "when it is signed" in content.caveat


def test_a_signed_declaration_has_the_statements_of_its_signatory():
    content = build(samples.signed())
    assert content.status == "Signed"
    assert content.caveat == ""
    assert "sole responsibility of the provider" in texts(content, "3")[0]
    assert "in conformity with Regulation (EU) 2024/1689" in texts(content, "4")[0]
    assert "2016/679" in texts(content, "5")[0]
    (facts,) = section(content, "8").paragraphs[0].blocks
    assert dict(facts.rows) | {"Name": "A. Signatory", "Place": "Frankfurt am Main", "Date": "2026-11-23"} == dict(
        facts.rows
    )


def test_point_5_is_stated_only_if_personal_data_are_processed():
    snapshot = samples.signed()
    snapshot["signatory"] = samples.SIGNATORY | {"personal_data": False}
    assert "does not involve" in texts(build(snapshot), "5")[0]
    assert "2016/679" not in " ".join(texts(build(snapshot), "5"))


# Annex VIII and Article 27: what applies


def test_the_sections_of_the_registration_sheet_follow_class_and_role():
    assert {part.number[0] for part in build(samples.full("annex-viii")).sections} == {"0", "A", "C"}
    assert {part.number[0] for part in build(samples.exempt()).sections} == {"0", "B"}
    snapshot = samples.full("annex-viii")
    snapshot["system"]["ai_roles"] = ["deployer"]
    content = build(snapshot)
    assert {part.number[0] for part in content.sections} == {"0", "C"}
    assert any("Section C applies" in text for text in texts(content, "0"))


@pytest.mark.parametrize(
    ("points", "ai_act_class", "printed", "says"),
    [
        (["Annex III.2"], "high", "0", ["registered nationally, not in the EU database (Article 49(5))"]),
        (
            ["Annex III.2", "Annex III.5.b"],
            "high",
            "0AC",
            ["By Annex III.2 the system", "high-risk under Annex III.5.b"],
        ),
        (
            ["Annex III.6.a"],
            "high",
            "0AC",
            ["By Annex III.6.a the entry goes to the part of the EU database that is not"],
        ),
        (["Annex III.7.b"], "minimal", "0B", ["By Annex III.7.b the entry goes to the part"]),
        (["Annex III.1.b"], "high", "0AC", ["if the system is used in law enforcement", "does not say whether it is"]),
        (["Annex III.5.b"], "high", "0AC", []),
    ],
)
def test_the_sheet_says_where_the_system_is_registered(points, ai_act_class, printed, says):
    snapshot = samples.full("annex-viii")
    snapshot["classification"] |= {"annex_points": points, "ai_act_class": ai_act_class}
    content = build(snapshot)
    assert "".join(sorted({part.number[0] for part in content.sections})) == printed
    said = " ".join(texts(content, "0"))
    assert [text for text in says if text not in said] == []
    assert ("Article 49(4)" in said) == any(
        point.startswith(("Annex III.1", "Annex III.6", "Annex III.7")) for point in points
    )
    assert ("Article 49(5)" in said) == ("Annex III.2" in points)


@pytest.mark.parametrize(
    ("points", "body", "says"),
    [
        (["Annex III.5.b"], None, "Owed: the organisation deploys a system listed in Annex III.5.b"),
        (["Annex III.5.c"], "Neither", "Owed"),
        (["Annex III.4.a"], "Public body", "Owed: the deployer is a body"),
        (["Annex III.4.a"], "Neither", "Not owed"),
        (["Annex III.2.a"], "Public body", "Not owed"),
        (["Annex I.A.1"], "Public body", "Not owed"),
        (["Annex III.4.a"], None, "can't be said"),
    ],
)
def test_whether_the_impact_assessment_is_owed_is_said_with_the_reason(points, body, says):
    snapshot = samples.full("fria")
    snapshot["classification"] |= {"annex_points": points}
    for row in snapshot["record"]:
        if row["id"] == "public-body":
            row["answer"] = row["answer"] | {"text": body} if body else None
    assert any(says in text for text in texts(build(snapshot), "27(1)"))


# The report over all systems


def test_figures_of_the_model_risk_report_are_counted_from_the_rows():
    content = build(samples.full("model-risk"))
    tables = {table.caption: table for _, paragraph in content.paragraphs() for table in paragraph.blocks}
    rows = [[cell.text for cell in row] for row in tables["Findings open at its end, by age"].rows]
    assert rows == [["high", "over 90 days", "late", "1"]]
    assert [gap.what for gap in content.gaps] == [
        "Consumer credit scoring: EU declaration of conformity (Annex V), owed from 2027-12-02.",
        "Mail sorting: which documents are owed can't be said before its classification is signed.",
    ]
    printed = {caption: [[cell.text for cell in row] for row in table.rows] for caption, table in tables.items()}
    assert printed["Tiers by the age of their signature at the end of the period"] == [
        ["1", "over a year", "1"],
        ["not set", "not signed by then", "1"],
    ]
    assert printed["Live versions by tier and validation"] == [["1", "fit with conditions", "1"], ["1", "none", "1"]]
    assert printed["Overdue to be validated again"] == [["consumer-credit", "credit-risk v2", "1"]]
    assert printed["Live versions by drift measured in the period"] == [["measured", "1"], ["no monitor", "1"]]
    assert printed["Live versions whose drift was not measured"] == [["limit v1", "champion", "no monitor", "1"]]
    snapshot = samples.full("model-risk")
    snapshot["portfolio"]["approvals"] *= 2
    assert build(snapshot).sections[1].paragraphs[0].text == "Counted from 2 rows of the snapshot."


def test_clocks_of_an_incident_stand_under_their_own_paragraph():
    content = build(samples.full("incident"))
    assert "Latest day, Art 73.4: 2026-12-03" in texts(content, "73(4)")
    assert texts(content, "73(3)") == [
        "By what is on record of the incident, the time limit of this paragraph does not run."
    ]


def test_the_report_over_all_systems_has_no_version_and_no_class_on_its_cover():
    assert {"Model version", "Provider", "Class under the AI Act"}.isdisjoint(
        dict(build(samples.full("model-risk")).cover)
    )
    assert dict(build(samples.full("risk-file")).cover)["Model version"] == "credit-risk, version 2"


def test_only_methods_of_what_the_document_cites_are_explained():
    explained = {block.caption for block in build(samples.full("annex-v")).appendices}
    assert explained.isdisjoint({"performance/v1", "fairness/v1"})
    assert "performance/v1" in {block.caption for block in build(samples.full("annex-iv")).appendices}


# The pages


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_section_has_a_place_of_its_own_and_none_of_those_that_every_document_has(kind):
    template = (TEMPLATES / "document.html").read_text()
    taken = re.findall(r' id="([a-z]+)"', template)
    assert {"about", "contents", "gaps", "sources", "methods"} <= set(taken)
    anchors = [part.anchor for part in build(samples.full(kind)).sections]
    assert len({*anchors, *taken}) == len(anchors) + len(taken)


# Article 72


def test_that_nothing_happened_is_no_gap_and_what_was_not_collected_is():
    snapshot = samples.full("art-72-plan") | {"incidents": [], "findings": []}
    assert texts(build(snapshot), "R.2") == ["No incident was on record."]
    assert {row.state for row in section(build(snapshot), "R.3").paragraphs} == {"measured"}
    del snapshot["incidents"]
    assert section(build(snapshot), "R.2").paragraphs[0].state == "missing"


def test_an_answer_says_of_each_reason_which_way_it_moved_the_number():
    content = build(samples.full("answer-86"))
    (table,) = (
        block
        for _, paragraph in content.paragraphs()
        for block in paragraph.blocks
        if getattr(block, "caption", "") == "What counted most in the result"
    )
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["checking account", "higher", "+0.810"],
        ["duration months", "higher", "+0.720"],
        ["savings", "lower", "\N{MINUS SIGN}0.130"],
        ["telephone", "no different", "0.000"],
    ]
    assert "from \N{MINUS SIGN}0.910 on average to 0.490 for this case" in table.note
