"""Answers of models, made up: what ``reports.isolation.outputs.Outputs`` holds, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.isolation.outputs import Outputs
from reports.performance.measure import Setting, measure

SAID = {"isolation": "none", "libraries": {}}


def scored(score: Any) -> Outputs:
    """A model with two classes, bad (the event) and good."""
    event = np.asarray(score, dtype=float)
    table = np.column_stack([event, 1 - event])
    return Outputs("binary", ("bad", "good"), table, table.argmax(axis=1), None, **SAID)  # type: ignore[arg-type]


def labelled(predicted: Any) -> Outputs:
    """A model with two classes that gives labels only; ``predicted`` is True for bad."""
    codes = np.where(np.asarray(predicted), 0, 1)
    return Outputs("binary", ("bad", "good"), None, codes, None, **SAID)  # type: ignore[arg-type]


def named(probabilities: Any, classes: tuple[str, ...] = ("a", "b", "c")) -> Outputs:
    """A model with several classes."""
    table = np.asarray(probabilities, dtype=float)
    return Outputs("multiclass", classes, table, table.argmax(axis=1), None, **SAID)  # type: ignore[arg-type]


def valued(values: Any) -> Outputs:
    """A regression."""
    return Outputs("regression", (), None, None, np.asarray(values, dtype=float), **SAID)  # type: ignore[arg-type]


def labels(event: Any) -> pd.Series:
    """A label column: bad where the event happened."""
    return pd.Series(np.where(np.asarray(event, dtype=bool), "bad", "good"), name="outcome")


def rows(n: int = 300, *, shift: float = 0.25, seed: int = 0) -> tuple[Any, Any]:
    """Events and a score with ties that tells them apart somewhat."""
    rng = np.random.default_rng(seed)
    event = rng.random(n) < 0.3
    score = np.clip(0.3 + shift * event + 0.2 * rng.standard_normal(n), 0, 1)
    return event, np.round(score, 2)


def measured(event: Any, score: Any, *, production: Any = None, threshold: float = 0.4, **more: Any) -> dict[str, Any]:
    """A ``performance/v1`` payload of a two-class model."""
    about = {"positive_label": "bad", "threshold": threshold, "production_threshold": threshold}
    about |= {name: more.pop(name) for name in ("costs", "criteria", "production_threshold") if name in more}
    return measure(
        truth=labels(event),
        candidate=scored(score),
        production=None if production is None else scored(production),
        setting=Setting("binary", "outcome", **about),  # type: ignore[arg-type]
        **more,
    )


def by_id(payload: dict[str, Any]) -> dict[str, Any]:
    """Metrics of a payload by their id."""
    return {metric["id"]: metric for metric in payload["metrics"]}
