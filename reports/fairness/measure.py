"""Measure how a decision falls on groups of people, each against a named reference group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports import payload
from reports.fairness import figures, oracle, scores, tensor
from reports.fairness.asked import Asked
from reports.fairness.coding import code_all
from reports.fairness.decisions import Decided
from reports.fairness.figures import PAIRS, suppressed
from reports.fairness.layout import (
    Entry,
    Layout,
    Table,
    crossed_described,
    described,
    features_described,
    lay_out,
    suppression_described,
)
from reports.fairness.tensor import RATES

RESAMPLES = 2000
TOLERANCE = 1e-12
CALIBRATION = ("mean_score", "calibration_gap", "ece")


def measure(
    decided: Decided,
    *,
    sensitive_features: pd.DataFrame,
    reference_groups: Mapping[str, str],
    asked: Asked | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> payload.Payload:
    """Return a ``fairness/v1`` payload: rates by group, and each group against its feature's reference group.

    ``tpr`` is favourable decisions among the truly favourable (equal opportunity), ``fpr`` among the others.

    Args:
        decided: truth and decision of n rows, and their scores if the model gives any.
        sensitive_features: shape (n, features). A missing value is the group 'not stated'; numbers are cut into bins.
        reference_groups: per feature, the group that the others are compared with.
        asked: the smallest share that is compared, the smallest cell that is shown, bins and intersections.
        seed: of the bootstrap.
    Returns: the payload, which holds only what may be published. ``selection_ratio`` is group / reference, the
        differences are group - reference; all are None for the reference group itself and for groups not compared.
        ``p_adjusted`` is Fisher's exact test on selection, Holm-adjusted over all pairs, intersections included.
    Raises:
        ValueError: no sensitive feature, another number of rows, a reference group that is not named or has no row, or
            fewer rows than a cell must have.
    """
    asked = asked or Asked()
    n = len(decided.truth)
    if len(sensitive_features) != n or sensitive_features.shape[1] == 0:
        msg = f"{len(sensitive_features)} rows of {sensitive_features.shape[1]} sensitive features for {n} labels."
        raise ValueError(msg)
    features = code_all(sensitive_features, reference_groups, asked.bins)
    outcome = 2 * decided.truth.view(np.int8) + decided.decision.view(np.int8)
    layout = lay_out(features, outcome, 4, asked)
    groups = [_rates(layout, table, seed=seed, resamples=resamples) for table in layout.groups]
    crossed = [_rates(layout, table, seed=seed, resamples=resamples) for table in layout.crossed]
    if decided.chance is not None:
        for table, lines in zip(layout.groups, groups, strict=True):
            _add_calibration(layout, table, lines, decided)
    _adjust((*layout.groups, *layout.crossed), (*groups, *crossed))
    feature_parts = features_described(layout, groups)
    for table, part in zip(layout.groups, feature_parts, strict=True):
        part["sweep"] = _sweep(layout, table, decided)
    gaps = [
        oracle.difference_from_fairlearn(decided.truth, decided.decision, feature.codes, feature.groups, seed=seed)
        for feature in features
    ]
    return {
        **payload.head(
            "fairness/v1",
            n=n,
            seed=seed,
            method=_method(decided, resamples),
            libraries=("numpy", "scipy", "fairlearn"),
            reference_check=payload.reference_check("fairlearn", max_difference=max(gaps), tolerance=TOLERANCE),
        ),
        "task": decided.task,
        "favourable_label": decided.said,
        "threshold": decided.threshold,
        "features": feature_parts,
        "intersections": crossed_described(layout, crossed),
        "min_share": float(asked.min_share),
        "suppression": suppression_described(layout),
    }


def _method(decided: Decided, resamples: int) -> dict[str, str]:
    return {
        "favourable_decision": f"the decision says {decided.said!r}",
        "rate_interval": f"95 % multinomial bootstrap of the contingency tensor, {resamples} resamples, where "
        f"the denominator is at least {figures.BOOTSTRAP_TRIALS} and the rarer outcome at least "
        f"{figures.BOOTSTRAP_EVENTS}; Wilson score interval below",
        "pair_interval": "the same bootstrap where both groups allow it; below, Newcombe's interval for a "
        "difference and Donner and Zou's MOVER-R for a ratio, both from Wilson intervals",
        "simultaneous": "score intervals at the level that holds for all groups compared (Bonferroni), at least as "
        "wide as the single ones; all groups together miss a limit for certain only where these do",
        "p_value": "Fisher's exact test on the selection rate, Holm-adjusted over all pairs and intersections",
    }


def _rates(layout: Layout, table: Table, *, seed: int, resamples: int) -> list[dict[str, Any]]:
    counts = figures.Table(table.counts.reshape(-1, 2, 2), resamples, seed)
    comparisons = max(1, sum(len(other.compared) for other in _family(layout, table)))

    def pairs(entry: Entry) -> dict[str, Any]:
        if not entry.compared:
            return dict.fromkeys(PAIRS)
        if not (entry.shown and table.reference.shown):
            why = layout.why((entry if not entry.shown else table.reference).state)
            return {pair: suppressed(why) for pair in PAIRS}
        return {pair: counts.pair(pair, entry.place, table.reference.place, comparisons=comparisons) for pair in PAIRS}

    def shown(entry: Entry) -> dict[str, Any]:
        return {**figures.rates_of(counts, entry.place), **pairs(entry), "p_adjusted": None}

    def hidden(entry: Entry, why: str) -> dict[str, Any]:
        return {**{rate: suppressed(why) for rate in RATES}, **pairs(entry), "p_adjusted": None}

    return described(layout, table, shown, hidden)


def _family(layout: Layout, table: Table) -> tuple[Table, ...]:
    """Return the tables whose comparisons are read together: all features, or all intersections."""
    return layout.groups if len(table.features) == 1 else layout.crossed


def _add_calibration(layout: Layout, table: Table, lines: list[dict[str, Any]], decided: Decided) -> None:
    feature = layout.features[table.features[0]]
    sums = scores.fold(decided, feature.codes, len(feature.groups))
    for entry, line in zip(table.entries, lines, strict=True):
        line.update(
            scores.calibration(sums, entry.place)
            if entry.shown
            else dict.fromkeys(CALIBRATION, suppressed(layout.why(entry.state)))
        )


def _adjust(tables: tuple[Table, ...], lines: tuple[list[dict[str, Any]], ...]) -> None:
    """Write the Holm-adjusted p-value of every pair compared, over all features and intersections together."""
    rows, p_values = [], []
    for table, described_lines in zip(tables, lines, strict=True):
        counts = figures.Table(table.counts.reshape(-1, 2, 2), 0, 0)
        places = {entry.label: line for entry, line in zip(table.entries, described_lines, strict=True)}
        for entry in table.compared:
            rows.append(places[entry.label])
            p_values.append(counts.selection_p(entry.place, table.reference.place))
    for row, adjusted in zip(rows, figures.adjust(p_values), strict=True):
        row["p_adjusted"] = adjusted


def _sweep(layout: Layout, table: Table, decided: Decided) -> dict[str, Any] | None:
    """Return rates of every group over thresholds, rising; None without a threshold or where a group is not shown.

    A hidden group's score would be what is left of all rows at each of twenty thresholds.
    """
    if decided.threshold is None or decided.score is None or not all(entry.shown for entry in table.entries):
        return None
    feature = layout.features[table.features[0]]
    cuts = scores.thresholds(decided)
    tensors = scores.sweep(
        decided.score,
        decided.truth,
        feature.codes,
        len(feature.groups),
        cuts,
        event_is_favourable=decided.event_is_favourable,
    )
    by_rate = tensor.rates(tensors)
    return {
        "thresholds": cuts.tolist(),
        "own": int(np.searchsorted(cuts, decided.threshold)),
        "groups": [
            {"group": entry.label, "selection_rate": _plain(by_rate["selection_rate"][:, entry.place])}
            for entry in table.entries
        ],
        "worst": {
            pair: _worst(by_rate[rate], kind, table)
            for pair, (rate, kind) in PAIRS.items()
            if pair in ("selection_ratio", "tpr_difference", "fpr_difference")
        },
    }


def _worst(by_threshold: tensor.Floats, kind: str, table: Table) -> list[float | None]:
    """Return the smallest figure of any group compared at each threshold; None where one is undefined."""
    if not table.compared:
        return [None] * len(by_threshold)
    own = by_threshold[:, [entry.place for entry in table.compared]]
    reference = by_threshold[:, [table.reference.place]]
    compared = tensor.divide(own, reference) if kind == "ratio" else own - reference
    return _plain(compared.min(axis=1))


def _plain(values: tensor.Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
