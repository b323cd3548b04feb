"""Rates by group: our contingency tensor beside Fairlearn's MetricFrame, on the same rows, with the same result."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from benchmarks.timing import Comparison, Row, interleaved, times
from reports.fairness import tensor

GROUPS = ["female", "male", "not stated"]
RESAMPLES = 2000


def _sample(rows: int) -> tuple[tensor.Bools, tensor.Bools, pd.Series]:
    rng = np.random.default_rng(0)
    group = pd.Series(rng.choice(GROUPS, rows, p=[0.35, 0.6, 0.05]))
    return rng.random(rows) < 0.7, rng.random(rows) < 0.65, group


def _ours(truth: tensor.Bools, decision: tensor.Bools, group: pd.Series) -> tensor.Counts:
    codes = pd.Categorical(group, categories=GROUPS).codes.astype(np.int64)
    return tensor.fold(truth, decision, codes, len(GROUPS))


def _fairlearn(truth: tensor.Bools, decision: tensor.Bools, group: pd.Series) -> pd.DataFrame:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    metrics = {"selection_rate": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate}
    frame = MetricFrame(
        metrics=metrics, y_true=truth.astype(int), y_pred=decision.astype(int), sensitive_features=group
    )
    return frame.by_group.loc[GROUPS]


def _with_intervals(truth: tensor.Bools, decision: tensor.Bools, group: pd.Series) -> None:
    drawn = tensor.rates(tensor.resample(_ours(truth, decision, group), resamples=RESAMPLES, seed=0))
    for rate in tensor.RATES:
        np.nanquantile(drawn[rate], [0.025, 0.975], axis=0)


def measure(rows: int) -> Comparison:
    """Compare three rates by group at ``rows`` rows, and what 2,000 bootstrap resamples add on our side."""
    truth, decision, group = _sample(rows)
    ours, theirs = tensor.rates(_ours(truth, decision, group)), _fairlearn(truth, decision, group)
    gap = max(float(np.abs(ours[rate] - theirs[rate].to_numpy(dtype=float)).max()) for rate in tensor.RATES)
    assert gap < 1e-12, gap
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        taken = interleaved(
            {
                "Fairlearn MetricFrame": lambda: _fairlearn(truth, decision, group),
                "tensor": lambda: tensor.rates(_ours(truth, decision, group)),
                f"tensor with {RESAMPLES:,} resamples": lambda: _with_intervals(truth, decision, group),
            },
            rounds=9 if rows < 50_000 else 3,
        )
    return Comparison(
        title=f"Fairness: three rates by group, {rows:,} rows",
        setup=f"the same rates to within {gap:.0e}; Fairlearn without bootstrap",
        rows=taken,
        claim=f"At {rows:,} rows the tensor takes {_share(taken[1])} of MetricFrame's time, and {_share(taken[2])} "
        f"with {RESAMPLES:,} bootstrap resamples, which MetricFrame was not asked for.",
    )


def _share(row: Row) -> str:
    return f"1/{times(1 / row.ratio)}"
