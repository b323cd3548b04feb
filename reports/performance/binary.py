"""Metrics of a two-class decision under row weights, vectorised over bootstrap replicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.resampling import Bools, Column, Floats, Values, divide

Order = npt.NDArray[np.intp]

# id: (title, which way is better, unit)
TITLES = {
    "auc": ("Area under the ROC curve", "higher", None),
    "gini": ("Gini coefficient (2 AUC - 1)", "higher", None),
    "ks": ("Kolmogorov-Smirnov separation", "higher", None),
    "average_precision": ("Average precision", "higher", None),
    "log_loss": ("Log loss", "lower", "nats per row"),
    "brier": ("Brier score", "lower", None),
    "tpr": ("True positive rate of the event (recall)", "higher", None),
    "fpr": ("False positive rate of the event", "lower", None),
    "precision": ("Precision of the event", "higher", None),
    "selection_rate": ("Share of rows for which the event is predicted", "lower", None),
    "accuracy": ("Accuracy", "higher", None),
    "balanced_accuracy": ("Balanced accuracy", "higher", None),
    "mcc": ("Matthews correlation", "higher", None),
    "expected_cost": ("Expected cost of a decision", "lower", None),
}
OF_THE_SCORE = ("auc", "gini", "ks", "average_precision", "log_loss", "brier")
RATES = ("tpr", "fpr", "precision", "selection_rate", "accuracy")
EPS = float(np.finfo(np.float64).eps)  # the clipping of sklearn.metrics.log_loss


@dataclass(frozen=True)
class Binary:
    """What one model said about the evaluation rows, of which ``event`` says in which the event happened.

    ``event`` and ``predicted`` have shape (n,); ``score`` too, 0 to 1, or is None for a model that gives labels only.
    ``costs``: of one false positive and of one false negative; None when nobody has said.
    """

    event: Bools
    predicted: Bools
    score: Floats | None
    costs: tuple[float, float] | None = None

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.event)

    @property
    def scores(self) -> Floats:
        """The score, where it is needed.

        Raises:
            ValueError: the model gives labels only.
        """
        if self.score is None:
            msg = "The model gives labels only, no probabilities."
            raise ValueError(msg)
        return self.score

    @cached_property
    def order(self) -> Order:
        """Rows by rising score."""
        return np.argsort(self.scores, kind="stable")

    @cached_property
    def starts(self) -> Order:
        """Where in ``order`` each distinct score begins."""
        return np.flatnonzero(np.r_[True, np.diff(self.scores[self.order]) != 0])

    @cached_property
    def by_score(self) -> tuple[Floats, Floats]:
        """How many rows with and without the event have each distinct score, by rising score."""
        events = np.add.reduceat(self.event[self.order].astype(np.float64), self.starts)
        return events, np.diff(np.r_[self.starts, self.n]) - events

    @cached_property
    def furthest(self) -> int:
        """Which distinct score the distributions with and without the event are furthest apart at."""
        events, others = self.by_score
        if not events.any() or not others.any():
            return 0
        return int(np.argmax(np.abs(np.cumsum(others) / others.sum() - np.cumsum(events) / events.sum())))

    @cached_property
    def exact(self) -> dict[str, float]:
        """The metrics of order on all rows, each counted once."""
        return {name: float(value[0]) for name, value in self.ordered(np.ones((1, self.n))).items()}

    def loss(self) -> Floats:
        """Log loss of each row, nats."""
        clipped = np.clip(self.scores, EPS, 1 - EPS)
        return -np.log(np.where(self.event, clipped, 1 - clipped))

    def columns(self) -> Iterator[Column]:
        """What is summed over rows."""
        yield "rows", np.ones(self.n)
        yield "events", self.event
        yield "selected", self.predicted
        yield "hits", self.event & self.predicted
        if self.score is not None:
            yield "loss", self.loss()
            yield "square", (self.score - self.event) ** 2

    def ordered(self, weights: Floats) -> Values:
        """Return AUC, KS and average precision for each row of weights.

        The area under the ROC curve is the Mann-Whitney statistic: the probability that a random event row scores above
        a random other row, ties counting one half. KS is the largest distance between the distributions of the score
        with and without the event; replicates take it at the score where it is largest in all rows, as a new maximum in
        each would only chase noise upward. Average precision is the sum of precision times the step in recall.
        Source: Hanley & McNeil (1982), Radiology 143(1), 29-36.
        """
        if self.score is None:
            return {}
        ordered = weights[:, self.order]
        every = np.add.reduceat(ordered, self.starts, axis=1)
        ordered *= self.event[self.order]
        events = np.add.reduceat(ordered, self.starts, axis=1)
        others = every - events
        all_events, all_others = events.sum(axis=1), others.sum(axis=1)
        below, events_below = np.cumsum(others, axis=1), np.cumsum(events, axis=1)
        auc = divide((events * (below - others / 2)).sum(axis=1), all_events * all_others)
        at = self.furthest
        gap = divide(below[:, at], all_others) - divide(events_below[:, at], all_events)
        at_or_above = all_events[:, None] - events_below + events
        selected = at_or_above + all_others[:, None] - below + others
        precision = np.divide(at_or_above, selected, out=np.zeros_like(selected), where=selected > 0)
        return {
            "auc": auc,
            "ks": np.abs(gap),
            "average_precision": divide((precision * events).sum(axis=1), all_events),
        }

    def linear(self) -> Iterator[Column]:
        """First-order effect of each row's weight on the metrics of order.

        AUC by DeLong's placement values, KS by the two rates at the score where the distance is largest, average
        precision by the derivative of its sum.
        Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3), 837-845.
        """
        if self.score is None:
            return
        event = self.event
        groups = np.repeat(np.arange(len(self.starts)), np.diff(np.r_[self.starts, self.n]))
        group = np.empty(self.n, dtype=np.int32)
        group[self.order] = groups
        del groups
        events, others = self.by_score
        all_events, all_others = events.sum(), others.sum()
        if all_events == 0 or all_others == 0:
            return
        below, events_below = np.cumsum(others), np.cumsum(events)
        placed = (below - others / 2) / all_others  # of an event: the share of others that it beats
        beaten = (all_events - events_below + events / 2) / all_events  # of another row: the share that beats it
        yield "events", event
        yield "others", ~event
        yield "placed", np.where(event, placed[group], 0.0)
        yield "beaten", np.where(event, 0.0, beaten[group])
        low = group <= self.furthest
        yield "events_low", event & low
        yield "others_low", ~event & low
        at_or_above = all_events - events_below + events
        selected = at_or_above + all_others - below + others
        precision = at_or_above / selected
        average = (precision * events).sum() / all_events
        reach = np.cumsum(events / selected)
        spread = np.cumsum(events * precision / selected)
        direct = np.where(event, precision[group] - average, 0.0)
        yield "average_precision", (direct + event * reach[group] - spread[group]) / all_events

    def from_linear(self, sums: Values) -> Values:
        """Return the metrics of order from the sums of ``linear``."""
        if not sums:  # labels only, or one class only
            return {}
        events, others = sums["events"], sums["others"]
        placed, beaten = divide(sums["placed"], events), divide(sums["beaten"], others)
        return {
            "auc": placed + beaten - self.exact["auc"],
            "ks": np.abs(divide(sums["others_low"], others) - divide(sums["events_low"], events)),
            "average_precision": self.exact["average_precision"] + sums["average_precision"],
        }

    def metrics(self, sums: Values, ordered: Values) -> Values:
        """Return every metric; NaN where the rows can't define it."""
        rows, events, selected, hits = (sums[name] for name in ("rows", "events", "selected", "hits"))
        others, false = rows - events, selected - hits
        missed = events - hits
        kept = others - false
        tpr, fpr = divide(hits, events), divide(false, others)
        product = selected * (rows - selected) * events * others
        out: Values = {}
        if self.score is not None:
            undefined = np.full(rows.shape, np.nan)
            auc = ordered.get("auc", undefined)
            out |= {
                "auc": auc,
                "gini": 2 * auc - 1,
                "ks": ordered.get("ks", undefined),
                "average_precision": ordered.get("average_precision", undefined),
                "log_loss": divide(sums["loss"], rows),
                "brier": divide(sums["square"], rows),
            }
        out |= {
            "tpr": tpr,
            "fpr": fpr,
            "precision": divide(hits, selected),
            "selection_rate": divide(selected, rows),
            "accuracy": divide(hits + kept, rows),
            "balanced_accuracy": (tpr + 1 - fpr) / 2,
            "mcc": divide(hits * kept - false * missed, np.sqrt(product)),
        }
        if self.costs:
            out["expected_cost"] = divide(self.costs[0] * false + self.costs[1] * missed, rows)
        return out


def confusion(model: Binary) -> dict[str, int]:
    """Return the counts of true and false positives and negatives."""
    event, predicted = model.event, model.predicted
    return {
        "tp": int((event & predicted).sum()),
        "fp": int((~event & predicted).sum()),
        "fn": int((event & ~predicted).sum()),
        "tn": int((~event & ~predicted).sum()),
    }


def curves(model: Binary, *, most: int = 50) -> dict[str, list[list[float]]]:
    """Return at most ``most`` points of the ROC curve, [fpr, tpr], and of precision-recall, [recall, precision].

    Both run from the strictest threshold to the loosest; both are empty for labels only or where one class is absent.
    """
    event = model.event
    if model.score is None or event.all() or not event.any():
        return {"roc": [], "precision_recall": []}
    order = model.order[::-1]
    falling = model.score[order]
    last = np.flatnonzero(np.r_[np.diff(falling) != 0, True])
    hits = np.cumsum(event[order])[last].astype(np.float64)
    tpr, fpr, precision = hits / event.sum(), (last + 1 - hits) / (~event).sum(), hits / (last + 1)
    roc = _thinned(np.r_[0.0, fpr], np.r_[0.0, tpr], most)
    return {"roc": roc, "precision_recall": _thinned(tpr, precision, most)}


def _thinned(x: Floats, y: Floats, most: int) -> list[list[float]]:
    """Keep points that are evenly spread along x and y, with both ends."""
    along = np.cumsum(np.r_[0.0, np.abs(np.diff(x)) + np.abs(np.diff(y))])
    wanted = np.linspace(0, along[-1], most)
    keep: npt.NDArray[Any] = np.unique(np.r_[0, np.searchsorted(along, wanted), len(x) - 1].clip(0, len(x) - 1))
    if len(keep) > most:
        keep = np.unique(keep[np.linspace(0, len(keep) - 1, most).round().astype(int)])
    return [[float(a), float(b)] for a, b in zip(x[keep], y[keep], strict=True)]
