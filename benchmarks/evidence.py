"""Every producer on German Credit, cold and warm; and what each needs of memory on a million rows of fifty columns.

Through the real thing: an MLflow server on PostgreSQL, the mirror, the isolated child. Only Celery is left out.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.log_writers import ROOT, cluster
from benchmarks.timing import Comparison, Row, seconds

COLD_S, WARM_S = 90.0, 30.0
MEMORY_MB = 2048
TYPES = ("performance/v1", "calibration/v1", "fairness/v1", "explanation/v1", "robustness/v1", "data_quality/v1")
WARM_ROUNDS = 3
LARGE, COLUMNS = 1_000_000, 50
CREDIT = "from examples.credit import train; train.main(register=[2])"
WIDE = """
import mlflow, numpy as np, pandas as pd, xgboost
from mlflow.models import infer_signature
import placet.tracking
rng = np.random.default_rng(0)
frame = pd.DataFrame(rng.normal(size=({rows}, {columns})), columns=[f"x{{i}}" for i in range({columns})])
label = np.where(rng.random({rows}) < 1 / (1 + np.exp(-frame["x0"] - frame["x1"])), "bad", "good")
model = xgboost.XGBClassifier(n_estimators=50, max_depth=4, n_jobs=1).fit(frame[:20_000], label[:20_000] == "bad")
mlflow.set_experiment("wide")
with mlflow.start_run():
    placet.tracking.log_evaluation_data(
        frame.assign(label=(label == "bad").astype("int64")), label="label", positive_label=1, favourable_label=0,
        sensitive_features={{
            "sex": rng.choice(["female", "male"], {rows}), "age": rng.choice(["old", "young"], {rows})
        }},
    )
    mlflow.xgboost.log_model(
        model, name="model", registered_model_name="wide", signature=infer_signature(frame.head(), np.zeros(5, int))
    )
"""


def measure() -> Iterator[Comparison]:
    """Measure both, on servers of the benchmark's own."""
    from tests.stock_mlflow import a_database, serving

    with (
        cluster(Path(tempfile.gettempdir())),
        a_database(os.environ["PLACET_BOOTSTRAP_URL"]) as database,
        serving(database) as server,
    ):
        os.environ["MLFLOW_TRACKING_URI"] = server.url
        os.environ.pop("MLFLOW_TRACKING_USERNAME", None)
        _train(CREDIT)
        _train(WIDE.format(rows=LARGE, columns=COLUMNS))
        _in_a_new_process(_mirror)
        yield _speed(_in_a_new_process(_rounds))
        yield _memory({name: _in_a_new_process(_peak, name) for name in TYPES})


def _train(script: str) -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, check=True, capture_output=True)  # noqa: S603


def _in_a_new_process(work: Any, *arguments: Any) -> Any:
    """Run ``work`` as a worker that has just started would: nothing imported, no child kept warm."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _mirror() -> None:
    import django

    django.setup()
    from registry import reconcile

    reconcile.reconcile()


def _rounds() -> list[dict[str, float]]:
    """Return seconds by evidence type, of the first round and of those after it."""
    import django

    django.setup()
    from reports.isolation import warm

    warm.switch_on()  # as a worker process does when it begins
    return [{name: _timed(name, "credit-risk") for name in TYPES} for _ in range(1 + WARM_ROUNDS)]


def _peak(evidence_type: str) -> tuple[int, int, float]:
    """Return the peak of the worker and of its child in MB, and the seconds taken."""
    import django

    django.setup()
    taken = _timed(evidence_type, "wide")
    from reports.isolation import warm

    warm.close()  # a child that still runs is not counted
    own, child = (resource.getrusage(who).ru_maxrss >> 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own, child, taken


def _timed(evidence_type: str, model: str) -> float:
    from governance.evidence import producers, schemas
    from registry.models import ModelVersion

    version = ModelVersion.objects.select_related("evaluation_dataset").get(model__name=model)
    if version.problem or version.evaluation_dataset is None:
        raise RuntimeError(version.problem)
    task = producers.Task(
        job_id=version.pk,
        type=evidence_type,
        subject_digest=version.artifact_digest,
        subject_id=version.pk,
        dataset_digest=version.evaluation_dataset.digest,
        baseline_digest="",
        parameters={},
        seed=0,
        progress=lambda done, total, message: None,
        settings={"subject": {"decision_threshold": version.decision_threshold}},
    )
    began = time.perf_counter()
    product = producers.producer(evidence_type)(task)
    taken = time.perf_counter() - began
    if problem := schemas.first_problem(evidence_type, product.payload):
        raise RuntimeError(problem)
    return taken


def _speed(rounds: list[dict[str, float]]) -> Comparison:
    import statistics

    cold, *others = rounds
    warm = {name: statistics.median(taken[name] for taken in others) for name in TYPES}
    total, again = sum(cold.values()), sum(warm.values())
    rows = [
        Row("all, a worker that has just started", total, 1.0, 1),
        Row("all, warm", again, again / total, len(others)),
    ]
    rows += [Row(f"{name}, warm", warm[name], warm[name] / total, len(others)) for name in TYPES]
    kept = "within" if total <= COLD_S and again <= WARM_S else "NOT WITHIN"
    return Comparison(
        title=f"All {len(TYPES)} producers on German Credit, 300 rows, boosted trees in a pipeline",
        setup="stock MLflow server, artifact fetched and digested each time, model in the isolated child",
        rows=tuple(rows),
        claim=f"All {len(TYPES)} producers on German Credit: {seconds(total)} here with a fresh worker, "
        f"{seconds(again)} warm, {kept} {COLD_S:.0f} s and {WARM_S:.0f} s.",
    )


def _memory(peaks: dict[str, tuple[int, int, float]]) -> Comparison:
    first = peaks[TYPES[0]][2]
    told = "; ".join(f"{name}: worker {own:,} MB, child {child:,} MB" for name, (own, child, _) in peaks.items())
    most = max(max(own, child) for own, child, _ in peaks.values())
    kept = "within" if most <= MEMORY_MB else "NOT WITHIN"
    return Comparison(
        title=f"Each producer on {LARGE:,} rows of {COLUMNS} columns, XGBoost",
        setup=f"peak resident memory: {told}",
        rows=tuple(Row(name, taken, taken / first, 1) for name, (_, _, taken) in peaks.items()),
        claim=f"On {LARGE:,} rows of {COLUMNS} columns no producer, nor its child, took more than {most:,} MB, {kept} "
        f"{MEMORY_MB:,} MB.",
    )
