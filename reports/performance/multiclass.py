"""Metrics of a classifier with several classes under row weights, vectorised over bootstrap replicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reports.isolation.outputs import Codes
from reports.payload import Payload
from reports.performance.binary import EPS
from reports.resampling import Column, Floats, Values, divide

TITLES = {
    "accuracy": ("Accuracy", "higher", None),
    "balanced_accuracy": ("Balanced accuracy (mean recall of the classes)", "higher", None),
    "macro_f1": ("F1 score, mean over classes", "higher", None),
    "log_loss": ("Log loss", "lower", "nats per row"),
}
OF_THE_SCORE = ("log_loss",)
MOST_CLASSES = 200
SHOWN = 30  # classes and confusions that a payload lists


@dataclass(frozen=True)
class Multiclass:
    """What one model said about the evaluation rows.

    ``truth`` and ``predicted`` have shape (n,), codes into ``classes``; ``own`` is the probability that the model gave
    to the true class, shape (n,), 0 to 1, or None for a model that gives labels only.
    """

    truth: Codes
    predicted: Codes
    own: Floats | None
    classes: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.truth)

    def loss(self) -> Floats:
        """Log loss of each row, nats; whether the row is wrong (0 or 1) for a model that gives labels only."""
        wrong: Floats = (self.truth != self.predicted).astype(np.float64)
        return wrong if self.own is None else -np.log(np.clip(self.own, EPS, 1 - EPS))

    def columns(self) -> Iterator[Column]:
        """What is summed over rows: per class the rows that are of it, those called it, and those that are both."""
        yield "rows", np.ones(self.n)
        for code in range(len(self.classes)):
            is_it, called = self.truth == code, self.predicted == code
            yield f"true {code}", is_it
            yield f"called {code}", called
            yield f"hit {code}", is_it & called
        if self.own is not None:
            yield "loss", self.loss()

    def linear(self) -> Iterator[Column]:
        """Nothing: no metric here depends on the order of rows."""
        return iter(())

    def ordered(self, weights: Floats) -> Values:
        """Nothing."""
        return {}

    def from_linear(self, sums: Values) -> Values:
        """Nothing."""
        return {}

    def metrics(self, sums: Values, ordered: Values) -> Values:
        """Return the metrics of the whole, and recall, precision and F1 of each class as ``recall 3`` and so on.

        Macro figures are means over the classes that occur among the rows (recall), or occur or are predicted (F1).
        """
        recalls, scores, hits = [], [], np.zeros_like(sums["rows"])
        out: Values = {}
        for code in range(len(self.classes)):
            true, called, hit = (sums[f"{name} {code}"] for name in ("true", "called", "hit"))
            hits = hits + hit
            out[f"recall {code}"] = divide(hit, true)
            out[f"precision {code}"] = divide(hit, called)
            recalls.append(out[f"recall {code}"])
            scores.append(divide(2 * hit, true + called))
        out |= {
            "accuracy": divide(hits, sums["rows"]),
            "balanced_accuracy": _mean(recalls),
            "macro_f1": _mean(scores),
        }
        if self.own is not None:
            out["log_loss"] = divide(sums["loss"], sums["rows"])
        return out


def confusions(model: Multiclass) -> list[Payload]:
    """Return the pairs (true class, another that was predicted instead), the most frequent first, at most 30."""
    size = len(model.classes)
    counts = np.bincount(model.truth * size + model.predicted, minlength=size * size).reshape(size, size)
    np.fill_diagonal(counts, 0)
    flat = np.argsort(-counts, axis=None, kind="stable")[:SHOWN]
    return [
        {
            "true": model.classes[int(cell) // size],
            "predicted": model.classes[int(cell) % size],
            "n": int(counts.flat[cell]),
        }
        for cell in flat
        if counts.flat[cell]
    ]


def _mean(values: Sequence[Floats]) -> Floats:
    stacked = np.stack(values)
    defined = np.isfinite(stacked)
    return divide(np.where(defined, stacked, 0.0).sum(axis=0), defined.sum(axis=0).astype(np.float64))
