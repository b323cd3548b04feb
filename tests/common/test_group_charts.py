"""Charts and table parts of figures by group."""

import re

import pytest

from governance.common import group_charts
from governance.common.templatetags import group_charts as tags
from governance.evidence import schemas
from reports.documents import fairness_blocks
from reports.documents.content import Figure, Table
from tests.common import samples_fairness


def words_of(svg: str) -> str:
    return re.search(r"<desc[^>]*>(.*?)</desc>", svg)[1]


@pytest.mark.parametrize("payload", [samples_fairness.decisions(), samples_fairness.numbers()])
def test_the_samples_are_as_the_schema_wants_them(payload):
    assert schemas.first_problem("fairness/v1", payload) is None


def test_a_chart_of_rates_says_every_figure_and_what_is_hidden():
    origin = samples_fairness.decisions()["features"][1]
    svg = tags.group_dots(origin, "selection_rate", "Selection rate")
    said = words_of(svg)
    assert "here (reference) 0.76, 95 % interval 0.69 to 0.83" in said
    assert "stateless: fewer than 10 people" in said
    assert svg.count("<circle") == 3
    assert "style=" not in svg
    assert svg.count(">hidden<") == 2


def test_names_with_markup_are_written_as_text():
    rows = [{"group": "<b>&", "figure": {"value": 0.5, "low": 0.4, "high": 0.6}}]
    svg = group_charts.rate_dots(rows, uid="u", title="<i>")
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert "&lt;b&gt;&amp;" in svg


def test_a_sweep_marks_the_versions_own_threshold_with_its_interval():
    sex = samples_fairness.decisions()["features"][0]
    said = words_of(tags.sweep_chart(sex, 0.8))
    assert said.startswith("The version&#x27;s own threshold is 0.45, where it is 0.93, 95 % interval 0.74 to 1.12.")
    assert "Limit 0.80" in said
    assert tags.sweep_chart(samples_fairness.decisions()["features"][1], 0.8) == ""


def test_a_break_in_a_sweep_breaks_the_line():
    svg = group_charts.over_thresholds([0.1, 0.2, 0.3, 0.4], [0.5, None, 0.7, 0.8], own=0, uid="u", title="t")
    assert svg.count("<polyline") == 2
    assert "at 0.20 undefined" in words_of(svg)


def test_intersections_become_a_table_with_every_cell():
    crossed = samples_fairness.decisions()["intersections"][0]
    rows = tags.heat_rows(crossed)
    assert [row["group"] for row in rows] == ["male", "female"]
    assert tags.heat_columns(crossed) == ["here", "elsewhere in the country", "abroad", "not stated", "stateless"]
    assert all(cell is not None for row in rows for cell in row["cells"])
    css = {cell["group"].split(" ")[-1]: tags.cell_class(cell, 0.8) for cell in rows[0]["cells"]}
    assert css["abroad"] == "x-heat2"
    assert css["stateless"] == "x-heatx"
    assert [tags.hidden_word(cell, 10) for cell in rows[1]["cells"][1:3]] == ["withheld", "<10"]


def test_a_cell_is_coloured_by_its_whole_interval():
    for low, high, css in ((0.85, 1.2, "x-heat1"), (0.7, 1.2, "x-heat2"), (0.4, 0.7, "x-heat4")):
        assert tags.cell_class({"selection_ratio": {"value": 0.8, "low": low, "high": high}}, 0.8) == css
    assert tags.cell_class({"selection_ratio": {"value": 0.8, "low": 0.7, "high": 0.9}}) == "x-heat0"


def test_the_document_prints_what_the_page_shows_and_no_more():
    blocks = fairness_blocks.fairness(samples_fairness.decisions(), limit=0.8)
    tables = [block for block in blocks if isinstance(block, Table)]
    origin = next(table for table in tables if "origin;" in table.caption)
    rows = {row[0].text: [cell.text for cell in row] for row in origin.rows}
    assert rows["stateless"][1:6] == ["<10", "not shown", "not shown", "not shown", "not shown"]
    assert rows["not stated"][1] == "withheld"
    assert "Cells of fewer than 10 people are not shown" in origin.note
    assert any(table.caption.startswith("Intersections of sex and origin") for table in tables)
    assert any("at other thresholds" in table.caption for table in tables)
    assert any("Differences from male" in table.caption for table in tables)
    assert [block.alt.count(";") for block in blocks if isinstance(block, Figure)] == [2]


def test_a_regression_prints_its_errors():
    blocks = fairness_blocks.fairness(samples_fairness.numbers())
    (table,) = [block for block in blocks if isinstance(block, Table)]
    assert [cell.text for cell in table.rows[1]][:3] == ["female", "93", "−17.000"]  # noqa: RUF001
    assert table.rows[2][1].text == "<10"
    assert any(isinstance(block, Figure) for block in blocks)
