"""95 % intervals of performance and calibration hold the true value in 93 to 97 % of simulated evaluations.

With 100 rows or more and 30 events or more, as the pages say. ``make prove`` draws the full number; ``make test``
fewer, and allows for what chance adds.
"""

import math

import numpy as np
import pytest

from reports.calibration import recalibration
from reports.performance.measure import CostMatrix
from tests.answering import by_id, measured
from tests.proving import count

RUNS = count(2000, 200)
RESAMPLES = count(1000, 400)
LARGE = count(4_000_000, 1_000_000)


def population(n, rng, *, noise=1.0):
    """Events and the scores of two models; the second sees the same signal less well."""
    signal = rng.standard_normal(n)
    event = rng.random(n) < 1 / (1 + np.exp(-(1.5 * signal - 0.7)))
    scores = [1 / (1 + np.exp(-(1.2 * signal + spread * rng.standard_normal(n) - 0.7))) for spread in (0.5, noise)]
    return event, *scores


COVERED = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "tpr",
    "fpr",
    "precision",
    "accuracy",
    "mcc",
    "expected_cost",
)


@pytest.fixture(scope="module")
def truth():
    event, score, other = population(LARGE, np.random.default_rng(99))
    return measured(
        event, score, production=other, threshold=0.4, costs=CostMatrix(1, 5, "EUR"), resamples=100, features=None
    )


def allowed(runs):
    """From where to where the covered share may lie: 93 to 97 %, with three standard errors of the simulation."""
    slack = 3 * math.sqrt(0.95 * 0.05 / runs) - 3 * math.sqrt(0.95 * 0.05 / 2000)
    return 0.93 - slack, 0.97 + slack


@pytest.mark.parametrize("n", [120, 400])
def test_intervals_of_figures_and_of_paired_differences_cover(truth, n):
    true = by_id(truth)
    held = {(name, part): [] for name in COVERED for part in ("candidate", "difference")}
    for run in range(RUNS):
        event, score, other = population(n, np.random.default_rng(run))
        drawn = by_id(
            measured(
                event,
                score,
                production=other,
                threshold=0.4,
                costs=CostMatrix(1, 5, "EUR"),
                resamples=RESAMPLES,
                seed=run,
            )
        )
        for name, part in held:
            low, high = drawn[name][part]["low"], drawn[name][part]["high"]
            if low is not None:  # once in a thousand draws there are fewer than 30 events, and no interval
                held[name, part].append(low <= true[name][part]["value"] <= high)
    low, high = allowed(RUNS)
    assert min(map(len, held.values())) >= 0.98 * RUNS
    shares = {key: sum(hits) / len(hits) for key, hits in held.items()}
    assert {key: share for key, share in shares.items() if not low <= share <= high} == {}


def test_slope_and_intercept_cover():
    hits = {"intercept": 0, "slope": 0}
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        logit = rng.normal(-0.5, 1.0, 300)
        event = rng.random(300) < 1 / (1 + np.exp(-logit))
        found = recalibration.logistic(event, 1 / (1 + np.exp(-logit)))
        for (name, true), estimate in zip((("intercept", 0.0), ("slope", 1.0)), found, strict=True):
            hits[name] += estimate.low <= true <= estimate.high
    low, high = allowed(RUNS)
    assert all(low <= hit / RUNS <= high for hit in hits.values()), hits
