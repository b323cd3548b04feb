"""Ask a model for scores or explanations without ever loading it in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reports.isolation import process
from reports.isolation.errors import ModelFailed
from reports.isolation.inspect import ALLOWED_TYPES, inspect_model
from reports.isolation.process import Floats, Progress

SCORE_COLUMN = "\0score"


@dataclass(frozen=True)
class Predictions:
    """Scores of a model: ``score`` has shape (n,), the probability of the positive label, 0 to 1."""

    score: Floats
    classes: tuple[str, ...]
    isolation: str
    libraries: Mapping[str, str]


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
    libraries: Mapping[str, str]


def predict(
    model_dir: Path,
    frame: pd.DataFrame | pa.Table,
    *,
    positive_label: str,
    timeout_s: float = 120,
    memory_mb: int = process.MEMORY_MB,
) -> Predictions:
    """Return the model's probability of ``positive_label`` for each row of ``frame``, computed in isolation.

    Args:
        model_dir: a local directory that mlflow.sklearn logged (skops).
        frame: at least the model's columns; others are not shown to the model.
    Raises:
        ModelRefused: static inspection refused the files.
        ModelFailed: the process gave no usable numbers; the message says why.
    """
    inspect_model(model_dir)
    data = _as_frame(frame)
    answer = process.run(
        {"action": "predict", "trusted": ALLOWED_TYPES, "positive_label": positive_label},
        model_dir=model_dir,
        frames=[data],
        outputs=1,
        rows=len(data),
        timeout_s=timeout_s,
        memory_mb=memory_mb,
    )
    (columns,) = answer.tables
    return Predictions(
        score=_probabilities(columns.get("score")),
        classes=_texts(answer.result.get("classes"), "classes"),
        isolation=answer.isolation,
        libraries=_versions(answer.result.get("libraries")),
    )


def explain(
    model_dir: Path,
    frame: pd.DataFrame | pa.Table,
    background: Sequence[pd.DataFrame | pa.Table],
    *,
    positive_label: str,
    max_evals: int,
    seed: int,
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
    inspect_model(model_dir)
    data = _as_frame(frame)
    backgrounds = [_as_frame(sample) for sample in background]
    if not backgrounds or not all(len(sample) for sample in backgrounds):
        msg = "At least one background with at least one row is needed."
        raise ValueError(msg)
    answer = process.run(
        {
            "action": "explain",
            "trusted": ALLOWED_TYPES,
            "positive_label": positive_label,
            "max_evals": int(max_evals),
            "seed": int(seed),
        },
        model_dir=model_dir,
        frames=[data, *backgrounds],
        outputs=len(backgrounds),
        rows=len(data),
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        progress=progress,
    )
    features = _texts(answer.result.get("features"), "features")
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
    return Explanation(
        features=features,
        runs=tuple(
            Run(values=np.column_stack([columns[name] for name in features]), base_value=base)
            for columns, base in zip(answer.tables, base_values, strict=True)
        ),
        score=_probabilities(answer.tables[0][SCORE_COLUMN]),
        isolation=answer.isolation,
        libraries=_versions(answer.result.get("libraries")),
    )


def _as_frame(frame: pd.DataFrame | pa.Table) -> pd.DataFrame:
    data: pd.DataFrame = frame.to_pandas() if isinstance(frame, pa.Table) else frame
    if not len(data):
        msg = "There is no row to score."
        raise ValueError(msg)
    return data


def _probabilities(score: Floats | None) -> npt.NDArray[np.float64]:
    if score is None or not np.all((score >= 0) & (score <= 1)):
        msg = "The model gave scores outside 0 to 1: its predict_proba does not return probabilities."
        raise ModelFailed(msg)
    return score


def _texts(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        msg = f"The isolated process did not name its {what}."
        raise ModelFailed(msg)
    return tuple(value)


def _versions(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        msg = "The isolated process did not name its library versions."
        raise ModelFailed(msg)
    return {str(name): str(item)[:50] for name, item in value.items()}
