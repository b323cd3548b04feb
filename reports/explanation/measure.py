"""Measure what a model version bases its scores on: SHAP values of sampled rows, and how steady they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports import payload
from reports.isolation import runner
from reports.isolation.process import Progress

Floats = npt.NDArray[np.float64]

ROWS = 120
BACKGROUND_ROWS = 50
PERMUTATIONS = 2  # of the features, each walked forwards and backwards: 2 * features + 1 evaluations
RESAMPLES = 1000
POINTS = 120
TOLERANCE = 1e-6


def measure(
    *,
    model_dir: Path,
    frame: pd.DataFrame,
    positive_label: str,
    seed: int = 0,
    rows: int = ROWS,
    background_rows: int = BACKGROUND_ROWS,
    progress: Progress | None = None,
    timeout_s: float = 600,
) -> payload.Payload:
    """Return an ``explanation/v1`` payload for the model in ``model_dir`` on a sample of ``frame``.

    The model runs in isolation. Its rows are explained twice, against two backgrounds that share no row, with two
    seeds: the first run is reported, and the rank correlation of the two runs' importances says how steady it is.

    Args:
        frame: shape (n, at least the model's columns), the evaluation rows, without label and sensitive columns. Any
            column that the model does not name is ignored. At least 3 rows.
        positive_label: explained is the model's probability of this label.
        rows: explained at most, sampled with ``seed``; at least 2.
        background_rows: in each background at most, at least 1; drawn from the rows that are not explained when those
            suffice, else from all.
        progress: called with (rows done, rows in both runs).
    Returns: the payload. ``mean_abs`` is the mean absolute SHAP value, in probability, with a 95 % bootstrap interval
        over the explained rows; features come in falling order of it. Points are [SHAP value, value scaled 0 to 1
        between the 5 % and 95 % quantiles of the explained rows], the latter None for a category.
    Raises:
        ModelRefused, ModelFailed: the model could not be run; the message says why.
        ValueError: too few rows.
    Source: Lundberg & Lee (2017), NeurIPS 30 (SHAP); permutation estimator with antithetic pairs of the shap package.
    """
    if len(frame) < 3 or rows < 2 or background_rows < 1:
        msg = f"{len(frame)} rows: at least 3 are needed, 2 to explain and 1 as background."
        raise ValueError(msg)
    explained, backgrounds = _sample(frame, rows=rows, background_rows=background_rows, seed=seed)
    answer = runner.explain(
        model_dir,
        explained,
        backgrounds,
        positive_label=positive_label,
        max_evals=PERMUTATIONS * (2 * frame.shape[1] + 1),
        seed=seed,
        progress=progress,
        timeout_s=timeout_s,
    )
    reported, repeated = answer.runs
    residual = max(additivity_residual(run.values, run.base_value, answer.score) for run in answer.runs)
    common = payload.head(
        "explanation/v1",
        n=len(frame),
        seed=seed,
        method={
            "sample": f"{len(explained)} of {len(frame)} rows, two backgrounds of {len(backgrounds[0])} rows",
            "explainer": f"permutation SHAP, {PERMUTATIONS} permutations forwards and backwards, interventional "
            "(features are replaced by those of the background), categories coded for the masker",
            "interval": f"95 % percentile bootstrap over the explained rows, {RESAMPLES} resamples",
            "stability": "Spearman's rank correlation of the mean absolute values of two runs (seed and background)",
            "reference_check": "base value + sum of SHAP values against the model's own score, both runs, every row",
            "isolation": answer.isolation,
        },
        libraries=("numpy",),
        reference_check=payload.reference_check("shap", max_difference=residual, tolerance=TOLERANCE),
    )
    common["libraries"] |= dict(answer.libraries)  # as named by the process that ran the model
    return {
        **common,
        "explainer": "shap.explainers.Permutation",
        "output": "probability",
        "rows": len(explained),
        "background": {"n": len(backgrounds[0]), "digest": background_digest(backgrounds[0])},
        "base_value": reported.base_value,
        "additivity_residual": residual,
        "stability": stability(reported.values, repeated.values, seed=seed),
        "features": _features(answer.features, reported.values, seed=seed),
        "points": _points(answer.features, reported.values, explained),
    }


def additivity_residual(values: Floats, base_value: float, score: Floats) -> float:
    """Return the largest ``|base value + sum of a row's SHAP values - score|`` over the rows; 0 in exact arithmetic.

    Args:
        values: shape (n, features). score: shape (n,), the model's own answers.
    """
    return float(np.abs(base_value + values.sum(axis=1) - score).max())


def stability(first: Floats, second: Floats, *, seed: int = 0) -> payload.Payload:
    """Return Spearman's rank correlation, -1 to 1, of two runs' mean absolute SHAP values, with its interval.

    The interval is a 95 % percentile bootstrap over the rows, the same rows in both runs.

    Args:
        first, second: shape (n, features), the same rows and features.
    Returns: a number; undefined when there are fewer than two features or all features are equally important.
    """
    n = len(first)
    value = _rank_correlation(np.abs(first).mean(axis=0)[None], np.abs(second).mean(axis=0)[None])[0]
    if not np.isfinite(value):
        return payload.undefined("a rank correlation needs at least two features of different importance", n=n)
    weights = _row_weights(n, seed=seed)
    replicates = _rank_correlation(weights @ np.abs(first), weights @ np.abs(second))
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    return payload.number(float(value), float(low), float(high), n=n)


def background_digest(background: pd.DataFrame) -> str:
    """Return ``sha256:<hex>`` of the background's rows as CSV (UTF-8, header, no index): the order of rows counts."""
    text = background.to_csv(index=False, lineterminator="\n", float_format="%.17g")
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _sample(
    frame: pd.DataFrame, *, rows: int, background_rows: int, seed: int
) -> tuple[pd.DataFrame, tuple[pd.DataFrame, pd.DataFrame]]:
    n = len(frame)
    order = np.random.default_rng(seed).permutation(n)
    explained, rest = order[: min(rows, n)], order[min(rows, n) :]
    pool = rest if len(rest) >= 2 * background_rows else order
    size = min(background_rows, len(pool) // 2)
    parts = (pool[:size], pool[size : 2 * size])
    first, second = (frame.iloc[np.sort(part)].reset_index(drop=True) for part in parts)
    return frame.iloc[np.sort(explained)].reset_index(drop=True), (first, second)


def _row_weights(n: int, *, seed: int) -> Floats:
    """Shares of each row in bootstrap resamples, shape (resamples, n), each summing to 1."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def _rank_correlation(first: Floats, second: Floats) -> Floats:
    """Spearman's correlation of each pair of rows, shapes (m, features) -> (m,); NaN where one has no variation."""
    from scipy.stats import rankdata

    a, b = (rankdata(side, axis=1) for side in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    out = np.full(len(a), np.nan)
    np.divide((a * b).sum(axis=1), scale, out=out, where=scale > 0)
    return out


def _features(names: tuple[str, ...], values: Floats, *, seed: int) -> list[dict[str, Any]]:
    importance = np.abs(values).mean(axis=0)
    replicates = _row_weights(len(values), seed=seed) @ np.abs(values)
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return [
        {"feature": names[i], "mean_abs": float(importance[i]), "low": float(low[i]), "high": float(high[i])}
        for i in np.argsort(-importance, kind="stable")
    ]


def _points(names: tuple[str, ...], values: Floats, explained: pd.DataFrame) -> list[dict[str, Any]]:
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    out = []
    for i in order:
        scaled = _scaled(explained[names[i]])
        points = [[float(v), s] for v, s in zip(values[:POINTS, i], scaled[:POINTS], strict=True)]
        out.append({"feature": names[i], "points": points})
    return out


def _scaled(column: pd.Series) -> list[float | None]:
    """Values between their 5 % and 95 % quantiles as 0 to 1, cut; None for categories and missing values."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return [None] * len(column)
    x = column.to_numpy(dtype=np.float64)
    present = np.isfinite(x)
    if not present.any():
        return [None] * len(column)
    low, high = np.quantile(x[present], [0.05, 0.95])
    width = high - low
    cut = np.clip((x - low) / width, 0, 1) if width > 0 else np.full(len(x), 0.5)
    return [float(v) if ok else None for v, ok in zip(cut, present, strict=True)]
