"""Glue between evidence jobs and the measuring code: fetch bytes by digest, run the model apart, measure, hand back."""

import io
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings

from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from monitoring.scoring import Scored
from placet.digests import artifact_digest
from registry import artifacts, mlflow, selectors
from registry.models import DatasetSnapshot, ModelVersion
from reports.explanation import measure as explanation_measure
from reports.fairness import measure as fairness_measure
from reports.isolation import runner
from reports.isolation.errors import ModelFailed, ModelRefused
from reports.performance import measure as performance_measure


def performance(task: Task) -> Product:
    """Measure the candidate, beside the version in production on the same rows if there is one."""
    version, data, frame = _inputs(task)
    steps = 4 if task.baseline_digest else 3
    task.progress(0, steps, "Fetching the model and its data")
    with _artifact(version) as folder:
        task.progress(1, steps, "Scoring the candidate in the isolated child")
        candidate = _score(folder, data, frame)
    production = None
    threshold = None
    if task.baseline_digest:
        live = selectors.version_by_id(task.baseline_id, task.baseline_digest)
        task.progress(2, steps, f"Scoring {live} on the same rows")
        with _artifact(live) as folder:
            production = _score(folder, data, frame).score
        threshold = float(task.settings["baseline"]["decision_threshold"])
    task.progress(steps - 1, steps, "Paired bootstrap over the rows")
    payload = performance_measure.measure(
        event=(frame[data.label].astype(str) == data.positive_label).to_numpy(),
        score=candidate.score,
        threshold=float(task.settings["subject"]["decision_threshold"]),
        production_score=production,
        production_threshold=threshold,
        seed=task.seed,
    )
    return Product(payload, _environment(task, candidate.isolation, candidate.libraries))


def fairness(task: Task) -> Product:
    """Measure rates per group of each sensitive feature that the policy asks for."""
    version, data, frame = _inputs(task)
    wanted = task.parameters.get("sensitive_features") or data.sensitive_features
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise CannotProduce(
            f"The policy asks for sensitive features {', '.join(absent)}, which the evaluation data lacks. Declare "
            "them in the training script, or pin other evaluation data."
        )
    task.progress(0, 3, "Fetching the model and its data")
    with _artifact(version) as folder:
        task.progress(1, 3, "Scoring in the isolated child")
        scores = _score(folder, data, frame)
    task.progress(2, 3, "Rates, intervals and Fairlearn's check")
    with _model_errors():
        payload = fairness_measure.measure(
            labels=frame[data.label],
            score=scores.score,
            threshold=float(task.settings["subject"]["decision_threshold"]),
            positive_label=data.positive_label,
            favourable_label=data.favourable_label,
            sensitive_features=frame[list(wanted)],
            reference_groups=data.reference_groups,
            min_share=float(task.parameters.get("min_share", 0.05)),
            seed=task.seed,
        )
    return Product(payload, _environment(task, scores.isolation, scores.libraries))


def explanation(task: Task) -> Product:
    """Explain the score with SHAP, in the isolated child."""
    version, data, frame = _inputs(task)
    task.progress(0, 100, "Fetching the model and its data")
    with _artifact(version) as folder, _model_errors():
        payload = explanation_measure.measure(
            model_dir=folder,
            frame=frame[data.features],
            positive_label=data.positive_label,
            seed=task.seed,
            progress=lambda done, total: task.progress(done, total, "Shapley values in the isolated child"),
        )
    return Product(payload, _environment(task, payload["method"]["isolation"], payload["libraries"]))


def score_rows(version: ModelVersion, data: DatasetSnapshot, features: pd.DataFrame) -> Scored:
    """Score rows with one version, apart from this process: what monitoring asks for its reference."""
    with _artifact(version) as folder, _model_errors():
        found = runner.predict(folder, features, positive_label=data.positive_label)
    return Scored(found.score, found.isolation, dict(found.libraries))


def _inputs(task: Task) -> tuple[ModelVersion, DatasetSnapshot, pd.DataFrame]:
    version = selectors.version_by_id(task.subject_id, task.subject_digest)
    data = selectors.dataset(task.dataset_digest)
    frame = pd.read_parquet(io.BytesIO(selectors.dataset_bytes(data)))
    if data.label not in frame.columns:
        raise CannotProduce(f"The evaluation data has no label column {data.label!r}.")
    return version, data, frame


@contextmanager
def _artifact(version: ModelVersion) -> Iterator[Path]:
    """Fetch a version's bytes, and refuse others than the mirrored ones."""
    with tempfile.TemporaryDirectory(prefix="placet-model-") as name:
        folder = Path(name) / "model"
        folder.mkdir()
        with mlflow.Client(version.model.workspace) as client:
            artifacts.fetch(client, version.storage_location, folder)
        if artifact_digest(folder) != version.artifact_digest:
            raise CannotProduce(f"The artifact of {version} in the store is not the one that was mirrored.")
        yield folder


@contextmanager
def _model_errors() -> Iterator[None]:
    """Turn what a model or its data can't do into a sentence for people; trying again would not help."""
    try:
        yield
    except (ModelRefused, ModelFailed, ValueError) as error:
        raise CannotProduce(str(error)) from error


def _score(folder: Path, data: DatasetSnapshot, frame: pd.DataFrame) -> Scored:
    with _model_errors():
        found = runner.predict(folder, frame[data.features], positive_label=data.positive_label)
    return Scored(found.score, found.isolation, dict(found.libraries))


def _environment(task: Task, isolation: str, libraries: Mapping[str, str]) -> dict[str, Any]:
    lock = Path(settings.BASE_DIR) / "requirements.lock"
    return {
        "python": platform.python_version(),
        "lock_digest": "sha256:" + sha256(lock.read_bytes()).hexdigest() if lock.exists() else None,
        "isolation": isolation,
        "libraries": dict(libraries),
        "seed": task.seed,
        "inputs": {
            "subject": task.subject_digest,
            "dataset": task.dataset_digest,
            "baseline": task.baseline_digest or None,
            "settings": dict(task.settings),
        },
    }
