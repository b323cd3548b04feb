"""Where a model does worst: groups of rows by one or two features, against all other rows."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitoring.intervals import holm
from reports import payload
from reports.resampling import Floats

Codes = npt.NDArray[np.int16]

LEAST = 30  # rows in a slice, and at least 1 % of all
SHARE = 0.01
SHOWN = 10
CATEGORIES = 20  # of one feature; rarer ones are not looked at
BINS = 5  # of a numeric feature
SAMPLE = 100_000  # rows from which the bins of a numeric feature are taken
IN_PAIRS = 6  # features, those along which the metric differs most
NOT_STATED = "not stated"


@dataclass(frozen=True)
class _Feature:
    name: str
    levels: tuple[str, ...]
    codes: Codes  # -1: in no level that is looked at


def worst(features: pd.DataFrame, loss: Floats, *, metric: str, unit: str | None) -> payload.Payload:
    """Return the slices in which ``loss`` is higher than in all other rows, the clearest first, at most 10.

    Slices are the categories of a feature (the 20 most frequent), the five quantile bins of a numeric one, its missing
    values, and the pairs of those for the six features along which the loss differs most. A slice with fewer than 30
    rows, or less than 1 % of all, is not tested nor shown. Each is compared by Welch's t-test of mean loss in the slice
    and outside; p-values are adjusted by Holm for all slices that were tested, also those not shown; intervals are 95 %
    each, not adjusted.

    Args:
        features: shape (n, columns); rows as in ``loss``.
        loss: shape (n,), finite, the more the worse.
        metric, unit: what the loss is.
    Returns: ``{"metric", "unit", "minimum", "tested", "too_small", "adjustment", "rows"}``.
    Source: Welch (1947), Biometrika 34, 28-35; Holm (1979), Scand. J. Statist. 6(2), 65-70.
    """
    n = len(loss)
    minimum = max(LEAST, math.ceil(SHARE * n))
    found: list[tuple[dict[str, str], npt.NDArray[np.float64]]] = []
    too_small = 0
    coded: list[tuple[float, _Feature]] = []
    for name in features.columns:
        feature = _coded(str(name), features[name])
        if feature is None:
            continue
        sums = _sums(feature.codes, loss, len(feature.levels))
        coded.append((_spread(sums, minimum), feature))
        kept, small = _kept(sums, minimum, n)
        too_small += small
        found += [({feature.name: feature.levels[level]}, sums[level]) for level in kept]
    coded.sort(key=lambda item: -item[0])  # stable: equal ones keep the order of the columns
    for (_, first), (_, second) in itertools.combinations(coded[:IN_PAIRS], 2):
        width = len(second.levels)
        both = np.where((first.codes >= 0) & (second.codes >= 0), first.codes * width + second.codes, -1)
        sums = _sums(both.astype(np.int16), loss, len(first.levels) * width)
        kept, small = _kept(sums, minimum, n)
        too_small += small
        found += [
            ({first.name: first.levels[cell // width], second.name: second.levels[cell % width]}, sums[cell])
            for cell in kept
        ]
    return {
        "metric": metric,
        "unit": unit,
        "minimum": minimum,
        "tested": len(found),
        "too_small": too_small,
        "adjustment": "Holm, over all slices tested; intervals are 95 % each, not adjusted",
        "rows": _compared(found, loss),
    }


def _coded(name: str, column: pd.Series) -> _Feature | None:
    """Give each row the level that it is in; None for a feature with one level."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return _categories(name, column)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    sample = finite[:: max(1, len(finite) // SAMPLE)]
    if len(np.unique(sample)) <= BINS:
        return _categories(name, column)
    edges = np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1]))
    codes = np.searchsorted(edges, values, side="left").astype(np.int16)
    codes[~np.isfinite(values)] = len(edges) + 1
    ends = [f"{edge:.4g}" for edge in edges]
    bins = [f"up to {ends[0]}", *(f"above {a} to {b}" for a, b in itertools.pairwise(ends)), f"above {ends[-1]}"]
    return _Feature(name, (*bins, NOT_STATED), codes)


def _categories(name: str, column: pd.Series) -> _Feature | None:
    raw, values = pd.factorize(column)
    counts = np.bincount(raw[raw >= 0], minlength=len(values))
    frequent = np.argsort(-counts, kind="stable")[:CATEGORIES]
    place = np.full(len(values) + 1, -1, dtype=np.int16)
    place[frequent] = np.arange(len(frequent))
    place[-1] = len(frequent)  # a missing value has code -1
    levels = (*(str(values[i])[:80] for i in frequent), NOT_STATED)
    if len(frequent) + bool((raw < 0).any()) < 2:
        return None
    return _Feature(name, levels, place[raw])


def _sums(codes: Codes, loss: Floats, levels: int) -> Floats:
    """Return per level the number of rows, the sum of the loss and of its square: shape (levels, 3)."""
    shifted = codes.astype(np.int64) + 1
    return np.column_stack(
        [np.bincount(shifted, weights=w, minlength=levels + 1)[1:] for w in (None, loss, loss * loss)]
    ).astype(np.float64)


def _kept(sums: Floats, minimum: int, n: int) -> tuple[list[int], int]:
    """Return the levels with enough rows inside and outside, and how many have some but too few."""
    rows = sums[:, 0]
    enough = (rows >= minimum) & (n - rows >= minimum)
    return [int(i) for i in np.flatnonzero(enough)], int(((rows > 0) & ~enough).sum())


def _spread(sums: Floats, minimum: int) -> float:
    """How much of the loss's variance lies between the levels, in the unit of the sum of squares."""
    kept = sums[sums[:, 0] >= minimum]
    if len(kept) < 2:
        return 0.0
    means = kept[:, 1] / kept[:, 0]
    centre = kept[:, 1].sum() / kept[:, 0].sum()
    # Less what as many levels would show by chance, so that a feature with many is not preferred for that alone.
    within = (kept[:, 2] - kept[:, 1] * means).sum() / max(1.0, kept[:, 0].sum() - len(kept))
    return float((kept[:, 0] * (means - centre) ** 2).sum() - (len(kept) - 1) * within)


def _compared(found: list[tuple[dict[str, str], Floats]], loss: Floats) -> list[payload.Payload]:
    from scipy import stats

    if not found:
        return []
    inside = np.array([sums for _, sums in found])
    total = np.array([len(loss), loss.sum(), (loss * loss).sum()], dtype=np.float64)
    outside = total - inside
    (mean_in, var_in), (mean_out, var_out) = (_moments(side) for side in (inside, outside))
    a, b = var_in / inside[:, 0], var_out / outside[:, 0]
    error = np.sqrt(a + b)
    gap = mean_in - mean_out
    known = error > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (a + b) ** 2 / (a * a / (inside[:, 0] - 1) + b * b / (outside[:, 0] - 1))
        p = np.where(known, 2 * stats.t.sf(np.abs(gap) / error, freedom), 1.0)
    adjusted = holm(p.tolist())
    half = np.where(known, stats.t.ppf(0.975, np.where(known, freedom, 1.0)) * error, np.nan)
    half_in = stats.t.ppf(0.975, inside[:, 0] - 1) * np.sqrt(a)
    order = sorted(np.flatnonzero((gap > 0) & known), key=lambda i: (p[i], -gap[i]))
    rows = []
    for i in order[:SHOWN]:
        n, rest = int(inside[i, 0]), int(outside[i, 0])
        rows.append(
            {
                "slice": [{"feature": feature, "value": value} for feature, value in found[i][0].items()],
                "n": n,
                "value": payload.number(
                    float(mean_in[i]), max(0.0, float(mean_in[i] - half_in[i])), float(mean_in[i] + half_in[i]), n=n
                ),
                "rest": payload.number(float(mean_out[i]), n=rest),
                "difference": payload.number(
                    float(gap[i]), float(gap[i] - half[i]), float(gap[i] + half[i]), n=n + rest
                ),
                "p_adjusted": float(adjusted[i]),
            }
        )
    return rows


def _moments(sums: Floats) -> tuple[Floats, Floats]:
    rows, total, squares = sums.T
    mean = total / rows
    return mean, np.maximum(0.0, (squares - total * mean) / (rows - 1))
