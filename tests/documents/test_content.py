"""A paragraph cannot be built without what its state promises."""

import pytest

from reports.documents.content import Cell, Column, Declarant, Facts, Paragraph, Source, Table, Unsupported

SOURCE = Source(id="e1", name="fairness/v1", title="Evidence")
SOMEONE = Declarant(role="owner", on="2026-11-23")


def test_each_state_is_built_with_exactly_what_stands_behind_it():
    Paragraph("measured", "x", sources=(SOURCE,))
    Paragraph("declared", "x", declared_by=SOMEONE)
    Paragraph("missing", "x", owner="engineer")


@pytest.mark.parametrize(
    "support",
    [
        {"state": "measured"},
        {"state": "measured", "sources": (SOURCE,), "owner": "engineer"},
        {"state": "measured", "declared_by": SOMEONE},
        {"state": "declared"},
        {"state": "declared", "sources": (SOURCE,)},
        {"state": "missing"},
        {"state": "missing", "owner": "engineer", "sources": (SOURCE,)},
        {"state": "missing", "owner": "engineer", "blocks": (Facts("x", ()),)},
    ],
)
def test_a_statement_that_nobody_and_nothing_stands_behind_is_refused(support):
    with pytest.raises(Unsupported):
        Paragraph(text="x", **support)


def test_a_table_with_a_row_of_another_width_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells for 2 columns"):
        Table("t", (Column("a"), Column("b")), ((Cell("only one"),),))
