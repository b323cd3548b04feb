"""Curves of a score: well-formed, named, escaped, and with the version's own threshold where it belongs."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from governance.common import curves
from governance.common.curves import Series
from governance.common.templatetags import curves as tags
from tests import measured

EVIL = "<script>alert(1)</script>"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 (our own text)


@pytest.fixture(scope="module")
def performance() -> dict[str, Any]:
    return measured.binary()


def test_every_curve_names_itself_and_says_its_figures(performance):
    calibration = measured.calibration()
    drawn = [
        tags.roc_chart(performance),
        tags.precision_recall_chart(performance),
        tags.threshold_chart(performance),
        tags.cost_chart(performance),
        tags.slice_forest(performance["slices"]),
        tags.reliability_chart(calibration),
        tags.reliability_chart(calibration, "equal_width"),
        tags.reliability_chart(measured.calibration_of_a_regression()),
    ]
    for svg in drawn:
        root = parsed(svg)
        assert root.find("title").text
        assert len(root.find("desc").text) > 20
        assert "style=" not in svg
    assert len({parsed(svg).find("title").attrib["id"] for svg in drawn[:-1]}) == len(drawn) - 1


def test_the_threshold_drawn_is_the_version_s_own(performance):
    text = "".join(parsed(tags.threshold_chart(performance)).itertext())
    assert "own, 0.46" in text
    (own,) = [row for row in performance["thresholds"] if row["own"]]
    assert f"true positive rate {own['tpr']['value']:.3f}" in text


def test_without_scores_or_costs_nothing_is_drawn(performance):
    bare = performance | {"roc": [], "precision_recall": [], "thresholds": [], "cost_matrix": None}
    for tag in (tags.roc_chart, tags.precision_recall_chart, tags.threshold_chart, tags.cost_chart):
        assert tag(bare) == ""
    assert tags.cost_chart(performance | {"cost_matrix": None}) == ""


def test_names_from_the_data_stay_text():
    row = {"label": EVIL, "difference": {"value": 0.1, "low": None, "high": None}, "n": 40, "shown": True}
    forest = curves.forest([row], uid="f", title=EVIL, across=EVIL)
    lines = curves.over_thresholds([0.1, 0.9], [Series(EVIL, [None, 0.2])], uid="t", title=EVIL, up=EVIL)
    for svg in (forest, lines):
        assert "<script" not in svg
        assert EVIL in "".join(parsed(svg).itertext())


def test_a_value_that_is_not_defined_leaves_a_gap():
    svg = curves.over_thresholds([0.1, 0.5, 0.9], [Series("precision", [0.3, None, 0.5])], uid="t", title="T", up="y")
    (line,) = list(parsed(svg).iter("polyline"))
    assert len(line.attrib["points"].split()) == 2


def test_axis_marks_are_round():
    text = "".join(parsed(curves.unit_curve([(0, 0), (1, 1)], uid="u", title="T", across="x", up="y")).itertext())
    for mark in ("0.2", "0.4", "0.6", "0.8", "1.0"):
        assert mark in text
