"""Profiles add up in any order, name no single person's value, survive JSON, and DuckDB counts what numpy counts."""

import json
import math
import sys
from collections import Counter
from functools import reduce

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import engine, kept
from monitoring.errors import InvalidProfile, UnreadableRecords
from monitoring.profiles import ReferenceProfile, WindowProfile
from monitoring.schema import RecordSchema, column_type

SCHEMA = RecordSchema({"x": "number", "k": "integer", "c": "string", "b": "boolean"}, prediction="x")
ARROW = pa.schema([("x", pa.float64()), ("k", pa.int64()), ("c", pa.string()), ("b", pa.bool_())])
awkward = st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0, 0.1, 0.1 + 0.2, 0.3, 5e-324, 1e300, 1e16 + 2])
numbers = st.none() | awkward | st.floats(allow_nan=True, allow_infinity=True)
rows = st.tuples(
    numbers,
    st.none() | st.integers(-(2**53), 2**53),
    st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3),
    st.none() | st.booleans(),
)
# Some rows several times, so that texts come to be had by enough of them.
windows = st.lists(st.tuples(rows, st.sampled_from([1, 1, 1, kept.NAMED_FROM])), max_size=25).map(
    lambda drawn: [row for row, times in drawn for _ in range(times)]
)


def columns(window):
    return {name: [row[i] for row in window] for i, name in enumerate(SCHEMA.types)}


def a_reference(window):
    return ReferenceProfile.of(columns(window), schema=SCHEMA, bins=4)


def a_file(folder, name, window):
    path = folder / name
    pq.write_table(pa.table(columns(window), schema=ARROW), path)
    return path


@given(windows, st.lists(windows, min_size=1, max_size=4), st.randoms())
def test_partitions_added_in_any_order_are_the_whole(base, parts, random):
    reference = a_reference(base)
    whole = reference.profile(columns([row for part in parts for row in part]))
    profiles = [reference.profile(columns(part)) for part in parts]
    in_order = reduce(WindowProfile.__add__, profiles, reference.empty)
    random.shuffle(profiles)
    merged = reduce(WindowProfile.__add__, profiles, reference.empty)
    assert merged == in_order == WindowProfile.together([reference.empty, *profiles])
    assert merged.digest == in_order.digest
    # Whether a text that the reference does not know has its name is said for each partition; nothing else differs.
    assert reference.named_by_reference(merged) == reference.named_by_reference(whole)


@given(windows, windows)
def test_a_text_has_its_name_and_a_number_its_end_only_where_the_reference_or_enough_records_have_it(base, window):
    reference = a_reference(base)
    profile = reference.profile(columns(window))
    exact = Counter(row[2] for row in window if row[2] is not None)
    theirs = {row[2] for row in base}
    texts = profile.columns[2]
    assert texts.counts == {name: n for name, n in exact.items() if name in theirs or n >= kept.NAMED_FROM}
    assert texts.other == exact.total() - sum(texts.counts.values())
    for place, counts in enumerate(profile.columns[:2]):
        values = [float(row[place]) for row in window if row[place] is not None and math.isfinite(row[place])]
        known = [float(row[place]) for row in base if row[place] is not None and math.isfinite(row[place])]
        if not values:
            assert counts.low is counts.high is None
            continue
        assert counts.low <= min(values) <= max(values) <= counts.high
        if known:
            assert counts.low <= min(known) <= max(known) <= counts.high
            assert (counts.low == min(known)) == (min(values) >= min(known))
            assert (counts.high == max(known)) == (max(values) <= max(known))


def test_how_far_out_a_number_lies_is_told_in_steps_as_wide_as_the_reference():
    reference = a_reference([(float(i), i, "a", True) for i in range(1, 11)])

    def ends(*values):
        counts = reference.profile(columns([(value, 1, "a", True) for value in values])).columns[0]
        return counts.low, counts.high

    assert ends(3.0) == (1.0, 10.0)
    assert ends(10.5) == ends(18.9) == ends(19.0) == (1.0, 19.0)
    assert ends(-3.0, 19.5) == (-8.0, 28.0)
    assert ends(1e300)[1] >= 1e300
    assert ends(sys.float_info.max) == (1.0, sys.float_info.max)


@given(windows, windows)
def test_profiles_survive_json_with_their_digest(base, window):
    reference = a_reference(base)
    again = ReferenceProfile.from_json(json.loads(json.dumps(reference.to_json())))
    assert again == reference
    assert again.digest == reference.digest
    profile = reference.profile(columns(window))
    assert WindowProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows, st.lists(windows, min_size=1, max_size=3))
def test_duckdb_counts_parquet_exactly_as_numpy_counts_arrays(tmp_path, base, parts):
    reference = a_reference(base)
    paths = [a_file(tmp_path, f"part{i}.parquet", part) for i, part in enumerate(parts)]
    assert engine.profile(paths, reference) == reference.profile(columns([row for part in parts for row in part]))
    each = engine.profile_each(paths, reference)
    assert [each[path] for path in paths] == [reference.profile(columns(part)) for part in parts]
    with engine._open([str(path) for path in paths]) as table:  # written so that other engines can do it, too
        assert engine.profile_table(table, reference) == engine.profile(paths, reference)


def test_not_a_number_is_missing_although_the_file_s_statistics_hide_it(tmp_path):
    # Parquet's minimum and maximum leave NaN out; DuckDB believes them unless it is told not to.
    window = [(x, 1, "a", True) for x in (math.nan, math.nan, 1.0, 2.0)]
    reference = a_reference([(1.0, 1, "a", True)])
    assert engine.profile([a_file(tmp_path, "n.parquet", window)], reference).columns[0].missing == 2


def test_no_file_is_an_empty_window():
    reference = a_reference([(1.0, 1, "a", True)])
    assert engine.profile([], reference) == reference.empty
    assert engine.profile_each([], reference) == {}


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (pa.table({"x": [1.0], "k": [1], "c": ["a"]}), "no column 'b'"),
        (pa.table({"x": ["1"], "k": [1], "c": ["a"], "b": [True]}), "'x' is string"),
        (pa.table({"x": [1.0], "k": [1], "c": [1], "b": [True]}), "'c' is int64"),
        (pa.table({"x": [True], "k": [1], "c": ["a"], "b": [True]}), "'x' is boolean"),
    ],
)
def test_engine_names_the_column_that_does_not_fit(tmp_path, table, match):
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InvalidProfile, match=match):
        engine.profile([tmp_path / "t.parquet"], a_reference([(1.0, 1, "a", True)]))


def test_engine_says_that_a_file_is_missing_or_damaged(tmp_path):
    reference = a_reference([(1.0, 1, "a", True)])
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 not really PAR1")
    for name in ("absent.parquet", "damaged.parquet"):
        with pytest.raises(UnreadableRecords, match="can not be read"):
            engine.profile([tmp_path / name], reference)


def test_a_sample_is_the_same_again_and_moves_with_the_seed(tmp_path):
    for day in ("date=2026-01-01", "date=2026-01-02"):
        (tmp_path / day).mkdir()
        a_file(tmp_path / day, "batch=1.parquet", [(float(i), i, "a", True) for i in range(200)])
    paths = list(tmp_path.glob("*/*.parquet"))
    first, again, other = (engine.sample(paths, ["k", "c"], rows=50, seed=s) for s in (1, 1, 2))
    assert first.column_names == ["k", "c"]
    assert first.num_rows == 50
    assert first.equals(again)
    assert not first.equals(other)
    assert engine.sample(paths, ["k"], rows=1000, seed=1).num_rows == 400


def test_profiles_of_other_references_are_not_added():
    one, other = a_reference([(1.0, 1, "a", True)]), a_reference([(2.0, 1, "a", True)])
    with pytest.raises(InvalidProfile, match="different references"):
        one.empty + other.empty


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"x": [1.0], "k": [1], "c": ["a"]}, "no column 'b'"),
        ({"x": [1.0], "k": [1], "c": ["a"], "b": [True, False]}, "different lengths"),
        ({"x": ["one"], "k": [1], "c": ["a"], "b": [True]}, "not a number"),
        ({"x": [1.0], "k": [1], "c": [7], "b": [True]}, "not a category"),
    ],
)
def test_a_reference_says_what_its_data_lacks(data, match):
    with pytest.raises(InvalidProfile, match=match):
        ReferenceProfile.of(data, schema=SCHEMA)


def test_a_changed_profile_is_not_read_as_one():
    good = a_reference([(float(i), i, "a", True) for i in range(50)]).to_json()
    broken_edges = json.loads(json.dumps(good))
    broken_edges["columns"][0]["edges"].reverse()
    fewer_rows = {**good, "n": 49}
    for bad in ({**good, "format": "other"}, {"format": good["format"]}, broken_edges, fewer_rows):
        with pytest.raises(InvalidProfile):
            ReferenceProfile.from_json(bad)


def test_types_of_other_libraries_are_understood():
    names = {"int64": "integer", "Float64": "number", "double": "number", "bool": "boolean", "object": "string"}
    assert {name: column_type(name) for name in names} == names
    with pytest.raises(InvalidProfile, match="can not be watched"):
        column_type("list<int64>")
    schema = RecordSchema.of_features([{"name": "age", "type": "int64"}, {"name": "label", "type": "str"}], ["age"])
    assert schema == RecordSchema({"age": "integer", "prediction": "number"}, "prediction")
    with pytest.raises(InvalidProfile, match="no column 'sex'"):
        RecordSchema.of_features([{"name": "age", "type": "int64"}], ["sex"])
