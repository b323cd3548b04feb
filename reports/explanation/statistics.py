"""Statistics of SHAP values: importance with intervals, additivity, stability, faithfulness. Pure numpy."""

from __future__ import annotations

import numpy as np

from reports import payload
from reports.isolation.explainer import Curves
from reports.isolation.process import Floats

RESAMPLES = 1000
BLOCK = 2_000_000  # numbers of resampling weights held at once: 16 MB


def additivity_residual(values: Floats, base_value: float | Floats, score: Floats) -> float:
    """Return the largest ``|base value + sum of a row's SHAP values - score|`` over the rows; 0 in exact arithmetic.

    Args:
        values: shape (n, features) or (n, features, outputs). base_value: one number, or one per output.
        score: shape (n,) or (n, outputs), the model's own answers in the space that is explained.
    """
    return float(np.abs(base_value + values.sum(axis=1) - score).max())


def resampled_means(figures: Floats, *, seed: int) -> Floats:
    """Return the column means of bootstrap resamples of the rows, shape (resamples, columns).

    Args:
        figures: shape (n, columns). The same seed and n give the same resamples, so that figures of the same rows can
            be compared.
    """
    n = len(figures)
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // n)
    parts = [
        rng.multinomial(n, np.full(n, 1 / n), size=min(step, RESAMPLES - start)) @ figures / n
        for start in range(0, RESAMPLES, step)
    ]
    return np.concatenate(parts)


def importance(values: Floats, *, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Return the mean absolute SHAP value of each feature, summed over outputs, and its 95 % bootstrap interval.

    Args:
        values: shape (n, features, outputs).
    Returns: three arrays of shape (features,): value, low, high.
    """
    size = np.abs(values).sum(axis=2)
    low, high = np.quantile(resampled_means(size, seed=seed), [0.025, 0.975], axis=0)
    return size.mean(axis=0), low, high


def stability(first: Floats, *others: Floats, seed: int = 0) -> payload.Payload:
    """Return how far the ranking of features keeps when the background and the seed change.

    The mean of Spearman's rank correlations, -1 to 1, of the reported run's importances with those of each other run.
    The interval is a 95 % percentile bootstrap over the rows, the same resamples in every run.

    Args:
        first: shape (n, features), absolute SHAP values of the reported run. others: the same rows in further runs.
    Returns: a number; undefined when there are fewer than two features, or all of them are equally important.
    """
    n = len(first)
    runs = [np.abs(run) for run in (first, *others)]
    value = np.mean([_rank_correlation(runs[0].mean(axis=0)[None], run.mean(axis=0)[None])[0] for run in runs[1:]])
    if not np.isfinite(value):
        return payload.undefined("a rank correlation needs at least two features of different importance", n=n)
    drawn = [resampled_means(run, seed=seed) for run in runs]
    replicates = np.mean([_rank_correlation(drawn[0], run) for run in drawn[1:]], axis=0)
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    return payload.number(float(value), float(low), float(high), n=n)


def stability_over_rows(values: Floats, *, seed: int = 0) -> payload.Payload:
    """Return how far the ranking keeps on other rows, for values that depend on no background.

    Spearman's rank correlation of the importances in two random halves of the rows; value and interval are the mean and
    the 95 % percentiles over random halvings.

    Args:
        values: shape (n, features), absolute SHAP values.
    Returns: a number; undefined with fewer than four rows, or where a ranking is (see ``stability``).
    """
    n = len(values)
    if n < 4:
        return payload.undefined("two halves of at least two rows are needed", n=n)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES // 5):
        order = rng.permutation(n)
        first, second = (np.abs(values[half]).mean(axis=0)[None] for half in (order[: n // 2], order[n // 2 :]))
        found.append(_rank_correlation(first, second)[0])
    if not np.isfinite(found).any():
        return payload.undefined("a rank correlation needs at least two features of different importance", n=n)
    low, high = np.nanquantile(found, [0.025, 0.975])
    return payload.number(float(np.nanmean(found)), float(low), float(high), n=n)


def faithfulness(curves: Curves, *, seed: int = 0) -> payload.Payload:
    """Return how much faster the score moves when features are deleted in the explanation's order than at random.

    The area between the two deletion curves, over the share of features deleted, divided by how far the score has moved
    when all are gone: 0 means no better than random order, 1 can't be reached. Negative means worse than random.
    The interval is a 95 % percentile bootstrap over the rows, the random order being part of the measurement.

    Returns: a number; undefined when the score does not move at all.
    Source: Samek et al. (2017), IEEE TNNLS 28(11), area over the perturbation curve, here against random order.
    """
    n = len(curves.ordered)
    share = np.asarray(curves.steps) / curves.steps[-1]
    gap = np.trapezoid(curves.ordered - curves.shuffled, share, axis=1)
    figures = np.column_stack([gap, curves.ordered[:, -1]])
    area, reach = figures.mean(axis=0)
    if reach <= 0:
        return payload.undefined("the score does not move when every feature is deleted", n=n)
    drawn = resampled_means(figures, seed=seed)
    ratio = np.divide(drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.nan), where=drawn[:, 1] > 0)
    low, high = np.nanquantile(ratio, [0.025, 0.975])
    return payload.number(float(area / reach), float(low), float(high), n=n)


def _rank_correlation(first: Floats, second: Floats) -> Floats:
    """Spearman's correlation of each pair of rows, shapes (m, features) -> (m,); NaN where one has no variation."""
    from scipy.stats import rankdata

    a, b = (rankdata(side, axis=1) for side in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    out = np.full(len(a), np.nan)
    np.divide((a * b).sum(axis=1), scale, out=out, where=scale > 0)
    return out
