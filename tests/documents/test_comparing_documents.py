"""What changed between two versions of a document: each difference once, under its point, with figures and sources."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents.building import build
from reports.documents.comparing import KINDS as CHANGES
from reports.documents.comparing import NotComparable, compare
from reports.documents.content import (
    Cell,
    Column,
    Content,
    Declarant,
    Facts,
    Figure,
    Paragraph,
    Section,
    Source,
    Table,
)
from reports.documents.kinds import KINDS
from tests.documents import sample_kinds as samples

SOURCE = Source(id="e1", name="fairness/v1", title="Evidence", digest="sha256:1", log_index=None)
LATER = replace(SOURCE, log_index=130, made_at="2026-11-23T10:00:00Z")
OTHER = replace(SOURCE, id="e2", digest="sha256:2")
SOMEONE = Declarant(role="owner", on="2026-11-23")


def measured(text, *blocks, source=SOURCE):
    return Paragraph("measured", text, blocks, (source,))


def declared(text, who=SOMEONE):
    return Paragraph("declared", text, declared_by=who)


def missing(text, owner="engineer"):
    return Paragraph("missing", text, owner=owner)


def section(*paragraphs, point="Annex IV.1", **more):
    return Section("point-1", "1", "Description", 1, point=point, paragraphs=paragraphs, **more)


def content(*sections, law="2026-11-23+sha256:0", cover=(), kind="annex-iv"):
    return Content(
        kind=kind,
        title="t",
        subtitle="s",
        document_id="d",
        snapshot_digest="sha256:0",
        created_at="2026-11-23T10:00:00Z",
        law_version=law,
        language="en",
        organisation="o",
        status="Unsigned draft",
        cover=tuple(cover),
        sections=sections,
    )


def only(before, after):
    """The one change between two paragraphs of a section."""
    found = compare(content(section(*before)), content(section(*after)))
    (changed,) = found.changed
    (change,) = changed.changes
    return change


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_differs_in_nothing_from_itself(kind):
    made = build(samples.full(kind))
    found = compare(made, build(samples.full(kind)))
    assert found.is_empty
    assert sum(section.same for section in found.sections) == len(list(made.paragraphs()))


@pytest.mark.parametrize("kind", KINDS)
def test_each_paragraph_of_both_is_told_of_once(kind):
    before, after = build(samples.bare(kind)), build(samples.full(kind))
    found = compare(before, after)
    changes = [change for part in found.sections for change in part.changes]
    same = sum(part.same for part in found.sections)
    assert sum(change.before is not None for change in changes) + same == len(list(before.paragraphs()))
    assert sum(change.after is not None for change in changes) + same == len(list(after.paragraphs()))
    assert sum(found.counts.values()) == len(changes)


def test_documents_of_two_kinds_are_not_compared():
    with pytest.raises(NotComparable, match="annex-iv is not compared with one of annex-v"):
        compare(content(), content(kind="annex-v"))


def test_other_words_of_one_paragraph_are_a_change_of_text():
    change = only([declared("Scores applications for consumer credit.")], [declared("Scores applications for credit.")])
    assert change.kind == "text"
    assert change.before.text.endswith("consumer credit.")
    assert change.after.text.endswith("for credit.")


def test_the_same_words_by_somebody_else_are_a_change():
    change = only([declared("So it is.")], [declared("So it is.", Declarant("validator", "2026-11-24"))])
    assert change.kind == "text"


def test_what_was_missing_and_is_measured_now_is_another_state_of_one_paragraph():
    change = only(
        [missing("No fairness evidence is attached.")], [measured("Differences between groups were measured.")]
    )
    assert change.kind == "state"
    assert (change.before.state, change.after.state) == ("missing", "measured")
    assert change.come == (SOURCE,)
    assert change.values == ()


def test_gaps_are_paired_with_answers_in_the_order_of_the_questions_and_what_is_left_was_added():
    found = compare(
        content(section(missing("No hardware."), missing("No compute."))),
        content(section(declared("A server."), declared("Two hours."), declared("A third thing."))),
    )
    (changed,) = found.changed
    assert [(change.kind, change.before and change.before.text) for change in changed.changes] == [
        ("state", "No hardware."),
        ("state", "No compute."),
        ("added", None),
    ]


def test_a_gap_that_stays_is_never_taken_for_another_ones_answer():
    found = compare(
        content(section(missing("No hardware."), missing("No compute."))),
        content(section(declared("Two hours."), missing("No hardware."))),
    )
    (changed,) = found.changed
    assert [(change.before.text, change.after.text) for change in changed.changes] == [("No compute.", "Two hours.")]
    assert changed.same == 1


def test_two_statements_that_share_no_words_are_one_removed_and_one_added():
    found = compare(content(section(declared("Alpha beta gamma."))), content(section(declared("Delta epsilon zeta."))))
    assert found.counts == {**dict.fromkeys(CHANGES, 0), "added": 1, "removed": 1}


def test_figures_that_differ_are_named_by_table_row_and_column_with_their_sources():
    columns = (Column("Group"), Column("Rate", numeric=True), Column("Log", numeric=True))

    def table(rate, place):
        return Table("Rates", columns, ((Cell("women"), Cell(rate, sub="0.1 to 0.3"), Cell(place)),))

    after = measured("Measured.", table("0.25", "131"), source=OTHER)
    change = only([measured("Measured.", table("0.20", "none"))], [after])
    assert change.kind == "figures"
    assert [(value.where, value.before, value.after) for value in change.values] == [
        ("Rates: women, Rate", "0.20 0.1 to 0.3", "0.25 0.1 to 0.3")
    ]
    assert (change.gone, change.come) == ((SOURCE,), (OTHER,))


def test_rows_of_one_name_are_told_apart():
    def table(second):
        rows = tuple((Cell("week"), Cell(value)) for value in ("1", second))
        return Table("Windows", (Column("When"), Column("n")), rows)

    change = only([measured("m", table("2"))], [measured("m", table("3"))])
    assert [(value.where, value.before) for value in change.values] == [("Windows: week, n (2)", "2")]


def test_lists_and_charts_are_compared_by_what_they_say():
    def blocks(size, curve):
        return Facts("Model", (("Bytes", size),)), Figure("<svg/>", "ROC", curve)

    change = only([measured("m", *blocks("1", "area 0.7"))], [measured("m", *blocks("2", "area 0.8"))])
    assert [value.where for value in change.values] == ["Model: Bytes", "ROC"]


def test_a_place_in_the_log_that_came_later_is_no_change():
    assert compare(content(section(measured("m"))), content(section(measured("m", source=LATER)))).is_empty
    placed = replace(SOMEONE, log_index=4)
    assert compare(content(section(declared("d"))), content(section(declared("d", placed)))).is_empty


def test_the_same_words_from_another_source_are_a_change_of_sources():
    assert only([measured("m")], [measured("m", source=OTHER)]).kind == "sources"


def test_paragraphs_of_the_same_words_are_told_apart_by_their_sources():
    before, after = [measured("m"), measured("m", source=OTHER)], [measured("m", source=OTHER), measured("m")]
    assert compare(content(section(*before)), content(section(*after))).is_empty


def test_another_law_and_another_wording_of_a_point_are_said():
    before = content(section(declared("d"), requirement="Name the provider."))
    after = content(section(declared("d"), requirement="Name the provider and the version."), law="2027-01-01+sha256:1")
    found = compare(before, after)
    assert (found.law.before, found.law.after) == ("2026-11-23+sha256:0", "2027-01-01+sha256:1")
    assert found.changed[0].requirement.after.endswith("and the version.")
    assert found.changed[0].standing == "changed"
    assert not found.is_empty


def test_points_that_came_or_went_stand_where_they_belong():
    points = ["Annex IV.1", "Annex IV.2", "Annex IV.3", "Annex IV.4"]
    first, second, third, fourth = (section(declared(f"d{place}"), point=point) for place, point in enumerate(points))
    found = compare(content(first, second, third), content(first, third, fourth))
    assert [(part.point, part.standing) for part in found.sections] == [
        ("Annex IV.1", "same"),
        ("Annex IV.2", "removed"),
        ("Annex IV.3", "same"),
        ("Annex IV.4", "added"),
    ]


def test_lines_of_the_cover_that_differ_are_told_but_not_those_that_always_do():
    before = content(cover=[("Model version", "credit-risk, version 1"), ("Document id", "a"), ("Document made", "x")])
    after = content(cover=[("Model version", "credit-risk, version 2"), ("Document id", "b"), ("Document made", "y")])
    assert [(row.where, row.after) for row in compare(before, after).cover] == [
        ("Model version", "credit-risk, version 2")
    ]


def test_a_change_of_a_real_document_is_found_under_its_point():
    changed = copy.deepcopy(samples.full("annex-iv"))
    for row in changed["evidence"]:
        if row["type"] == "performance/v1":
            row["payload"]["metrics"][0]["candidate"]["value"] = 0.61
            row["payload_digest"] = "sha256:" + "1" * 64
    found = compare(build(samples.full("annex-iv")), build(changed))
    assert [part.number for part in found.changed] == ["2(g)", "3"]
    figures = found.changed[0].changes[0]
    assert figures.kind == "figures"
    assert (figures.values[0].before, figures.values[0].after) == ("0.800 0.747 to 0.851", "0.610 0.747 to 0.851")
    assert figures.come[0].digest == "sha256:" + "1" * 64


PARAGRAPHS = st.lists(
    st.one_of(
        st.sampled_from(["a b c d", "a b c e", "f g", "h"]).map(declared),
        st.sampled_from(["a b c d", "x y"]).map(measured),
        st.sampled_from(["no a", "no b"]).map(missing),
    ),
    max_size=6,
)


@given(PARAGRAPHS, PARAGRAPHS)
def test_no_paragraph_is_lost_or_told_of_twice(before, after):
    found = compare(content(section(*before)), content(section(*after)))
    changes = [change for part in found.sections for change in part.changes]
    same = sum(part.same for part in found.sections)
    assert sum(change.before is not None for change in changes) + same == len(before)
    assert sum(change.after is not None for change in changes) + same == len(after)
    assert all(change.before != change.after for change in changes)
