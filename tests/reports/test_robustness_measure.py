"""Rows are changed as said and the answers compared; a refusal is a finding; another run gives the same figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from governance.evidence import projection, schemas
from reports.isolation.outputs import Outputs
from reports.robustness.effect import weighted_auc, weighted_r2
from reports.robustness.measure import NoAnswer, measure
from reports.robustness.perturb import UNSEEN, prepared, variants
from reports.robustness.timing import measure_timing
from tests.answering import scored

N = 240


def a_frame(n: int = N, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": np.round(rng.lognormal(7, 0.5, n), 2),
            "age": rng.integers(19, 75, n),
            "purpose": rng.choice(["car", "tv", "roof"], n),
            "owner": rng.random(n) < 0.4,
            "fixed": 7.0,
        }
    )


def risk(frame: pd.DataFrame) -> np.ndarray:
    """A model by formula: rich and old is good, cars are bad; what it never saw counts nothing."""
    x = -1.2 * np.log(frame["income"].astype(float) / 1100) - 0.02 * (frame["age"].astype(float) - 45)
    x += 0.8 * (frame["purpose"] == "car") - 0.3 * frame["owner"].eq(True)
    return np.asarray(1 / (1 + np.exp(-x.astype(float))))


def outputs(score: np.ndarray) -> Outputs:
    return scored(score)


def labels_for(frame: pd.DataFrame, seed: int = 2) -> pd.Series:
    return pd.Series(np.where(np.random.default_rng(seed).random(len(frame)) < risk(frame), "bad", "good"))


class Model:
    """Answers by formula; refuses what it is told to, and counts its calls."""

    def __init__(self, refuses=()) -> None:
        self.refuses, self.calls = refuses, 0

    def __call__(self, frame: pd.DataFrame) -> Outputs:
        self.calls += 1
        for name in self.refuses:
            if frame[name].isna().any():
                raise NoAnswer(f"ValueError: Input contains NaN near {frame['income'].max()}")
        return outputs(np.nan_to_num(risk(frame), nan=0.5))


def measured(score=None, frame=None, **parameters):
    frame = a_frame() if frame is None else frame
    given = {"labels": labels_for(frame), "task": "binary", "positive_label": "bad", "threshold": 0.5, "seed": 5}
    payload = measure(frame, score=score or Model(), **given | parameters)
    assert schemas.first_problem("robustness/v1", json.loads(json.dumps(payload, allow_nan=False))) is None
    return payload


def row(payload, key):
    return next(item for item in payload["perturbations"] if key in (item["id"], item["name"]))


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9])), min_size=4, max_size=30),
    st.integers(0, 100),
)
@settings(max_examples=80)
def test_the_weighted_metrics_are_scikit_learn_s_on_the_rows_drawn(pairs, seed):
    event, score = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    drawn = np.random.default_rng(seed).integers(0, len(pairs), len(pairs))
    weights = np.bincount(drawn, minlength=len(pairs)).astype(float)[None]
    found = weighted_auc(event, score, weights)[0]
    if len(set(event[drawn])) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(metrics.roc_auc_score(event[drawn], score[drawn]), abs=1e-12)
    true = score * 3 + event
    if np.ptp(true[drawn]) > 0:
        assert weighted_r2(true, score, weights)[0] == pytest.approx(metrics.r2_score(true[drawn], score[drawn]))


def test_a_model_that_ignores_its_rows_is_as_robust_as_can_be():
    payload = measured(lambda frame: outputs(np.full(len(frame), 0.3)))
    assert {item["flipped"]["value"] for item in payload["perturbations"]} == {0.0}
    assert {item["drop"]["value"] for item in payload["perturbations"]} == {0.0}
    assert {item["largest_move"] for item in payload["perturbations"]} == {0.0}
    assert payload["worst_columns"] == []


def test_each_change_is_held_against_the_same_rows_and_the_figures_are_right():
    frame = a_frame()
    payload = measured(frame=frame)
    truth = labels_for(frame) == "bad"
    before = risk(frame)
    assert payload["unperturbed"]["value"] == pytest.approx(metrics.roc_auc_score(truth, before), abs=1e-12)
    assert payload["reference_check"]["max_difference"] <= 1e-12
    variant = next(v for v in variants(prepared(frame)) if v.id == "category:1:purpose")
    after = risk(variant.rows(5))
    found = row(payload, "category:1:purpose")
    drop = metrics.roc_auc_score(truth, before) - metrics.roc_auc_score(truth, after)
    assert found["drop"]["value"] == pytest.approx(drop, abs=1e-12)
    assert found["drop"]["low"] <= drop <= found["drop"]["high"]
    assert found["flipped"]["value"] == np.mean((before >= 0.5) != (after >= 0.5))
    assert found["largest_move"] == pytest.approx(np.abs(before - after).max())
    alone = [item["flipped"]["value"] for item in payload["perturbations"] if item["column"]]
    assert payload["worst_columns"][0]["flipped"]["value"] == max(alone)
    assert len({item["column"] for item in payload["worst_columns"]}) == len(payload["worst_columns"])


def test_more_noise_flips_more_and_the_same_seed_gives_the_same_payload():
    one, two, other = measured(), measured(), measured(seed=6)
    assert one == two
    assert one != other
    small, large = row(one, "noise_small"), row(one, "noise_large")
    assert small["flipped"]["value"] < large["flipped"]["value"]
    assert small["largest_move"] < large["largest_move"]


def test_what_the_model_refuses_is_a_finding_by_column_and_quotes_no_row():
    frame = a_frame()
    model = Model(refuses=("age",))
    payload = measured(model, frame)
    refused = {item["id"] for item in payload["perturbations"] if item["outcome"] == "refused"}
    assert refused == {"missing:0.05", "missing:0.2", "missing:1:age"}
    found = row(payload, "missing:1:age")
    assert found["reason"] == "the model gave an error (ValueError)"
    assert (found["drop"]["value"], found["largest_move"]) == (None, None)
    assert str(frame["income"].max()) not in json.dumps(payload)
    assert row(payload, "missing:1:income")["outcome"] == "answered"
    facts = projection.project("robustness/v1", payload)
    assert (facts["refused"], facts["missing_few.refused"], facts["noise_small.refused"]) == (3, True, False)
    assert set(facts) == set(projection.declared("robustness/v1"))


def test_variants_go_to_the_model_together():
    model = Model()
    payload = measured(model)
    assert len(payload["perturbations"]) > 20
    assert model.calls <= 9, "the rows as they are, and a call for each kind of change"


def test_a_model_that_looks_at_other_rows_is_found_out():
    def centred(frame):
        return outputs(np.clip(risk(frame) - risk(frame).mean() + 0.5, 0, 1))

    assert measured(centred)["depends_on_other_rows"]
    assert not measured()["depends_on_other_rows"]


def test_a_model_that_does_not_answer_the_rows_as_they_are_gives_no_evidence():
    def broken(frame):
        raise NoAnswer("ModelFailed: no")

    with pytest.raises(NoAnswer):
        measured(broken)


def test_changes_stay_what_the_column_can_hold():
    frame = a_frame()
    for variant in variants(prepared(frame)):
        changed = variant.rows(5)
        assert list(changed.columns) == list(frame.columns)
        others = [name for name in frame.columns if variant.column not in (None, name)]
        pd.testing.assert_frame_equal(changed[others], frame[others])
        if variant.kind in {"noise", "plausible"}:
            assert changed["age"].dtype == frame["age"].dtype
            assert changed["age"].between(frame["age"].min(), frame["age"].max()).all()
            assert changed["income"].between(frame["income"].min(), frame["income"].max()).all()
        if variant.id == "plausible:small":
            assert (changed["age"] - frame["age"]).abs().max() == 1
            assert ((changed["income"] / frame["income"] - 1).abs() <= 0.05 + 1e-9).all()
        if variant.id == "plausible:last-digit":
            assert (changed["income"] - frame["income"]).abs().max() == pytest.approx(0.01)
        if variant.id == "category:1:purpose":
            assert (changed["purpose"] != frame["purpose"]).all()
        if variant.id == "unseen:1:purpose":
            assert (changed["purpose"] == UNSEEN).all()
        if variant.id == "missing:0.2":
            assert changed.isna().to_numpy().mean() == pytest.approx(0.2, abs=0.03)
    assert "noise:0.5:fixed" not in {v.id for v in variants(frame)}, "a constant has no noise"


def test_categories_missing_values_and_dates_keep_their_types():
    frame = a_frame().assign(on=pd.Timestamp("2026-01-01"), purpose=lambda f: f["purpose"].astype("category"))
    frame.loc[:5, "income"] = np.nan
    frame.loc[3, "purpose"] = None
    whole = prepared(frame)
    for variant in variants(whole):
        changed = variant.rows(1)
        assert changed["purpose"].dtype == whole["purpose"].dtype
        if variant.kind != "missing":
            assert changed["income"].isna().equals(whole["income"].isna())
    payload = measured(lambda f: outputs(np.full(len(f), 0.4)), frame, labels=labels_for(a_frame()))
    assert payload["left_out"] == ["on"]


def test_a_regression_has_r2_and_makes_no_decisions():
    frame = a_frame()
    true = pd.Series(np.log(frame["income"]) + np.random.default_rng(0).normal(0, 0.1, N))

    def score(rows):
        values = np.log(rows["income"].astype(float).fillna(1000.0)).to_numpy()
        return Outputs("regression", (), None, None, values, "none", {})

    payload = measured(score, frame, labels=true, task="regression")
    assert (payload["metric"]["id"], payload["threshold"]) == ("r2", None)
    assert payload["unperturbed"]["value"] == pytest.approx(metrics.r2_score(true, np.log(frame["income"])))
    assert row(payload, "noise_small")["flipped"]["reason"] == "a regression makes no decision"
    assert row(payload, "noise_large")["drop"]["value"] > row(payload, "noise_small")["drop"]["value"] > 0


@pytest.mark.parametrize("probabilities", [True, False])
def test_several_classes_have_accuracy_with_labels_alone_too(probabilities):
    frame = a_frame()
    names = ("car", "roof", "tv")

    def score(rows):
        codes = np.array([names.index(p) if p in names else 0 for p in rows["purpose"]])
        return Outputs("multiclass", names, np.eye(3)[codes] if probabilities else None, codes, None, "none", {})

    payload = measured(score, frame, labels=frame["purpose"], task="multiclass")
    assert payload["unperturbed"]["value"] == 1.0
    assert row(payload, "category:1:purpose")["drop"]["value"] == 1.0
    assert row(payload, "category:1:purpose")["flipped"]["value"] == 1.0
    assert row(payload, "category:1:purpose")["largest_move"] == (1.0 if probabilities else 0.0)


def test_one_class_only_leaves_the_drop_undefined_and_counts_flips():
    payload = measured(labels=pd.Series(["good"] * N))
    found = row(payload, "noise_large")
    assert payload["unperturbed"]["value"] is None
    assert found["drop"]["reason"] == f"only rows without the event among the {N} rows"
    assert found["flipped"]["value"] > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frame": a_frame().iloc[:0], "labels": pd.Series([], dtype=str)}, "no row to change"),
        ({"labels": pd.Series([None, *["good"] * (N - 1)])}, "missing in 1 rows"),
        ({"labels": pd.Series(["many"] * N), "task": "regression"}, "a regression needs numbers"),
        ({"labels": pd.Series([1.0] * N), "task": "regression"}, "asks for a regression"),
    ],
)
def test_rows_that_can_not_be_measured_say_why(change, says):
    with pytest.raises(ValueError, match=says):
        measured(**change)


def test_many_rows_are_sampled_and_many_columns_make_the_sample_smaller():
    frame = a_frame(n=5_000)
    assert measured(frame=frame)["n"] == 2_000
    wide = frame.assign(**{f"x{i}": np.random.default_rng(i).normal(size=5_000) for i in range(60)})
    assert 200 <= measured(frame=wide)["n"] < 2_000


class Clock:
    what, batches = "a call", 3

    def __init__(self, calls):
        self.calls, self.asked = calls, []

    def seconds(self, frame):
        self.asked.append(len(frame))
        return 0.002 * len(self.asked)


def test_quantiles_are_given_only_where_there_are_calls_enough():
    few, many = Clock(5), Clock(200)
    found = measure_timing(few, a_frame(), batch=500)
    assert few.asked == [1] * 5 + [500] * 3
    assert found["latency"]["p50_ms"] == pytest.approx(6.0)
    assert (found["latency"]["p95_ms"], found["latency"]["p99_ms"]) == (None, None)
    assert found["latency"]["reason"].startswith("5 calls")
    found = measure_timing(many, a_frame())
    assert found["latency"]["p50_ms"] < found["latency"]["p95_ms"] < found["latency"]["p99_ms"]
    assert found["measured"] is True


def test_the_clock_s_figures_stand_apart_from_what_another_run_gives_again():
    one, two = measured(timed=Clock(5)), measured(timed=Clock(120))
    assert one["timing"] != two["timing"]
    assert {k: v for k, v in one.items() if k != "timing"} == {k: v for k, v in two.items() if k != "timing"}
