"""Compare two windows of records by numbers that add up over partitions.

Everything here works on counts. Counts of partitions are added, so a week is the sum of its days and no record is read
twice. Numeric columns are cut at quantiles of the reference window, categories are counted exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from monitoring.binning import Counts, Floats, bin_counts, counted, finite, quantile_edges
from monitoring.distributions import Interval, chi_square_sf, kolmogorov_sf, noncentrality, normal_quantile, wilson

CONFIDENCE = 0.95
HALF_OBSERVATION = 0.5
SMALLEST_SD = 0.001
"""Floor of the standard deviation that Wasserstein's distance is divided by; the same floor as Evidently's."""


class KolmogorovSmirnov(NamedTuple):
    """The distance from binned counts: the exact one lies in ``[value, value + error_bound]``."""

    value: float
    error_bound: float


class RateChange(NamedTuple):
    """Current rate minus reference rate, its 95 % interval and two-sided p; in -1..1 and 0..1."""

    difference: float
    low: float
    high: float
    p: float


def population_stability_index(reference: ArrayLike, current: ArrayLike, *, bins: int = 10) -> float:
    """Return how far ``current`` has moved from ``reference``, in nats.

    With p and q the two windows' shares per interval, cut at the reference window's quantiles:
    ``sum((q-p) * ln(q/p))``.

    Args:
        reference: shape (n,), the feature in the reference window.
        current: shape (m,), the same feature and unit in the current window.
        bins: number of intervals, at least 2. Ties can merge some.
    Returns: 0.0 for equal shares; unbounded above. An empty bin counts as half an observation, so always finite.
    Raises:
        ValueError: a window is empty, not 1-D or holds a NaN; or ``bins < 2``.
    Source: Jeffreys' divergence, Kullback & Leibler (1951), Ann. Math. Statist. 22(1). The usual alarm levels
        (0.1, 0.25) are a habit of credit scoring, not a test: they ignore n and m.
    """
    windows = {}
    for name, given in (("reference", reference), ("current", current)):
        values = np.asarray(given, dtype=np.float64)
        if values.ndim != 1 or not values.size:
            raise ValueError(f"The {name} window must be one-dimensional and not empty; its shape is {values.shape}.")
        if not np.isfinite(values).all():
            raise ValueError(f"The {name} window holds values that are not finite; count them apart as missing.")
        windows[name] = values
    edges = quantile_edges(windows["reference"], bins=bins)
    return psi_of_counts(bin_counts(windows["reference"], edges), bin_counts(windows["current"], edges))


def psi_of_counts(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the population stability index of two rows of counts over the same bins, in nats.

    An empty bin counts as half an observation; a bin that is empty on both sides is left out.

    Raises:
        ValueError: different shapes, a negative count, or a side with no observation.
    """
    p, q = _floored_shares(*_pair(reference, current))
    return jeffreys(p, q)


def jeffreys(p: ArrayLike, q: ArrayLike) -> float:
    """Return Jeffreys' divergence ``sum((q - p) * ln(q / p))`` of two rows of positive shares, in nats."""
    left, right = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    return float(((right - left) * np.log(right / left)).sum())


def psi_noise(bins: int, n: int, m: int) -> float:
    """Return the PSI to expect with no drift at all: ``(bins - 1) * (1/n + 1/m)``, in nats.

    Source: Yurdakul & Naranjo (2020), Statistical properties of the population stability index, J. Risk Model
        Validation 14(4): without drift PSI / (1/n + 1/m) is close to chi-square with bins - 1 degrees of freedom.
    """
    return (bins - 1) * (1 / n + 1 / m)


def psi_interval(reference: ArrayLike, current: ArrayLike, *, confidence: float = CONFIDENCE) -> Interval:
    """Return an interval for the PSI of the two populations behind the counts, in nats.

    The estimate is biased upward by :func:`psi_noise`, so the interval is not centred on it: PSI / c follows closely a
    non-central chi-square with bins - 1 degrees of freedom and non-centrality (true PSI) / c. The interval is the set
    of true values that a two-sided test keeps. c is 1/n + 1/m times the ratio of the delta-method variance to ``4 PSI
    (1/n + 1/m)``, which is 1 for small shifts. No random numbers are drawn.

    Returns: ``0 <= low <= high``; ``low`` is 0 when the counts are compatible with no drift.
    Raises:
        ValueError: as :func:`psi_of_counts`.
    Source: Yurdakul & Naranjo (2020); non-central chi-square by Sankaran (1963), Biometrika 50(1/2).
    """
    left, right = _pair(reference, current)
    p, q = _floored_shares(left, right)
    value, freedom = jeffreys(p, q), p.size - 1
    if freedom == 0:
        return Interval(0.0, 0.0)
    n, m = int(left.sum()), int(right.sum())
    scale = 1 / n + 1 / m
    if value > 0:
        toward_p, toward_q = np.log(p / q) + 1 - q / p, np.log(q / p) + 1 - p / q
        variance = _variance(toward_p, p) / n + _variance(toward_q, q) / m
        # Never below 1: at small shifts the ratio is noise, and a smaller c would make the interval too short.
        scale *= max(1.0, variance / (4 * value * scale))
    tail = normal_quantile((1 + confidence) / 2)
    low = noncentrality(value / scale, freedom, tail)
    high = noncentrality(value / scale, freedom, -tail)
    return Interval(low * scale, max(high * scale, value))


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the Jensen-Shannon distance of two rows of counts: the root of the divergence in nats, 0..sqrt(ln 2).

    Equal to ``scipy.spatial.distance.jensenshannon``.
    Source: Endres & Schindelin (2003), IEEE Trans. Inf. Theory 49(7).
    """
    left, right = _pair(reference, current)
    p, q = left / left.sum(), right / right.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for share in (p, q):
        some = share > 0
        divergence += float((share[some] * np.log(share[some] / middle[some])).sum()) / 2
    return math.sqrt(max(divergence, 0.0))


def ks_of_counts(reference: ArrayLike, current: ArrayLike) -> KolmogorovSmirnov:
    """Return the Kolmogorov-Smirnov distance that ordered bins show, and by how much the exact one can exceed it.

    Inside a bin one distribution can rise before the other, never by more than its own mass there.

    Returns: both in 0..1. The bound shrinks with the largest bin: about 1 / bins for quantile bins.
    """
    left, right = _pair(reference, current)
    f, g = np.cumsum(left) / left.sum(), np.cumsum(right) / right.sum()
    value = float(np.abs(f - g).max())
    before_f, before_g = np.concatenate(([0.0], f[:-1])), np.concatenate(([0.0], g[:-1]))
    worst = float(np.maximum(f - before_g, g - before_f).max())
    return KolmogorovSmirnov(value, max(worst - value, 0.0))


def ks_interval(reference: ArrayLike, current: ArrayLike, *, confidence: float = CONFIDENCE) -> Interval:
    """Return an interval for the Kolmogorov-Smirnov distance of the two populations behind ordered bins, in 0..1.

    Each empirical distribution function lies within its band of the true one, each with half of what may be missed; the
    distance can't be further off than both widths together, and above also not by more than the bins hide. Covers at
    least ``confidence``, mostly more.

    Source: Massart (1990), Ann. Probab. 18(3): the band of Dvoretzky, Kiefer and Wolfowitz with its best constant.
    """
    left, right = _pair(reference, current)
    found = ks_of_counts(left, right)
    width = sum(math.sqrt(math.log(4 / (1 - confidence)) / (2 * int(side.sum()))) for side in (left, right))
    return Interval(max(0.0, found.value - width), min(1.0, found.value + found.error_bound + width))


def kolmogorov_smirnov_p(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the p-value of "both rows of ordered counts come from one distribution", 0..1.

    From the limiting distribution of the distance. Bins and ties can only make the distance smaller and p larger, so it
    alarms less often than it says.

    Source: Smirnov (1948), Ann. Math. Statist. 19(2).
    """
    left, right = _pair(reference, current)
    n, m = int(left.sum()), int(right.sum())
    return kolmogorov_sf(math.sqrt(n * m / (n + m)) * ks_of_counts(left, right).value)


def bootstrap_interval(
    reference: ArrayLike,
    current: ArrayLike,
    distance: Callable[[Counts, Counts], float],
    *,
    replicates: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return an interval for a distance of two rows of counts that has no interval in closed form.

    Both rows are drawn again as multinomials, always with the same random numbers: one pair of rows has one interval.
    A distance is biased upwards, and a drawn one twice, so the deviations of the draws are turned over (the basic
    interval), not their values taken.

    Args:
        distance: of two rows of counts, 0 or more.
        replicates: draws, some hundreds.
    Returns: ``0 <= low <= high``.
    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, 5.2.
    """
    left, right = _pair(reference, current)
    n, m = int(left.sum()), int(right.sum())
    value = distance(left, right)
    random = np.random.default_rng(0)
    drawn = [
        distance(one, other)
        for one, other in zip(
            random.multinomial(n, left / n, replicates), random.multinomial(m, right / m, replicates), strict=True
        )
    ]
    tail = (1 - confidence) / 2
    low, high = (2 * value - float(end) for end in np.quantile(drawn, [1 - tail, tail]))
    return Interval(max(0.0, min(low, value)), max(high, value))


def wasserstein_of_counts(reference: ArrayLike, current: ArrayLike, knots: ArrayLike, *, sd: float) -> float:
    """Return the first Wasserstein distance in standard deviations of the reference, from ordered bins.

    Values are taken as evenly spread inside each bin, so this is an estimate. Most of its error comes from the
    two outermost bins: with 100 bins about 0.02.

    Args:
        reference, current: shape (b,), counts.
        knots: shape (b + 1,), the lowest value of both windows, the edges, the highest value of both.
        sd: population standard deviation of the reference; at least 0.001 is divided by.
    Returns: 0.0 for equal counts; unbounded above. Infinite or NaN where the knots are so far apart that no
        floating-point number says it.
    """
    left, right = _pair(reference, current)
    points = np.asarray(knots, dtype=np.float64)
    with np.errstate(over="ignore"):
        widths = np.diff(points)
    if points.size != left.size + 1 or (widths < 0).any():
        raise ValueError(f"{left.size} bins need {left.size + 1} knots that never fall; {points.size} were given.")
    gap = np.concatenate(([0.0], np.cumsum(left) / left.sum() - np.cumsum(right) / right.sum()))
    a, b = np.abs(gap[:-1]), np.abs(gap[1:])
    crosses = gap[:-1] * gap[1:] < 0
    total = np.where(a + b > 0, a + b, 1.0)
    area = np.where(crosses, (a * a + b * b) / total, a + b) / 2  # the integral of |a straight line|
    with np.errstate(over="ignore", invalid="ignore"):
        return float((area * widths).sum() / max(sd, SMALLEST_SD))


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the exact two-sample distance of two samples, 0..1. Equal to ``scipy.stats.ks_2samp().statistic``."""
    _, gap = _gaps(reference, current)
    return float(np.abs(gap).max())


def wasserstein_normed(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the exact first Wasserstein distance of two samples, in standard deviations of the reference."""
    merged, gap = _gaps(reference, current)
    distance = float((np.abs(gap[:-1]) * np.diff(merged)).sum())
    return distance / max(float(np.std(finite(reference))), SMALLEST_SD)


def chi_square_p(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the p-value of "both rows of counts come from one distribution" (homogeneity), 0..1.

    Both windows are samples; the reference is not taken for the truth. Bins empty on both sides are left out; one bin
    that holds everything gives 1.0. Equal to ``scipy.stats.chi2_contingency(correction=False)``.

    Source: Pearson (1900), Phil. Mag. 50(302).
    """
    left, right = _pair(reference, current)
    table = np.vstack([left, right])[:, (left + right) > 0].astype(np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return chi_square_sf(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def benjamini_hochberg(p: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values so that refusing those below q keeps the expected share of false alarms at or below q.

    Args:
        p: one value in 0..1 per column; None (not estimable) stays None and does not count as a test.
    Raises:
        ValueError: a value outside 0..1.
    Source: Benjamini & Hochberg (1995), J. R. Statist. Soc. B 57(1). Equal to ``scipy.stats.false_discovery_control``.
    """
    known = [(value, index) for index, value in enumerate(p) if value is not None]
    if any(not 0 <= value <= 1 for value, _ in known):
        raise ValueError("A p-value lies outside 0..1.")
    adjusted: list[float | None] = [None] * len(p)
    best = 1.0
    for rank, (value, index) in sorted(enumerate(sorted(known), start=1), reverse=True):
        best = min(best, value * len(known) / rank)
        adjusted[index] = best
    return adjusted


def missing_rate_change(
    *, reference_missing: int, reference_n: int, current_missing: int, current_n: int, confidence: float = CONFIDENCE
) -> RateChange:
    """Return by how much the share of missing values changed, with interval and p.

    Raises:
        ValueError: a window is empty, or more are missing than there are rows.
    Source: interval by Newcombe (1998), Statist. Med. 17, method 10; p by the pooled two-proportion z-test.
    """
    if (
        not 0 <= reference_missing <= reference_n
        or not 0 <= current_missing <= current_n
        or 0 in (reference_n, current_n)
    ):
        raise ValueError("Each window needs at least one row and no more missing values than rows.")
    before, after = reference_missing / reference_n, current_missing / current_n
    z = normal_quantile((1 + confidence) / 2)
    low_before, high_before = wilson(reference_missing, reference_n, z)
    low_after, high_after = wilson(current_missing, current_n, z)
    change = after - before
    low = change - math.hypot(after - low_after, high_before - before)
    high = change + math.hypot(high_after - after, before - low_before)
    pooled = (reference_missing + current_missing) / (reference_n + current_n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / reference_n + 1 / current_n))
    p = math.erfc(abs(change) / spread / math.sqrt(2)) if spread else 1.0
    return RateChange(change, low, high, p)


def _pair(reference: ArrayLike, current: ArrayLike) -> tuple[Counts, Counts]:
    left, right = counted(reference), counted(current)
    if left.shape != right.shape:
        raise ValueError(f"The counts are over different bins: {left.size} and {right.size}.")
    if not left.sum() or not right.sum():
        raise ValueError("A window without observations has no distribution to compare.")
    return left, right


def _floored_shares(left: Counts, right: Counts) -> tuple[Floats, Floats]:
    some = (left + right) > 0
    p = np.maximum(left[some].astype(np.float64), HALF_OBSERVATION)
    q = np.maximum(right[some].astype(np.float64), HALF_OBSERVATION)
    return p / p.sum(), q / q.sum()


def _variance(values: Floats, weights: Floats) -> float:
    mean = float((values * weights).sum())
    return float((weights * (values - mean) ** 2).sum())


def _gaps(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    left, right = np.sort(finite(reference)), np.sort(finite(current))
    if not left.size or not right.size:
        raise ValueError("A window without observations has no distribution to compare.")
    merged = np.sort(np.concatenate([left, right]))
    f = np.searchsorted(left, merged, side="right") / left.size
    g = np.searchsorted(right, merged, side="right") / right.size
    return merged, f - g
