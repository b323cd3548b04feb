"""Whether what is served treats groups of people apart: shares of favourable decisions, of all and of deserved ones.

Each group that may be shown is held against its column's reference group. What may be shown is decided as in fairness
evidence (:mod:`monitoring.suppression`), on the rows that the figure is of. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from governance.policy.watching import BETWEEN_GROUPS, FALLING, Limits
from monitoring import intervals, statistics, suppression
from monitoring.drift_settings import DriftSettings
from monitoring.served import Groups, Served
from monitoring.signal_rows import Signal, figure, undefined

SUPPRESS_BELOW = 10
MIN_SHARE = 0.05
"""Of all rows; smaller groups are not compared. Both are what fairness evidence takes unless told otherwise."""


def of_groups(served: Served, settings: DriftSettings) -> Iterator[Signal]:
    """Yield a signal for each group that can be compared, of each measure that the policy names."""
    if served.task != "binary":
        return
    for name in BETWEEN_GROUPS:
        limits: Limits | None = getattr(settings, name)
        rows = served.labelled if name == "tpr_difference" else served.window
        if limits is None or rows is None or not rows.groups.codes:
            continue
        favourable = (rows.score >= served.threshold) == served.event_is_favourable
        counted, facts = np.ones(rows.score.size, bool), {}
        if name == "tpr_difference":
            if rows.truth is None:
                continue
            counted, facts = (rows.truth > 0) == served.event_is_favourable, rows.said_of_labels()
        for signal in _compared(name, limits, rows.groups, favourable, counted, min_n=settings.min_n):
            yield replace(signal, facts={**signal.facts, **facts})


def _compared(
    name: str,
    limits: Limits,
    groups: Groups,
    favourable: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    *,
    min_n: int,
) -> Iterator[Signal]:
    n = favourable.size
    columns = list(groups.codes)
    if n < min_n:
        for column in columns:
            yield undefined(name, column, limits, n=n, reason=f"Fewer than {min_n} records.")
        return
    least = math.ceil(MIN_SHARE * n)
    published = suppression.protect(
        _table(groups, favourable, counted),
        k=SUPPRESS_BELOW,
        least=least,
        references=[groups.references[column] for column in columns],
    )
    for column, states in zip(columns, published.groups, strict=True):
        codes, against = groups.codes[column], groups.references[column]
        sizes = np.bincount(codes, minlength=len(states))
        shown = [g for g, state in enumerate(states) if state == suppression.SHOWN and sizes[g] >= least]
        others = [g for g in shown if g != against]
        if against not in shown or not others:
            reason = f"No two groups are large enough to be shown and compared ({SUPPRESS_BELOW} people, 5 % of all)."
            yield undefined(name, column, limits, n=n, reason=reason)
            continue
        rows = {g: _cell(codes == g, favourable, counted) for g in (against, *others)}
        for g in others:
            facts = {"group": groups.names[column][g], "against": groups.names[column][against]}
            yield _pair(name, column, limits, rows[g], rows[against], facts)


def _pair(
    name: str, column: str, limits: Limits, one: tuple[int, int], other: tuple[int, int], facts: dict[str, str]
) -> Signal:
    """Return how far two shares are apart, each given as (events, rows)."""
    if not one[1] or not other[1]:
        return undefined(name, column, limits, n=one[1], reason="A group has no row that counts.", **facts)
    shares: dict[str, object] = {
        place: figure(events / n, intervals.wilson(events, n), n)
        for place, (events, n) in (("current", one), ("reference", other))
    }
    lower, higher = sorted((one, other), key=lambda cell: cell[0] / cell[1])
    if name in FALLING:
        if not higher[0]:
            reason = "Neither group has a favourable decision."
            return undefined(name, column, limits, n=one[1], reason=reason, **facts, **shares)
        value = (lower[0] / lower[1]) / (higher[0] / higher[1])
        low, high = intervals.ratio(*lower, *higher)
        ends = (low, min(1.0, high))
    else:
        value = higher[0] / higher[1] - lower[0] / lower[1]
        low, high = intervals.newcombe(*higher, *lower)
        ends = (max(0.0, low), high)
    p = statistics.missing_rate_change(
        reference_missing=other[0], reference_n=other[1], current_missing=one[0], current_n=one[1]
    ).p
    return Signal(
        name,
        column,
        value,
        one[1],
        limits.watch,
        limits.limit,
        low=ends[0],
        high=ends[1],
        p=p,
        falls=name in FALLING,
        facts={**facts, **shares},
    )


def _cell(inside: NDArray[np.bool_], favourable: NDArray[np.bool_], counted: NDArray[np.bool_]) -> tuple[int, int]:
    own = inside & counted
    return int((own & favourable).sum()), int(own.sum())


def _table(groups: Groups, favourable: NDArray[np.bool_], counted: NDArray[np.bool_]) -> suppression.Rows:
    """Return the rows by their groups and outcome, as suppression counts them."""
    codes = np.column_stack([groups.codes[column] for column in groups.codes])
    lines, place = np.unique(codes, axis=0, return_inverse=True)
    outcome = favourable.astype(np.int64) + 2 * counted
    counts = np.zeros((len(lines), 4), dtype=np.int64)
    np.add.at(counts, (place.ravel(), outcome), 1)
    return suppression.Rows(lines, counts[:, counts.any(axis=0)], tuple(len(groups.names[c]) for c in groups.codes))
