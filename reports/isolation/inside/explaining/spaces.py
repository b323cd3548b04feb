"""In which space a model's output is explained: probability, margin (log-odds), or the value of a regression.

Trees that are summed and linear models add up before the link, so their SHAP values explain the margin; averaged trees
add up in probability. Nothing is taken on trust: a space is used only when, put through its link, it gives what the
model itself says on the rows at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-5  # of a probability; of the largest value for a regression. xgboost's probabilities are float32


class Space:
    """Which raw outputs of an estimator are explained, and how they become what the model says.

    ``name``: probability, margin or value. ``columns``: the raw outputs taken. ``sign``: -1 where the raw margin is
    that of the other class.
    """

    def __init__(self, name: str, columns: list[int], sign: float = 1.0) -> None:
        self.name = name
        self.columns = columns
        self.sign = sign

    def take(self, raw: Floats) -> Floats:
        """Return the explained outputs of raw ones; the last axis is that of the outputs."""
        return self.sign * raw[..., self.columns]


def matrix(said: Any) -> Floats:
    """Return answers as shape (n, outputs)."""
    import numpy as np

    out = np.asarray(said, dtype=np.float64)
    return out[:, None] if out.ndim == 1 else out


def raw_output(estimator: Any, made: Any) -> Floats:
    """Return what the estimator adds up, before any link, shape (n, outputs)."""
    library, kind = origin(estimator)
    if library == "xgboost":
        if kind == "Booster":
            import xgboost

            return matrix(estimator.predict(xgboost.DMatrix(made, enable_categorical=True), output_margin=True))
        return matrix(estimator.predict(made, output_margin=True))
    if library == "lightgbm":
        return matrix(estimator.predict(made, raw_score=True))
    if hasattr(estimator, "decision_function"):
        return matrix(estimator.decision_function(made))
    return matrix(estimator.predict_proba(made) if hasattr(estimator, "predict_proba") else estimator.predict(made))


def origin(estimator: Any) -> tuple[str, str]:
    """Return the library and the class of an estimator: ("sklearn", "RandomForestClassifier")."""
    return type(estimator).__module__.partition(".")[0], type(estimator).__name__


def space_of(raw: Floats, said: Floats, task: str) -> Space | None:
    """Return the space in which ``raw`` is what the model ``said``, or None when it is in none of ours.

    Args:
        raw: shape (n, raw outputs). said: shape (n, outputs): the probability of the positive label (binary), of each
            class (multiclass), or the value (regression).
    """
    import numpy as np
    from scipy import special

    every = list(range(raw.shape[1]))
    if task == "regression":
        tolerance = TOLERANCE * max(float(np.abs(said).max()), 1e-12)
        return Space("value", every) if raw.shape == said.shape and _same(raw, said, tolerance) else None
    if task == "multiclass":
        if raw.shape != said.shape:
            return None
        if _same(raw, said):
            return Space("probability", every)
        return Space("margin", every) if _same(special.softmax(raw, axis=1), said) else None
    if raw.shape[1] == 1:
        for sign in (1.0, -1.0):
            if _same(special.expit(sign * raw), said):
                return Space("margin", [0], sign)
    for column in every:
        if _same(raw[:, [column]], said):
            return Space("probability", [column])
    return None


def _same(first: Floats, second: Floats, tolerance: float = TOLERANCE) -> bool:
    import numpy as np

    return bool(np.abs(first - second).max() <= tolerance)
