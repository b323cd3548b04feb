"""Charts are well-formed SVG, keep hostile labels as text, and draw values where they belong."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents import charts

FINITE = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def circles(svg):
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)"', svg)]


@given(FINITE, FINITE)
def test_ticks_span_the_data_in_even_steps(a, b):
    low, high = min(a, b), max(a, b)
    marks = charts.ticks(low, high)
    span = marks[-1] - marks[0]
    assert marks[0] <= low + 1e-6 * span
    assert marks[-1] >= high - 1e-6 * span
    assert len({round((y - x) / span, 6) for x, y in pairwise(marks)}) == 1


def test_ticks_refuse_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        charts.ticks(0.0, float("inf"))


def test_an_interval_chart_puts_larger_values_further_right_and_shades_what_misses():
    rows = [charts.IntervalRow("low", 0.6, 0.5, 0.7), charts.IntervalRow("high", 0.9, 0.8, 1.0)]
    svg = charts.interval_chart(rows, axis="ratio", limit=0.8, reference=1.0)
    ET.fromstring(svg)  # noqa: S314 (our own output)
    (x_low, y_low), (x_high, y_high) = circles(svg)
    assert x_low < x_high
    assert y_low < y_high
    assert charts.MISS in svg
    assert "limit 0.80" in svg


def test_an_undefined_value_is_named_and_not_drawn():
    svg = charts.interval_chart([charts.IntervalRow("group", None, None, None)], axis="ratio")
    assert circles(svg) == []
    assert "undefined" in svg


def test_a_hostile_label_stays_text():
    svg = charts.shap_bars([("<script>x</script>", 0.5, None, None)], axis="&")
    ET.fromstring(svg)  # noqa: S314 (our own output)
    assert "<script" not in svg


def test_a_value_outside_the_axis_stays_on_its_edge():
    svg = charts.mini_interval(9.0, -9.0, 9.0, domain=(0.0, 1.0), limit=0.5)
    assert all(0 <= x <= 92 for x, _ in circles(svg))


def test_curves_draw_with_and_without_points():
    for svg in (
        charts.roc_curve([(0.0, 0.0), (0.3, 0.8), (1.0, 1.0)], operating=(0.3, 0.8)),
        charts.roc_curve([]),
        charts.calibration_plot([(0.1, 0.2, 30), (0.9, 0.8, 3)]),
        charts.calibration_plot([]),
        charts.state_bar(2, 1, 3, most=6),
    ):
        ET.fromstring(svg)  # noqa: S314 (our own output)


def test_a_bin_with_more_rows_gets_a_larger_dot():
    svg = charts.calibration_plot([(0.1, 0.2, 100), (0.9, 0.8, 4)])
    first, second = (float(radius) for radius in re.findall(r' r="([\d.]+)"', svg))
    assert first > second


def test_tick_labels_are_found_for_those_who_check_figures():
    assert "0.2" in charts.tick_labels([charts.roc_curve([])])
