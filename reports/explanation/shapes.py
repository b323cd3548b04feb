"""What the charts show: points of the beeswarm, and how a feature's SHAP value depends on the feature's own value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.isolation.process import Floats

POINTS = 120
BINS = 10
CATEGORIES = 12
SMALLEST = 5  # rows of a bin or category that is shown by itself: fewer would be near to showing rows


def points(names: list[str], values: Floats, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return up to 120 points for each named feature: [SHAP value, the feature's own value scaled 0 to 1, or None].

    Args:
        values: shape (n, len(names)): the columns of the named features.
        rows: at least the named columns, n rows.
    """
    out = []
    for place, name in enumerate(names):
        scaled = scaled_values(rows[name])
        pairs = [[float(v), s] for v, s in zip(values[:POINTS, place], scaled[:POINTS], strict=True)]
        out.append({"feature": name, "points": pairs})
    return out


def scaled_values(column: pd.Series) -> list[float | None]:
    """Values between their 5 % and 95 % quantiles as 0 to 1, cut; None for categories and missing values."""
    if not _is_number(column):
        return [None] * len(column)
    x = column.to_numpy(dtype=np.float64, na_value=np.nan)
    present = np.isfinite(x)
    if not present.any():
        return [None] * len(column)
    low, high = np.quantile(x[present], [0.05, 0.95])
    width = high - low
    cut = np.clip((x - low) / width, 0, 1) if width > 0 else np.full(len(x), 0.5)
    return [float(v) if ok else None for v, ok in zip(cut, present, strict=True)]


def dependence(name: str, values: Floats, column: pd.Series) -> dict[str, Any]:
    """Return the SHAP values of one feature by the feature's own value: mean and quartiles of each bin or category.

    A number is cut at its deciles and keeps its unit; a category keeps its name. What has fewer than 5 rows is merged
    with its neighbour, a rare category with the other rare ones; a group that is still smaller is only counted.

    Args:
        values: shape (n,), SHAP values. column: the same n rows.
    Returns: ``{"feature", "kind": "number" | "category", "bins": [{"label", "low", "high", "n", "mean", "q25",
        "q75"}], "not_shown": rows in groups too small to show}``; ``low`` and ``high`` are None for a category.
    """
    kind = "number" if _is_number(column) else "category"
    missing = column.isna().to_numpy()
    present = column[~missing]
    groups: list[tuple[str, float | None, float | None, Floats]] = []
    if kind == "number":
        x = present.to_numpy(dtype=np.float64)
        groups += _bins(x, values[~missing])
    else:
        groups += _categories(present.astype(str).to_numpy(), values[~missing])
    if missing.any():
        groups.append(("(missing)", None, None, values[missing]))
    shown = [group for group in groups if len(group[3]) >= SMALLEST]
    bins = []
    for label, low, high, part in shown:
        q25, q75 = np.quantile(part, [0.25, 0.75])
        bins.append(
            {"label": label[:120], "low": low, "high": high, "n": len(part)}
            | {"mean": float(part.mean()), "q25": float(q25), "q75": float(q75)}
        )
    return {
        "feature": name,
        "kind": kind,
        "bins": bins,
        "not_shown": sum(len(group[3]) for group in groups if len(group[3]) < SMALLEST),
    }


def _bins(x: Floats, values: Floats) -> list[tuple[str, float | None, float | None, Floats]]:
    if not len(x):
        return []
    count = max(1, min(BINS, len(x) // SMALLEST))
    edges = np.unique(np.quantile(x, np.linspace(0, 1, count + 1)))
    if len(edges) == 1:
        return [(_words(edges[0], edges[0]), float(edges[0]), float(edges[0]), values)]
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    out: list[tuple[str, float | None, float | None, Floats]] = []
    start, held = 0, np.zeros(len(x), dtype=bool)
    for i in range(len(edges) - 1):
        held |= place == i
        if held.sum() >= SMALLEST or i == len(edges) - 2:
            low, high = float(edges[start]), float(edges[i + 1])
            out.append((_words(low, high), low, high, values[held]))
            start, held = i + 1, np.zeros(len(x), dtype=bool)
    return out


def _categories(names: Any, values: Floats) -> list[tuple[str, float | None, float | None, Floats]]:
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    own = [i for i in order[:CATEGORIES] if counts[i] >= SMALLEST]
    out: list[tuple[str, float | None, float | None, Floats]] = [
        (str(found[i]), None, None, values[names == found[i]]) for i in own
    ]
    rest = [found[i] for i in order if i not in own]
    if rest:
        out.append((f"(other: {len(rest)})", None, None, values[np.isin(names, rest)]))
    return out


def _words(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))
