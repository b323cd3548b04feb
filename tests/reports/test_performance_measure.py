"""Metrics, their intervals and the comparison with production."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from governance.evidence import schemas
from reports.performance.measure import measure
from reports.performance.metrics import Predictions, calibration_bins, roc_points, weighted_metrics

untimed = settings(deadline=None, max_examples=60)


def rows(n=300, *, shift=0.25, seed=0):
    rng = np.random.default_rng(seed)
    event = rng.random(n) < 0.3
    score = np.clip(0.3 + shift * event + 0.2 * rng.standard_normal(n), 0, 1)
    return event, np.round(score, 2)  # rounding makes ties


def by_id(payload):
    return {metric["id"]: metric for metric in payload["metrics"]}


@untimed
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=40))
def test_auc_is_the_share_of_pairs_in_the_right_order_ties_counting_one_half(drawn):
    event = np.array([e for e, _ in drawn])
    score = np.array([s for _, s in drawn]) / 10
    auc = weighted_metrics(Predictions(event, score, 0.5))(np.ones((1, len(event))))["auc"][0]
    pairs = [(p > q) + (p == q) / 2 for p in score[event] for q in score[~event]]
    if pairs:
        assert auc == pytest.approx(np.mean(pairs), abs=1e-12)
    else:
        assert np.isnan(auc)


@untimed
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_weighting_a_row_is_repeating_it(drawn, seed):
    event = np.array([e for e, _ in drawn])
    score = np.array([s for _, s in drawn]) / 10
    weights = np.random.default_rng(seed).integers(0, 4, len(event))
    weighted = weighted_metrics(Predictions(event, score, 0.5))(weights[None].astype(float))
    if weights.sum():
        repeated = Predictions(np.repeat(event, weights), np.repeat(score, weights), 0.5)
        plain = weighted_metrics(repeated)(np.ones((1, weights.sum())))
        for name in weighted:
            np.testing.assert_allclose(weighted[name], plain[name], atol=1e-12, equal_nan=True)


def test_every_metric_agrees_with_scikit_learn_and_the_difference_is_stored():
    event, score = rows()
    payload = measure(event=event, score=score, threshold=0.4)
    values = {name: metric["candidate"]["value"] for name, metric in by_id(payload).items()}
    assert values["auc"] == pytest.approx(reference.roc_auc_score(event, score), abs=1e-12)
    assert values["brier"] == pytest.approx(reference.brier_score_loss(event, score), abs=1e-12)
    assert values["log_loss"] == pytest.approx(reference.log_loss(event, score), abs=1e-12)
    assert values["tpr"] == pytest.approx(reference.recall_score(event, score >= 0.4), abs=1e-12)
    check = payload["reference_check"]
    assert check["library"] == "scikit-learn"
    assert check["max_difference"] <= check["tolerance"]


def test_production_is_measured_on_the_same_rows_and_draws():
    event, score = rows()
    alone = by_id(measure(event=event, score=score, threshold=0.4))
    beside_itself = by_id(measure(event=event, score=score, threshold=0.4, production_score=score))
    for name, metric in beside_itself.items():
        assert metric["candidate"] == alone[name]["candidate"]
        assert {metric["difference"][part] for part in ("value", "low", "high")} == {0.0}
    assert alone["auc"]["production"] is None
    assert alone["auc"]["difference"] is None


def test_a_paired_interval_is_narrower_than_two_separate_ones():
    event, score = rows()
    nearly = np.clip(score + 0.01 * np.random.default_rng(1).standard_normal(len(score)), 0, 1)
    auc = by_id(measure(event=event, score=score, threshold=0.4, production_score=nearly))["auc"]

    def width(number):
        return number["high"] - number["low"]

    assert width(auc["difference"]) < 0.3 * width(auc["candidate"])


def test_the_bootstrap_interval_of_a_rate_is_the_binomial_one():
    event, score = rows(2000, seed=3)
    accuracy = by_id(measure(event=event, score=score, threshold=0.4))["accuracy"]["candidate"]
    half = 1.96 * np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / 2000)
    assert accuracy["high"] - accuracy["low"] == pytest.approx(2 * half, rel=0.06)


def test_without_an_event_a_figure_is_null_with_a_reason_and_not_zero():
    payload = measure(event=np.zeros(50, dtype=bool), score=np.linspace(0, 1, 50), threshold=0.5)
    metrics = by_id(payload)
    for name in ("auc", "tpr"):
        assert metrics[name]["candidate"]["value"] is None
        assert metrics[name]["candidate"]["reason"] == "no event among the 50 rows"
    assert metrics["tpr"]["candidate"]["denominator"] == 0
    assert metrics["fpr"]["candidate"]["value"] == 0.5
    assert payload["roc"] == []
    assert schemas.first_problem("performance/v1", payload) is None


def test_the_same_seed_gives_the_same_payload_and_another_seed_other_intervals():
    event, score = rows()
    first = measure(event=event, score=score, threshold=0.4, seed=5)
    assert first == measure(event=event, score=score, threshold=0.4, seed=5)
    other = measure(event=event, score=score, threshold=0.4, seed=6)
    assert by_id(first)["auc"]["candidate"]["low"] != by_id(other)["auc"]["candidate"]["low"]
    assert schemas.first_problem("performance/v1", first) is None


def test_above_twenty_thousand_rows_fewer_resamples_are_drawn_and_recorded():
    event, score = rows(100_000)
    payload = measure(event=event, score=score, threshold=0.4)
    assert "400 resamples" in payload["method"]["interval"]


def test_confusion_roc_and_calibration_add_up():
    event, score = rows()
    payload = measure(event=event, score=score, threshold=0.4)
    assert sum(payload["confusion"].values()) == 300
    assert payload["confusion"]["tp"] + payload["confusion"]["fn"] == event.sum()
    assert sum(bin_["n"] for bin_ in payload["calibration"]) == 300
    assert payload["roc"][0] == [0, 0]
    assert payload["roc"][-1] == [1, 1]
    assert len(payload["roc"]) <= 50


def test_an_empty_calibration_bin_has_no_rate():
    predictions = Predictions(np.array([True, False]), np.array([0.05, 1.0]), 0.5)
    bins = calibration_bins(predictions)
    assert (bins[0]["n"], bins[0]["observed"]) == (1, 1.0)
    assert (bins[9]["n"], bins[9]["observed"]) == (1, 0.0)  # a score of exactly 1 belongs to the last bin
    assert bins[5] == {"low": 0.5, "high": 0.6, "n": 0, "predicted": None, "observed": None}
    assert roc_points(predictions) == [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": np.array([0.1, 0.2])}, "score every row exactly once"),
        ({"score": np.array([0.1, 0.2, np.nan])}, "missing or outside 0 to 1"),
        ({"production_score": np.array([0.1, 0.2, 1.5])}, "score of the production"),
        ({"threshold": 1.5}, "threshold of the candidate is 1.5"),
        ({"event": np.array([0, 1, 1])}, "boolean"),
        ({"event": np.array([], dtype=bool), "score": np.array([])}, "at least one row"),
        ({"resamples": 10}, "at least 100"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_that_helps(change, message):
    good = {"event": np.array([True, False, True]), "score": np.array([0.1, 0.2, 0.3]), "threshold": 0.5}
    with pytest.raises(ValueError, match=message):
        measure(**good | change)
