"""What the isolation costs: a prediction through the isolated child, warm and cold, beside one in this process."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.timing import Comparison, Row, interleaved, seconds
from examples.credit import dataset, train

MOST_WARM_S = 2.0
COLD_RUNS = 3


def measure() -> Comparison:
    """Score the 1,000 rows of German Credit in both ways, the same result; the child is started anew for each cold run.

    Raises:
        AssertionError: the answers differ, or the warm child adds more than 2 s.
    """
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.config.settings")
    django.setup()
    from reports.isolation.runner import session

    rows = dataset.load()
    training, _ = dataset.split(rows)
    model = train.build("boosted").fit(training[dataset.FEATURES], training[dataset.LABEL])
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = _saved(model, Path(name))
        cold = []
        for _ in range(COLD_RUNS):
            began = time.perf_counter()
            with session(folder) as child:
                child.predict(rows, task="binary")
            cold.append(time.perf_counter() - began)
        with session(folder) as child:
            apart = child.predict(rows, task="binary")
            assert np.array_equal(apart.probabilities, model.predict_proba(rows[dataset.FEATURES]))
            taken = interleaved(
                {
                    "in this process": lambda: _both(model, rows),
                    "isolated child, warm": lambda: child.predict(rows, task="binary"),
                },
                rounds=15,
            )
    taken = (
        *taken,
        Row("isolated child, cold", float(np.median(cold)), float(np.median(cold)) / taken[0].median_s, COLD_RUNS),
    )
    added = taken[1].median_s - taken[0].median_s
    assert added <= MOST_WARM_S, added
    return Comparison(
        title="Isolation: scoring 1,000 rows of German Credit",
        setup=f"boosted trees by skops, the same answers; isolation {apart.model['isolation_level']}",
        rows=taken,
        claim=f"The warm child adds {seconds(added)} to a call ({seconds(MOST_WARM_S)} at most are allowed); started "
        f"for it, {seconds(taken[2].median_s)} in all.",
    )


def _both(model: object, rows: object) -> None:
    """Ask for what the child is asked for: probabilities and labels."""
    frame = rows[dataset.FEATURES]  # type: ignore[index]
    model.predict(frame)  # type: ignore[attr-defined]
    model.predict_proba(frame)  # type: ignore[attr-defined]


def _saved(model: object, where: Path) -> Path:
    import mlflow.sklearn

    path = where / "model"
    mlflow.sklearn.save_model(model, path, skops_trusted_types=["sklearn.tree._tree.Tree"])
    return path
