"""scikit-learn's figures for the same answers, to compare ours with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.performance.binary import Binary
from reports.performance.multiclass import Multiclass
from reports.performance.regression import Regression
from reports.resampling import point

CHECKED = 100_000  # rows


def difference(model: Binary | Multiclass | Regression) -> float:
    """Return the largest absolute difference of the defined metrics from scikit-learn's.

    Of regressions, relative to the size of the figure where that is above 1, since the label's unit has any size. Above
    100,000 rows both are computed on as many, evenly spread over the data.
    """
    model = _sample(model)
    ours = point(model, n=model.n)
    theirs = _theirs(model)
    scale = isinstance(model, Regression)
    return max(
        (
            abs(value - ours[name]) / (max(1.0, abs(value)) if scale else 1.0)
            for name, value in theirs.items()
            if np.isfinite(value) and np.isfinite(ours[name])
        ),
        default=0.0,
    )


def _sample(model: Any) -> Any:
    rows = np.linspace(0, model.n - 1, min(model.n, CHECKED)).astype(np.int64)
    if len(rows) == model.n:
        return model
    match model:
        case Binary():
            score = None if model.score is None else model.score[rows]
            return Binary(model.event[rows], model.predicted[rows], score, model.costs)
        case Multiclass():
            own = None if model.own is None else model.own[rows]
            return Multiclass(model.truth[rows], model.predicted[rows], own, model.classes)
        case _:
            return Regression(model.observed[rows], model.predicted[rows])


def _theirs(model: Binary | Multiclass | Regression) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where we say undefined
        match model:
            case Binary():
                return _binary(model)
            case Multiclass():
                return _multiclass(model)
            case _:
                return _regression(model)


def _binary(model: Binary) -> dict[str, float]:
    from sklearn import metrics

    event, predicted, score = model.event, model.predicted, model.score
    both = bool(event.any() and not event.all())
    out = {
        "accuracy": metrics.accuracy_score(event, predicted),
        "selection_rate": float(predicted.mean()),
        "precision": metrics.precision_score(event, predicted, zero_division=np.nan),
        "tpr": metrics.recall_score(event, predicted, zero_division=np.nan),
        "fpr": metrics.recall_score(~event, predicted, zero_division=np.nan),
    }
    if both:
        out["balanced_accuracy"] = metrics.balanced_accuracy_score(event, predicted)
        if predicted.any() and not predicted.all():
            out["mcc"] = metrics.matthews_corrcoef(event, predicted)
    if score is not None:
        out["log_loss"] = metrics.log_loss(event, score, labels=[False, True])
        out["brier"] = metrics.mean_squared_error(event, score)
        if both:
            out["auc"] = metrics.roc_auc_score(event, score)
            out["gini"] = 2 * out["auc"] - 1
            out["average_precision"] = metrics.average_precision_score(event, score)
            fpr, tpr, _ = metrics.roc_curve(event, score, drop_intermediate=False)
            out["ks"] = float(np.max(np.abs(tpr - fpr)))
    if model.costs:
        tn, fp, fn, tp = metrics.confusion_matrix(event, predicted, labels=[False, True]).ravel()
        out["expected_cost"] = float((fp * model.costs[0] + fn * model.costs[1]) / (tn + fp + fn + tp))
    return {name: float(value) for name, value in out.items()}


def _multiclass(model: Multiclass) -> dict[str, float]:
    from sklearn import metrics

    truth, predicted = model.truth, model.predicted
    present = np.unique(truth)
    both = np.unique(np.r_[truth, predicted])
    out = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.recall_score(truth, predicted, labels=present, average="macro"),
        "macro_f1": metrics.f1_score(truth, predicted, labels=both, average="macro"),
    }
    if model.own is not None:
        # Its log loss takes all probabilities; what is not given to the true class is put on another one.
        table: npt.NDArray[np.float64] = np.zeros((model.n, max(2, len(model.classes))))
        rows = np.arange(model.n)
        table[rows, truth] = model.own
        table[rows, (truth + 1) % table.shape[1]] = 1 - model.own
        out["log_loss"] = metrics.log_loss(truth, table, labels=np.arange(table.shape[1]))
    return {name: float(value) for name, value in out.items()}


def _regression(model: Regression) -> dict[str, float]:
    from sklearn import metrics

    observed, predicted = model.observed, model.predicted
    out = {
        "mae": metrics.mean_absolute_error(observed, predicted),
        "rmse": metrics.root_mean_squared_error(observed, predicted),
        "median_absolute_error": metrics.median_absolute_error(observed, predicted),
    }
    if model.n > 1:
        out["r2"] = metrics.r2_score(observed, predicted)
    return {name: float(value) for name, value in out.items()}
