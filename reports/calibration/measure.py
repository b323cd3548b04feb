"""Measure whether a score means what it says: of the rows with a score of 0.3, does the event happen in 30 %?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from monitoring.intervals import Z95, wilson
from reports import payload, resampling
from reports.calibration import bins, recalibration
from reports.calibration.bins import Binned, Reliability
from reports.calibration.recalibration import Estimate
from reports.isolation.outputs import Outputs
from reports.performance import answers
from reports.resampling import Floats

TITLES = {
    "ece": "Expected calibration error, bins of equal mass",
    "ece_equal_width": "Expected calibration error, bins of equal width",
    "mce": "Largest calibration error of a bin of equal mass",
    "in_the_large": "Calibration in the large: mean observed minus mean predicted",
    "intercept": "Calibration intercept (right is 0)",
    "slope": "Calibration slope (right is 1)",
    "brier": "Brier score",
    "reliability": "Brier score, reliability (less is better)",
    "resolution": "Brier score, resolution (more is better)",
    "uncertainty": "Brier score, uncertainty of the data",
    "within_bins": "Brier score, within bins",
}
OF_A_SHARE = ("brier", "reliability", "resolution", "uncertainty", "within_bins")
UPWARD = ("ece", "ece_equal_width", "mce", "reliability", "resolution")  # noise makes them larger, never smaller
TOLERANCE = 1e-9
CHECKED = 100_000  # rows that scikit-learn's figures are compared on


def measure(
    *,
    truth: pd.Series,
    said: Outputs,
    task: str,
    positive_label: str = "",
    seed: int = 0,
    resamples: int = resampling.RESAMPLES,
) -> payload.Payload:
    """Return a ``calibration/v1`` payload.

    With two classes the prediction is the score of the event. With several it is the probability of the class that the
    model names, and the outcome is whether it is right. In a regression it is the predicted value.

    Shares in bins have score intervals (Wilson), means of a regression t intervals. Errors that noise can only make
    larger have the reflected (basic) bootstrap interval, cut at 0; with them stands what a perfectly calibrated model
    would show on so many rows. With fewer than 100 rows, or 30 with or without the event, they have no interval.

    Args:
        truth: shape (n,), the label column. said: the model's answers for the same rows.
        task: ``binary``, ``multiclass`` or ``regression``. positive_label: the event, with two classes.
    Raises:
        ValueError: no row, a missing label or answer, labels that the model does not know, or a model that gives labels
            only, which has nothing to calibrate.
    Source: Guo, Pleiss, Sun & Weinberger (2017), ICML 70, 1321-1330; Van Calster et al. (2019), BMC Medicine 17, 230.
    """
    predicted, outcome, of = _taken(truth, said, task, positive_label)
    number = task == "regression"
    low, high = (float(predicted.min()), float(predicted.max())) if number else (0.0, 1.0)
    rows = Reliability(predicted, outcome, bins.equal_mass(predicted), bins.equal_width(predicted, low, high))
    n = rows.n
    (point,), (replicates,) = resampling.bootstrap([rows], n=n, seed=seed, resamples=resamples)
    event = outcome > 0.5
    size = n if number else int(min(event.sum(), n - event.sum()))
    few = _few(event, n, number=number)
    fitted = recalibration.linear(outcome, predicted) if number else recalibration.logistic(event, predicted)
    figures = {name: _figure(name, point[name], replicates[name], size, few, n=n) for name in TITLES if name in point}
    figures["intercept"], figures["slope"] = (_coefficient(estimate, n, few) for estimate in fitted)
    z, p = (math.nan, math.nan) if number else recalibration.spiegelhalter(event, predicted)
    return {
        **payload.head(
            "calibration/v1",
            n=n,
            seed=seed,
            method=_method(number=number, n=n, resamples=resamples),
            libraries=("numpy", "scikit-learn"),
            reference_check=payload.reference_check(
                "scikit-learn", max_difference=_difference(rows, number=number), tolerance=TOLERANCE
            ),
        ),
        "task": task,
        "of": of,
        "metrics": [
            {"id": name, "title": title, "number": figures[name]}
            for name, title in TITLES.items()
            if not (number and name in OF_A_SHARE)
        ],
        "expected_ece": None if number else _if_calibrated(rows, seed=seed, resamples=resamples),
        "spiegelhalter": {
            "z": z if math.isfinite(z) else None,
            "p": p if math.isfinite(p) else None,
            "reason": None if math.isfinite(z) else _no_test(number=number),
        },
        "bins": _rows(rows, rows.mass, number=number),
        "equal_width": _rows(rows, rows.width, number=number),
    }


def _taken(truth: pd.Series, said: Outputs, task: str, positive_label: str) -> tuple[Floats, Floats, str]:
    """Return predictions and outcomes as numbers, and what they are of."""
    if task == "regression":
        model = answers.regression(answers.numbers(truth), said, what="candidate")
        return model.predicted, model.observed, f"value of {truth.name}"
    labels = answers.texts(truth)
    if said.probabilities is None:
        msg = "The model gives labels only, no probabilities: there is nothing to calibrate."
        raise ValueError(msg)
    if task == "binary":
        two = answers.binary(
            labels, said, positive_label=positive_label, threshold=0.5, costs=None, what="candidate"
        )  # what is predicted at a threshold is not looked at
        return two.scores, two.event.astype(np.float64), f"probability of {positive_label}"
    classes = tuple(dict.fromkeys([*said.classes, *sorted(set(labels))]))
    answers.multiclass(labels, said, classes=classes, what="candidate")  # refuses what can't be measured
    top = said.probabilities.argmax(axis=1)
    right = np.array(said.classes, dtype=object)[top] == labels
    return said.probabilities.max(axis=1), right.astype(np.float64), "probability of the class named"


def _few(event: Any, n: int, *, number: bool) -> str:
    events = int(event.sum())
    needs = [("rows with the event", events), ("rows without the event", n - events)]
    return resampling.few(n, [] if number else needs)


def _figure(name: str, value: float, replicates: Floats, size: int, few: str, *, n: int) -> payload.Payload:
    if not math.isfinite(value):
        return payload.undefined("not defined on these rows", n=n)
    if few:
        return payload.number(value, n=n, reason=few)
    low, high = resampling.interval(replicates, size=size)
    if name in UPWARD:
        low, high = max(0.0, 2 * value - high), max(value, 2 * value - low)
    return payload.number(value, low, high, n=n)


def _coefficient(estimate: Estimate, n: int, few: str) -> payload.Payload:
    if estimate.reason:
        return payload.undefined(estimate.reason, n=n)
    if few:
        return payload.number(estimate.value, n=n, reason=few)
    return payload.number(estimate.value, estimate.low, estimate.high, n=n)


def _if_calibrated(rows: Reliability, *, seed: int, resamples: int) -> payload.Payload:
    """Return the error that a perfectly calibrated model would show: its mean and 95 % quantile over resamples.

    The outcomes of a bin are drawn from the normal distribution with the mean and variance of their Bernoulli trials.
    """
    p, code, size = rows.predicted, rows.mass.code, rows.mass.size
    spread = np.sqrt(np.bincount(code, weights=p * (1 - p), minlength=size))
    drawn = np.abs(np.random.default_rng(seed).standard_normal((resamples, size)) * spread).sum(axis=1) / rows.n
    return {"mean": float(drawn.mean()), "upper": float(np.quantile(drawn, payload.CONFIDENCE))}


def _rows(rows: Reliability, binned: Binned, *, number: bool) -> list[payload.Payload]:
    """Return each bin: its ends, mean prediction, and what was observed with its interval; empty bins are left out."""
    n = np.bincount(binned.code, minlength=binned.size)
    predicted = np.bincount(binned.code, weights=rows.predicted, minlength=binned.size)
    outcome = np.bincount(binned.code, weights=rows.outcome, minlength=binned.size)
    squares = np.bincount(binned.code, weights=rows.outcome**2, minlength=binned.size)
    out = []
    for i in np.flatnonzero(n):
        count, mean = int(n[i]), float(outcome[i] / n[i])
        low, high = _mean_interval(count, mean, float(squares[i])) if number else wilson(round(outcome[i]), count)
        out.append(
            {
                "low": float(binned.edges[i]),
                "high": float(binned.edges[i + 1]),
                "n": count,
                "predicted": float(predicted[i] / n[i]),
                "observed": payload.number(mean, low, high, n=count, denominator=None if number else count),
            }
        )
    return out


def _mean_interval(n: int, mean: float, squares: float) -> tuple[float, float]:
    if n < 2:
        return math.nan, math.nan
    from scipy import stats

    variance = max(0.0, squares - n * mean * mean) / (n - 1)
    half = (float(stats.t.ppf(0.975, n - 1)) if n < 1000 else Z95) * math.sqrt(variance / n)
    return mean - half, mean + half


def _difference(rows: Reliability, *, number: bool) -> float:
    """Return the largest distance of our bins (of our line, for a regression) from scikit-learn's."""
    keep = np.linspace(0, rows.n - 1, min(rows.n, CHECKED)).astype(np.int64)
    predicted, outcome = rows.predicted[keep], rows.outcome[keep]
    if number:
        from sklearn.linear_model import LinearRegression

        ours = recalibration.linear(outcome, predicted)[1].value
        if not math.isfinite(ours):
            return 0.0
        theirs = float(LinearRegression().fit(predicted[:, None], outcome).coef_[0])
        return abs(ours - theirs) / max(1.0, abs(theirs))
    from sklearn.calibration import calibration_curve

    largest = abs(float(np.mean((predicted - outcome) ** 2)) - _brier(predicted, outcome))
    for strategy, binned in (
        ("quantile", bins.equal_mass(predicted)),
        ("uniform", bins.equal_width(predicted, 0.0, 1.0)),
    ):
        observed, mean = calibration_curve(outcome, predicted, n_bins=bins.BINS, strategy=strategy)
        sample = Reliability(predicted, outcome, binned, binned)
        ours_binned = _rows(sample, binned, number=False)
        if len(observed) != len(ours_binned):
            return math.inf
        for a, b, mine in zip(observed, mean, ours_binned, strict=True):
            largest = max(largest, abs(a - mine["observed"]["value"]), abs(b - mine["predicted"]))
    return float(largest)


def _brier(predicted: Floats, outcome: Floats) -> float:
    from sklearn.metrics import mean_squared_error

    return float(mean_squared_error(outcome, predicted))


def _no_test(*, number: bool) -> str:
    return "of a regression there is none" if number else "every score is 0, 0.5 or 1"


def _method(*, number: bool, n: int, resamples: int) -> dict[str, str]:
    method = {
        "interval": f"95 % bootstrap, {resampling.way(n, resamples)}; reflected for errors that noise can only enlarge",
        "bins": f"{bins.BINS} of equal mass (quantiles of the prediction) and {bins.BINS} of equal width",
        "recalibration": "least squares of observed on predicted, robust intervals (HC1)"
        if number
        else "logistic regression of the event on the logit of the score, Wald intervals; the intercept with slope 1",
        "reference_check": f"scikit-learn on {'all' if n <= CHECKED else f'{CHECKED:,}'} rows",
    }
    if not number:
        method["expected_ece"] = f"error of {resamples} draws of outcomes as likely as the scores say"
        method["scores"] = f"taken between {recalibration.LEAST} and 1 less that for logits"
    return method
