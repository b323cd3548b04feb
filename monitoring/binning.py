"""Where numbers are cut and texts are counted, so that two windows stand over the same bins. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def quantile_edges(reference: ArrayLike, *, bins: int) -> Floats:
    """Return the upper edges of all bins but the last, cut so that the reference fills the bins evenly.

    Bin i is ``(edges[i-1], edges[i]]``; the last one is open above. Each edge is a value of the reference (its inverted
    distribution function at k / bins), so no bin is empty in the reference, whatever the ties.

    Args:
        reference: shape (n,), the finite values of the reference window; others are left out.
        bins: number of bins wanted, at least 2. Ties merge some.
    Returns: shape (at most bins - 1,), strictly rising; empty if all values are equal.
    Raises:
        ValueError: no finite value, or ``bins < 2``.
    Source: Hyndman & Fan (1996), The American Statistician 50(4), definition 1.
    """
    if bins < 2:
        raise ValueError(f"bins is {bins}; at least 2 are needed.")
    ordered = np.sort(finite(reference))
    n = ordered.size
    if not n:
        raise ValueError("The reference has no finite value to take quantiles of.")
    # Integers, not fractions: 10 bins are then exactly a coarsening of 100 bins.
    ranks = [(n * k + bins - 1) // bins - 1 for k in range(1, bins)]
    edges = np.unique(ordered[ranks]) + 0.0  # + 0.0 turns -0.0 into 0.0, which has one spelling in JSON
    inner: Floats = edges[edges < ordered[-1]]
    return inner


def edges_around(value: float) -> tuple[float, ...]:
    """Return the edges that leave one value (but for its last digit) a bin of its own, between two empty ones."""
    below = math.nextafter(value, -math.inf)
    # Beside 0 lie numbers so small that not every reader of a file knows them.
    below = -sys.float_info.min if abs(value) < sys.float_info.min else below
    return (below, value + 0.0) if math.isfinite(below) else (value + 0.0,)


def bin_counts(values: ArrayLike, edges: ArrayLike) -> Counts:
    """Count values per bin ``(edges[i-1], edges[i]]``; values that are not finite are left out.

    Returns: shape (len(edges) + 1,). Counts of partitions are added to give those of the whole.
    """
    cuts = np.asarray(edges, dtype=np.float64)
    index = np.searchsorted(cuts, finite(values), side="left")
    return np.bincount(index, minlength=cuts.size + 1).astype(np.int64)


def coarsen(counts: ArrayLike, edges: ArrayLike, to: ArrayLike) -> Counts:
    """Add fine bins up to the coarser ones cut at ``to``, a subset of ``edges``.

    Raises:
        ValueError: ``to`` has an edge that ``edges`` lacks, or the counts do not fit the edges.
    """
    fine, cuts, coarse = counted(counts), np.asarray(edges, dtype=np.float64), np.asarray(to, dtype=np.float64)
    if fine.size != cuts.size + 1:
        raise ValueError(f"{fine.size} counts do not fit {cuts.size} edges; there is one more bin than edges.")
    if not np.isin(coarse, cuts).all():
        raise ValueError("The coarse edges are not a subset of the fine ones.")
    starts = np.concatenate(([0], np.searchsorted(cuts, coarse, side="right")))
    return np.add.reduceat(fine, starts)


def interval_labels(edges: Sequence[float]) -> list[str]:
    """Return what the bins cut at ``edges`` are called."""
    if not edges:
        return ["all values"]
    if len(edges) == 2 and edges == edges_around(edges[1]):
        return [f"below {edges[1]:g}", f"{edges[1]:g}", f"above {edges[1]:g}"]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:g}", *inner, f"above {edges[-1]:g}"]


def category_counts(
    reference: Mapping[str, int], current: Mapping[str, int], *, other: int = 0, smallest: int = 5
) -> tuple[list[str], Counts, Counts]:
    """Line up two tables of exact category counts, with all that is rare in the reference in one last bin.

    A category with fewer than ``smallest`` rows in the reference has no stable share; one that is new in the current
    window has none at all. Together they stay visible: new categories fill the last bin.

    Args:
        other: rows of the current window whose category is new and has no name.
    Returns: the names (the last one ``""`` stands for all the rest) and the two rows of counts over them.
    """
    names = sorted(name for name, count in reference.items() if count >= smallest)
    left = [reference[name] for name in names]
    right = [current.get(name, 0) for name in names]
    rest = sum(reference.values()) - sum(left), sum(current.values()) + other - sum(right)
    if any(rest):
        names, left, right = [*names, ""], [*left, rest[0]], [*right, rest[1]]
    return names, np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)


def finite(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"Values must be one-dimensional; their shape is {array.shape}.")
    return array[np.isfinite(array)]


def counted(counts: ArrayLike) -> Counts:
    array = np.asarray(counts)
    if array.ndim != 1 or (array < 0).any():
        raise ValueError("Counts must be one row of numbers that are 0 or more.")
    return array.astype(np.int64)
