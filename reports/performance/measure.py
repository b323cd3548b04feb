"""Measure how well a model version predicts, beside the version now in production on the same rows."""

from __future__ import annotations

import warnings

import numpy as np

from reports import payload
from reports.performance.metrics import (
    METRICS,
    Bools,
    Floats,
    Predictions,
    calibration_bins,
    confusion,
    roc_points,
    weighted_metrics,
)

TITLES = {
    "auc": ("Area under the ROC curve", "higher"),
    "log_loss": ("Log loss, nats per row", "lower"),
    "brier": ("Brier score", "lower"),
    "tpr": ("True positive rate of the event", "higher"),
    "fpr": ("False positive rate of the event", "lower"),
    "selection_rate": ("Share of rows for which the event is predicted", "lower"),
    "accuracy": ("Accuracy", "higher"),
}
RESAMPLES = 2000
WORK = 40_000_000  # weights drawn in one measurement at most: 20,000 rows x 2000 resamples
CHUNK = 2_000_000  # weights held at once, 16 MB
LEAST_RESAMPLES = 200
TOLERANCE = 1e-9


def measure(
    *,
    event: Bools,
    score: Floats,
    threshold: float,
    production_score: Floats | None = None,
    production_threshold: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> payload.Payload:
    """Return a ``performance/v1`` payload: each metric of the candidate, of production, and their paired difference.

    Intervals are 95 % percentile intervals of a bootstrap that draws rows with replacement; candidate and production
    are evaluated on the same draws, so that the interval of the difference is a paired one.

    Args:
        event: shape (n,), True where the event that the score is for happened.
        score: shape (n,), the candidate's probability of the event, 0 to 1.
        threshold: the event is predicted where ``score >= threshold``; 0 to 1.
        production_score: shape (n,), the same rows scored by the version in production; None when there is none.
        production_threshold: its threshold; the candidate's when None.
        seed: of the bootstrap, at least 0.
        resamples: at least 100; fewer are drawn above 20,000 rows (40,000,000 / n, at least 200), which is recorded.
    Returns: the payload. A metric that the rows cannot define (no event among them, say) has value None and a reason.
    Raises:
        ValueError: shapes differ, no row, a score that is not in [0, 1], or a parameter out of range.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
    """
    candidate = _checked(event, score, threshold, what="candidate")
    production = None
    if production_score is not None:
        limit = threshold if production_threshold is None else production_threshold
        production = _checked(event, production_score, limit, what="production")
    if resamples < 100:
        msg = f"resamples is {resamples}: use at least 100."
        raise ValueError(msg)
    n = len(candidate.event)
    drawn = min(resamples, max(LEAST_RESAMPLES, WORK // n))

    points, replicates = _bootstrap([candidate, *([production] if production else [])], seed=seed, resamples=drawn)
    metrics = []
    for name in METRICS:
        title, better = TITLES[name]
        of_candidate = _number(name, points[0][name], replicates[0][name], candidate)
        of_production = difference = None
        if production:
            of_production = _number(name, points[1][name], replicates[1][name], production)
            difference = _number(
                name, points[0][name] - points[1][name], replicates[0][name] - replicates[1][name], candidate
            )
        metrics.append(
            {
                "id": name,
                "title": title,
                "better": better,
                "candidate": of_candidate,
                "production": of_production,
                "difference": difference,
            }
        )
    checked = [(candidate, points[0]), *([(production, points[1])] if production else [])]
    return {
        **payload.head(
            "performance/v1",
            n=n,
            seed=seed,
            method={
                "interval": f"95 % percentile bootstrap, {drawn} resamples of rows, paired with production",
                "auc": "Mann-Whitney statistic by ranks, ties count one half",
                "decision": "the event is predicted where the score is at or above the threshold",
                "calibration": "10 score bins of equal width",
            },
            libraries=("numpy", "scikit-learn"),
            reference_check=payload.reference_check(
                "scikit-learn",
                max_difference=max(difference_from_sklearn(model, point) for model, point in checked),
                tolerance=TOLERANCE,
            ),
        ),
        "metrics": metrics,
        "threshold": float(threshold),
        "confusion": confusion(candidate),
        "roc": roc_points(candidate),
        "calibration": calibration_bins(candidate),
    }


def difference_from_sklearn(predictions: Predictions, point: dict[str, float]) -> float:
    """Return the largest absolute difference of the defined ``point`` metrics from scikit-learn's on the same rows."""
    from sklearn import metrics

    event, score, predicted = predictions.event, predictions.score, predictions.predicted
    theirs = {
        "log_loss": metrics.log_loss(event, score, labels=[False, True]),
        "brier": metrics.mean_squared_error(event, score),
        "accuracy": metrics.accuracy_score(event, predicted),
        "selection_rate": float(predicted.mean()),
    }
    if event.any():
        theirs["tpr"] = metrics.recall_score(event, predicted)
    if not event.all():
        theirs["fpr"] = metrics.recall_score(~event, predicted)
    if event.any() and not event.all():
        theirs["auc"] = metrics.roc_auc_score(event, score)
    return max(abs(float(theirs[name]) - point[name]) for name in theirs)


def _bootstrap(
    models: list[Predictions], *, seed: int, resamples: int
) -> tuple[list[dict[str, float]], list[dict[str, Floats]]]:
    """Return each model's point values and its replicates, shape (resamples,), on shared draws."""
    n = len(models[0].event)
    evaluators = [weighted_metrics(model) for model in models]
    points = [{k: float(v[0]) for k, v in evaluate(np.ones((1, n))).items()} for evaluate in evaluators]
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // n)
    parts: list[list[dict[str, Floats]]] = [[] for _ in models]
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        rows = rng.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        weights = np.bincount(rows.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        for part, evaluate in zip(parts, evaluators, strict=True):
            part.append(evaluate(weights))
    return points, [{name: np.concatenate([p[name] for p in part]) for name in METRICS} for part in parts]


def _number(name: str, value: float, replicates: Floats, predictions: Predictions) -> payload.Payload:
    n = len(predictions.event)
    events = int(predictions.event.sum())
    # Only a share has a denominator; AUC, log loss and Brier score are no counts of rows over rows.
    denominator = {"tpr": events, "fpr": n - events, "selection_rate": n, "accuracy": n}.get(name)
    if not np.isfinite(value):
        missing = "event" if events == 0 else "row without the event"
        return payload.undefined(f"no {missing} among the {n} rows", n=n, denominator=denominator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a replicate without events is NaN: nanquantile drops it
        low, high = np.nanquantile(replicates, [(1 - payload.CONFIDENCE) / 2, (1 + payload.CONFIDENCE) / 2])
    return payload.number(value, float(low), float(high), n=n, denominator=denominator)


def _checked(event: Bools, score: Floats, threshold: float, *, what: str) -> Predictions:
    event = np.asarray(event)
    score = np.asarray(score, dtype=np.float64)
    if event.dtype != np.bool_ or event.ndim != 1 or not len(event):
        msg = "event must be a one-dimensional boolean array with at least one row."
        raise ValueError(msg)
    if score.shape != event.shape:
        msg = f"The {what} gave {score.shape} scores for {event.shape} rows: score every row exactly once."
        raise ValueError(msg)
    if not np.all((score >= 0) & (score <= 1)):  # NaN fails too
        msg = f"A score of the {what} is missing or outside 0 to 1: a probability of the event is needed."
        raise ValueError(msg)
    if not 0 <= threshold <= 1:
        msg = f"The decision threshold of the {what} is {threshold}, expected 0 to 1."
        raise ValueError(msg)
    return Predictions(event=event, score=score, threshold=float(threshold))
