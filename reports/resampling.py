"""Bootstrap of statistics that are functions of sums over rows, in bounded memory whatever the number of rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reports import payload

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Values = dict[str, Floats]
Column = tuple[str, npt.NDArray[Any]]

RESAMPLES = 2000
LEAST_RESAMPLES = 100
ROW_BY_ROW = 10_000  # up to so many rows each row is drawn; above, random blocks of rows are
BLOCKS = 4_000
CHUNK = 2_000_000  # weights held at once, 16 MB
LEAST_ROWS = 100  # below, a bootstrap says too little about its own error
LEAST_EVENTS = 30


class Statistic(Protocol):
    """What one model did on n rows, as sums over rows and what follows from them.

    ``columns``: per row, what is summed. ``linear``: per row, the first-order effect of its weight on the metrics that
    depend on the order of rows (the area under a curve, say); used for many rows. ``ordered``: the same metrics, exact,
    from weights of shape (resamples, n); used for few rows. ``from_linear``: those metrics from the sums of ``linear``.
    ``metrics``: all metrics, shape (resamples,) each, NaN where undefined.
    """

    def columns(self) -> Iterator[Column]: ...
    def linear(self) -> Iterator[Column]: ...
    def ordered(self, weights: Floats) -> Values: ...
    def from_linear(self, sums: Values) -> Values: ...
    def metrics(self, sums: Values, ordered: Values) -> Values: ...


def bootstrap(
    models: Sequence[Statistic], *, n: int, seed: int, resamples: int = RESAMPLES
) -> tuple[list[dict[str, float]], list[Values]]:
    """Return each model's point values and its replicates, shape (resamples,), all models on the same draws.

    Up to 10,000 rows are drawn one by one with replacement. Above, rows are assigned at random to 4,000 blocks and
    blocks are drawn: rows are exchangeable, so the sums of random blocks are too, and a draw of them has the variance
    of a draw of rows, itself estimated to within 2 % (sqrt(2 / blocks)). Memory grows with n alone.

    Args:
        models: statistics of the same n rows.
        n: at least 1.
        seed: at least 0.
        resamples: at least 100.
    Raises:
        ValueError: no row, or too few resamples.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap; for blocks the "delete-d" grouping of Shao & Tu
        (1995), The Jackknife and Bootstrap, 5.
    """
    if n < 1:
        msg = "There is no row to measure on."
        raise ValueError(msg)
    if resamples < LEAST_RESAMPLES:
        msg = f"resamples is {resamples}: use at least {LEAST_RESAMPLES}."
        raise ValueError(msg)
    points = [point(model, n=n) for model in models]
    rng = np.random.default_rng(seed)
    if n <= ROW_BY_ROW:
        return points, _row_by_row(models, n=n, rng=rng, resamples=resamples)
    return points, _by_blocks(models, n=n, rng=rng, resamples=resamples)


def point(model: Statistic, *, n: int) -> dict[str, float]:
    """Return the metrics of all rows, each counted once."""
    sums = {name: np.array([column.sum(dtype=np.float64)]) for name, column in model.columns()}
    return {name: float(value[0]) for name, value in model.metrics(sums, model.ordered(np.ones((1, n)))).items()}


def way(n: int, resamples: int = RESAMPLES) -> str:
    """Say how the rows were drawn."""
    return f"{resamples} resamples of " + ("rows" if n <= ROW_BY_ROW else f"{BLOCKS} random blocks of rows")


def interval(replicates: Floats, *, size: int) -> tuple[float, float]:
    """Return the 95 % interval: percentiles, taken a little further out as a sample of ``size`` rows varies too little.

    The percentiles are those that a normal figure with t quantiles would have: 2.0 % instead of 2.5 % at 40 rows, 2.5 %
    at thousands. Replicates in which the metric is undefined (NaN) are left out.

    Args:
        replicates: shape (resamples,).
        size: rows that the figure rests on: of two classes, those of the smaller; at least 2, or the interval is NaN.
    Source: Hesterberg (2015), The American Statistician 69(4), 371-386 (expanded percentile interval).
    """
    from scipy import stats

    if size < 2:
        return math.nan, math.nan
    reach = math.sqrt(size / (size - 1)) * float(stats.t.ppf((1 + payload.CONFIDENCE) / 2, size - 1))
    outside = float(stats.norm.sf(reach))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all replicates undefined: NaN, which is what is meant
        low, high = np.nanquantile(replicates, [outside, 1 - outside])
    return float(low), float(high)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is not above 0."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def few(n: int, events: Iterable[tuple[str, int]] = ()) -> str:
    """Return why there are too few rows for a bootstrap interval, empty when there are enough.

    Args:
        events: what must be there at least 30 times, in words, and how often it is.
    """
    if n < LEAST_ROWS:
        return f"{n} rows: an interval needs at least {LEAST_ROWS}"
    for what, count in events:
        if count < LEAST_EVENTS:
            return f"{count} {what}: an interval needs at least {LEAST_EVENTS}"
    return ""


def _row_by_row(models: Sequence[Statistic], *, n: int, rng: np.random.Generator, resamples: int) -> list[Values]:
    tables = [_table(model.columns()) for model in models]
    step = max(1, CHUNK // n)
    parts: list[list[Values]] = [[] for _ in models]
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        rows = rng.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        weights = np.bincount(rows.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        for part, model, (names, table) in zip(parts, models, tables, strict=True):
            sums = dict(zip(names, (weights @ table).T, strict=True))
            part.append(model.metrics(sums, model.ordered(weights)))
    return [{name: np.concatenate([piece[name] for piece in part]) for name in part[0]} for part in parts]


def _by_blocks(models: Sequence[Statistic], *, n: int, rng: np.random.Generator, resamples: int) -> list[Values]:
    block = rng.integers(0, BLOCKS, size=n, dtype=np.int16)
    weights = rng.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), size=resamples).astype(np.float64)

    def drawn(columns: Iterable[Column]) -> Values:
        return {name: weights @ np.bincount(block, weights=values, minlength=BLOCKS) for name, values in columns}

    return [model.metrics(drawn(model.columns()), model.from_linear(drawn(model.linear()))) for model in models]


def _table(columns: Iterable[Column]) -> tuple[list[str], Floats]:
    kept = list(columns)
    return [name for name, _ in kept], np.column_stack([values for _, values in kept]).astype(np.float64)
