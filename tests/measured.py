"""Payloads of performance and calibration as producers make them, on made-up rows: for pages and papers."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from reports.calibration.measure import measure as calibrate
from reports.isolation.outputs import Outputs
from reports.performance.measure import CostMatrix, Setting, measure
from tests.answering import scored

ROWS = 300
SAID: dict[str, Any] = {"isolation": "none", "libraries": {}}
CRITERIA = (
    {"id": "catches", "title": "Catches most defaults", "expr": "candidate.recall >= 0.4"},
    {"id": "refuses-less", "title": "Refuses fewer good credits", "expr": "candidate.fpr <= 0.8 * production.fpr"},
    {"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.9"},
)


def _rows() -> tuple[pd.DataFrame, Any, Any]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "duration_months": rng.integers(4, 60, ROWS),
            "credit_amount": rng.lognormal(8, 0.7, ROWS).round(),
            "purpose": rng.choice(["car", "furniture", "business", "education"], ROWS),
            "savings": rng.choice(["none", "some", "much"], ROWS),
        }
    )
    signal = rng.standard_normal(ROWS) + 0.03 * (frame["duration_months"] - 32).to_numpy()
    return frame, signal, rng


def binary(*, production: bool = True) -> dict[str, Any]:
    """Performance of a model with two classes."""
    return copy.deepcopy(_binary(production=production))


@cache
def _binary(*, production: bool) -> dict[str, Any]:
    frame, signal, rng = _rows()
    event = rng.random(ROWS) < 1 / (1 + np.exp(-(1.4 * signal - 1.1)))
    scores = [1 / (1 + np.exp(-(signal + noise * rng.standard_normal(ROWS) - 0.9))) for noise in (0.5, 0.8)]
    candidate, live = (scored(score) for score in scores)
    return measure(
        truth=pd.Series(np.where(event, "bad", "good"), name="outcome"),
        candidate=candidate,
        production=live if production else None,
        features=frame,
        setting=Setting("binary", "outcome", "bad", 0.46, 0.5, CostMatrix(1, 5, "EUR"), CRITERIA),
        seed=7,
    )


@cache
def _multiclass() -> dict[str, Any]:
    frame, _, rng = _rows()
    classes = ("approve", "refer", "refuse")
    truth = rng.choice(classes, ROWS, p=[0.6, 0.25, 0.15])
    table = rng.dirichlet([1.0, 1.0, 1.0], ROWS)
    table[np.arange(ROWS), [classes.index(name) for name in truth]] += 0.6
    table /= table.sum(axis=1, keepdims=True)
    said = Outputs("multiclass", classes, table, table.argmax(axis=1), None, **SAID)
    return measure(
        truth=pd.Series(truth, name="decision"),
        candidate=said,
        features=frame,
        setting=Setting("multiclass", "decision"),
        seed=7,
    )


@cache
def _regression() -> dict[str, Any]:
    frame, signal, rng = _rows()
    observed = 1000 + 200 * signal
    candidate, live = (
        Outputs("regression", (), None, None, observed + rng.normal(10, spread, ROWS), **SAID) for spread in (60, 90)
    )
    return measure(
        truth=pd.Series(observed, name="loss_eur"),
        candidate=candidate,
        production=live,
        features=frame,
        setting=Setting("regression", "loss_eur"),
        seed=7,
    )


def multiclass() -> dict[str, Any]:
    """Performance of a model with three classes, the first of its system."""
    return copy.deepcopy(_multiclass())


def regression() -> dict[str, Any]:
    """Performance of a regression."""
    return copy.deepcopy(_regression())


def calibration() -> dict[str, Any]:
    """Calibration of a model with two classes."""
    return copy.deepcopy(_calibration())


@cache
def _calibration() -> dict[str, Any]:
    _, signal, rng = _rows()
    event = rng.random(ROWS) < 1 / (1 + np.exp(-(1.4 * signal - 1.1)))
    score = 1 / (1 + np.exp(-(signal + 0.5 * rng.standard_normal(ROWS) - 0.9)))
    return calibrate(
        truth=pd.Series(np.where(event, "bad", "good"), name="outcome"),
        said=scored(score),
        task="binary",
        positive_label="bad",
        seed=7,
    )


@cache
def _calibration_of_a_regression() -> dict[str, Any]:
    _, signal, rng = _rows()
    observed = 1000 + 200 * signal
    said = Outputs("regression", (), None, None, 50 + 0.95 * observed + rng.normal(0, 60, ROWS), **SAID)
    return calibrate(truth=pd.Series(observed, name="loss_eur"), said=said, task="regression", seed=7)


def calibration_of_a_regression() -> dict[str, Any]:
    """Calibration of a regression."""
    return copy.deepcopy(_calibration_of_a_regression())
