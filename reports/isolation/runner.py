"""Ask a model for answers, explanations or the time it takes, without ever loading it in this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from reports.isolation import process, warm
from reports.isolation.errors import ModelFailed
from reports.isolation.outputs import Outputs, versions
from reports.isolation.process import Floats, Progress
from reports.isolation.session import Session

SCORE_COLUMN = "\0score"


@dataclass(frozen=True)
class Run:
    """One explanation of all rows: SHAP values, shape (n, features), and the base value, against one background."""

    values: Floats
    base_value: float


@dataclass(frozen=True)
class Explanation:
    """SHAP values of a model's probability, in one run per background.

    ``score``, shape (n,), is the model's own answer for the same rows: base value + sum of a row's values equals it.
    """

    features: tuple[str, ...]
    runs: tuple[Run, ...]
    score: Floats
    isolation: str
    libraries: dict[str, str]


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


def explain(
    model_dir: Path,
    frame: pd.DataFrame | pa.Table,
    background: Sequence[pd.DataFrame | pa.Table],
    *,
    positive_label: str,
    max_evals: int,
    seed: int,
    task: str = "binary",
    progress: Progress | None = None,
    timeout_s: float = 600,
    memory_mb: int = process.MEMORY_MB,
) -> Explanation:
    """Return permutation SHAP values of the rows of ``frame``, once for each background, computed in isolation.

    Args:
        background: one or more samples of rows that stand for "feature unknown"; run ``i`` uses ``seed + i``.
        max_evals: model evaluations a row, at least 2 * features + 1.
        progress: called with (rows done, rows in all runs).
    Raises:
        ModelRefused, ModelFailed: as for predict.
        ValueError: no row, or no background.
    """
    data = as_frame(frame)
    backgrounds = [as_frame(sample) for sample in background]
    if not backgrounds or not all(len(sample) for sample in backgrounds):
        msg = "At least one background with at least one row is needed."
        raise ValueError(msg)
    job = {
        "action": "explain",
        "task": task,
        "positive_label": positive_label,
        "max_evals": int(max_evals),
        "seed": int(seed),
    }
    with session(model_dir, memory_mb=memory_mb) as model:
        answer = model.ask(
            job,
            frames=[data, *backgrounds],
            outputs=len(backgrounds),
            rows=len(data),
            timeout_s=timeout_s,
            progress=progress,
        )
    features = texts(answer.result.get("features"), "features")
    if not set(features) <= set(data.columns):
        msg = "The isolated process explained columns that it was not given."
        raise ModelFailed(msg)
    base_values = answer.result.get("base_values")
    if not (
        isinstance(base_values, list)
        and len(base_values) == len(backgrounds)
        and all(isinstance(value, float) and 0 <= value <= 1 for value in base_values)
    ):
        msg = "The isolated process gave base values that are not probabilities, one for each background."
        raise ModelFailed(msg)
    for columns in answer.tables:
        if set(columns) != {*features, SCORE_COLUMN}:
            msg = "The isolated process did not explain exactly the features that it named."
            raise ModelFailed(msg)
    score = answer.tables[0][SCORE_COLUMN].astype(np.float64)
    if not np.all((score >= 0) & (score <= 1)):
        msg = "The model gave scores outside 0 to 1: they are not probabilities."
        raise ModelFailed(msg)
    return Explanation(
        features=features,
        runs=tuple(
            Run(values=np.column_stack([columns[name] for name in features]), base_value=base)
            for columns, base in zip(answer.tables, base_values, strict=True)
        ),
        score=score,
        isolation=answer.isolation,
        libraries=versions(answer.result.get("libraries")),
    )


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
