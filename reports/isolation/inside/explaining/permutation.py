"""Permutation SHAP values: for any model that can be asked, at many questions a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .coding import Coding

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

PERMUTATIONS = 2  # of the features, each walked forwards and backwards: 2 * features + 1 questions a permutation


def permutation_values(
    score: Callable[[pd.DataFrame], Floats],
    rows: pd.DataFrame,
    background: pd.DataFrame,
    *,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Floats, Floats]:
    """Return SHAP values, shape (n, features, outputs), and the base values: the mean answer over the background.

    Args:
        score: the model's answers for a frame, shape (n, outputs).
        progress: called with the rows done.
    """
    import numpy as np
    import shap

    coding = Coding([rows, background])
    coded = coding.encode(rows)
    behind = coding.encode(background)
    masker = shap.maskers.Independent(behind, max_samples=len(behind))  # by default it keeps 100 rows, silently
    explainer = shap.explainers.Permutation(lambda mixed: score(coding.decode(mixed)), masker, seed=seed)
    evaluations = PERMUTATIONS * (2 * rows.shape[1] + 1)
    parts = []
    step = 10
    for start in range(0, len(coded), step):
        part = explainer(coded[start : start + step], max_evals=evaluations, batch_size=evaluations, silent=True)
        values = np.asarray(part.values, dtype=np.float64)
        parts.append(values[:, :, None] if values.ndim == 2 else values)
        progress(min(start + step, len(coded)))
    base = score(coding.decode(behind)).mean(axis=0)
    return np.concatenate(parts), np.asarray(base, dtype=np.float64)
