"""Fairness of a model that says a number: errors, predictions and their quantiles by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports import payload
from reports.fairness import figures
from reports.fairness.asked import Asked
from reports.fairness.coding import code_all
from reports.fairness.figures import QUANTILES, suppressed
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
from reports.fairness.tensor import Floats

RESAMPLES = 1000
BINS = 400  # above so many rows of a group, its values are drawn by quantile bin instead of one by one
BOOTSTRAP_ROWS = 100
LEVELS = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
FIGURES = ("mean_residual", "mean_prediction", *(f"prediction_{name}" for name in LEVELS))
PAIRS = ("residual_difference", "prediction_difference")
TOLERANCE = 1e-9


@dataclass(frozen=True)
class _Values:
    """One figure of one group: the values, sorted, and the means of bootstrap samples of them (none below 100 rows)."""

    values: Floats
    means: Floats

    @property
    def n(self) -> int:
        return len(self.values)


def measure(
    *,
    labels: pd.Series,
    predicted: Floats,
    favourable_direction: str,
    sensitive_features: pd.DataFrame,
    reference_groups: Mapping[str, str],
    asked: Asked | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> payload.Payload:
    """Return a ``fairness/v1`` payload of a regression.

    A residual is predicted - true, turned so that above 0 is in the person's favour: where lower is favourable (a
    price, a risk), true - predicted. ``prediction_difference`` is turned likewise; predictions themselves stay as they
    are. The differences are group - reference, so below 0 the group is worse off.

    Args:
        labels: shape (n,), the true number of each row.
        predicted: shape (n,), the model's.
        favourable_direction: ``higher`` or ``lower``.
        sensitive_features, reference_groups, asked, seed: as for a classification.
    Raises:
        ValueError: values that are no finite numbers, another direction, or as for a classification.
    """
    asked = asked or Asked()
    if favourable_direction not in ("higher", "lower"):
        msg = f"favourable_direction is {favourable_direction!r}; declare `higher` or `lower` with the evaluation data."
        raise ValueError(msg)
    truth, predicted = _numbers(labels, predicted)
    n = len(truth)
    if len(sensitive_features) != n or sensitive_features.shape[1] == 0:
        msg = f"{len(sensitive_features)} rows of {sensitive_features.shape[1]} sensitive features for {n} labels."
        raise ValueError(msg)
    sign = 1.0 if favourable_direction == "higher" else -1.0
    residual = sign * (predicted - truth)
    features = code_all(sensitive_features, reference_groups, asked.bins)
    layout = lay_out(features, np.zeros(n, dtype=np.int8), 1, asked)
    rng = np.random.default_rng(seed)
    groups: list[list[dict[str, Any]]] = []
    crossed: list[list[dict[str, Any]]] = []
    gaps: list[float] = []
    p_values: list[float] = []
    compared: list[dict[str, Any]] = []
    for table in (*layout.groups, *layout.crossed):
        drawn = _drawn(layout, table, residual, predicted, rng, resamples=resamples)
        lines = _lines(layout, table, drawn, sign)
        (groups if len(table.features) == 1 else crossed).append(lines)
        by_label = {line["group"]: line for line in lines}
        for entry in table.compared:
            compared.append(by_label[entry.label])
            p_values.append(_welch_p(drawn[entry.place][0].values, drawn[table.reference.place][0].values))
        if len(table.features) == 1:
            gaps.append(_difference_from_fairlearn(layout, table, truth, predicted, drawn, sign))
    for line, adjusted in zip(compared, figures.adjust(p_values), strict=True):
        line["p_adjusted"] = adjusted
    parts = features_described(layout, groups)
    for part in parts:
        part["sweep"] = None
    return {
        **payload.head(
            "fairness/v1",
            n=n,
            seed=seed,
            method={
                "residual": "predicted - true" if sign > 0 else "true - predicted (lower is favourable)",
                "interval": f"95 % bootstrap of each group's rows, {resamples} resamples, from {BOOTSTRAP_ROWS} rows "
                f"on (above {BINS} rows, of {BINS} quantile bins with their spread); below, Student's and Welch's",
                "quantile_interval": "the order statistics between which a bootstrap sample's quantile lies 95 times "
                "of 100, by the binomial distribution and without drawing",
                "simultaneous": "Welch's interval at the level that holds for all groups compared (Bonferroni)",
                "p_value": "Welch's test on the mean residual, Holm-adjusted over all pairs and intersections",
            },
            libraries=("numpy", "scipy", "fairlearn"),
            reference_check=payload.reference_check(
                "fairlearn", max_difference=max(gaps), tolerance=TOLERANCE * max(1.0, float(np.abs(truth).max()))
            ),
        ),
        "task": "regression",
        "favourable_label": f"{favourable_direction} values",
        "threshold": None,
        "scale": payload.number(float(np.std(truth)), n=n),
        "features": parts,
        "intersections": crossed_described(layout, crossed),
        "min_share": float(asked.min_share),
        "suppression": suppression_described(layout),
    }


def _numbers(labels: pd.Series, predicted: Floats) -> tuple[Floats, Floats]:
    predicted = np.asarray(predicted, dtype=np.float64)
    if not len(labels) or predicted.shape != (len(labels),):
        msg = f"{predicted.shape} answers for {len(labels)} labels: one for each row is needed, and at least one row."
        raise ValueError(msg)
    truth = pd.to_numeric(labels, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    for name, values in (("labels", truth), ("predictions", predicted)):
        wrong = int((~np.isfinite(values)).sum())
        if wrong:
            msg = f"{wrong:,} {name} are missing or no finite numbers: leave these rows out of the evaluation data."
            raise ValueError(msg)
    return truth, predicted


def _drawn(
    layout: Layout, table: Table, residual: Floats, predicted: Floats, rng: np.random.Generator, *, resamples: int
) -> dict[int, tuple[_Values, _Values]]:
    """Return (residuals, predictions) of every entry that is shown, by place."""
    first, *rest = (layout.features[f] for f in table.features)
    codes = first.codes.astype(np.int64)
    for feature in rest:
        codes = codes * len(feature.groups) + feature.codes
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(table.counts) + 1))
    found = {}
    for entry in sorted(table.entries, key=lambda entry: entry.place):
        if entry.shown:
            rows = order[ends[entry.place] : ends[entry.place + 1]]
            found[entry.place] = (
                _resampled(residual[rows], rng, resamples),
                _resampled(predicted[rows], rng, resamples),
            )
    return found


def _resampled(values: Floats, rng: np.random.Generator, resamples: int) -> _Values:
    """Return the means of bootstrap samples: how many rows of each quantile bin are drawn, and their spread within."""
    values = np.sort(values)
    n = len(values)
    if n < BOOTSTRAP_ROWS:
        return _Values(values, np.array([]))
    edges = np.linspace(0, n, min(BINS, n) + 1).astype(np.int64)
    sizes = np.diff(edges)
    middle = np.add.reduceat(values, edges[:-1]) / sizes
    within = float(np.square(values - np.repeat(middle, sizes)).sum() / n)
    draws = rng.multinomial(n, sizes / n, size=resamples)
    return _Values(values, draws @ middle / n + rng.standard_normal(resamples) * (within / n) ** 0.5)


def _lines(
    layout: Layout, table: Table, drawn: Mapping[int, tuple[_Values, _Values]], sign: float
) -> list[dict[str, Any]]:
    family = layout.groups if len(table.features) == 1 else layout.crossed
    comparisons = max(1, sum(len(other.compared) for other in family))

    def pairs(entry: Entry) -> dict[str, Any]:
        if not entry.compared:
            return dict.fromkeys(PAIRS)
        if not (entry.shown and table.reference.shown):
            why = layout.why((entry if not entry.shown else table.reference).state)
            return {pair: suppressed(why) for pair in PAIRS}
        (residual, said), (of_residual, of_said) = drawn[entry.place], drawn[table.reference.place]
        return {
            "residual_difference": _difference(residual, of_residual, 1.0, comparisons),
            "prediction_difference": _difference(said, of_said, sign, comparisons),
        }

    def shown(entry: Entry) -> dict[str, Any]:
        residual, said = drawn[entry.place]
        return {
            "mean_residual": _mean(residual),
            "mean_prediction": _mean(said),
            **{f"prediction_{name}": _quantile(said, name) for name in LEVELS},
            **pairs(entry),
            "p_adjusted": None,
        }

    def hidden(entry: Entry, why: str) -> dict[str, Any]:
        return {**{name: suppressed(why) for name in FIGURES}, **pairs(entry), "p_adjusted": None}

    return described(layout, table, shown, hidden)


def _mean(group: _Values) -> payload.Payload:
    if group.n == 0:
        return payload.undefined("no row", n=0)
    value = float(group.values.mean())
    if len(group.means):
        low, high = np.quantile(group.means, QUANTILES)
        return payload.number(value, float(low), float(high), n=group.n) | {"interval": "bootstrap"}
    if group.n < 2:
        return payload.number(value, n=group.n)
    from scipy.stats import t

    half = float(t.ppf(QUANTILES[1], group.n - 1) * group.values.std(ddof=1) / group.n**0.5)
    return payload.number(value, value - half, value + half, n=group.n) | {"interval": "Student"}


def _quantile(group: _Values, name: str) -> payload.Payload:
    if group.n == 0:
        return payload.undefined("no row", n=0)
    from scipy.stats import binom

    value = float(np.quantile(group.values, LEVELS[name], method="inverted_cdf"))

    places = binom.ppf(QUANTILES, group.n, LEVELS[name])  # how many values lie below the quantile, nineteen in twenty
    lower, upper = int(places[0]) - 1, int(places[1])
    if lower < 0 or upper >= group.n:  # so few rows that the interval has no end on one side
        return payload.number(value, n=group.n)
    return payload.number(value, float(group.values[lower]), float(group.values[upper]), n=group.n) | {
        "interval": "order statistics"
    }


def _difference(group: _Values, reference: _Values, sign: float, comparisons: int) -> payload.Payload:
    if group.n < 2 or reference.n < 2:
        who = "the group" if group.n < 2 else "the reference group"
        return payload.undefined(f"in {who}, fewer than two rows", n=group.n)
    value = sign * float(group.values.mean() - reference.values.mean())
    all_low, all_high = _welch(group.values, reference.values, value, 0.05 / comparisons)
    if len(group.means) and len(reference.means):
        low, high = np.quantile(sign * (group.means - reference.means), QUANTILES)
        found = payload.number(value, float(low), float(high), n=group.n) | {"interval": "bootstrap"}
    else:
        low, high = _welch(group.values, reference.values, value, 0.05)
        found = payload.number(value, low, high, n=group.n) | {"interval": "Welch"}
    single = [found["low"], found["high"]]
    found["simultaneous"] = single if comparisons == 1 else [min(all_low, single[0]), max(all_high, single[1])]
    return found


def _welch(one: Floats, other: Floats, value: float, alpha: float) -> tuple[float, float]:
    from scipy.stats import t

    a, b = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    if a + b == 0:
        return value, value
    freedom = (a + b) ** 2 / (a * a / (len(one) - 1) + b * b / (len(other) - 1))
    half = float(t.ppf(1 - alpha / 2, freedom) * (a + b) ** 0.5)
    return value - half, value + half


def _welch_p(one: Floats, other: Floats) -> float:
    from scipy.stats import ttest_ind

    if len(one) < 2 or len(other) < 2:
        return 1.0
    if np.ptp(one) == 0 and np.ptp(other) == 0:  # no spread to hold the gap against
        return 1.0 if one[0] == other[0] else 0.0
    return float(ttest_ind(one, other, equal_var=False).pvalue)


def _difference_from_fairlearn(
    layout: Layout,
    table: Table,
    truth: Floats,
    predicted: Floats,
    drawn: Mapping[int, tuple[_Values, _Values]],
    sign: float,
) -> float:
    """Return the largest difference of our mean residuals and predictions by group from Fairlearn's."""
    from fairlearn.metrics import MetricFrame, mean_prediction

    def error(y_true: Floats, y_pred: Floats) -> float:
        return float(np.mean(y_pred - y_true))

    codes = layout.features[table.features[0]].codes
    frame = MetricFrame(
        metrics={"error": error, "prediction": mean_prediction},
        y_true=truth,
        y_pred=predicted,
        sensitive_features=codes,
    ).by_group
    gaps = [
        max(
            abs(sign * float(residual.values.mean()) - float(frame.loc[place, "error"])),
            abs(float(said.values.mean()) - float(frame.loc[place, "prediction"])),
        )
        for place, (residual, said) in drawn.items()
    ]
    return max(gaps, default=0.0)
