"""Measure how well a model version predicts, beside the version now in production on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from monitoring.intervals import wilson
from reports import payload, resampling
from reports.isolation.outputs import Outputs
from reports.performance import answers, binary, criteria, multiclass, reference, regression, slices, thresholds
from reports.performance.binary import Binary
from reports.performance.multiclass import Multiclass
from reports.performance.regression import Regression

Model = Binary | Multiclass | Regression
TOLERANCE = 1e-9
LABELS_ONLY = "the model gives labels only, no probabilities"


@dataclass(frozen=True)
class CostMatrix:
    """What a wrong decision costs, 0 or more each, in ``unit`` (EUR, say): of predicting the event where it does not
    happen, and of missing it."""

    false_positive: float
    false_negative: float
    unit: str


@dataclass(frozen=True)
class Setting:
    """What stands beside the answers: the task, the event and its thresholds, and what the AI system's owner signed.

    ``positive_label`` and ``threshold`` are for two classes; ``production_threshold`` is that of the version in
    production. ``label``: name of the label column, whose unit a regression's errors have. ``criteria``: mappings with
    ``id``, ``title``, ``expr``.
    """

    task: str
    label: str
    positive_label: str = ""
    threshold: float | None = None
    production_threshold: float | None = None
    costs: CostMatrix | None = None
    criteria: Sequence[Mapping[str, Any]] = ()


def measure(
    *,
    truth: pd.Series,
    candidate: Outputs,
    production: Outputs | None = None,
    features: pd.DataFrame | None = None,
    setting: Setting,
    seed: int = 0,
    resamples: int = resampling.RESAMPLES,
) -> payload.Payload:
    """Return a ``performance/v1`` payload: each metric of the candidate, of production, and their paired difference.

    Both models are evaluated on the same draws of rows, so that the interval of the difference is a paired one. With
    fewer than 100 rows, or fewer than 30 with (or without) the event where that counts, a figure that is no share has
    no interval, and the reason says so. Shares of one model have score intervals (Wilson), which few rows do not harm.

    Args:
        truth: shape (n,), the label column: text or numbers, none missing.
        candidate, production: answers for the same rows; production is None when nothing is in production.
        features: shape (n, columns), in which the worst slices are looked for; None looks for none.
        seed: of the bootstrap, at least 0.
        resamples: at least 100.
    Returns: the payload. A metric that the rows cannot define (no event among them, say) has value None and a reason.
    Raises:
        ValueError: no row, a missing label, an answer that is missing or out of range, labels that the model does not
            know, or a parameter out of range; the sentence says what to do.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; Hesterberg (2015), The American
        Statistician 69(4), 371-386 (expanded percentiles).
    """
    models = _models(truth, [candidate, *([production] if production else [])], setting)
    n = models[0].n
    points, replicates = resampling.bootstrap(models, n=n, seed=seed, resamples=resamples)
    unit = setting.costs.unit if setting.costs else None
    return {
        **payload.head(
            "performance/v1",
            n=n,
            seed=seed,
            method=_method(models, n=n, resamples=resamples),
            libraries=("numpy", "scikit-learn", "scipy"),
            reference_check=payload.reference_check(
                "scikit-learn",
                max_difference=max(reference.difference(model) for model in models),
                tolerance=TOLERANCE,
            ),
        ),
        "task": setting.task,
        "label": setting.label,
        "metrics": _metrics(models, points, replicates, setting),
        **_of_binary(models[0], setting),
        **_of_multiclass(models[0], replicates[0], points[0]),
        "cost_matrix": {"fp": setting.costs.false_positive, "fn": setting.costs.false_negative, "unit": unit}
        if setting.costs
        else None,
        "slices": _slices(models[0], features, setting),
        "criteria": criteria.judge(setting.criteria, points=points, replicates=replicates, too_few=_too_few(models[0])),
    }


def _models(truth: pd.Series, said: Sequence[Outputs], setting: Setting) -> list[Model]:
    names = ("candidate", "production")
    if setting.task == "regression":
        observed = answers.numbers(truth)
        return [answers.regression(observed, one, what=what) for one, what in zip(said, names, strict=False)]
    labels = answers.texts(truth)
    if setting.task == "multiclass":
        classes = tuple(dict.fromkeys([*(name for one in said for name in one.classes), *sorted(set(labels))]))
        return [
            answers.multiclass(labels, one, classes=classes, what=what) for one, what in zip(said, names, strict=False)
        ]
    costs = (setting.costs.false_positive, setting.costs.false_negative) if setting.costs else None
    limits = (setting.threshold, setting.production_threshold)
    return [
        answers.binary(labels, one, positive_label=setting.positive_label, threshold=limit, costs=costs, what=what)
        for one, limit, what in zip(said, limits, names, strict=False)
    ]


def _method(models: Sequence[Model], *, n: int, resamples: int) -> dict[str, str]:
    method = {
        "interval": f"95 % expanded percentile bootstrap, {resampling.way(n, resamples)}, paired with production; "
        "of a share of one model the Wilson score interval",
        "criteria": "share of the resamples in which the criterion holds; pass from 97.5 %, fail up to 2.5 %",
        "slices": "Welch's t-test of the mean in the slice and outside, Holm over all slices tested",
        "reference_check": "scikit-learn on all rows"
        if n <= reference.CHECKED
        else f"scikit-learn on {reference.CHECKED:,} rows spread over the data",
    }
    match models[0]:
        case Binary():
            method["auc"] = "Mann-Whitney statistic by ranks, ties count one half"
            method["decision"] = (
                "the model's own label"
                if models[0].score is None
                else "the event is predicted where the score is at or above the threshold"
            )
        case Regression():
            method["residual"] = (
                "predicted minus observed; differences of bias and residual quantiles are of their size"
            )
    return method


def _metrics(
    models: Sequence[Model],
    points: Sequence[dict[str, float]],
    replicates: Sequence[resampling.Values],
    setting: Setting,
) -> list[payload.Payload]:
    out = []
    for name, title, better, unit in _titles(models[0], setting):
        figures = [_number(name, model, points[i], replicates[i]) for i, model in enumerate(models)]
        out.append(
            {
                "id": name,
                "title": title,
                "better": better,
                "unit": unit,
                "candidate": figures[0],
                "production": figures[1] if len(models) > 1 else None,
                "difference": _difference(name, better, models, points, replicates) if len(models) > 1 else None,
            }
        )
    return out


def _titles(model: Model, setting: Setting) -> list[tuple[str, str, str, str | None]]:
    match model:
        case Regression():
            own = setting.label
            return [(k, title, better, None if k == "r2" else own) for k, (title, better) in regression.TITLES.items()]
        case Multiclass():
            return [(k, title, better, unit) for k, (title, better, unit) in multiclass.TITLES.items()]
        case _:
            cost = f"{setting.costs.unit} per decision" if setting.costs else None
            return [
                (k, title, better, cost if k == "expected_cost" else unit)
                for k, (title, better, unit) in binary.TITLES.items()
                if setting.costs or k != "expected_cost"
            ]


def _number(name: str, model: Model, point: Mapping[str, float], replicates: resampling.Values) -> payload.Payload:
    n, value = model.n, point.get(name, np.nan)
    share = _share(name, model)
    denominator = share[1] if share else None
    if not np.isfinite(value):
        return payload.undefined(_why(name, model), n=n, denominator=denominator)
    if share:
        return payload.number(value, *wilson(*share), n=n, denominator=denominator)
    if few := _too_few(model, name):
        return payload.number(value, n=n, reason=few)
    return payload.number(value, *resampling.interval(replicates[name], size=_size(model)), n=n)


def _difference(
    name: str,
    better: str,
    models: Sequence[Model],
    points: Sequence[Mapping[str, float]],
    replicates: Sequence[resampling.Values],
) -> payload.Payload:
    n = models[0].n
    share = _share(name, models[0])
    same = name != "precision"  # of which each model has a denominator of its own
    denominator = share[1] if share and same else None
    values = [point.get(name, np.nan) for point in points]
    if better == "zero":
        values = [abs(value) for value in values]
    gap = values[0] - values[1]
    if not np.isfinite(gap):
        undefined = models[0] if not np.isfinite(values[0]) else models[1]
        return payload.undefined(_why(name, undefined), n=n, denominator=denominator)
    if few := _too_few(models[0], name):
        return payload.number(gap, n=n, denominator=denominator, reason=few)
    drawn = [np.abs(replicate[name]) if better == "zero" else replicate[name] for replicate in replicates]
    return payload.number(
        gap, *resampling.interval(drawn[0] - drawn[1], size=_size(models[0])), n=n, denominator=denominator
    )


def _size(model: Model) -> int:
    """Return how many rows figures rest on: of two classes those of the smaller."""
    if isinstance(model, Binary):
        events = int(model.event.sum())
        return min(events, model.n - events)
    return model.n


def _share(name: str, model: Model) -> tuple[int, int] | None:
    """Return the counts that a metric is the share of, None when it is no share."""
    if isinstance(model, Multiclass) and name == "accuracy":
        return int((model.truth == model.predicted).sum()), model.n
    if not isinstance(model, Binary) or name not in binary.RATES:
        return None
    event, predicted = model.event, model.predicted
    every = np.ones(model.n, dtype=bool)
    part, whole = {
        "tpr": (event & predicted, event),
        "fpr": (~event & predicted, ~event),
        "precision": (event & predicted, predicted),
        "selection_rate": (predicted, every),
        "accuracy": (event == predicted, every),
    }[name]
    return int(part.sum()), int(whole.sum())


def _why(name: str, model: Model) -> str:
    """Return why a metric is undefined."""
    if isinstance(model, Regression):
        return f"all {model.n:,} observed values are the same"
    if isinstance(model, Multiclass):
        return LABELS_ONLY
    if name in binary.OF_THE_SCORE and model.score is None:
        return LABELS_ONLY
    events, selected, n = int(model.event.sum()), int(model.predicted.sum()), model.n
    if name == "precision":
        return f"the event is predicted for none of the {n:,} rows"
    if name == "mcc" and 0 < events < n:
        return f"the event is predicted for {'none' if selected == 0 else 'all'} of the {n:,} rows"
    return f"no {'event' if events == 0 else 'row without the event'} among the {n:,} rows"


def _too_few(model: Model, name: str = "") -> str:
    """Return why there are too few rows for a bootstrap of a metric (of any, without a name), or an empty text."""
    if not isinstance(model, Binary):
        return resampling.few(model.n)
    events = int(model.event.sum())
    with_event, without = ("rows with the event", events), ("rows without the event", model.n - events)
    needs = {
        "tpr": [with_event],
        "fpr": [without],
        **{key: [] for key in ("log_loss", "brier", "accuracy", "selection_rate", "expected_cost")},
    }.get(name, [with_event, without])
    return resampling.few(model.n, needs)


def _of_binary(model: Model, setting: Setting) -> payload.Payload:
    if not isinstance(model, Binary):
        empty: payload.Payload = {"roc": [], "precision_recall": [], "thresholds": []}
        return {"positive_label": None, "threshold": None, "confusion": None, **empty}
    threshold = None if model.score is None else setting.threshold
    return {
        "positive_label": setting.positive_label,
        "threshold": threshold,
        "confusion": binary.confusion(model),
        **binary.curves(model),
        "thresholds": [] if threshold is None else thresholds.table(model, own=threshold),
    }


def _of_multiclass(model: Model, replicates: resampling.Values, point: Mapping[str, float]) -> payload.Payload:
    if not isinstance(model, Multiclass):
        return {"classes": [], "confusions": []}
    true = np.bincount(model.truth, minlength=len(model.classes))
    called = np.bincount(model.predicted, minlength=len(model.classes))
    hits = np.bincount(model.truth[model.truth == model.predicted], minlength=len(model.classes))

    def share(part: int, whole: int, why: str) -> payload.Payload:
        if not whole:
            return payload.undefined(why, n=model.n, denominator=0)
        return payload.number(part / whole, *wilson(part, whole), n=model.n, denominator=whole)

    rows: list[payload.Payload] = [
        {
            "label": name,
            "n": int(true[code]),
            "recall": share(int(hits[code]), int(true[code]), "no row is of this class"),
            "precision": share(int(hits[code]), int(called[code]), "no row is predicted to be of this class"),
        }
        for code, name in enumerate(model.classes)
    ]
    rows.sort(key=lambda row: (row["recall"]["value"] is None, row["recall"]["value"] or 0.0))
    return {"classes": rows[: multiclass.SHOWN], "confusions": multiclass.confusions(model)}


def _slices(model: Model, features: pd.DataFrame | None, setting: Setting) -> payload.Payload | None:
    if features is None or not len(features.columns):
        return None
    match model:
        case Regression():
            return slices.worst(features, model.loss(), metric="mean absolute error", unit=setting.label)
        case Multiclass():
            loss, of_score = model.loss(), model.own is not None
        case _:
            of_score = model.score is not None
            loss = model.loss() if of_score else (model.event != model.predicted).astype(np.float64)
    if of_score:
        return slices.worst(features, loss, metric="log loss", unit="nats per row")
    return slices.worst(features, loss, metric="share of wrong predictions", unit=None)
