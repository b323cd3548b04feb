"""Say per column whether a window has drifted from its reference, as a ``drift/v1`` payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as installed
from itertools import pairwise
from typing import Any, Self

import numpy as np

from governance.common.clock import rfc3339
from monitoring import statistics
from monitoring.crosscheck_result import CrossCheck
from monitoring.errors import InvalidProfile, InvalidSettings
from monitoring.profiles import CategoryCounts, NumericCounts, ReferenceColumn, ReferenceProfile, WindowProfile
from monitoring.statistics import Counts, Outcome

Json = dict[str, Any]

METHOD = {
    "value": "Population stability index in nats; numeric columns cut at quantiles of the reference, categories "
    "counted exactly, categories with fewer than 5 reference rows together, missing values as a bin of their own.",
    "interval": "95 %, test inversion of a scaled non-central chi-square; the value itself is biased upward by about "
    "(bins - 1) * (1/n + 1/m).",
    "p_adjusted": "Chi-square test of homogeneity, Benjamini-Hochberg over all columns of the window.",
    "outcome": "drift: value at or above the limit and p_adjusted at or below fdr. insufficient: too few rows, or at "
    "or above the limit without significance.",
    "difference": "Our formula on Evidently's bins minus Evidently's figure.",
}


@dataclass(frozen=True)
class DriftSettings:
    """What a monitor alerts on.

    Attributes:
        limit: population stability index at which a column has moved, in nats, above 0.
        min_n: rows that the window and the reference need, at least 1.
        fdr: expected share of false alarms among the columns that alarm, 0..1, open.
        sample: rows per window that Evidently sees, at least 1.
        bins: bins of a numeric column, 2 to 100.
        dataset_share: share of all columns that must drift for the data set to count as drifted; None: any one column.
    """

    limit: float = 0.25
    min_n: int = 100
    fdr: float = 0.05
    sample: int = 5000
    bins: int = 10
    dataset_share: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        rules = {
            "limit must be above 0": self.limit > 0,
            "min_n must be at least 1": self.min_n >= 1,
            "fdr must lie between 0 and 1": 0 < self.fdr < 1,
            "sample must be at least 1": self.sample >= 1,
            "bins must be 2 to 100": 2 <= self.bins <= 100,
            "dataset_share must be above 0 and at most 1": self.dataset_share is None or 0 < self.dataset_share <= 1,
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise InvalidSettings(f"The monitor's settings can not be used: {'; '.join(broken)}.")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read settings; what is absent keeps its default.

        Raises:
            InvalidSettings: an unknown name, a wrong type or a value out of range.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidSettings(f"The monitor's settings can not be used: {error}.") from error

    def to_json(self) -> Json:
        """Return the settings as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class ColumnDrift:
    """One column's distance before the p-values of all columns are adjusted together."""

    column: ReferenceColumn
    n: int
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str | None


def compute(
    reference: ReferenceProfile,
    window: WindowProfile,
    settings: DriftSettings,
    *,
    monitor: str,
    version: str,
    start: datetime,
    end: datetime,
    seed: int = 0,
    crosscheck: CrossCheck | None = None,
) -> Json:
    """Return the ``drift/v1`` payload of one window.

    Args:
        reference, window: profiles over the same bins.
        monitor, version: whose traffic the window is; ``credit-risk/2``.
        start, end: the window, ``start`` included, ``end`` not.
        seed: that drew the sample for the cross-check.
        crosscheck: Evidently's figures for the same columns; None leaves them null.
    Raises:
        InvalidProfile: the window was counted against another reference.
    """
    if window.reference_digest != reference.digest:
        raise InvalidProfile("The window was counted against another reference; profile it again.")
    measured = [
        _measure(column, counts, reference_n=reference.n, settings=settings)
        for column, counts in zip(reference.columns, window.columns, strict=True)
    ]
    adjusted = statistics.benjamini_hochberg([column.p for column in measured])
    columns = [
        _column_json(column, p, reference_n=reference.n, settings=settings, crosscheck=crosscheck)
        for column, p in zip(measured, adjusted, strict=True)
    ]
    drifted = sum(column["outcome"] == "drift" for column in columns)
    needed = 1 if settings.dataset_share is None else settings.dataset_share * len(columns)
    return {
        "type": "drift/v1",
        "n": window.n,
        "method": {**METHOD, **{f"setting_{name}": str(value) for name, value in settings.to_json().items()}},
        "libraries": {name: installed(name) for name in ("numpy", "duckdb", "ibis-framework")},
        "seed": seed,
        "reference_check": {
            "library": "evidently",
            "version": crosscheck.version if crosscheck else None,
            "max_difference": crosscheck.max_difference if crosscheck else None,
            "tolerance": crosscheck.tolerance if crosscheck else None,
        },
        "monitor": monitor,
        "version": version,
        "window": {"start": rfc3339(start), "end": rfc3339(end), "n": window.n},
        "reference": {"n": reference.n, "digest": reference.digest},
        "columns": columns,
        "drifted": drifted,
        "dataset_drift": drifted > 0 and drifted >= needed,
    }


def bins_of(column: ReferenceColumn, counts: NumericCounts | CategoryCounts) -> tuple[list[str], Counts, Counts]:
    """Return the bins that the index of a column is taken over: labels, reference counts, window counts.

    The last bins are, if there are any rows for them, all rare and new categories, then missing values.
    """
    if isinstance(column.counts, NumericCounts) and isinstance(counts, NumericCounts):
        left = statistics.coarsen(column.counts.counts, column.edges, column.index_edges)
        right = statistics.coarsen(counts.counts, column.edges, column.index_edges)
        labels = _interval_labels(column.index_edges)
    elif isinstance(column.counts, CategoryCounts) and isinstance(counts, CategoryCounts):
        names, left, right = statistics.category_counts(column.counts.counts, counts.counts)
        labels = [name or "all others" for name in names]
    else:
        raise InvalidProfile(f"Column {column.name!r} is numeric on one side and categorical on the other.")
    if column.counts.missing or counts.missing:
        labels = [*labels, "missing"]
        left, right = np.append(left, column.counts.missing), np.append(right, counts.missing)
    return labels, left, right


def _interval_labels(edges: tuple[float, ...]) -> list[str]:
    if not edges:
        return ["all values"]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:g}", *inner, f"above {edges[-1]:g}"]


def _measure(
    column: ReferenceColumn, counts: NumericCounts | CategoryCounts, *, reference_n: int, settings: DriftSettings
) -> ColumnDrift:
    n = counts.n
    if not n or not reference_n:
        return ColumnDrift(column, n, None, None, None, None, "A window without rows has no distribution.")
    _, left, right = bins_of(column, counts)
    interval = statistics.psi_interval(left, right)
    enough = min(n, reference_n) >= settings.min_n
    return ColumnDrift(
        column=column,
        n=n,
        value=statistics.psi_of_counts(left, right),
        low=interval.low,
        high=interval.high,
        p=statistics.chi_square_p(left, right) if enough else None,
        reason=None if enough else f"Fewer than {settings.min_n} rows in the window or the reference.",
    )


def _column_json(
    measured: ColumnDrift,
    p_adjusted: float | None,
    *,
    reference_n: int,
    settings: DriftSettings,
    crosscheck: CrossCheck | None,
) -> Json:
    outcome: Outcome = statistics.outcome_of(
        value=measured.value,
        p_adjusted=p_adjusted,
        n=measured.n,
        reference_n=reference_n,
        limit=settings.limit,
        fdr=settings.fdr,
        min_n=settings.min_n,
    )
    reason = measured.reason
    if outcome == "insufficient" and reason is None:
        reason = "At or above the limit, but it can not be told from chance."
    beside = crosscheck.columns.get(measured.column.name) if crosscheck else None
    return {
        "column": measured.column.name,
        "kind": measured.column.kind,
        "method": "psi",
        "value": measured.value,
        "low": measured.low,
        "high": measured.high,
        "limit": settings.limit,
        "p_adjusted": p_adjusted,
        "outcome": outcome,
        "evidently": beside.evidently if beside else None,
        "difference": beside.difference if beside else None,
        **({"reason": reason} if reason else {}),
    }
