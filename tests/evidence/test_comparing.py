"""Two payloads held against each other: what differs, by how much it may, and what counts for nothing."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.evidence.comparing import DEFAULT, EXACT, Tolerance, differences, libraries_told, tolerance_of
from tests.payloads import explanation, fairness, performance

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@given(PAYLOADS)
def test_a_payload_differs_from_itself_in_nothing(payload):
    assert differences(payload, copy.deepcopy(payload), EXACT) == []


@given(PAYLOADS, PAYLOADS)
def test_it_differs_either_way_in_the_same_fields(one, other):
    there, back = differences(one, other, EXACT), differences(other, one, EXACT)
    assert [row.path for row in there] == [row.path for row in back]
    assert [(row.then, row.now) for row in there] == [(row.now, row.then) for row in back]


@pytest.mark.parametrize("payload", [performance(), fairness(), explanation()])
def test_a_changed_figure_is_found_wherever_it_stands(payload):
    def places(value, path=()):
        if isinstance(value, dict):
            for key in value:
                yield from places(value[key], (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from places(item, (*path, index))
        elif isinstance(value, float):
            yield path

    found = [path for path in places(payload) if path[0] != "libraries"]
    assert len(found) > 20
    for path in found:
        changed = copy.deepcopy(payload)
        node = changed
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] += 0.5
        (row,) = differences(payload, changed, DEFAULT)
        assert not row.within
        assert row.now == pytest.approx(row.then + 0.5)
        assert str(path[-1]) in row.path


def test_figures_within_tolerance_are_told_and_marked():
    then = {"auc": {"value": 0.5, "n": 300}, "share": 1}
    now = {"auc": {"value": 0.5 + 1e-7, "n": 300}, "share": 1.0}
    (row,) = differences(then, now, Tolerance(1e-6, 0.0))
    assert (row.path, row.within) == ("auc.value", True)
    (row,) = differences(then, now, EXACT)
    assert not row.within
    assert differences(then, {**then, "auc": {"value": 0.5, "n": 301}}, Tolerance(0, 1e-3))[0].within is False


def test_what_came_and_went_differs_and_undefined_is_no_figure():
    then = {"a": [1, 2], "b": None, "c": {"x": 1}, "d": True}
    now = {"a": [1], "b": 0.0, "c": "x", "d": 1}
    found = {row.path: (row.then, row.now) for row in differences(then, now, Tolerance(1, 1))}
    assert found == {"a[1]": (2, None), "b": (None, 0.0), "c": ("dict of 1", "x"), "d": (True, 1)}


def test_the_timing_and_library_versions_are_no_figures():
    then = {"timing": {"p50_ms": 1.2}, "libraries": {"shap": "1"}, "n": 3}
    now = {"timing": {"p50_ms": 9.9}, "libraries": {"shap": "2", "numpy": "2"}, "n": 3}
    assert differences(then, now, EXACT) == []
    assert libraries_told(then["libraries"], now["libraries"]) == [
        "numpy: not there then, 2 now.",
        "shap: 1 then, 2 now.",
    ]


def test_types_state_their_tolerance():
    assert tolerance_of("fairness/v1") == DEFAULT
    assert tolerance_of("explanation/v1").relative > DEFAULT.relative
