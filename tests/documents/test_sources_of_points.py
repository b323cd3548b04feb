"""A document says where its points stand, and names what is to be confirmed without counting it."""

from governance.regulation.register import load
from reports.documents.building import UNCONFIRMED, build
from reports.documents.kinds import KINDS
from reports.documents.snapshot import law_part
from tests.documents import sample_kinds as samples
from tests.documents.sample_kinds import ON

CAPTION = "Sources of the points"


def drawn(kind, **law):
    """The full sample of a kind with the points of the register in use."""
    return build(samples.full(kind) | {"law": law_part(groups=KINDS[kind].groups, on_date=ON) | law})


def unconfirmed_law():
    """Article 72 as if nobody had sourced its paragraph 4, as it is with two points of Article 26."""
    law = law_part(groups=("Art 72",), on_date=ON)
    (row,) = (row for row in law["points"] if row["id"] == "Art 72.4")
    row |= {"to_be_confirmed": True, "requirement": ""}
    return law


def sources(content):
    return [dict(block.rows) for block in content.appendices if block.caption == CAPTION]


def test_every_point_of_the_outline_has_its_source_once_under_the_addresses_of_the_acts():
    (rows,) = sources(drawn("annex-viii"))
    points = [point.id for point in load().points_of("Annex VIII") if point.status != "deleted"]
    assert list(rows)[:1] == ["CELEX 32024R1689"]
    assert rows["CELEX 32024R1689"] == "http://data.europa.eu/eli/reg/2024/1689/oj"
    assert set(rows) - {"CELEX 32024R1689"} <= set(points)
    assert rows["Annex VIII.A.1"] == "CELEX 32024R1689, Annex VIII, Section A, point 1"


def test_a_point_that_was_changed_names_the_act_that_did_it():
    (rows,) = sources(drawn("art-72-plan"))
    assert rows["Art 72.3"] == "CELEX 32024R1689, Art 72(3); amended by CELEX 32026R1744, Art 1(30)"
    assert rows["CELEX 32026R1744"] == "http://data.europa.eu/eli/reg/2026/1744/oj"
    assert rows["Art 72.1"] == "CELEX 32024R1689, Art 72(1)"


def test_a_snapshot_from_before_points_named_their_source_is_drawn_as_it_was():
    points = [
        {key: value for key, value in row.items() if key not in {"source", "to_be_confirmed"}}
        for row in law_part(groups=("Art 72",), on_date=ON)["points"]
    ]
    assert sources(drawn("art-72-plan", points=points)) == []


def test_what_is_to_be_confirmed_is_named_and_nothing_is_missing_under_it():
    content = build(samples.full("art-72-plan") | {"law": unconfirmed_law()})
    (section,) = (section for section in content.sections if section.point == "Art 72.4")
    assert (section.requirement, section.duty) == (UNCONFIRMED, "")
    assert "Art 72.4" not in {gap.number for gap in content.gaps}
    unanswered = samples.full("art-72-plan") | {"record": [], "law": unconfirmed_law()}
    question = {
        "id": "x",
        "title": "Other monitoring",
        "points": ["Art 72.4"],
        "missing": "Not said.",
        "owed_by": "owner",
    }
    gaps = {gap.what for gap in build(unanswered | {"record": [question]}).gaps}
    assert "Not said." not in gaps
    elsewhere = question | {"points": ["Art 72.1"]}
    assert "Not said." in {gap.what for gap in build(unanswered | {"record": [elsewhere]}).gaps}


def test_what_people_said_under_a_point_to_be_confirmed_is_still_printed():
    said = {"id": "x", "title": "Other monitoring", "points": ["Art 72.4"], "missing": "Not said.", "owed_by": "owner"}
    said |= {"answer": {"id": "a", "text": "It stands alone.", "role": "owner", "at": "2026-11-01T00:00:00Z"}}
    content = build(samples.full("art-72-plan") | {"record": [said], "law": unconfirmed_law()})
    (section,) = (section for section in content.sections if section.point == "Art 72.4")
    assert [(p.state, p.text) for p in section.paragraphs] == [("declared", "It stands alone.")]
