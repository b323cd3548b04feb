"""Rates by group: our contingency tensor beside Fairlearn's MetricFrame, on the same rows, with the same result.

Both start from the same columns of text. What Fairlearn takes for a bootstrap is measured on two replicates of its own.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd

from benchmarks.timing import Comparison, Row, interleaved, seconds, times
from reports.fairness import tensor
from reports.fairness.asked import Asked
from reports.fairness.coding import code_all
from reports.fairness.layout import Layout, lay_out

REFERENCES = {"sex": "male", "age_group": "26 to 60"}
ASKED = Asked(intersections=(), suppress_below=1)
RATES = ("selection_rate", "tpr", "fpr", "precision", "accuracy")
RESAMPLES = 1000
REPLICATES = 2  # of Fairlearn's own bootstrap


def _sample(rows: int) -> tuple[tensor.Bools, tensor.Bools, pd.DataFrame]:
    rng = np.random.default_rng(0)
    sex = rng.choice(["female", "male", "not stated"], rows, p=[0.35, 0.6, 0.05])
    age = rng.choice(["up to 25", "26 to 60", "over 60"], rows, p=[0.2, 0.7, 0.1])
    return rng.random(rows) < 0.7, rng.random(rows) < 0.65, pd.DataFrame({"sex": sex, "age_group": age})


def _layout(truth: tensor.Bools, decision: tensor.Bools, groups: pd.DataFrame) -> Layout:
    features = code_all(groups, REFERENCES, {})
    return lay_out(features, 2 * truth.view(np.int8) + decision.view(np.int8), 4, ASKED)


def _ours(truth: tensor.Bools, decision: tensor.Bools, groups: pd.DataFrame) -> dict[str, dict[str, tensor.Floats]]:
    layout = _layout(truth, decision, groups)
    return {
        feature.name: tensor.rates(table.counts.reshape(-1, 2, 2))
        for feature, table in zip(layout.features, layout.groups, strict=True)
    }


def _with_intervals(truth: tensor.Bools, decision: tensor.Bools, groups: pd.DataFrame) -> None:
    for table in _layout(truth, decision, groups).groups:
        drawn = tensor.rates(tensor.resample(table.counts.reshape(-1, 2, 2), resamples=RESAMPLES, seed=0))
        for rate in RATES:
            np.quantile(drawn[rate], [0.025, 0.975], axis=0)


def _fairlearn(
    truth: tensor.Bools, decision: tensor.Bools, groups: pd.DataFrame, *, replicates: int = 0
) -> dict[str, pd.DataFrame]:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, precision_score

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    more = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975], "random_state": 0} if replicates else {}
    return {
        str(name): MetricFrame(
            metrics=metrics,
            y_true=truth.astype(int),
            y_pred=decision.astype(int),
            sensitive_features=groups[name],
            **more,
        ).by_group
        for name in groups.columns
    }


def measure(rows: int) -> Comparison:
    """Compare five rates by two attributes at ``rows`` rows, and what 1,000 bootstrap resamples add on our side."""
    truth, decision, groups = _sample(rows)
    ours, theirs = _ours(truth, decision, groups), _fairlearn(truth, decision, groups)
    gap = max(
        float(np.abs(ours[name][rate] - frame.sort_index()[rate].to_numpy(dtype=float)).max())
        for name, frame in theirs.items()
        for rate in RATES
    )
    assert gap == 0.0, gap
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        taken = interleaved(
            {
                "Fairlearn MetricFrame": lambda: _fairlearn(truth, decision, groups),
                "tensor": lambda: _ours(truth, decision, groups),
                f"tensor with {RESAMPLES:,} resamples": lambda: _with_intervals(truth, decision, groups),
            },
            rounds=9 if rows < 50_000 else 3 if rows < 500_000 else 1,
            warm_up=1 if rows < 500_000 else 0,  # the comparison above has run both ways once
        )
        began = time.perf_counter()
        _fairlearn(truth, decision, groups, replicates=REPLICATES)
        a_replicate = (time.perf_counter() - began - taken[0].median_s) / REPLICATES
    alone, resampled = interleaved(  # MetricFrame affords few rounds at many rows, and these need more
        {
            "tensor": lambda: _ours(truth, decision, groups),
            "with resamples": lambda: _with_intervals(truth, decision, groups),
        },
        rounds=9,
    )
    added = resampled.median_s - alone.median_s
    return Comparison(
        title=f"Fairness: five rates by two attributes, {rows:,} rows",
        setup=f"the same rates, largest difference {gap}; a replicate of Fairlearn's bootstrap takes "
        f"{seconds(max(a_replicate, 0.0))}, of which {RESAMPLES:,} would be needed; the tensor's {RESAMPLES:,} add "
        f"{seconds(max(added, 0.0))}",
        rows=taken,
        claim=f"At {rows:,} rows the tensor takes {_share(taken[1])} of MetricFrame's time, and {_share(taken[2])} "
        f"with {RESAMPLES:,} bootstrap resamples, which MetricFrame was not asked for.",
    )


def _share(row: Row) -> str:
    return f"1/{times(1 / row.ratio)}"
