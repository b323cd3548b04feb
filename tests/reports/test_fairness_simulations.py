"""What the fairness figures and the shipped check do over many samples of a population that is known.

``make prove`` runs the full counts. The bounds below are binomial: a share that is truly at its limit exceeds them in
one run of a thousand.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from governance.evidence.projection import project
from governance.policy import shipped
from governance.policy.document import parse
from governance.policy.evaluate import Outcome, evaluate
from monitoring import intervals
from reports.fairness import figures, regression
from reports.fairness.asked import Asked
from reports.fairness.decisions import of_score
from reports.fairness.measure import measure
from tests.proving import count, write_down

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "fairness-limits.md"
CHECK = "fairness.selection-ratio"
SIZES = {"a": 1800, "b": 160, "c": 40}
RESAMPLES = 1000


@cache
def high_risk():
    return parse(shipped.text("high-risk"))


def at_most(share, runs):
    """The largest count that a share of ``share`` gives in 999 of 1,000 rounds of ``runs``."""
    return int(binom.ppf(0.999, runs, share))


def between(low, high, runs):
    return int(binom.ppf(0.001, runs, low)), int(binom.ppf(0.999, runs, high))


SEEN: list[str] = []


def seen(what, shares):
    """Keep what a simulation showed for the page that says it."""
    figures = ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in sorted(shares.items()))
    SEEN.append(f"| {what} | {figures} |".replace("%", " %"))


@pytest.fixture(scope="module", autouse=True)
def page():
    yield
    if len(SEEN) > 12:  # all of them were run
        write_down("fairness simulations", "\n".join(["| Simulation | Seen |", "|---|---|", *SEEN]), page=PAGE)


@pytest.fixture(autouse=True)
def without_the_second_opinion(monkeypatch):
    """Fairlearn takes most of a run's time and changes no figure."""
    from reports.fairness import oracle

    monkeypatch.setattr(oracle, "difference_from_fairlearn", lambda *args, **more: 0.0)
    monkeypatch.setattr(regression, "_difference_from_fairlearn", lambda *args: 0.0)


def outcome(rng, selected, *, base=0.7):
    """One run of the shipped check on groups of 1800, 160 and 40 with these true selection rates."""
    group = np.repeat(list(SIZES), list(SIZES.values()))
    rate = np.repeat([selected[name] for name in SIZES], list(SIZES.values()))
    score = np.where(rng.random(len(group)) < rate, 0.2, 0.8)
    labels = pd.Series(np.where(rng.random(len(group)) < base, "good", "bad"))
    payload = measure(
        of_score(labels, score, threshold=0.5, positive_label="bad", favourable_label="good"),
        sensitive_features=pd.DataFrame({"sex": group}),
        reference_groups={"sex": "a"},
        asked=Asked(min_share=0.05),
        seed=int(rng.integers(2**31)),
        resamples=RESAMPLES,
    )
    facts = {"evidence": {"fairness": project("fairness/v1", payload)}}
    verdict = evaluate(high_risk(), facts)
    return next(check.outcome for check in verdict.checks if check.id == CHECK)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
def test_without_a_disparity_the_shipped_check_fails_in_at_most_five_runs_of_a_hundred(rate):
    rng = np.random.default_rng(round(1000 * rate))
    runs = count(2000, 60)
    found = [outcome(rng, dict.fromkeys(SIZES, rate)) for _ in range(runs)]
    seen(f"no disparity, selection rate {rate:.0%}", {str(state): found.count(state) / runs for state in set(found)})
    assert found.count(Outcome.FAIL) <= at_most(0.05, runs)


@pytest.mark.parametrize("worse", ["b", "bc"])
@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_at_a_true_ratio_of_six_tenths_it_passes_in_at_most_five_runs_of_a_hundred(rate, worse):
    rng = np.random.default_rng(round(1000 * rate) + len(worse))
    runs = count(2000, 60)
    selected = {name: rate * (0.6 if name in worse else 1.0) for name in SIZES}
    found = [outcome(rng, selected) for _ in range(runs)]
    shares = {str(state): found.count(state) / runs for state in set(found)}
    seen(f"ratio 0.6 of {' and '.join(worse)}, selection rate {rate:.0%}", shares)
    assert found.count(Outcome.PASS) <= at_most(0.05, runs)


def test_what_should_pass_does_and_what_should_fail_does():
    rng = np.random.default_rng(3)
    runs = count(500, 25)
    even = [outcome(rng, dict.fromkeys(SIZES, 0.9)) for _ in range(runs)]
    assert even.count(Outcome.PASS) >= 0.9 * runs
    uneven = [outcome(rng, {"a": 0.8, "b": 0.4, "c": 0.4}) for _ in range(runs)]
    assert uneven.count(Outcome.FAIL) >= 0.9 * runs


# (rate of the group, of the reference; rows of both): the smallest that the bootstrap is used for, and larger ones.
CASES = [
    (0.35, 0.35, 100, 400),
    (0.5, 0.65, 100, 1000),
    (0.12, 0.2, 420, 420),
    (0.75, 0.9, 160, 1800),
    (0.4, 0.4, 1000, 1000),
]


@pytest.mark.parametrize(("p", "q", "n", "m"), CASES)
def test_bootstrap_intervals_cover_the_truth_nineteen_times_of_twenty(p, q, n, m):
    """Rates, differences and ratios as they are published, where 30 events and 100 rows are expected or more."""
    rng = np.random.default_rng(n)
    runs = count(4000, 400)
    truth = {"rate": p, "difference": p - q, "ratio": p / q}
    covered, drawn = dict.fromkeys(truth, 0), 0
    for run in range(runs):
        a, b = int(rng.binomial(n, p)), int(rng.binomial(m, q))
        # Groups as the bootstrap sees them: everybody truly favourable, so that tpr is the selection rate.
        table = figures.Table(np.array([[[0, 0], [n - a, a]], [[0, 0], [m - b, b]]]), RESAMPLES, run)
        found = {
            "rate": table.rate("selection_rate", 0),
            "difference": table.pair("tpr_difference", 0, 1, comparisons=1),
            "ratio": table.pair("selection_ratio", 0, 1, comparisons=1),
        }
        drawn += all(figure["interval"] == "bootstrap" for figure in found.values())
        for name, figure in found.items():
            covered[name] += figure["low"] <= truth[name] <= figure["high"]
    seen(f"coverage, {p:.0%} of {n:,} against {q:.0%} of {m:,}", {name: hits / runs for name, hits in covered.items()})
    assert drawn > 0.5 * runs
    low, high = between(0.93, 0.97, runs)
    assert all(low <= hits <= high for hits in covered.values()), covered


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.1, 0.1, 60, 300), (0.5, 0.6, 40, 400), (0.9, 0.8, 50, 50)])
def test_score_intervals_of_small_groups_cover_at_least_as_often(p, q, n, m):
    rng = np.random.default_rng(n)
    runs = count(20_000, 2000)
    pairs = list(zip(rng.binomial(n, p, runs), rng.binomial(m, q, runs), strict=True))
    differences = [intervals.newcombe(int(a), n, int(b), m) for a, b in pairs]
    ratios = [intervals.ratio(int(a), n, int(b), m) for a, b in pairs]
    for limits, value in ((differences, p - q), (ratios, p / q)):
        covered = sum(low <= value <= high for low, high in limits)
        assert covered >= between(0.935, 0.99, runs)[0], covered / runs


def test_simultaneous_intervals_hold_all_at_once():
    rng = np.random.default_rng(8)
    runs, groups = count(4000, 400), 6
    missed_singly = missed_together = 0
    for run in range(runs):
        selected = rng.binomial(200, 0.5, groups)
        reference = int(rng.binomial(1500, 0.5))
        counts = np.array([[[0, 0], [1500 - reference, reference]], *([[0, 0], [200 - s, s]] for s in selected)])
        table = figures.Table(counts, RESAMPLES, run)
        found = [table.pair("selection_ratio", g, 0, comparisons=groups) for g in range(1, groups + 1)]
        missed_singly += any(not figure["low"] <= 1 <= figure["high"] for figure in found)
        missed_together += any(not figure["simultaneous"][0] <= 1 <= figure["simultaneous"][1] for figure in found)
    shares = {"single": missed_singly / runs, "simultaneous": missed_together / runs}
    seen("six groups without a disparity: any interval misses", shares)
    assert missed_together <= at_most(0.05, runs)
    assert missed_singly > missed_together


def test_intervals_of_a_regression_cover_the_truth_nineteen_times_of_twenty():
    rng = np.random.default_rng(5)
    runs = count(2000, 60)
    covered = dict.fromkeys(("mean_residual", "mean_prediction", "prediction_p50", "residual_difference"), 0)
    truth = {"mean_residual": 0.5, "mean_prediction": 1.5, "prediction_p50": 1.5, "residual_difference": -0.5}
    for run in range(runs):
        group = np.repeat(["a", "b"], [500, 150])
        labels = rng.normal(1.0, 1.0, len(group)) - 0.5 * (group == "a") + 0.0
        gap = np.where(group == "a", 1.0, 0.5)
        predicted = labels + gap + rng.normal(0, 0.7, len(group))
        payload = regression.measure(
            labels=pd.Series(labels),
            predicted=predicted,
            favourable_direction="higher",
            sensitive_features=pd.DataFrame({"sex": group}),
            reference_groups={"sex": "a"},
            seed=run,
            resamples=500,
        )
        row = next(row for row in payload["features"][0]["groups"] if row["group"] == "b")
        for name in covered:
            covered[name] += row[name]["low"] <= truth[name] <= row[name]["high"]
    seen("coverage, regression, 150 against 500 rows", {name: hits / runs for name, hits in covered.items()})
    low, high = between(0.93, 0.97, runs)
    assert all(low <= hits <= high for hits in covered.values()), covered
