"""Charts say their figures in words, draw them where the scale says, and carry neither styles nor raw input."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.common import bars, charts, contributions, pictures, series, timelines
from tests.common import samples

SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script>&'


def parsed(svg: str) -> ET.Element:
    """The picture as XML; the namespace is the one that HTML gives it."""
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314 (our own)


def lanes() -> list[dict[str, object]]:
    span = {
        "start": NOW - timedelta(days=100),
        "end": None,
        "label": HOSTILE,
        "suspended": [(NOW - timedelta(days=5), None)],
    }
    return [{"alias": HOSTILE, "note": HOSTILE, "spans": [span]}]


def proof(index: int, size: int) -> list[dict[str, object]]:
    """Steps of the right number; the hashes mean nothing."""
    for length in range(64):
        try:
            return pictures.inclusion_steps(index, size, b"\0" * 32, [bytes([i]) * 32 for i in range(length)])
        except ValueError:
            continue
    raise AssertionError


DRAWN: dict[str, Callable[[], str]] = {
    "interval": lambda: charts.interval_bar(
        0.93, 0.79, 1.09, uid="a", title=HOSTILE, limit=0.8, outcome="insufficient"
    ),
    "not measured": lambda: charts.interval_bar(None, None, None, uid="a", title=HOSTILE),
    "dots": lambda: charts.outcome_dots({"fail": 1, "pass": 3, "missing": 1}, uid="a", title=HOSTILE),
    "columns": lambda: bars.columns([(HOSTILE, [(HOSTILE, 3, "m"), ("lost", 1, "x")])], uid="a", title=HOSTILE),
    "bar": lambda: charts.stacked_bar([(HOSTILE, 3, "m"), ("missing", 1, "x")], uid="a", title=HOSTILE),
    "verdict moves": lambda: pictures.verdict_moves({"ALLOW HOLD": 1200, "HOLD HOLD": 2}, uid="a", title=HOSTILE),
    "timeline": lambda: timelines.timeline(
        [(NOW.date(), HOSTILE, "past"), ((NOW + timedelta(days=9)).date(), HOSTILE, "next")],
        today=NOW.date(),
        today_word=HOSTILE,
        uid="a",
        title=HOSTILE,
        desc=HOSTILE,
    ),
    "empty timeline": lambda: timelines.timeline(
        [], today=NOW.date(), today_word="today", uid="a", title=HOSTILE, desc=HOSTILE
    ),
    "sparkline": lambda: series.sparkline([0.1, None, 0.3], uid="a", title=HOSTILE, limit=0.2),
    "line": lambda: series.line_chart(
        [HOSTILE, "b"], [1.0, None], uid="a", title=HOSTILE, limit=2, bands=[(0, 1, HOSTILE)]
    ),
    "histogram": lambda: series.histogram(
        [{"label": HOSTILE, "reference": 0.4, "current": None}], uid="a", title=HOSTILE
    ),
    "beeswarm": lambda: pictures.beeswarm(
        [{"feature": HOSTILE, "points": [[0.1, 0.2], [-0.3, None]]}], uid="a", title=HOSTILE, unit=HOSTILE
    ),
    "dependence": lambda: contributions.dependence(
        [{"label": HOSTILE, "n": 9, "mean": 0.1, "q25": -0.2, "q75": 0.3}], uid="a", title=HOSTILE, unit=HOSTILE
    ),
    "no dependence": lambda: contributions.dependence([], uid="a", title=HOSTILE, unit=HOSTILE),
    "deletion": lambda: contributions.deletion(
        {"share": [0.0, 0.5, 1.0], "ordered": [0.0, 0.3, 0.4], "random": [0.0, 0.1, 0.4]},
        uid="a",
        title=HOSTILE,
        unit=HOSTILE,
    ),
    "waterfall": lambda: contributions.waterfall(
        [{"label": HOSTILE, "phi": 0.3}, {"label": "b", "phi": -0.5}],
        base=0.2,
        score=0.0,
        uid="a",
        title=HOSTILE,
        unit=HOSTILE,
    ),
    "lanes": lambda: pictures.alias_lanes(
        lanes(), uid="a", title=HOSTILE, until=NOW, events=[{"at": NOW, "label": HOSTILE, "kind": "refused"}]
    ),
    "proof": lambda: pictures.inclusion_path(9, 13, "ab" * 32, proof(9, 13), uid="a"),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_chart_is_well_formed_and_names_itself_and_its_figures(draw: Callable[[], str]) -> None:
    svg = draw()
    root = parsed(svg)
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert desc is not None
    assert desc.text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert svg == draw(), "the same input gives the same bytes"


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_chart_has_no_style_and_lets_no_input_become_markup(draw: Callable[[], str]) -> None:
    svg = draw()
    assert " style=" not in svg
    assert "<script" not in svg
    for element in parsed(svg).iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert all(name.startswith("x-") for name in element.get("class", "").split())


def test_the_interval_lies_where_the_scale_puts_it() -> None:
    root = parsed(charts.interval_bar(1.0, 0.5, 1.5, uid="a", title="t", limit=0.8, domain=(0, 2)))
    ci = next(e for e in root if "x-c-ci" in e.get("class", ""))
    assert (ci.get("x1"), ci.get("x2")) == ("47.5", "142.5")
    limit = next(e for e in root if e.get("class") == "x-c-limit")
    assert limit.get("x1") == "76"
    miss = next(e for e in root if e.get("class") == "x-c-miss")
    assert (miss.get("x"), miss.get("width")) == ("0", "76"), "below a minimum is the side that misses"


def test_a_maximum_shades_the_other_side() -> None:
    root = parsed(charts.interval_bar(0.1, 0.0, 0.3, uid="a", title="t", limit=0.2, better="lower", domain=(0, 0.4)))
    miss = next(e for e in root if e.get("class") == "x-c-miss")
    assert (miss.get("x"), miss.get("width")) == ("95", "95")


def test_the_description_says_estimate_interval_and_limit() -> None:
    svg = charts.interval_bar(0.93, 0.79, 1.09, uid="a", title="Ratio", limit=0.8, domain=(0.6, 1.2))
    assert "Estimate 0.93, 95 % interval 0.79 to 1.09, limit ≥ 0.80. Drawn from 0.60 to 1.20." in svg


def test_what_is_not_measured_is_said_and_never_drawn_as_zero() -> None:
    svg = charts.interval_bar(None, None, None, uid="a", title="Ratio", limit=0.8)
    assert "not measured" in svg
    assert "<circle" not in svg
    broken = series.line_chart(["a", "b", "c"], [1.0, None, 2.0], uid="a", title="t")
    assert "b no data" in broken
    assert broken.count("<polyline") == 2, "a gap breaks the line"
    assert broken.count("<circle") == 2


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(0, 1e6, allow_nan=False),
    st.floats(0, 1e6, allow_nan=False),
    st.none() | st.floats(-1e6, 1e6, allow_nan=False),
)
def test_every_interval_stays_inside_its_picture(value: float, below: float, above: float, limit: float | None) -> None:
    root = parsed(charts.interval_bar(value, value - below, value + above, uid="a", title="t", limit=limit))
    for element in root:
        for name in ("x1", "x2", "cx"):
            assert 0 <= float(element.get(name, "0")) <= 190


@given(st.lists(st.none() | st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=30))
def test_axis_marks_hold_every_value_and_are_few(values: list[float | None]) -> None:
    ticks = series.round_ticks(values)
    known = [v for v in values if v is not None]
    assert 3 <= len(ticks) <= 7
    assert ticks == sorted(ticks)
    slack = 1e-6 * max(1.0, *(abs(v) for v in known)) if known else 0
    assert all(ticks[0] - slack <= v <= ticks[-1] + slack for v in known)


def test_one_mark_per_check_and_the_worst_first() -> None:
    root = parsed(charts.outcome_dots({"pass": 2, "fail": 1, "insufficient": 1, "not_applicable": 1}, uid="a"))
    marks = [element.get("class") for element in root if element.get("class")]
    assert marks == ["x-k-fail", "x-k-insufficient", "x-k-pass", "x-k-pass", "x-k-na"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "x-heat0"),
        (0.04, "x-heat1"),
        (0.08, "x-heat2"),
        (0.15, "x-heat3"),
        (0.2, "x-heat4"),
        (0.3, "x-heat5"),
        (None, "x-heatx"),
    ],
)
def test_heat_follows_the_share_of_the_limit(value: float | None, expected: str) -> None:
    assert charts.heat_class(value, 0.2) == expected


def test_the_beeswarm_draws_every_point_once() -> None:
    payload = samples.explanation()
    svg = pictures.beeswarm(payload["points"], uid="a", title="t")
    assert svg.count("h0") == sum(len(item["points"]) for item in payload["points"])


def test_a_waterfall_walks_from_the_base_to_the_score() -> None:
    rows = [{"label": "a", "phi": 0.3}, {"label": "b", "phi": -0.5}]
    root = parsed(contributions.waterfall(rows, base=0.2, score=0.0, uid="a", title="t", unit="probability"))
    first, second = (e for e in root if e.tag == f"{SVG}rect")
    assert (first.get("class"), second.get("class")) == ("x-f7", "x-f0")
    end = float(first.get("x", "")) + float(first.get("width", ""))
    assert end == pytest.approx(float(second.get("x", "")) + float(second.get("width", "")), abs=0.11)
    assert "From the base value 0.200 to the score 0.000: a +0.300; b" in (root.findtext(f"{SVG}desc") or "")


def test_deletion_says_what_has_moved_half_way() -> None:
    curves = {"share": [0.0, 0.5, 1.0], "ordered": [0.0, 0.3, 0.4], "random": [0.0, 0.1, 0.4]}
    desc = parsed(contributions.deletion(curves, uid="a", title="t", unit="margin")).findtext(f"{SVG}desc") or ""
    assert "50 % of the features deleted the score has moved by 0.30 in the explanation's order and by 0.10 " in desc


def test_lanes_adapt_their_ticks_to_minutes_and_to_years() -> None:
    for length, sign in ((timedelta(minutes=7), ":"), (timedelta(days=400), "2026")):
        span = {"start": NOW - length, "end": None, "label": "v1"}
        svg = pictures.alias_lanes([{"alias": "champion", "spans": [span]}], uid="a", title="t", until=NOW)
        ticks = re.findall(r'y="14">([^<]+)<', svg)
        assert 3 <= len(ticks) <= 15
        assert any(sign in tick for tick in ticks)


def test_lanes_without_any_span_still_draw() -> None:
    assert "No alias has been set" in pictures.alias_lanes([], uid="a", title="t", until=NOW)


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, straight from the text."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def merkle_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, straight from the text."""
    if len(leaves) == 1:
        return []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < half:
        return [*merkle_path(index, leaves[:half]), merkle_root(leaves[half:])]
    return [*merkle_path(index - half, leaves[half:]), merkle_root(leaves[:half])]


@given(st.integers(1, 40), st.data())
def test_the_drawn_path_ends_in_the_root_and_each_sibling_covers_its_entries(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = [sha256(bytes([0, i])).digest() for i in range(size)]
    steps = pictures.inclusion_steps(index, size, leaves[index], merkle_path(index, leaves))
    assert (steps[-1]["node"] if steps else leaves[index].hex()) == merkle_root(leaves).hex()
    covered = {index}
    for step in steps:
        covered |= set(range(step["first"], step["last"] + 1))
        assert step["hash"] == merkle_root(leaves[step["first"] : step["last"] + 1]).hex()
    assert covered == set(range(size))
    parsed(pictures.inclusion_path(index, size, leaves[index].hex(), steps, uid="a"))


def test_a_proof_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has 4 hashes, this one has 1"):
        pictures.inclusion_steps(9, 13, b"\0" * 32, [b"\0" * 32])
    with pytest.raises(ValueError, match="entry 13 is not in a tree of 13"):
        pictures.inclusion_steps(13, 13, b"\0" * 32, [])


def test_labels_and_values_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="one label per value"):
        series.line_chart(["a"], [1.0, 2.0], uid="a", title="t")


def test_a_bar_that_is_compared_is_as_long_as_its_share_of_the_whole():
    alone = [
        float(rect.get("width"))
        for rect in parsed(charts.stacked_bar([("a", 2, "m")], uid="a", title="t")).iter(f"{SVG}rect")
    ]
    beside = charts.stacked_bar([("a", 2, "age0"), ("b", 0, "age1")], uid="a", title="t", whole=8)
    widths = [float(rect.get("width")) for rect in parsed(beside).iter(f"{SVG}rect")]
    assert (alone, widths) == ([149.0], [36.5])


def test_a_stage_shows_a_mark_for_each_signature_full_once_it_is_given():
    marks = [circle.get("class") for circle in parsed(charts.quorum_dots(1, 3)).iter(f"{SVG}circle")]
    assert marks == ["x-k-pass", "x-k-open", "x-k-open"]
    assert charts.quorum_dots(0, 0) == ""


def test_verdict_moves_say_each_pair_and_mark_what_gets_stricter_and_what_looser():
    svg = pictures.verdict_moves({"ALLOW BLOCK": 1200, "HOLD ALLOW": 3, "HOLD HOLD": 2}, uid="a", title="Moves")
    desc = parsed(svg).find(f"{SVG}desc")
    assert desc is not None
    assert desc.text == "1,200 go from ALLOW to BLOCK, 3 go from HOLD to ALLOW, 2 stay HOLD."
    classes = [rect.get("class") for rect in parsed(svg).iter(f"{SVG}rect")]
    assert [classes.count(name) for name in ("x-c-miss", "x-c-hatch", "x-c-lane3")] == [1, 1, 7]
    assert "No request." in pictures.verdict_moves({}, uid="a", title="Moves")


def test_no_date_of_a_timeline_covers_another_nor_a_line_that_leads_to_one():
    days = [NOW.date() + timedelta(days=shift) for shift in (0, 6, 79, 128, 371, 402, 493, 550, 737)]
    marks = [(day, f"{day}", "later") for day in days]
    root = parsed(timelines.timeline(marks, today=NOW.date(), today_word="today", uid="a", title="t", desc="d"))
    at = {text.text: (float(text.get("x", "")), float(text.get("y", ""))) for text in root.iter(f"{SVG}text")}
    labels = [at[f"{day}"] for day in days]
    lines = [(x - 3, y + 3) for x, y in labels]
    for n, (x, y) in enumerate(labels):
        for other, (left, top) in enumerate(labels):
            assert other <= n or top > y or left >= x + timelines.LABEL, "two dates overlap"
        for other, (line, top) in enumerate(lines):
            assert other == n or not (x < line < x + timelines.LABEL and top < y), "a line crosses a date"


def test_columns_stand_on_one_base_as_tall_as_their_counts():
    drawn = [
        ("new", [("valid", 4, "m"), ("lost", 4, "x")]),
        ("old", [("valid", 2, "m")]),
        ("older", [("valid", 0, "m")]),
    ]
    picture = parsed(bars.columns(drawn, uid="a", title="t"))
    boxes = [(float(box.get("y")), float(box.get("height")) + 1) for box in picture.iter(f"{SVG}rect")]
    assert [height for _, height in boxes] == [55.0, 55.0, 27.5]
    assert [y + height for y, height in boxes] == [128.0, 73.0, 128.0]
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert texts == ["8", "new", "2", "old", "0", "older"]
    assert picture.find(f"{SVG}desc").text == "new: 4 valid, 4 lost; old: 2 valid; older: 0 valid."


def test_columns_of_nothing_are_a_base_line_alone():
    assert not list(parsed(bars.columns([], uid="a", title="t")).iter(f"{SVG}rect"))
