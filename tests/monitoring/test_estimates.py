"""Figures of served records: scikit-learn and SciPy give the same values, simulations the same errors."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from monitoring import distributions, estimates

THRESHOLD = 0.4
CLASSES = {
    "accuracy": lambda truth, score: metrics.accuracy_score(truth, score >= THRESHOLD),
    "balanced_accuracy": lambda truth, score: metrics.balanced_accuracy_score(truth, score >= THRESHOLD),
    "roc_auc": metrics.roc_auc_score,
    "brier": metrics.brier_score_loss,
}
NUMBERS = {"rmse": metrics.root_mean_squared_error, "mae": metrics.mean_absolute_error}


def scores(rng, n, *, decimals=2):
    """Calibrated scores with ties, and labels drawn by them."""
    score = rng.beta(2, 3, n).round(decimals)
    return score, (rng.random(n) < score).astype(float)


def of(metric, score, truth):
    return estimates.observed(metric, score=score, truth=truth, threshold=THRESHOLD)


@pytest.mark.parametrize("metric", CLASSES)
def test_the_metrics_of_classes_are_those_of_scikit_learn(metric):
    for seed in range(20):
        score, truth = scores(np.random.default_rng(seed), 60)
        assert of(metric, score, truth).value == pytest.approx(CLASSES[metric](truth, score), abs=1e-12)


@pytest.mark.parametrize("metric", NUMBERS)
def test_the_metrics_of_numbers_are_those_of_scikit_learn(metric):
    rng = np.random.default_rng(1)
    truth = rng.normal(size=80)
    said = truth + rng.normal(size=80)
    assert of(metric, said, truth).value == pytest.approx(NUMBERS[metric](truth, said), abs=1e-12)


@pytest.mark.parametrize("metric", [*CLASSES, *NUMBERS])
def test_standard_errors_are_those_of_many_samples_and_intervals_cover(metric):
    rng = np.random.default_rng(2)
    if metric in NUMBERS:
        draws = [(score := rng.normal(size=400), score + rng.normal(size=400)) for _ in range(800)]
        true = {"rmse": 1.0, "mae": math.sqrt(2 / math.pi)}[metric]
    else:
        draws = [scores(rng, 400) for _ in range(800)]
        true = CLASSES[metric](*reversed(scores(np.random.default_rng(3), 2_000_000)))
    found = [of(metric, *draw) for draw in draws]
    assert np.mean([one.se for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.1)
    covered = np.mean([one.interval.low <= true <= one.interval.high for one in found])
    assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize("metric", CLASSES)
def test_what_calibrated_scores_let_expect_is_what_the_labels_show(metric):
    score, truth = scores(np.random.default_rng(4), 1_000_000)
    expected = estimates.expected(metric, score=score, threshold=THRESHOLD)
    assert expected.value == pytest.approx(CLASSES[metric](truth, score), abs=0.002)


@pytest.mark.parametrize("metric", CLASSES)
def test_the_error_of_an_expectation_is_that_of_the_rows_that_came(metric):
    rng = np.random.default_rng(5)
    found = [estimates.expected(metric, score=scores(rng, 400)[0], threshold=THRESHOLD) for _ in range(800)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.se for one in found]) == pytest.approx(spread, rel=0.1)
    true = estimates.expected(metric, score=scores(rng, 500_000)[0], threshold=THRESHOLD).value
    assert 0.92 <= np.mean([one.interval.low <= true <= one.interval.high for one in found]) <= 0.98


def test_the_expected_area_is_the_sum_over_all_pairs():
    score = np.array([0.1, 0.3, 0.3, 0.8])
    won = pairs = 0.0
    for i, p in enumerate(score):
        for j, q in enumerate(score):
            if i != j:
                pairs += p * (1 - q)
                won += p * (1 - q) * (1.0 if p > q else 0.5 if p == q else 0.0)
    assert estimates.expected("roc_auc", score=score, threshold=0.5).value == pytest.approx(won / pairs)


def test_a_change_that_scores_do_not_know_does_not_show_in_what_they_let_expect():
    score, _ = scores(np.random.default_rng(6), 50_000)
    flipped = (np.random.default_rng(7).random(50_000) > score).astype(float)
    assert estimates.expected("roc_auc", score=score, threshold=THRESHOLD).value > 0.65
    assert of("roc_auc", score, flipped).value < 0.35


def test_complete_separation_is_sure_to_what_few_rows_allow():
    score, truth = np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.0, 0.0, 0.0, 1.0])
    found = of("roc_auc", score, truth)
    assert (found.value, found.interval.high) == (1.0, 1.0)
    assert found.interval.low < 0.5
    assert found.se > 0.1


def test_a_drop_is_tested_as_two_samples_are():
    rng = np.random.default_rng(8)
    one, other = rng.normal(0, 1, 500), rng.normal(0.1, 1.2, 700)
    change, interval, p = estimates.drop(estimates.mean(one), estimates.mean(other), loss=True)
    assert change == pytest.approx(other.mean() - one.mean())
    welch = stats.ttest_ind(other, one, equal_var=False)
    assert p == pytest.approx(welch.pvalue, rel=0.02)
    assert interval == pytest.approx(tuple(welch.confidence_interval()), rel=0.02)
    back, _, same = estimates.drop(estimates.mean(one), estimates.mean(other), loss=False)
    assert (back, same) == (pytest.approx(-change), pytest.approx(p))


def test_a_drop_of_nothing_is_no_drop():
    one = estimates.mean(np.ones(5))
    assert estimates.drop(one, one, loss=True)[2] == 1.0
    assert estimates.drop(one, estimates.mean(np.full(5, 2.0)), loss=True)[2] == 0.0


@pytest.mark.parametrize("share_below", [0.5, 0.95])
def test_quantiles_are_numpys_and_their_intervals_cover(share_below):
    rng = np.random.default_rng(9)
    true, covered = stats.lognorm(1).ppf(share_below), 0
    for _ in range(1000):
        values = rng.lognormal(0, 1, 300)
        found = estimates.quantile(values, share_below)
        assert found.value == np.quantile(values, share_below, method="inverted_cdf")
        covered += found.interval.low <= true <= found.interval.high
    assert 0.935 <= covered / 1000 <= 0.985


def test_too_few_values_leave_an_end_of_the_interval_open():
    found = estimates.quantile(np.arange(10.0), 0.95)
    assert found.value == 9.0
    assert found.interval.high == math.inf


def test_the_calibration_error_of_a_known_gap_is_that_gap():
    score = np.repeat([0.2, 0.6], 500)
    event = np.concatenate([np.arange(500) < 150, np.arange(500) < 250])
    assert estimates.calibration_error(score, event) == pytest.approx((0.1 + 0.1) / 2)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "roc_auc"])
def test_one_kind_of_rows_alone_has_no_metric_of_both(metric):
    with pytest.raises(ValueError, match="with and without the event"):
        of(metric, np.array([0.2, 0.4, 0.6]), np.ones(3))
    with pytest.raises(ValueError, match="with and without the event"):
        estimates.expected(metric, score=np.ones(3), threshold=0.5)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="probabilities"):
        estimates.expected("accuracy", score=np.array([0.2, 1.2]), threshold=0.5)
    with pytest.raises(ValueError, match="one length"):
        of("accuracy", np.array([0.2, 0.4]), np.ones(3))


@pytest.mark.parametrize(("k", "n", "share"), [(0, 9, 0.2), (1, 9, 0.2), (40, 500, 0.05), (5001, 100_000, 0.05)])
def test_binomial_tails_are_scipys(k, n, share):
    assert distributions.binomial_sf(k, n, share) == pytest.approx(stats.binom.sf(k - 1, n, share), rel=1e-7)


@pytest.mark.parametrize("t", [-3.0, 0.0, 0.7, 2.5, 40.0])
@pytest.mark.parametrize("freedom", [1, 2, 7, 25])
def test_students_tails_are_scipys(t, freedom):
    assert distributions.student_sf(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 25])
def test_students_quantiles_are_scipys(freedom):
    assert distributions.student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)
