"""What a change of the rows does to the answers: the metric's drop, decisions that flip, the largest move."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports import payload
from reports.isolation.outputs import Outputs
from reports.shares import share

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TITLES = {
    "auc": "Area under the ROC curve",
    "accuracy": "Accuracy",
    "r2": "Coefficient of determination (R²)",
}


@dataclass(frozen=True)
class Truth:
    """What really happened in each row, and how the model's answers are read.

    Attributes:
        task: binary, multiclass or regression.
        labels: shape (n,), the classes as text; numbers as floats for a regression.
        positive_label: binary: the event that the score is for.
        threshold: binary: the event is predicted where its score is at or above.
    """

    task: str
    labels: npt.NDArray[np.object_] | Floats
    positive_label: str = ""
    threshold: float = 0.5


class Answers:
    """A model's answers for rows whose truth is known, and the metric on them.

    Attributes:
        scores: the probability of the event, shape (n,); of every class, shape (n, classes); empty without any.
        values: what a regression says, shape (n,); empty for classes.
        decisions: what is decided in each row, shape (n,); None for a regression.
    """

    def __init__(self, outputs: Outputs, truth: Truth) -> None:
        self.truth, self.classes = truth, outputs.classes
        self.scores: Floats = np.empty(0)
        self.values: Floats = np.empty(0)
        self.decisions: npt.NDArray[np.int64] | None = None
        if truth.task == "regression":
            if outputs.values is None:
                msg = "The model gives classes, and the data asks for a regression."
                raise ValueError(msg)
            self.metric, self.values = "r2", outputs.values
        elif truth.task == "binary" and outputs.probabilities is not None:
            self.metric, self.scores = "auc", outputs.score(truth.positive_label)
            self.decisions = (self.scores >= truth.threshold).astype(np.int64)
        elif outputs.labels is None:
            msg = "The model gives numbers, and the data asks for classes."
            raise ValueError(msg)
        else:
            self.metric, self.decisions = "accuracy", np.asarray(outputs.labels, dtype=np.int64)
            if outputs.probabilities is not None:
                self.scores = outputs.probabilities

    @property
    def undefined(self) -> str:
        """Why the metric is undefined on these rows; empty when it is not."""
        n = len(self.truth.labels)
        if self.metric == "auc":
            events = int(self._event().sum())
            if events in (0, n):
                return f"only {'rows with' if events else 'rows without'} the event among the {n} rows"
        if self.metric == "r2" and np.ptp(np.asarray(self.truth.labels, dtype=np.float64)) == 0:
            return f"all {n} rows have the same true value"
        return ""

    def _event(self) -> Bools:
        event: Bools = np.asarray(self.truth.labels) == self.truth.positive_label
        return event

    def metric_of(self, weights: Floats) -> Floats:
        """Return the metric for each row of ``weights``, shape (resamples, n): how often each row was drawn."""
        if self.metric == "r2":
            return weighted_r2(np.asarray(self.truth.labels, dtype=np.float64), self.values, weights)
        if self.metric == "auc":
            return weighted_auc(self._event(), self.scores, weights)
        right = (self._said() == np.asarray(self.truth.labels, dtype=object)).astype(np.float64)
        found: Floats = weights @ right / weights.sum(axis=1)
        return found

    def _said(self) -> npt.NDArray[np.object_]:
        """Return the class that the model names in each row."""
        return np.asarray(self.classes, dtype=object)[self.decisions]

    def point(self) -> float:
        """Return the metric on the rows as they are; NaN if it is undefined."""
        return np.nan if self.undefined else float(self.metric_of(np.ones((1, len(self.truth.labels))))[0])

    def difference_from_sklearn(self) -> float:
        """Return the absolute difference from scikit-learn's metric on the same rows; 0 if the metric is undefined."""
        from sklearn import metrics

        if self.undefined:
            return 0.0
        if self.metric == "auc":
            theirs = metrics.roc_auc_score(self._event(), self.scores)
        elif self.metric == "accuracy":
            theirs = metrics.accuracy_score(self.truth.labels.astype(str), self._said().astype(str))
        else:
            theirs = metrics.r2_score(self.truth.labels, self.values)
        return abs(float(theirs) - self.point())

    def moved_from(self, other: Answers) -> float:
        """Return the largest difference of a score or value from ``other``'s, 0 where there are labels only."""
        ours, theirs = (self.values, other.values) if len(self.values) else (self.scores, other.scores)
        return float(np.abs(ours - theirs).max(initial=0.0))

    def flipped_from(self, other: Answers) -> payload.Payload:
        """Return the share of rows whose decision is another than in ``other``."""
        n = len(self.truth.labels)
        if self.decisions is None or other.decisions is None:
            return payload.undefined("a regression makes no decision", n=n, denominator=n)
        return share(int((self.decisions != other.decisions).sum()), n)


def weighted_auc(event: Bools, score: Floats, weights: Floats) -> Floats:
    """Return the area under the ROC curve for each row of ``weights``, shape (resamples, n); ties count one half.

    A row of weights without an event, or with nothing else, gives NaN.
    """
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    drawn = weights[:, order]
    happened = event[order].astype(np.float64)
    positive = np.add.reduceat(drawn * happened, starts, axis=1)
    negative = np.add.reduceat(drawn * (1 - happened), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = (positive * (below + 0.5 * negative)).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
    return found


def weighted_r2(true: Floats, said: Floats, weights: Floats) -> Floats:
    """Return R² for each row of ``weights``, shape (resamples, n); NaN where all rows drawn have one true value."""
    n = weights.sum(axis=1)
    mean = weights @ true / n
    total = weights @ true**2 - n * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 1 - (weights @ (true - said) ** 2) / np.where(total > 0, total, np.nan)
    return found


def interval(replicates: Floats) -> tuple[float, float]:
    """Return the 95 % percentile interval; a replicate that is undefined (NaN) is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all of them undefined: NaN
        low, high = np.nanquantile(replicates, [(1 - payload.CONFIDENCE) / 2, (1 + payload.CONFIDENCE) / 2])
    return float(low), float(high)
