"""Calibration: bins, errors, decomposition, recalibration, and Spiegelhalter's test."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import brier_score_loss

from governance.evidence import projection, schemas
from reports.calibration import recalibration
from reports.calibration.measure import measure
from tests.answering import labelled, labels, named, scored, valued


def drawn(n=2000, *, slope=1.0, shift=0.0, seed=0):
    """Scores, and events that happen by ``shift + slope * logit(score)``."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-0.5, 1.2, n)
    score = 1 / (1 + np.exp(-logit))
    return rng.random(n) < 1 / (1 + np.exp(-(shift + slope * logit))), score


def measured(event, score, **more):
    payload = measure(truth=labels(event), said=scored(score), task="binary", positive_label="bad", **more)
    assert schemas.first_problem("calibration/v1", payload) is None
    return payload


def figures(payload):
    return {metric["id"]: metric["number"] for metric in payload["metrics"]}


def test_bins_are_those_of_scikit_learn():
    event, score = drawn()
    payload = measured(event, score)
    for key, strategy in (("bins", "quantile"), ("equal_width", "uniform")):
        observed, predicted = calibration_curve(event, score, n_bins=10, strategy=strategy)
        assert [row["predicted"] for row in payload[key]] == pytest.approx(predicted)
        assert [row["observed"]["value"] for row in payload[key]] == pytest.approx(observed)
        assert sum(row["n"] for row in payload[key]) == 2000
    assert payload["reference_check"]["max_difference"] <= payload["reference_check"]["tolerance"]


def test_errors_by_hand():
    event, score = [True, False, False, False] * 30, [0.9, 0.1, 0.1, 0.1] * 30
    found = figures(measured(event, score))
    assert found["ece"]["value"] == pytest.approx(0.1)  # both bins are 0.1 off
    assert found["mce"]["value"] == pytest.approx(0.1)
    assert found["in_the_large"]["value"] == pytest.approx(0.25 - 0.3)
    assert found["brier"]["value"] == pytest.approx(0.01)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_terms_of_the_brier_score_add_up(drawn_rows):
    event, score = (np.array(column) for column in zip(*drawn_rows, strict=True))
    payload = measured(event, score, resamples=100)
    found = {name: number["value"] for name, number in figures(payload).items()}
    assert found["brier"] == pytest.approx(brier_score_loss(event, score, pos_label=True, labels=[False, True]))
    total = found["reliability"] - found["resolution"] + found["uncertainty"] + found["within_bins"]
    assert total == pytest.approx(found["brier"], abs=1e-12)
    assert 0 <= found["ece"] <= found["mce"] + 1e-12 <= 1 + 1e-9


def test_intercept_and_slope_are_those_of_a_logistic_regression():
    event, score = drawn(slope=0.6, shift=0.5)
    found = figures(measured(event, score))
    logit = recalibration.logits(score)[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(logit, event)
    assert found["slope"]["value"] == pytest.approx(theirs.coef_[0, 0], abs=1e-6)
    assert found["slope"]["low"] < 0.6 < found["slope"]["high"] < 1
    # With the slope at 1 the fitted scores have the mean of the events: that is what defines the intercept.
    moved = 1 / (1 + np.exp(-(found["intercept"]["value"] + logit[:, 0])))
    assert moved.mean() == pytest.approx(event.mean(), abs=1e-9)


def test_a_calibrated_model_passes_and_one_that_is_too_sure_does_not():
    payload = measured(*drawn(seed=3))
    found = figures(payload)
    assert found["slope"]["low"] < 1 < found["slope"]["high"]
    assert found["intercept"]["low"] < 0 < found["intercept"]["high"]
    assert payload["spiegelhalter"]["p"] > 0.05
    assert found["ece"]["value"] < 1.5 * payload["expected_ece"]["upper"]
    payload = measured(*drawn(slope=0.5, seed=3))
    assert payload["spiegelhalter"]["p"] < 1e-6
    assert figures(payload)["ece"]["low"] > payload["expected_ece"]["upper"]


def test_spiegelhalter_by_hand():
    event, score = np.array([True, False]), np.array([0.8, 0.3])
    up = (0.2 * (1 - 1.6)) + (-0.3 * (1 - 0.6))
    down = math.sqrt((1 - 1.6) ** 2 * 0.16 + (1 - 0.6) ** 2 * 0.21)
    assert recalibration.spiegelhalter(event, score)[0] == pytest.approx(up / down)


def test_of_several_classes_the_class_named_is_looked_at():
    rng = np.random.default_rng(0)
    table = rng.dirichlet([1, 1, 1], 1500)
    truth = pd.Series([rng.choice(list("abc"), p=row) for row in table], name="kind")  # calibrated by construction
    payload = measure(truth=truth, said=named(table), task="multiclass")
    assert schemas.first_problem("calibration/v1", payload) is None
    assert figures(payload)["ece"]["value"] < payload["expected_ece"]["upper"]
    assert payload["bins"][0]["low"] >= 1 / 3


def test_a_regression_is_compared_by_tenths_of_what_it_predicts():
    rng = np.random.default_rng(1)
    predicted = rng.normal(500, 80, 1000)
    observed = pd.Series(20 + 0.9 * predicted + rng.normal(0, 30, 1000), name="amount")
    payload = measure(truth=observed, said=valued(predicted), task="regression")
    assert schemas.first_problem("calibration/v1", payload) is None
    found = figures(payload)
    line = LinearRegression().fit(predicted[:, None], observed)
    assert found["slope"]["value"] == pytest.approx(line.coef_[0])
    assert found["intercept"]["value"] == pytest.approx(line.intercept_)
    assert found["slope"]["low"] < 0.9 < found["slope"]["high"]
    assert found["intercept"]["low"] < 20 < found["intercept"]["high"]
    assert [row["n"] for row in payload["bins"]] == [100] * 10
    assert all(row["observed"]["low"] < row["observed"]["value"] < row["observed"]["high"] for row in payload["bins"])
    assert "brier" not in found
    assert payload["spiegelhalter"]["z"] is None


def test_what_the_rows_do_not_define_is_null_with_a_reason():
    found = figures(measured(np.zeros(200, dtype=bool), np.linspace(0, 1, 200)))
    assert found["slope"]["value"] is None
    assert found["slope"]["reason"] == "no event among the rows"
    assert found["ece"]["low"] is None
    found = figures(measured([True, False] * 100, np.full(200, 0.4)))
    assert found["slope"]["reason"] == "all scores are the same"
    assert found["intercept"]["value"] == pytest.approx(math.log(1.5))
    separated = figures(measured([True] * 100 + [False] * 100, np.linspace(0.9, 0.1, 200)))
    assert "separates" in separated["slope"]["reason"]
    extreme = measured([True, False] * 100, [1.0, 0.0] * 100)
    assert extreme["spiegelhalter"]["reason"] == "every score is 0, 0.5 or 1"
    assert figures(measured([True], [0.3]))["brier"]["value"] == pytest.approx(0.49)


def test_a_model_without_probabilities_is_refused():
    with pytest.raises(ValueError, match="labels only, no probabilities: there is nothing to calibrate"):
        measure(truth=labels([1, 0]), said=labelled([1, 0]), task="binary", positive_label="bad")
    with pytest.raises(ValueError, match="has no row"):
        measure(truth=labels([]), said=scored([]), task="binary", positive_label="bad")


def test_a_policy_reads_errors_slope_and_intercept():
    found = projection.project("calibration/v1", measured(*drawn()))
    assert set(found) == set(projection.declared("calibration/v1"))
    assert found["slope.low"] < 1 < found["slope.high"]
    assert isinstance(found["expected_ece.upper"], float)
