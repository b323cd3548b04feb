"""Fairness figures on data as they come: numbers to bin, what is suppressed, and what can't be measured."""

import json

import numpy as np
import pandas as pd
import pytest

from governance.evidence import schemas
from governance.evidence.projection import project
from reports.fairness import coding, oracle, scores, tensor
from reports.fairness.asked import read
from reports.fairness.decisions import of_score
from reports.fairness.measure import measure
from tests.proving import PROVE
from tests.reports.fairness_cases import groups, of_binary, of_numbers, people

DASH, TIMES = coding.DASH, "\N{MULTIPLICATION SIGN}"
CLASSES = ("denied", "refer", "granted")


def test_numbers_are_cut_at_their_quartiles_when_the_policy_names_no_edges():
    frame = people()
    payload = of_binary(frame, ["age"], {"age": "30"})
    edges = payload["features"][0]["bins"]
    assert edges == {"edges": list(np.quantile(frame["age"], [0.25, 0.5, 0.75])), "from": "quantiles"}
    assert [group["n"] for group in payload["features"][0]["groups"]] == sorted(
        (group["n"] for group in payload["features"][0]["groups"]),
        key=lambda n: (n != groups(payload)[payload["features"][0]["reference_group"]]["n"], -n),
    )
    assert sum(group["n"] for group in payload["features"][0]["groups"]) == 600
    assert len(payload["features"][0]["groups"]) == 4


@pytest.mark.parametrize(
    ("values", "edges", "labels"),
    [
        (
            [18, 25, 39, 40, 60, None],
            [25, 40, 60],
            ["under 25", f"25{DASH}39", f"25{DASH}39", f"40{DASH}59", "60 and over", "not stated"],
        ),
        ([0.5, 1.5, 2.5], [1, 2], ["under 1", "1 to under 2", "2 and over"]),
        ([17, 18, 19], [18, 19], ["under 18", "18", "19 and over"]),
        (["18", "25", "61"], [25, 60], ["under 25", f"25{DASH}59", "60 and over"]),
    ],
)
def test_bins_say_what_they_hold(values, edges, labels):
    feature = coding.code(pd.Series(values), "age", labels[0], edges=edges)
    assert [feature.groups[code] for code in feature.codes] == labels


def test_a_reference_may_be_a_number_in_its_bin_or_have_a_hyphen_for_the_dash():
    ages = pd.Series([20, 30, 50, 70])
    assert coding.code(ages, "age", "33", edges=[25, 40, 60]).reference == 1
    assert coding.code(ages, "age", "25-39", edges=[25, 40, 60]).reference == 1


def test_an_empty_bin_is_no_group():
    assert coding.code(pd.Series([20, 50]), "age", "20", edges=[25, 40, 60]).groups == ("under 25", f"40{DASH}59")


@pytest.mark.parametrize("kind", ["object", "str", "category", "bool", "Int64"])
def test_any_kind_of_column_gives_the_same_groups(kind):
    if kind == "bool":
        column, groups_of = pd.Series([True, False, True]), ["True", "False", "True"]
    elif kind == "Int64":
        column, groups_of = pd.Series([1, None, 2], dtype="Int64"), ["1", "not stated", "2"]
    else:
        column, groups_of = pd.Series(["x", None, "a"], dtype=kind), ["x", "not stated", "a"]
    feature = coding.code(column, "f", groups_of[0])
    assert [feature.groups[code] for code in feature.codes] == groups_of
    assert list(feature.groups) == sorted(feature.groups)


def test_not_stated_is_one_group_whether_it_is_written_or_missing():
    feature = coding.code(pd.Series(["x", None, "not stated"]), "f", "x")
    assert feature.groups == ("not stated", "x")
    assert feature.codes.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("column", "reference", "edges", "message"),
    [
        (pd.Series([None] * 5, dtype="object"), "men", None, "Every row is without a value"),
        (pd.Series(["a", "b"]), "men", None, r"reference group of f is 'men'; name one of \['a', 'b'\]"),
        (pd.Series(["a", "b"]), None, None, "reference group of f is None"),
        (pd.Series(["20", "old"]), "20", [25], "1 values are no numbers, such as 'old'"),
        (pd.Series([1.0, np.inf]), "1", [25], "infinite"),
        (pd.Series([1, 2]), "1", [40, 25], "give rising numbers"),
        (pd.Series([1, 2]), "1", [], "give rising numbers"),
        (pd.Series([f"v{i}" for i in range(101)]), "v1", None, "101 different values"),
        (pd.Series([20, 30]), "70", [25, 60], "name one of"),
    ],
)
def test_a_column_that_gives_no_groups_is_refused_with_a_sentence_that_helps(column, reference, edges, message):
    with pytest.raises(ValueError, match=message):
        coding.code(column, "f", reference, edges=edges)


def test_one_class_only_leaves_undefined_what_it_must():
    frame = people().assign(label="good")
    found = groups(of_binary(frame, ["sex"], {"sex": "men"}))["women"]
    assert found["fpr"] == {
        "value": None, "low": None, "high": None, "n": found["n"], "denominator": 0,
        "reason": "no row whose true outcome is unfavourable",
    }  # fmt: skip
    assert found["fpr_difference"]["value"] is None
    assert found["tpr"]["value"] is not None
    assert found["base_rate"]["value"] == 1.0


def test_no_rows_and_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        of_binary(people().iloc[:0], ["sex"], {"sex": "men"})
    with pytest.raises(ValueError, match="7 rows are fewer than the 10 people"):
        of_binary(people(7), ["sex"], {"sex": "men"})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_shares": 0.1}, "has no parameter min_shares; there are"),
        ({"min_share": "5 %"}, "min_share is '5 %', expected a number"),
        ({"min_share": 1}, "expected a share"),
        ({"suppress_below": 0}, "1 or more"),
        ({"suppress_below": 2.5}, "whole number"),
        ({"bins": [25, 40]}, "give the edges by feature"),
        ({"intersections": ["sex"]}, "name two features"),
    ],
)
def test_a_policys_parameters_are_read_or_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        read(parameters)


def test_only_the_named_intersections_are_made():
    asked = read({"bins": {"age": [25, 40]}, "intersections": ["age, sex"], "suppress_below": 5})
    assert asked.pairs(["sex", "age", "region"]) == [(0, 1)]
    assert read({}).pairs(["sex", "age", "region"]) == [(0, 1), (0, 2), (1, 2)]
    assert read({"intersections": []}).pairs(["sex", "age"]) == []
    with pytest.raises(ValueError, match="intersections names height"):
        read({"intersections": ["sex, height"]}).pairs(["sex", "age"])
    with pytest.raises(ValueError, match="bins names height"):
        coding.code_all(people()[["sex"]], {"sex": "men"}, {"height": [150]})


def test_intersections_stand_against_the_intersection_of_both_references():
    frame = people(2000)
    payload = of_binary(frame, ["sex", "age"], {"sex": "men", "age": "30"}, bins={"age": (25, 40)}, min_share=0.02)
    (crossed,) = payload["intersections"]
    assert (crossed["features"], crossed["reference_group"]) == (["sex", "age"], f"men {TIMES} 25{DASH}39")
    found = {tuple(group["of"]): group for group in crossed["groups"]}
    assert len(found) == 6
    cell = frame[(frame["sex"] == "women") & (frame["age"] < 25)]
    reference = frame[(frame["sex"] == "men") & frame["age"].between(25, 39)]
    shown = found["women", "under 25"]
    assert shown["n"] == len(cell)
    ratio = (cell["score"] < 0.4).mean() / (reference["score"] < 0.4).mean()
    assert shown["selection_ratio"]["value"] == pytest.approx(ratio)
    projected = project("fairness/v1", payload)
    compared = [group for group in crossed["groups"] if group["compared"]]
    assert projected["intersections.selection_ratio.worst"] == min(g["selection_ratio"]["value"] for g in compared)


def small_and_large():
    """2,000 rows with a group of 4, one of 30 and one of 160."""
    frame = people(2000, seed=5)
    frame["origin"] = np.repeat(["a", "b", "c", "d"], [1806, 160, 30, 4])
    return frame


def test_what_is_suppressed_is_nowhere_in_the_payload():
    payload = of_binary(small_and_large(), ["origin", "sex"], {"origin": "a", "sex": "men"})
    found = groups(payload)
    assert (found["d"]["state"], found["c"]["state"], found["b"]["state"]) == ("small", "withheld", "shown")
    for name in ("c", "d"):
        numbers = [value for value in found[name].values() if isinstance(value, int | float) and value is not False]
        assert numbers == []
        assert all(
            figure["value"] is None and figure["n"] is None and figure["suppressed"]
            for figure in found[name].values()
            if isinstance(figure, dict)
        )
    assert payload["features"][0]["sweep"] is None  # what is left of all rows at each threshold would be theirs
    assert payload["features"][1]["sweep"] is not None
    hidden = [g for g in payload["intersections"][0]["groups"] if {"c", "d"} & set(g["of"])]
    assert {group["state"] for group in hidden} == {"inside"}
    assert [group["n"] for group in hidden] == [None] * 4
    assert payload["suppression"] == {"below": 10, "small": 1, "withheld": 5, "tables": 0}
    assert found["b"]["selection_ratio"]["value"] is not None


def test_a_withheld_group_that_should_have_been_compared_leaves_the_check_undecided():
    frame = small_and_large()
    frame = frame[frame["origin"] != "c"]
    payload = of_binary(frame, ["origin"], {"origin": "a"})
    assert groups(payload)["b"]["state"] == "withheld"
    assert groups(payload)["b"]["compared"]
    found = project("fairness/v1", payload)
    assert found["selection_ratio.worst_ci_low"] is None  # insufficient: it does not pass by hiding


def test_the_order_of_hidden_groups_says_nothing_of_their_size():
    payload = of_binary(small_and_large().replace({"d": "C", "c": "z"}), ["origin"], {"origin": "a"})
    assert [group["group"] for group in payload["features"][0]["groups"]] == ["a", "b", "C", "z"]


def test_all_groups_of_a_feature_can_be_withheld_and_are_then_all_called_so():
    frame = people(500)
    frame["origin"] = np.repeat(["a", "b"], [496, 4])
    payload = of_binary(frame, ["origin", "sex"], {"origin": "a", "sex": "men"})
    assert {group["state"] for group in payload["features"][0]["groups"]} == {"withheld"}
    assert payload["intersections"][0]["groups"] == []
    assert payload["intersections"][0]["withheld"] == "no group of one of them can be shown"
    assert project("fairness/v1", payload)["origin.selection_ratio.worst_ci_low"] is None


def test_numbers_of_a_suppressed_group_are_not_in_a_regression_either():
    sex = np.repeat(["men", "women", "other", "x"], [600, 150, 46, 4])
    payload, *_ = of_numbers(sensitive_features=pd.DataFrame({"sex": sex}))
    assert schemas.first_problem("fairness/v1", payload) is None
    found = groups(payload)
    assert (found["x"]["state"], found["other"]["state"]) == ("small", "withheld" if 46 >= 40 else "")
    assert found["x"]["mean_prediction"]["value"] is None


def rounded(payload):
    """The payload without what the order of adding floats leaves in the last digits."""
    return json.loads(json.dumps(payload), parse_float=lambda text: round(float(text), 12))


def test_rows_can_be_folded_in_parts(monkeypatch):
    from reports.fairness import layout

    frame = people(500)
    whole = rounded(of_binary(frame, ["sex", "age"], {"sex": "men", "age": "30"}))
    for module in (tensor, scores, layout):
        monkeypatch.setattr(module, "CHUNK", 7)
    assert rounded(of_binary(frame, ["sex", "age"], {"sex": "men", "age": "30"})) == whole
    monkeypatch.setattr(layout, "DENSE", 1)
    assert rounded(of_binary(frame, ["sex", "age"], {"sex": "men", "age": "30"})) == whole


@pytest.mark.slow
def test_ten_million_rows_need_little_more_memory_than_their_columns(monkeypatch):
    import tracemalloc

    # Fairlearn is given 100,000 of them; what it allocates does not grow.
    monkeypatch.setattr(oracle, "difference_from_fairlearn", lambda *args, **more: 0.0)

    n = 10_000_000 if PROVE else 3_000_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": pd.Categorical.from_codes(rng.integers(0, 2, n, dtype=np.int8), ["men", "women"])})
    decided = of_score(
        pd.Series(pd.Categorical.from_codes(rng.integers(0, 2, n, dtype=np.int8), ["good", "bad"])),
        rng.random(n),
        threshold=0.4,
        positive_label="bad",
        favourable_label="good",
    )
    tracemalloc.start()
    payload = measure(decided, sensitive_features=frame, reference_groups={"sex": "men"}, resamples=500)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert payload["n"] == n
    assert most < 40 * n + 400_000_000, f"{most / n:.0f} bytes a row"
