"""Bins of a prediction, what was observed in each, and the errors that follow, under row weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.resampling import Column, Floats, Values, divide

Codes = npt.NDArray[np.int16]

BINS = 10


@dataclass(frozen=True)
class Binned:
    """Rows in bins (edge, next edge] of the prediction, the first one closed at both ends.

    ``edges`` has shape (bins + 1,), ``code`` shape (n,) from 0 to bins - 1. A binning of equal mass has fewer bins when
    many rows have the same prediction.
    """

    edges: Floats
    code: Codes

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1


def equal_mass(predicted: Floats, bins: int = BINS) -> Binned:
    """Return bins between the quantiles of the prediction, so that each has about as many rows."""
    inner = np.unique(np.percentile(predicted, np.linspace(0, 100, bins + 1)[1:-1]))
    return _binned(predicted, np.r_[predicted.min(), inner, predicted.max()])


def equal_width(predicted: Floats, low: float, high: float, bins: int = BINS) -> Binned:
    """Return bins of the same width from ``low`` to ``high``."""
    return _binned(predicted, np.linspace(low, high, bins + 1))


def _binned(predicted: Floats, edges: Floats) -> Binned:
    return Binned(edges, np.searchsorted(edges[1:-1], predicted, side="left").astype(np.int16))


@dataclass(frozen=True)
class Reliability:
    """Predictions and outcomes in bins: shapes (n,), outcomes 0 or 1, or any number for a regression."""

    predicted: Floats
    outcome: Floats
    mass: Binned
    width: Binned

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.predicted)

    def columns(self) -> Iterator[Column]:
        """What is summed over rows."""
        yield "rows", np.ones(self.n)
        yield "outcome", self.outcome
        yield "gap", self.outcome - self.predicted
        yield "square", (self.outcome - self.predicted) ** 2
        for name, binned in (("mass", self.mass), ("width", self.width)):
            for code in range(binned.size):
                inside = binned.code == code
                yield f"{name} rows {code}", inside
                yield f"{name} predicted {code}", np.where(inside, self.predicted, 0.0)
                yield f"{name} outcome {code}", np.where(inside, self.outcome, 0.0)

    def linear(self) -> Iterator[Column]:
        """Nothing: every metric here follows from sums."""
        return iter(())

    def ordered(self, weights: Floats) -> Values:
        """Nothing."""
        return {}

    def from_linear(self, sums: Values) -> Values:
        """Nothing."""
        return {}

    def metrics(self, sums: Values, ordered: Values) -> Values:
        """Return calibration errors, and Murphy's decomposition of the Brier score over the equal-mass bins.

        ``ece`` is the mean over rows of the distance between mean prediction and mean outcome of their bin, ``mce`` the
        largest such distance; ``brier = reliability - resolution + uncertainty + within_bins``, where the last is what
        the predictions differ within bins.
        Source: Naeini, Cooper & Hauskrecht (2015), AAAI-15; Murphy (1973), J. Appl. Meteor. 12, 595-600; Stephenson,
            Coelho & Jolliffe (2008), Weather and Forecasting 23, 752-757 (the terms within bins).
        """
        rows = sums["rows"]
        mean = divide(sums["outcome"], rows)
        share, gap, observed = self._by_bin("mass", sums)
        wide_share, wide_gap, _ = self._by_bin("width", sums)
        brier = divide(sums["square"], rows)
        reliability = (share * gap**2).sum(axis=0)
        resolution = (share * (observed - mean) ** 2).sum(axis=0)
        uncertainty = mean * (1 - mean)
        return {
            "ece": (share * np.abs(gap)).sum(axis=0),
            "mce": np.abs(gap).max(axis=0),
            "ece_equal_width": (wide_share * np.abs(wide_gap)).sum(axis=0),
            "brier": brier,
            "reliability": reliability,
            "resolution": resolution,
            "uncertainty": uncertainty,
            "within_bins": brier - (reliability - resolution + uncertainty),
            "in_the_large": divide(sums["gap"], rows),
        }

    def _by_bin(self, name: str, sums: Values) -> tuple[Floats, Floats, Floats]:
        """Return share of rows, outcome minus prediction, and outcome, shape (bins, resamples); empty bins count 0."""
        size = (self.mass if name == "mass" else self.width).size
        stacked = [np.stack([sums[f"{name} {what} {code}"] for code in range(size)]) for what in ("rows", "predicted")]
        outcome = np.stack([sums[f"{name} outcome {code}"] for code in range(size)])
        rows, predicted = stacked
        known = rows > 0
        gap = np.where(known, divide(outcome - predicted, rows), 0.0)
        observed = np.where(known, divide(outcome, rows), divide(sums["outcome"], sums["rows"]))
        return divide(rows, sums["rows"]), gap, observed
