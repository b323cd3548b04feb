"""Metrics of a regression under row weights, vectorised over bootstrap replicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.resampling import Column, Floats, Values, divide

TITLES = {
    "mae": ("Mean absolute error", "lower"),
    "rmse": ("Root mean squared error", "lower"),
    "r2": ("Share of variance explained (R²)", "higher"),
    "bias": ("Bias: mean of predicted minus observed", "zero"),
    "median_absolute_error": ("Median absolute error", "lower"),
    "residual_q05": ("5 % quantile of predicted minus observed", "zero"),
    "residual_q95": ("95 % quantile of predicted minus observed", "zero"),
}
LEVELS = {"median_absolute_error": 0.5, "residual_q05": 0.05, "residual_q95": 0.95}


@dataclass(frozen=True)
class Regression:
    """What one model said about the evaluation rows: observed and predicted values, shape (n,), in the label's unit."""

    observed: Floats
    predicted: Floats

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.observed)

    @cached_property
    def residual(self) -> Floats:
        """Predicted minus observed: above 0 the model says too much."""
        return self.predicted - self.observed

    @cached_property
    def quantiles(self) -> dict[str, tuple[float, float, Floats]]:
        """For each quantile metric: its value, the share of rows at or below it, and the sorted values."""
        residual, size = np.sort(self.residual), np.sort(np.abs(self.residual))
        out = {}
        for name, level in LEVELS.items():
            ordered = size if name == "median_absolute_error" else residual
            value = float(np.quantile(ordered, level))
            out[name] = (value, float(np.searchsorted(ordered, value, side="right") / self.n), ordered)
        return out

    def loss(self) -> Floats:
        """Absolute error of each row, in the label's unit."""
        return np.abs(self.residual)

    def columns(self) -> Iterator[Column]:
        """What is summed over rows; the observed values are centred, so that R² does not lose its digits."""
        centred = self.observed - self.observed.mean()
        yield "rows", np.ones(self.n)
        yield "residual", self.residual
        yield "absolute", np.abs(self.residual)
        yield "square", self.residual**2
        yield "observed", centred
        yield "observed_square", centred**2
        for name, (value, _, _) in self.quantiles.items():
            of = np.abs(self.residual) if name == "median_absolute_error" else self.residual
            yield name, of <= value

    def linear(self) -> Iterator[Column]:
        """Nothing: quantiles are read off the share of rows below, which is a sum."""
        return iter(())

    def ordered(self, weights: Floats) -> Values:
        """Nothing."""
        return {}

    def from_linear(self, sums: Values) -> Values:
        """Nothing."""
        return {}

    def metrics(self, sums: Values, ordered: Values) -> Values:
        """Return every metric; R² is NaN where the observed values do not differ.

        A replicate's quantile is the sample's at the level moved by what the replicate's share below it is off.
        Source: Bahadur (1966), Ann. Math. Statist. 37(3), 577-580; Woodruff (1952), J. Am. Stat. Assoc. 47, 635-646.
        """
        rows = sums["rows"]
        error = divide(sums["square"], rows)
        spread = divide(sums["observed_square"], rows) - divide(sums["observed"], rows) ** 2
        tiny = max(1e-100, 1e-12 * float(np.max(self.observed**2)))
        out = {
            "mae": divide(sums["absolute"], rows),
            "rmse": np.sqrt(error),
            "r2": 1 - divide(error, np.where(spread > tiny, spread, 0.0)),
            "bias": divide(sums["residual"], rows),
        }
        for name, (_, share, sample) in self.quantiles.items():
            moved = LEVELS[name] + share - divide(sums[name], rows)
            out[name] = np.quantile(sample, np.clip(moved, 0.0, 1.0))
        return out
