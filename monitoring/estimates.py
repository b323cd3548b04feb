"""Figures of served records with their standard errors: quantiles, means, and how well scores predict. Pure, no SciPy.

Each estimate has what an interval and a test need. Two windows are independent samples, so the variances of their
figures add up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.distributions import Interval, normal_quantile, wilson
from monitoring.statistics import CONFIDENCE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Z = normal_quantile((1 + CONFIDENCE) / 2)
OF_CLASSES = ("accuracy", "balanced_accuracy", "roc_auc", "brier")
OF_NUMBERS = ("rmse", "mae")
LOSSES = frozenset({"brier", "rmse", "mae"})
"""Metrics of which less is better."""
OF_RANKS = frozenset({"balanced_accuracy", "roc_auc"})
"""Metrics that need rows with and without the event."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A figure, its standard error (0 or more) and its 95 % interval, in the figure's unit; ``n`` rows."""

    value: float
    se: float
    interval: Interval
    n: int


def observed(metric: str, *, score: Floats, truth: Floats, threshold: float) -> Estimate:
    """Return how well scores did, by labels.

    Args:
        metric: one of ``OF_CLASSES`` or ``OF_NUMBERS``.
        score: shape (n,), n at least 2: the probability of the event, 0..1, or what a regression says.
        truth: shape (n,): 1.0 where the event happened and else 0.0, or the observed number.
        threshold: from which score on the event is predicted.
    Raises:
        ValueError: shapes differ, fewer than 2 rows, an unknown metric, or one of ``OF_RANKS`` without rows of both
            kinds.
    Source: shares by Wilson (1927); the area under the ROC curve by DeLong et al. (1988), Biometrics 44(3), interval on
        the logit scale; means by the central limit theorem; the root of a mean by the delta method.
    """
    if score.shape != truth.shape or score.ndim != 1 or score.size < 2:
        raise ValueError(f"Scores and labels must be rows of one length, 2 at least: {score.shape}, {truth.shape}.")
    if metric == "accuracy":
        return share(int(((score >= threshold) == (truth > 0)).sum()), score.size)
    if metric == "brier":
        return mean((score - truth) ** 2, least=0.0)
    if metric == "mae":
        return mean(np.abs(score - truth), least=0.0)
    if metric == "rmse":
        return _root(mean((score - truth) ** 2, least=0.0))
    event = truth > 0
    if event.all() or not event.any():
        raise ValueError(f"{metric} needs rows with and without the event.")
    if metric == "balanced_accuracy":
        said = score >= threshold
        return _half_of_both(
            share(int(said[event].sum()), int(event.sum())), share(int((~said[~event]).sum()), int((~event).sum()))
        )
    if metric == "roc_auc":
        return _area(score[event], score[~event])
    raise ValueError(f"There is no metric {metric!r}.")


def expected(metric: str, *, score: Floats, threshold: float) -> Estimate:
    """Return how well scores can be expected to do if they are calibrated: no label is looked at.

    A calibrated score says how often the event happens among rows like this one, so each row counts as right, or as an
    event, by that share. What the scores do not know (that the event has become more frequent among such rows: concept
    drift) is not in this figure.

    Args:
        metric: one of ``OF_CLASSES``.
        score: shape (n,), n at least 2, probabilities of the event, 0..1.
        threshold: from which score on the event is predicted.
    Raises:
        ValueError: a score is no probability, fewer than 2 rows, an unknown metric; or all scores are 0, or all 1,
            where one of ``OF_RANKS`` is asked for.
    Source: confidence-based performance estimation: Kivimäki et al. (2024), arXiv:2407.08649; standard errors by the
        delta method over rows.
    """
    if score.ndim != 1 or score.size < 2 or not ((score >= 0) & (score <= 1)).all():
        raise ValueError("Scores must be a row of 2 probabilities at least, each from 0 to 1.")
    said, other = score >= threshold, 1 - score
    if metric == "accuracy":
        return _within(mean(np.where(said, score, other), least=0.0), most=1.0)
    if metric == "brier":
        return _within(mean(score * other, least=0.0), most=1.0)
    events, others = float(score.sum()), float(other.sum())
    if min(events, others) < SMALLEST:
        raise ValueError(f"{metric} needs rows with and without the event; the scores expect none of one kind.")
    if metric == "balanced_accuracy":
        tpr, tnr = float(score[said].sum()) / events, float(other[~said].sum()) / others
        slopes = ((said - tpr) * score / events + (~said - tnr) * other / others) / 2
        return _normal((tpr + tnr) / 2, math.sqrt(float((slopes**2).sum())), score.size)
    if metric == "roc_auc":
        return _expected_area(score, events, others)
    raise ValueError(f"There is no metric {metric!r} without labels.")


def calibration_error(score: Floats, event: Bools, *, bins: int = 10) -> float:
    """Return the expected calibration error: the mean gap between score and share of events over bins of like size.

    Args:
        score, event: shape (n,), n at least 1.
        bins: as many, by rank of the score; rows of one score stay together.
    Returns: 0..1; noise alone makes it more than 0.
    Source: Naeini et al. (2015), AAAI 29, with bins of equal size.
    """
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    place = np.searchsorted(edges, score, side="left")
    rows = np.bincount(place)
    gaps = np.abs(np.bincount(place, weights=score) - np.bincount(place, weights=event.astype(np.float64)))
    return float(gaps[rows > 0].sum() / score.size)


def quantile(values: Floats, share_below: float) -> Estimate:
    """Return a quantile with its interval by order statistics: no shape of the distribution is assumed.

    Args:
        values: shape (n,), n at least 1.
        share_below: of the values at or below the quantile, 0..1, open.
    Returns: the standard error is NaN. An end of the interval is infinite where there are too few values for it.
    Source: David & Nagaraja (2003), Order Statistics, 7.1; ranks by the normal approximation of the binomial.
    """
    ordered = np.sort(values)
    n = ordered.size
    if not n:
        raise ValueError("No value has no quantile.")
    middle = max(math.ceil(share_below * n - 1e-9), 1)
    half = Z * math.sqrt(n * share_below * (1 - share_below))
    low, high = math.floor(share_below * n - half), math.ceil(share_below * n + half) + 1
    ends = Interval(
        float(ordered[low - 1]) if low >= 1 else -math.inf, float(ordered[high - 1]) if high <= n else math.inf
    )
    return Estimate(float(ordered[middle - 1]), math.nan, ends, n)


def share(events: int, n: int) -> Estimate:
    """Return a share with Wilson's interval; its standard error is never 0 (half a row is added to both sides)."""
    smooth = (events + 0.5) / (n + 1)
    return Estimate(events / n, math.sqrt(smooth * (1 - smooth) / n), wilson(events, n, Z), n)


def mean(values: Floats, *, least: float = -math.inf) -> Estimate:
    """Return a mean of n values, 2 at least, that are never below ``least``."""
    value = float(values.mean())
    se = float(values.std(ddof=1)) / math.sqrt(values.size)
    return Estimate(value, se, Interval(max(least, value - Z * se), value + Z * se), values.size)


def drop(reference: Estimate, current: Estimate, *, loss: bool) -> tuple[float, Interval, float]:
    """Return by how much a figure is worse now, the interval of that, and the two-sided p of "it is as good as then".

    Args:
        loss: less is better.
    Source: the interval from those of both figures: Zou & Donner (2008), Statist. Med. 27(10) (Newcombe's method 10 for
        shares); p by the normal test.
    """
    worse, better = (current, reference) if loss else (reference, current)
    change = worse.value - better.value
    low = change - math.hypot(worse.value - worse.interval.low, better.interval.high - better.value)
    high = change + math.hypot(worse.interval.high - worse.value, better.value - better.interval.low)
    spread = math.hypot(reference.se, current.se)
    if not spread:
        return change, Interval(low, high), 1.0 if abs(change) < SMALLEST else 0.0
    return change, Interval(low, high), math.erfc(abs(change) / spread / math.sqrt(2))


def _normal(value: float, se: float, n: int) -> Estimate:
    return _within(Estimate(value, se, Interval(value - Z * se, value + Z * se), n), most=1.0)


def _within(found: Estimate, *, most: float) -> Estimate:
    low, high = found.interval
    return Estimate(found.value, found.se, Interval(max(0.0, low), min(most, high)), found.n)


def _root(found: Estimate) -> Estimate:
    value = math.sqrt(found.value)
    ends = Interval(*(math.sqrt(max(0.0, end)) for end in found.interval))
    return Estimate(value, found.se / (2 * value) if value else 0.0, ends, found.n)


def _half_of_both(one: Estimate, other: Estimate) -> Estimate:
    """Return the mean of two independent shares."""
    value = (one.value + other.value) / 2
    low = value - math.hypot(one.value - one.interval.low, other.value - other.interval.low) / 2
    high = value + math.hypot(one.interval.high - one.value, other.interval.high - other.value) / 2
    return Estimate(value, math.hypot(one.se, other.se) / 2, Interval(max(0.0, low), min(1.0, high)), one.n + other.n)


def _area(events: Floats, others: Floats) -> Estimate:
    """Return the area under the ROC curve: how often a row with the event scores above one without, ties for half."""
    above, below = _placed(events, np.sort(others)), 1 - _placed(others, np.sort(events))
    value, (m, n) = float(above.mean()), (events.size, others.size)
    variance = (float(above.var(ddof=1)) / m if m > 1 else 0.25) + (float(below.var(ddof=1)) / n if n > 1 else 0.25)
    se = math.sqrt(variance)
    if not se or not 0 < value < 1:
        # Complete separation leaves no variance to see; as sure as the fewer rows of both kinds are, and no more.
        fewer = min(m, n)
        ends, at_least = wilson(round(value * fewer), fewer, Z), share(round(value * fewer), fewer).se
        return Estimate(value, at_least, Interval(min(ends.low, value), max(ends.high, value)), m + n)
    logit, half = math.log(value / (1 - value)), Z * se / (value * (1 - value))
    return Estimate(value, se, Interval(*(1 / (1 + math.exp(-(logit + side * half))) for side in (-1, 1))), m + n)


def _placed(values: Floats, ordered: Floats) -> Floats:
    """Return which share of ``ordered`` each value lies above, ties counting for half."""
    low, high = np.searchsorted(ordered, values, side="left"), np.searchsorted(ordered, values, side="right")
    placed: Floats = (low + high) / (2 * ordered.size)
    return placed


def _expected_area(score: Floats, events: float, others: float) -> Estimate:
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])
    tied = np.diff(np.r_[starts, ordered.size])
    group = np.repeat(np.arange(starts.size), tied)
    by_event, by_other = np.add.reduceat(ordered, starts), np.add.reduceat(1 - ordered, starts)
    others_below = np.cumsum(by_other) - by_other / 2
    events_above = events - np.cumsum(by_event) + by_event / 2
    itself = ordered * (1 - ordered)  # a row is not compared with itself
    pairs = events * others - float(itself.sum())
    if pairs < SMALLEST:
        raise ValueError("roc_auc needs rows with and without the event; the scores expect none of one kind.")
    won = ordered * others_below[group] + (1 - ordered) * events_above[group]
    value = float((ordered * others_below[group] - itself / 2).sum()) / pairs
    slopes = (won - value * (ordered * others + (1 - ordered) * events)) / pairs
    return _normal(value, math.sqrt(float((slopes**2).sum())), score.size)
