"""One column of a window against its reference: the distance that the policy names, how sure it is, and its test. Pure.

Whatever the policy names, all distances are taken: a reader may compare, and a check of another program's figures needs
its measure. Only the named one decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from governance.policy.watching import Limits, Measure
from monitoring import binning, statistics
from monitoring.binning import Counts
from monitoring.errors import InvalidProfile
from monitoring.kept import CategoryCounts, NumericCounts
from monitoring.profiles import ReferenceColumn

REPLICATES = 400
TESTS = {
    "psi": "chi_square",
    "jensen_shannon": "chi_square",
    "kolmogorov_smirnov": "kolmogorov_smirnov",
    "wasserstein": "kolmogorov_smirnov",
}
"""What is tested is what is measured: shares of bins, or the distance of two distribution functions."""


@dataclass(frozen=True)
class Measured:
    """One column of a window, before the p-values of all columns are adjusted together.

    Attributes:
        value, low, high: the distance and its 95 % interval; None where it is undefined.
        p: of the measure's test; None where there are too few rows for it.
        distances: every distance by name; ``kolmogorov_smirnov_bound``: by how much the exact one can exceed it.
    """

    column: ReferenceColumn
    measure: Measure
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""
    distances: dict[str, float | None] | None = None


def measure(
    column: ReferenceColumn, counts: NumericCounts | CategoryCounts, by: Measure, *, reference_n: int, min_n: int
) -> Measured:
    """Return how far a column of a window lies from its reference."""
    n = counts.n
    if not n or not reference_n:
        return Measured(column, by, n, reason="A window without rows has no distribution.")
    _, left, right = bins_of(column, counts)
    fine, apart = _fine(column, counts), _wasserstein(column, counts)
    distances: dict[str, float | None] = {
        "psi": statistics.psi_of_counts(left, right),
        "jensen_shannon": statistics.jensen_shannon(left, right),
    }
    if isinstance(counts, NumericCounts):
        gap = statistics.ks_of_counts(*fine) if fine else None
        distances["kolmogorov_smirnov"] = gap.value if gap else None
        distances["kolmogorov_smirnov_bound"] = gap.error_bound if gap else None
        distances["wasserstein"] = _finite(apart(*fine)) if fine and apart else None
    value = distances[by.method]
    if value is None:
        return Measured(column, by, n, reason="One window has no value in this column.", distances=distances)
    if by.method == "psi":
        interval = statistics.psi_interval(left, right)
    elif fine and by.method == "kolmogorov_smirnov":
        interval = statistics.ks_interval(*fine)
    elif fine and apart and by.method == "wasserstein":
        interval = statistics.bootstrap_interval(*fine, apart, replicates=REPLICATES)
    else:
        interval = statistics.bootstrap_interval(left, right, statistics.jensen_shannon, replicates=REPLICATES)
    enough = min(n, reference_n) >= min_n
    return Measured(
        column=column,
        measure=by,
        n=n,
        value=value,
        low=interval.low,
        high=interval.high,
        p=_p(by.method, (left, right), fine) if enough else None,
        reason="" if enough else f"Fewer than {min_n} rows in the window or the reference.",
        distances=distances,
    )


def bins_of(column: ReferenceColumn, counts: NumericCounts | CategoryCounts) -> tuple[list[str], Counts, Counts]:
    """Return the bins that the index of a column is taken over: labels, reference counts, window counts.

    The last bins are, if there are any rows for them, all rare and new categories, then missing values.
    """
    if isinstance(column.counts, NumericCounts) and isinstance(counts, NumericCounts):
        left = binning.coarsen(column.counts.counts, column.edges, column.index_edges)
        right = binning.coarsen(counts.counts, column.edges, column.index_edges)
        labels = binning.interval_labels(column.index_edges)
    elif isinstance(column.counts, CategoryCounts) and isinstance(counts, CategoryCounts):
        names, left, right = binning.category_counts(column.counts.counts, counts.counts, other=counts.other)
        labels = [name or "all others" for name in names]
    else:
        raise InvalidProfile(f"Column {column.name!r} is numeric on one side and categorical on the other.")
    if column.counts.missing or counts.missing:
        labels = [*labels, "missing"]
        left, right = np.append(left, column.counts.missing), np.append(right, counts.missing)
    return labels, left, right


def outcome_of(
    *, value: float | None, p_adjusted: float | None, n: int, reference_n: int, by: Limits, fdr: float, min_n: int
) -> str:
    """Say what a distance means: ``stable``, ``watch``, ``drift`` or ``insufficient``.

    An alarm needs both an effect and an adjusted p at or below ``fdr``: a large n alone never makes drift of a small
    effect. ``insufficient``: a window has fewer than ``min_n`` rows, the distance is not defined, or it reaches the
    limit but can't be told from chance.
    """
    if value is None or p_adjusted is None or min(n, reference_n) < min_n:
        return "insufficient"
    if value < by.watch:
        return "stable"
    if p_adjusted > fdr:
        return "stable" if value < by.limit else "insufficient"
    return "drift" if value >= by.limit else "watch"


def _fine(column: ReferenceColumn, counts: NumericCounts | CategoryCounts) -> tuple[Counts, Counts] | None:
    """Return the fine bins of values that are there on both sides; None for categories, or where one side has none."""
    if not isinstance(column.counts, NumericCounts) or not isinstance(counts, NumericCounts):
        return None
    left, right = np.asarray(column.counts.counts), np.asarray(counts.counts)
    return (left, right) if left.sum() and right.sum() else None


def _wasserstein(
    column: ReferenceColumn, counts: NumericCounts | CategoryCounts
) -> Callable[[Counts, Counts], float] | None:
    """Return how Wasserstein's distance of two rows of fine bins is taken; None where it is undefined."""
    ends = [
        end
        for side in (column.counts, counts)
        if isinstance(side, NumericCounts)
        for end in (side.low, side.high)
        if end is not None
    ]
    if column.sd is None or not ends:
        return None
    return partial(
        statistics.wasserstein_of_counts,
        knots=[min([*ends, *column.edges]), *column.edges, max([*ends, *column.edges])],
        sd=column.sd,
    )


def _finite(value: float) -> float | None:
    """Return a distance, None where a value is so large that it has none."""
    return value if math.isfinite(value) else None


def _p(method: str, coarse: tuple[Counts, Counts], fine: tuple[Counts, Counts] | None) -> float:
    if TESTS[method] == "chi_square" or fine is None:
        return statistics.chi_square_p(*coarse)
    return statistics.kolmogorov_smirnov_p(*fine)
