"""What every producer starts from and ends with: the version's bytes, its data, its answers, and the environment."""

import io
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings

from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Task
from placet.digests import artifact_digest
from registry import artifacts, mlflow, selectors
from registry.models import DatasetSnapshot, ModelVersion
from reports.isolation import runner
from reports.isolation.errors import ModelFailed, ModelRefused
from reports.isolation.levels import level_of
from reports.isolation.outputs import REGRESSION, Floats, Outputs
from reports.isolation.session import Session


def inputs(task: Task) -> tuple[ModelVersion, DatasetSnapshot, pd.DataFrame]:
    """Return the version, the dataset and its rows.

    Raises:
        CannotProduce: the rows lack the label.
    """
    version = selectors.version_by_id(task.subject_id, task.subject_digest)
    data = selectors.dataset(task.dataset_digest)
    frame = pd.read_parquet(io.BytesIO(selectors.dataset_bytes(data)))
    if data.label not in frame.columns:
        raise CannotProduce(f"The evaluation data has no label column {data.label!r}.")
    return version, data, frame


@contextmanager
def artifact(version: ModelVersion) -> Iterator[Path]:
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
def model_errors() -> Iterator[None]:
    """Turn what a model or its data can't do into a sentence for people; trying again would not help."""
    try:
        yield
    except (ModelRefused, ModelFailed, ValueError) as error:
        raise CannotProduce(str(error)) from error


@dataclass
class Ask:
    """Calls on one model, in one isolated child, about rows that have one dataset's features.

    ``labels`` are those that the data knows. ``what``, ``calls`` and ``batches`` say what ``seconds`` measures and how
    many calls of one row and of many are worth their time.
    """

    model: Session
    data: DatasetSnapshot
    labels: tuple[str, ...] = ()
    what: str = "the model's own call inside the isolated process that holds it, without start, loading and reading"
    calls: int = 200
    batches: int = 5

    def __call__(self, frame: pd.DataFrame) -> Outputs:
        """Return the answers.

        Raises:
            CannotProduce: the model is refused or fails. The next call gets a new child.
        """
        data = self.data
        with model_errors():
            return self.model.predict(
                frame[data.features], task=data.task, positive_label=data.positive_label, classes=self.labels
            )

    def time(self, frame: pd.DataFrame, *, rows_per_call: int, calls: int) -> Floats:
        """Return seconds per call, shape (calls,), of ``rows_per_call`` rows each, measured inside the child."""
        with model_errors():
            return self.model.time(frame[self.data.features], rows_per_call=rows_per_call, calls=calls)

    def seconds(self, frame: pd.DataFrame) -> float:
        """Return how long the model takes to answer these rows, in seconds."""
        return float(self.time(frame, rows_per_call=len(frame), calls=1)[0])


def answers(folder: Path, data: DatasetSnapshot, frame: pd.DataFrame) -> Outputs:
    """Return what the model says about the rows of ``frame``, run in the isolated child.

    Raises:
        CannotProduce: the model is refused or fails, or its classes lack the data's positive label.
    """
    with asked(folder, data, frame) as ask:
        return ask(frame)


@contextmanager
def asked(folder: Path, data: DatasetSnapshot, frame: pd.DataFrame) -> Iterator[Ask]:
    """Open one isolated child for several calls on one version: ``ask(rows)`` answers, ``ask.time(rows, …)`` times.

    Args:
        frame: the evaluation rows, whose labels are what the data knows.
    Raises:
        CannotProduce: the model is refused; and each call as it says.
    """
    known = data.label in frame.columns and data.task != REGRESSION
    labels = sorted(frame[data.label].astype(str).unique()) if known else []
    with ExitStack() as stack:
        with model_errors():
            model = stack.enter_context(runner.session(folder))
        yield Ask(model, data, tuple(labels))


def environment(
    task: Task, isolation: str, libraries: Mapping[str, str], model: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a piece of evidence was made with: versions, lock digest, seed, isolation level, inputs.

    Args:
        isolation: the steps in words, as ``Outputs.isolation`` gives them; "none" where no model was run.
        model: what inspection found, as ``Outputs.model`` gives it.
    """
    lock = Path(settings.BASE_DIR) / "requirements.lock"
    return {
        "python": platform.python_version(),
        "lock_digest": "sha256:" + sha256(lock.read_bytes()).hexdigest() if lock.exists() else None,
        "isolation": isolation,
        "isolation_level": None if isolation == "none" else level_of(isolation.partition(" ")[0].split("+")),
        "model": dict(model) if model else None,
        "libraries": dict(libraries),
        "seed": task.seed,
        "inputs": {
            "subject": task.subject_digest,
            "dataset": task.dataset_digest,
            "baseline": task.baseline_digest or None,
            "settings": dict(task.settings),
        },
    }
