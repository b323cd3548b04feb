"""How well a version still predicts: by labels where they came, and by what its scores alone let expect. Pure.

Both are held against the reference rows, scored by the same version: the value is by how much the metric is worse there
than here, whichever way it is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from governance.policy.watching import Performance
from monitoring import estimates
from monitoring.drift_settings import DriftSettings
from monitoring.estimates import LOSSES, OF_CLASSES, OF_NUMBERS, OF_RANKS, Estimate
from monitoring.served import Rows, Served
from monitoring.signal_rows import Signal, figure, undefined

EVENTS = 30
"""Rows of each kind that a metric of both needs."""


def of_scores(served: Served, settings: DriftSettings) -> Iterator[Signal]:
    """Yield the signals that the policy names."""
    if settings.performance:
        yield _performance(served, settings.performance)
    if settings.estimated_performance:
        yield _estimated(served, settings.estimated_performance)


def _performance(served: Served, terms: Performance) -> Signal:
    rows, reference = served.labelled or Rows(np.empty(0)), served.reference
    n, facts = rows.labelled, {"metric": terms.metric, **rows.said_of_labels()}
    now, then = _observed(rows, terms, served), _observed(reference, terms, served) if reference else None
    reason = _unfit(served.task, terms.metric)
    if not reason and isinstance(now, str):
        reason = f"Of the labelled records: {now}"
    elif not reason and (then is None or isinstance(then, str)):
        reason = f"Of the reference: {then or served.no_reference}"
    if reason or isinstance(now, str) or then is None or isinstance(then, str):
        if isinstance(now, Estimate):
            facts["current"] = figure(now.value, now.interval, now.n)
        return undefined("performance", None, terms, n=n, reason=reason, **facts)
    return _compared("performance", then, now, terms, facts)


def _estimated(served: Served, terms: Performance) -> Signal:
    """Return the drop of what the scores let expect, if they do so for the reference.

    Both figures are expectations, so what scores promise too much in both cancels out. Labels of the reference say
    whether they can be believed: an estimate that misses the observed figure there by ``watch`` would alarm by itself.
    """
    name, metric = "estimated_performance", terms.metric
    window, reference = served.window or Rows(np.empty(0)), served.reference
    n, facts = window.score.size, {"metric": metric, "estimate": True}
    reason = _unfit(served.task, metric, of=OF_CLASSES)
    if not reason and (reference is None or reference.truth is None):
        reason = f"Of the reference: {served.no_reference}"
    if not reason and min(n, reference.score.size if reference else 0) < terms.min_n:
        reason = f"Fewer than {terms.min_n} rows in the window or the reference."
    if reason or reference is None or reference.truth is None:
        return undefined(name, None, terms, n=n, reason=reason, **facts)
    try:
        now = estimates.expected(metric, score=window.score, threshold=served.threshold)
        then = estimates.expected(metric, score=reference.score, threshold=served.threshold)
        seen = estimates.observed(metric, score=reference.score, truth=reference.truth, threshold=served.threshold)
    except ValueError as error:
        return undefined(name, None, terms, n=n, reason=str(error), **facts)
    facts["calibration"] = {
        "expected": then.value,
        "observed": seen.value,
        "error": estimates.calibration_error(reference.score, reference.truth > 0),
    }
    found = _compared(name, then, now, terms, facts)
    if abs(then.value - seen.value) < terms.watch:
        return found
    reason = (
        f"On the reference the scores let expect {then.value:.3f}, and the labels show {seen.value:.3f}: they are not "
        "calibrated well enough for this estimate."
    )
    return undefined(name, None, terms, n=n, reason=reason, **found.facts)


def _compared(name: str, then: Estimate, now: Estimate, terms: Performance, facts: dict[str, Any]) -> Signal:
    change, interval, p = estimates.drop(then, now, loss=terms.metric in LOSSES)
    return Signal(
        name,
        None,
        change,
        now.n,
        terms.watch,
        terms.limit,
        low=interval.low,
        high=interval.high,
        p=p,
        facts=facts
        | {"current": figure(now.value, now.interval, now.n), "reference": figure(then.value, then.interval, then.n)},
    )


def _observed(rows: Rows, terms: Performance, served: Served) -> Estimate | str:
    """Return a metric of labelled rows, or why there is none."""
    truth, metric = rows.truth, terms.metric
    n = 0 if truth is None else truth.size
    if truth is None or n < max(terms.min_n, 2):
        return f"fewer than {terms.min_n} have a label."
    events = int((truth > 0).sum())
    if metric in OF_RANKS and min(events, n - events) < EVENTS:
        return f"fewer than {EVENTS} have the event, or have it not."
    return estimates.observed(metric, score=rows.score, truth=truth, threshold=served.threshold)


def _unfit(task: str, metric: str, *, of: tuple[str, ...] = ()) -> str:
    """Return why a metric can't be taken of a task; empty where it can."""
    fitting = {"binary": OF_CLASSES, "regression": OF_NUMBERS}.get(task, ())
    if metric in fitting and metric in (of or fitting):
        return ""
    return f"{metric} can not be measured of records of this task ({task}); the policy is to name another metric."
