"""Models that tests explain in this process, as the isolated child sees them, and data with known structure."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

LIMITS: dict[str, Any] = {
    "rows": {"woodelf": 3000, "shap": 100, "linear": 3000, "permutation": 20},
    "background": {"woodelf": 100, "shap": 30, "linear": 100, "permutation": 20},
    "fast_above": 2000, "repeated": 40, "compared": 50, "checked": 60, "deleted": 20,
}  # fmt: skip


class Spoken:
    """A model of the child's: an estimator and what it says, by task."""

    def __init__(self, estimator: Any, task: str = "binary", column: int = 1) -> None:
        self.estimator, self.task, self.column = estimator, task, column

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        if self.task == "regression":
            return np.asarray(self.estimator.predict(frame), dtype=float)
        said = np.asarray(self.estimator.predict_proba(frame), dtype=float)
        return said[:, self.column] if self.task == "binary" else said


def numbers(n: int = 400, *, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Eight numeric columns, of which the first three matter."""
    frame = pd.DataFrame(np.random.default_rng(seed).normal(size=(n, 8)), columns=[f"x{i}" for i in range(8)])
    if missing:
        frame.loc[::5, "x1"] = np.nan
    return frame


def mixed(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Numbers and texts; ``colour`` and ``amount`` matter."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(8, 1, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "months": rng.integers(6, 72, n),
            "owner": rng.choice(["yes", "no"], n),
        }
    )


def target(frame: pd.DataFrame, task: str) -> np.ndarray:
    """Return labels or values that depend on some of the columns."""
    if "amount" in frame:
        signal = np.log(frame["amount"]) - 8 + 1.5 * (frame["colour"] == "red") - 0.5
    else:
        signal = frame["x0"] + 0.7 * frame["x1"].fillna(1.0) * frame["x2"]
    noise = np.random.default_rng(9).normal(scale=0.5, size=len(frame))
    value = (signal + noise).to_numpy()
    if task == "regression":
        return 100 * value
    return (value > 0).astype(int) if task == "binary" else np.digitize(value, [-0.5, 0.5])


def fitted(estimator: Any, frame: pd.DataFrame, task: str) -> Any:
    """Fit on ``target``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(frame, target(frame, task))
