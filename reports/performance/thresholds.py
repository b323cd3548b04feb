"""What each of about twenty thresholds would decide, and what that would cost."""

from __future__ import annotations

import math

import numpy as np

from monitoring.intervals import wilson
from reports import payload
from reports.performance.binary import Binary

STEPS = 20


def table(model: Binary, *, own: float) -> list[payload.Payload]:
    """Return a row a threshold: selection rate, true and false positive rate, precision and expected cost, each with n.

    The thresholds are the 5 %, 10 %, … 95 % quantiles of the score, so that each step moves about 5 % of the rows, and
    the version's own. Nothing is chosen here: the row of the own threshold is marked. Intervals are score intervals
    (Wilson); of the cost, the combination of those of its two shares (MOVER), which is on the wide side.

    Args:
        model: with scores; ``model.costs`` give the expected cost, which is None without them.
        own: the version's threshold.
    Returns: empty for a model that gives labels only.
    Source: Zou & Donner (2008), Statistics in Medicine 27(10), 1693-1702 (MOVER).
    """
    if model.score is None:
        return []
    steps = np.quantile(model.score, np.arange(1, STEPS) / STEPS, method="inverted_cdf")
    cuts = np.unique(np.r_[steps, own])
    scores = model.score[model.order]
    below_all = np.searchsorted(scores, cuts, side="left")
    below_events = np.searchsorted(scores[model.event[model.order]], cuts, side="left")
    n, events = model.n, int(model.event.sum())
    rows = []
    for cut, below, below_event in zip(cuts, below_all, below_events, strict=True):
        selected, hits = n - int(below), events - int(below_event)
        rows.append(
            {
                "threshold": float(cut),
                "own": bool(cut == own),
                "selection_rate": _share(selected, n, "row"),
                "tpr": _share(hits, events, "row with the event"),
                "fpr": _share(selected - hits, n - events, "row without the event"),
                "precision": _share(hits, selected, "row at or above the threshold"),
                "cost": _cost(selected - hits, events - hits, n, model.costs) if model.costs else None,
            }
        )
    return rows


def _share(part: int, whole: int, what: str) -> payload.Payload:
    if whole == 0:
        return payload.undefined(f"no {what}", n=0, denominator=0)
    return payload.number(part / whole, *wilson(part, whole), n=whole, denominator=whole)


def _cost(false: int, missed: int, n: int, costs: tuple[float, float]) -> payload.Payload:
    value, down, up = 0.0, 0.0, 0.0
    for count, cost in zip((false, missed), costs, strict=True):
        share, (low, high) = count / n, wilson(count, n)
        value += cost * share
        down += (cost * (share - low)) ** 2
        up += (cost * (high - share)) ** 2
    return payload.number(value, max(0.0, value - math.sqrt(down)), value + math.sqrt(up), n=n)
