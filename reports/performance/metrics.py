"""Scores of a binary classifier under row weights, vectorised over bootstrap replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

METRICS = ("auc", "log_loss", "brier", "tpr", "fpr", "selection_rate", "accuracy")


@dataclass(frozen=True)
class Predictions:
    """What one model said about the evaluation rows.

    ``event`` and ``score`` have shape (n,); the event is predicted where ``score >= threshold``.
    """

    event: Bools
    score: Floats
    threshold: float

    @property
    def predicted(self) -> Bools:
        """Shape (n,): rows for which the event is predicted."""
        return self.score >= self.threshold


def weighted_metrics(predictions: Predictions) -> Callable[[Floats], dict[str, Floats]]:
    """Return a function from row weights, shape (replicates, n), to metric values, shape (replicates,) each.

    The sorting is done once. Undefined values (no event, or no other row, in a replicate) are NaN.

    The area under the ROC curve is the Mann-Whitney statistic: the probability that a random event row scores above a
    random other row, ties counting one half.
    Source: Hanley & McNeil (1982), Radiology 143(1), 29-36.
    """
    event, score, predicted = predictions.event, predictions.score, predictions.predicted
    y = event.astype(np.float64)
    eps = np.finfo(np.float64).eps  # the clipping of sklearn.metrics.log_loss
    clipped = np.clip(score, eps, 1 - eps)
    loss = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    columns = np.column_stack(
        [y, loss, (score - y) ** 2, event & predicted, ~event & predicted, predicted, event == predicted]
    ).astype(np.float64)
    order = np.argsort(score, kind="stable")
    y_sorted = y[order]
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])

    def auc(weights: Floats) -> Floats:
        ordered = weights[:, order]
        events = np.add.reduceat(ordered * y_sorted, starts, axis=1)
        others = np.add.reduceat(ordered * (1 - y_sorted), starts, axis=1)
        below = np.cumsum(others, axis=1) - others
        pairs = events.sum(axis=1) * others.sum(axis=1)
        return _divide((events * (below + others / 2)).sum(axis=1), pairs)

    def evaluate(weights: Floats) -> dict[str, Floats]:
        rows = weights.sum(axis=1)
        events, losses, squares, true_positive, false_positive, selected, right = (weights @ columns).T
        return {
            "auc": auc(weights),
            "log_loss": _divide(losses, rows),
            "brier": _divide(squares, rows),
            "tpr": _divide(true_positive, events),
            "fpr": _divide(false_positive, rows - events),
            "selection_rate": _divide(selected, rows),
            "accuracy": _divide(right, rows),
        }

    return evaluate


def confusion(predictions: Predictions) -> dict[str, int]:
    """Return the counts of true and false positives and negatives at the threshold."""
    event, predicted = predictions.event, predictions.predicted
    return {
        "tp": int((event & predicted).sum()),
        "fp": int((~event & predicted).sum()),
        "fn": int((event & ~predicted).sum()),
        "tn": int((~event & ~predicted).sum()),
    }


def roc_points(predictions: Predictions, *, most: int = 50) -> list[list[float]]:
    """Return at most ``most`` points [fpr, tpr] of the ROC curve from [0, 0] to [1, 1]; empty when undefined."""
    event, score = predictions.event, predictions.score
    if event.all() or not event.any():
        return []
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    tpr = np.r_[0.0, np.cumsum(event[order])[last] / event.sum()]
    fpr = np.r_[0.0, np.cumsum(~event[order])[last] / (~event).sum()]
    keep = np.unique(np.linspace(0, len(tpr) - 1, min(most, len(tpr))).round().astype(int))
    return [[float(x), float(y)] for x, y in zip(fpr[keep], tpr[keep], strict=True)]


def calibration_bins(predictions: Predictions, *, bins: int = 10) -> list[dict[str, Any]]:
    """Return equal-width score bins: how many rows, mean score and share of events in each (None where empty)."""
    index = np.minimum((predictions.score * bins).astype(int), bins - 1)
    n = np.bincount(index, minlength=bins)
    predicted = np.bincount(index, weights=predictions.score, minlength=bins)
    observed = np.bincount(index, weights=predictions.event, minlength=bins)
    return [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "n": int(n[i]),
            "predicted": float(predicted[i] / n[i]) if n[i] else None,
            "observed": float(observed[i] / n[i]) if n[i] else None,
        }
        for i in range(bins)
    ]


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
