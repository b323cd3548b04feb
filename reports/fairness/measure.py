"""Measure how a decision falls on groups of people, each against a named reference group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports import payload
from reports.fairness import intervals, tensor
from reports.fairness.tensor import RATES, Bools, Counts, Floats

NOT_STATED = "not stated"
RESAMPLES = 2000
BOOTSTRAP_TRIALS = 100
BOOTSTRAP_EVENTS = 30
CROSS_CHECK_ROWS = 100_000
TOLERANCE = 1e-12
QUANTILES = [(1 - payload.CONFIDENCE) / 2, (1 + payload.CONFIDENCE) / 2]
# The pair's figure -> the rate it compares, and how.
PAIRS = {
    "selection_ratio": ("selection_rate", "ratio"),
    "tpr_difference": ("tpr", "difference"),
    "fpr_difference": ("fpr", "difference"),
}


@dataclass(frozen=True)
class _Feature:
    """One sensitive feature, folded: names of its groups, counts, and bootstrap replicates of the counts."""

    name: str
    reference: str
    groups: list[str]
    counts: Counts
    replicates: Counts

    def cell(self, rate: str, group: int) -> tuple[int, int]:
        """Return (events, trials) of one rate in one group."""
        events, trials = tensor.events_and_trials(self.counts)[rate]
        return int(events[group]), int(trials[group])


def measure(
    *,
    labels: pd.Series,
    score: Floats,
    threshold: float,
    positive_label: str,
    favourable_label: str,
    sensitive_features: pd.DataFrame,
    reference_groups: Mapping[str, str],
    min_share: float = 0.05,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> payload.Payload:
    """Return a ``fairness/v1`` payload: rates by group, and each group against its feature's reference group.

    The event scored is ``positive_label``; the decision says the event where ``score >= threshold``. The favourable
    decision is the one that says ``favourable_label``: a score below the threshold when that is the other label.
    ``tpr`` is favourable decisions among the truly favourable (equal opportunity), ``fpr`` among the others.

    Args:
        labels: shape (n,), the true label of each row, two values at most; none missing.
        score: shape (n,), probability of ``positive_label``, 0 to 1.
        threshold: the decision threshold, 0 to 1.
        sensitive_features: shape (n, features). A missing value is the group 'not stated'.
        reference_groups: per feature, the group that the others are compared with.
        min_share: groups with a smaller share of the rows are shown but not compared; 0 to 1.
        seed: of the bootstrap.
    Returns: the payload. ``selection_ratio`` is group / reference, the differences are group - reference; all are None
        for the reference group itself and for groups not compared. ``p_adjusted`` is Fisher's exact test on selection,
        Holm-adjusted over all groups compared, of all features.
    Raises:
        ValueError: a reference group is not named or has no row, labels other than the two, or shapes differ.
    """
    truth, decision = _favourable(labels, score, threshold, positive_label, favourable_label)
    n = len(truth)
    if len(sensitive_features) != n or sensitive_features.shape[1] == 0:
        msg = f"{len(sensitive_features)} rows of {sensitive_features.shape[1]} sensitive features for {n} labels."
        raise ValueError(msg)
    if not 0 <= min_share < 1:
        msg = f"min_share is {min_share}, expected a share from 0 to under 1."
        raise ValueError(msg)
    features = [
        _fold(sensitive_features[name], str(name), reference_groups, truth, decision, seed=seed, resamples=resamples)
        for name in sensitive_features.columns
    ]
    described = [_describe(feature, n=n, min_share=min_share) for feature in features]
    _adjust(features, described)
    return {
        **payload.head(
            "fairness/v1",
            n=n,
            seed=seed,
            method={
                "favourable_decision": f"the decision says {favourable_label!r}",
                "rate_interval": f"95 % multinomial bootstrap of the contingency tensor, {resamples} resamples, where "
                f"the denominator is at least {BOOTSTRAP_TRIALS} and the rarer outcome at least {BOOTSTRAP_EVENTS}; "
                "Wilson score interval below",
                "pair_interval": "the same bootstrap where both groups allow it; below, Newcombe's interval for a "
                "difference and Donner and Zou's MOVER-R for a ratio, both from Wilson intervals",
                "p_value": "Fisher's exact test on the selection rate, Holm-adjusted over all pairs",
            },
            libraries=("numpy", "scipy", "fairlearn"),
            reference_check=payload.reference_check(
                "fairlearn",
                max_difference=max(
                    difference_from_fairlearn(truth, decision, sensitive_features[name], seed=seed)
                    for name in sensitive_features.columns
                ),
                tolerance=TOLERANCE,
            ),
        ),
        "favourable_label": favourable_label,
        "features": described,
        "min_share": float(min_share),
    }


def difference_from_fairlearn(truth: Bools, decision: Bools, groups: pd.Series, *, seed: int = 0) -> float:
    """Return the largest absolute difference of our rates by group from Fairlearn's on the same rows.

    Up to 100,000 rows are compared, a sample of that many above. Rates that are undefined here are left out: Fairlearn
    reports 0 for a group without positives.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    stated = _stated(groups)
    if len(stated) > CROSS_CHECK_ROWS:
        keep = np.sort(np.random.default_rng(seed).choice(len(stated), CROSS_CHECK_ROWS, replace=False))
        truth, decision, stated = truth[keep], decision[keep], stated.iloc[keep]
    frame = MetricFrame(
        metrics={"selection_rate": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate},
        y_true=truth.astype(int),
        y_pred=decision.astype(int),
        sensitive_features=stated.to_numpy(dtype=object),
    )
    names, codes = _codes(stated)
    ours = tensor.rates(tensor.fold(truth, decision, codes, len(names)))
    theirs = frame.by_group.loc[names]
    gaps = [np.abs(ours[rate] - theirs[rate].to_numpy(dtype=float)) for rate in RATES]
    return float(np.nanmax(np.concatenate(gaps)))


def _favourable(
    labels: pd.Series, score: Floats, threshold: float, positive_label: str, favourable_label: str
) -> tuple[Bools, Bools]:
    """Return (truth, decision), each True where it is favourable."""
    score = np.asarray(score, dtype=np.float64)
    values = labels.astype("str").to_numpy(dtype=object)
    if not len(values) or score.shape != values.shape:
        msg = f"{score.shape} scores for {values.shape} labels: one for each row is needed, and at least one row."
        raise ValueError(msg)
    if labels.isna().any():
        msg = f"{int(labels.isna().sum())} rows have no label: leave them out of the evaluation data."
        raise ValueError(msg)
    if not np.all((score >= 0) & (score <= 1)) or not 0 <= threshold <= 1:
        msg = "Scores and the threshold must be probabilities from 0 to 1, none missing."
        raise ValueError(msg)
    found = sorted(set(values))
    if len({*found, positive_label, favourable_label}) > 2:
        msg = f"Labels are {found}; positive {positive_label!r} and favourable {favourable_label!r} must be of the two."
        raise ValueError(msg)
    says_event = score >= threshold
    return values == favourable_label, says_event if favourable_label == positive_label else ~says_event


def _fold(
    column: pd.Series,
    name: str,
    reference_groups: Mapping[str, str],
    truth: Bools,
    decision: Bools,
    *,
    seed: int,
    resamples: int,
) -> _Feature:
    groups, codes = _codes(_stated(column))
    reference = reference_groups.get(name)
    if reference not in groups:
        msg = f"The reference group of {name} is {reference!r}; name one of {groups}."
        raise ValueError(msg)
    counts = tensor.fold(truth, decision, codes, len(groups))
    replicates = tensor.resample(counts, resamples=resamples, seed=seed)
    return _Feature(name=name, reference=str(reference), groups=groups, counts=counts, replicates=replicates)


def _describe(feature: _Feature, *, n: int, min_share: float) -> dict[str, Any]:
    reference = feature.groups.index(feature.reference)
    sizes = feature.counts.sum(axis=(1, 2))
    order = sorted(range(len(feature.groups)), key=lambda g: (g != reference, -sizes[g], feature.groups[g]))
    rows = []
    for group in order:
        compared = group != reference and sizes[group] / n >= min_share
        row: dict[str, Any] = {
            "group": feature.groups[group],
            "n": int(sizes[group]),
            "share": float(sizes[group] / n),
            "compared": bool(compared),
        }
        row |= {rate: _rate(feature, rate, group) for rate in RATES}
        row |= {pair: _pair(feature, pair, group, reference) if compared else None for pair in PAIRS}
        rows.append(row | {"p_adjusted": None})
    return {"feature": feature.name, "reference_group": feature.reference, "groups": rows}


def _rate(feature: _Feature, rate: str, group: int) -> payload.Payload:
    events, trials = feature.cell(rate, group)
    n = int(feature.counts[group].sum())
    if trials == 0:
        return payload.undefined(_why_undefined(rate), n=n, denominator=0)
    if _bootstrappable(events, trials):
        low, high = np.nanquantile(tensor.rates(feature.replicates)[rate][:, group], QUANTILES)
    else:
        low, high = intervals.wilson(events, trials)
    return payload.number(events / trials, float(low), float(high), n=n, denominator=trials)


def _pair(feature: _Feature, pair: str, group: int, reference: int) -> payload.Payload:
    rate, kind = PAIRS[pair]
    cells = [feature.cell(rate, group), feature.cell(rate, reference)]
    (events, trials), (of_events, of_trials) = cells
    n = int(feature.counts[group].sum())
    if trials == 0 or of_trials == 0:
        who = "the group" if trials == 0 else "the reference group"
        return payload.undefined(f"in {who}, {_why_undefined(rate)}", n=n, denominator=trials)
    if kind == "ratio" and of_events == 0:
        return payload.undefined("nobody in the reference group was selected", n=n, denominator=trials)
    p, q = events / trials, of_events / of_trials
    if all(_bootstrappable(*cell) for cell in cells):
        drawn = tensor.rates(feature.replicates)[rate]
        own, other = drawn[:, group], drawn[:, reference]
        low, high = np.nanquantile(tensor.divide(own, other) if kind == "ratio" else own - other, QUANTILES)
    else:
        limits = intervals.ratio if kind == "ratio" else intervals.newcombe
        low, high = limits(events, trials, of_events, of_trials)
    return payload.number(p / q if kind == "ratio" else p - q, float(low), float(high), n=n, denominator=trials)


def _adjust(features: list[_Feature], described: list[dict[str, Any]]) -> None:
    """Write the Holm-adjusted p-value of every group compared, over all features together."""
    from scipy.stats import fisher_exact

    compared, p_values = [], []
    for feature, description in zip(features, described, strict=True):
        of_events, of_trials = feature.cell("selection_rate", feature.groups.index(feature.reference))
        for row in description["groups"]:
            if row["compared"]:
                events, trials = feature.cell("selection_rate", feature.groups.index(row["group"]))
                table = [[events, trials - events], [of_events, of_trials - of_events]]
                compared.append(row)
                p_values.append(float(fisher_exact(table).pvalue))
    for row, adjusted in zip(compared, intervals.holm(p_values), strict=True):
        row["p_adjusted"] = adjusted


def _bootstrappable(events: int, trials: int) -> bool:
    return trials >= BOOTSTRAP_TRIALS and min(events, trials - events) >= BOOTSTRAP_EVENTS


def _why_undefined(rate: str) -> str:
    return {
        "tpr": "no row whose true outcome is favourable",
        "fpr": "no row whose true outcome is unfavourable",
        "selection_rate": "no row",
    }[rate]


def _stated(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), NOT_STATED).astype(str)


def _codes(stated: pd.Series) -> tuple[list[str], npt.NDArray[np.int64]]:
    names = sorted(stated.unique())
    return names, pd.Categorical(stated, categories=names).codes.astype(np.int64)
