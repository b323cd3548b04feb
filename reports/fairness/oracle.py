"""Fairlearn's MetricFrame on the same rows, as the second opinion on every rate by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.fairness import tensor
from reports.fairness.coding import Codes
from reports.fairness.tensor import Bools

CROSS_CHECK_ROWS = 100_000


def difference_from_fairlearn(
    truth: Bools, decision: Bools, codes: Codes, groups: Sequence[str], *, seed: int = 0
) -> float:
    """Return the largest absolute difference of our rates by group from Fairlearn's on the same rows.

    Up to 100,000 rows are compared, a sample of that many above. Rates that are undefined here are left out: Fairlearn
    reports 0 for a group without positives.
    """
    from fairlearn.metrics import (
        MetricFrame,
        false_negative_rate,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score, precision_score

    if len(codes) > CROSS_CHECK_ROWS:
        keep = np.sort(np.random.default_rng(seed).choice(len(codes), CROSS_CHECK_ROWS, replace=False))
        truth, decision, codes = truth[keep], decision[keep], codes[keep]

    def precision(y_true: object, y_pred: object) -> float:
        return float(precision_score(y_true, y_pred, zero_division=0.0))

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "fnr": false_negative_rate,
        "precision": precision,
        "accuracy": accuracy_score,
    }
    frame = MetricFrame(
        metrics=metrics, y_true=truth.astype(int), y_pred=decision.astype(int), sensitive_features=codes
    )
    present = np.unique(codes)
    ours = tensor.rates(tensor.fold(truth, decision, codes, len(groups)))
    theirs = frame.by_group.loc[present]
    gaps = [np.abs(ours[rate][present] - theirs[rate].to_numpy(dtype=float)) for rate in metrics]
    return float(np.nanmax(np.concatenate(gaps)))
