"""Ask a model for answers without ever loading it in this process; ``explainer.py`` asks for explanations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from reports.isolation import process, warm
from reports.isolation.errors import ModelFailed
from reports.isolation.outputs import Outputs
from reports.isolation.session import Session


def session(model_dir: Path, *, memory_mb: int = process.MEMORY_MB) -> AbstractContextManager[Session]:
    """Return a context with one isolated process for several calls on this model.

    In the evidence worker, and only there, the process may be one that an earlier job on the same bytes left warm.

    Raises:
        ModelRefused: static inspection refused the files.
        EnvironmentMismatch: versions that matter differ, and the model's own environment can't be had.
    """
    return warm.session(model_dir, memory_mb=memory_mb)


def predict(
    model_dir: Path,
    frame: pd.DataFrame | pa.Table,
    *,
    task: str,
    positive_label: str = "",
    classes: Sequence[str] = (),
    timeout_s: float = 120,
    memory_mb: int = process.MEMORY_MB,
) -> Outputs:
    """Return what the model says about each row of ``frame``, computed in isolation.

    Args:
        model_dir: a local directory that MLflow logged a model to.
        frame: at least the model's columns; others are not shown to the model.
        task: binary, multiclass or regression.
        positive_label: of binary data; has to be a class of the model.
        classes: the labels that the data knows, for a python_function that doesn't name its classes.
    Raises:
        ModelRefused: static inspection refused the files.
        ModelFailed: the process gave no usable numbers; the message says why.
        ValueError: no row, or no such task.
    """
    with session(model_dir, memory_mb=memory_mb) as model:
        return model.predict(frame, task=task, positive_label=positive_label, classes=classes, timeout_s=timeout_s)


def as_frame(frame: pd.DataFrame | pa.Table) -> pd.DataFrame:
    """Return the rows as a data frame.

    Raises:
        ValueError: there is none.
    """
    data: pd.DataFrame = frame.to_pandas() if isinstance(frame, pa.Table) else frame
    if not len(data):
        msg = "There is no row to score."
        raise ValueError(msg)
    return data


def texts(value: Any, what: str) -> tuple[str, ...]:
    """Return the names that the process gave.

    Raises:
        ModelFailed: it gave none.
    """
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        msg = f"The isolated process did not name its {what}."
        raise ModelFailed(msg)
    return tuple(value)
