"""What was true and what was decided, row by row, as favourable or not: the start of every rate by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.fairness.tensor import Bools, Floats


@dataclass(frozen=True)
class Decided:
    """Rows of a classification.

    ``truth``, ``decision``: shape (n,), True where favourable. ``favourable``: the labels that are. ``chance``: shape
    (n,), the probability of the favourable outcome, None where the model gives labels only. ``score``, ``threshold``:
    the model's own score, and from where on it says its event; None where the decision is a class.
    ``event_is_favourable``: what it says then is good for the person.
    """

    task: str
    truth: Bools
    decision: Bools
    favourable: tuple[str, ...]
    chance: Floats | None = None
    score: Floats | None = None
    threshold: float | None = None
    event_is_favourable: bool = True

    @property
    def said(self) -> str:
        """The favourable labels as people read them."""
        return " or ".join(self.favourable)


def of_score(
    labels: pd.Series, score: Floats, *, threshold: float, positive_label: str, favourable_label: str
) -> Decided:
    """Return decisions that say ``positive_label`` where ``score >= threshold``.

    Args:
        labels: shape (n,), the true label of each row, two values at most; none missing.
        score: shape (n,), probability of ``positive_label``, 0 to 1.
        threshold: the decision threshold, 0 to 1.
    Raises:
        ValueError: no row, a missing label, labels other than the two, or a score or threshold that is no probability.
    """
    score = np.asarray(score, dtype=np.float64)
    truth = _is_one_of(labels, (favourable_label,), len(score) if score.ndim == 1 else -1)
    if not np.all((score >= 0) & (score <= 1)) or not 0 <= threshold <= 1:
        msg = "Scores and the threshold must be probabilities from 0 to 1, none missing."
        raise ValueError(msg)
    found = sorted(str(value) for value in labels.unique())
    if len({*found, positive_label, favourable_label}) > 2:
        msg = f"Labels are {found}; positive {positive_label!r} and favourable {favourable_label!r} must be of the two."
        raise ValueError(msg)
    says_event = score >= threshold
    same = favourable_label == positive_label
    return Decided(
        "binary",
        truth,
        says_event if same else ~says_event,
        (favourable_label,),
        chance=score if same else 1 - score,
        score=score,
        threshold=threshold,
        event_is_favourable=same,
    )


def of_labels(
    labels: pd.Series,
    said: Sequence[str] | pd.Series,
    *,
    task: str,
    favourable_labels: Sequence[str],
    chance: Floats | None = None,
) -> Decided:
    """Return decisions that are the class a model says: favourable where it is one of ``favourable_labels``.

    Args:
        labels: shape (n,), the true class of each row; none missing.
        said: shape (n,), the class that the model says.
        chance: shape (n,), its probability of all favourable classes together, 0 to 1, if it gives any.
    Raises:
        ValueError: no row, a missing label, no favourable label, or other shapes.
    """
    if not favourable_labels:
        msg = "No label is declared favourable: declare `favourable_labels` of the evaluation data."
        raise ValueError(msg)
    truth = _is_one_of(labels, favourable_labels, len(said))
    decision = pd.Series(said).astype("str").isin(list(favourable_labels)).to_numpy(dtype=bool)
    if chance is not None:
        chance = np.clip(np.asarray(chance, dtype=np.float64), 0.0, 1.0)  # a sum of shares may pass 1 by a rounding
        if chance.shape != truth.shape or np.isnan(chance).any():
            msg = "The probabilities of the favourable classes must be one for each row, none missing."
            raise ValueError(msg)
    return Decided(task, truth, decision, tuple(favourable_labels), chance=chance)


def _is_one_of(labels: pd.Series, favourable: Sequence[str], n: int) -> Bools:
    if not len(labels) or len(labels) != n:
        msg = f"{n} answers for {len(labels)} labels: one for each row is needed, and at least one row."
        raise ValueError(msg)
    if labels.isna().any():
        msg = f"{int(labels.isna().sum())} rows have no label: leave them out of the evaluation data."
        raise ValueError(msg)
    codes, levels = pd.factorize(labels)
    favoured = np.array([str(level) in favourable for level in levels], dtype=bool)
    truth: Bools = favoured[codes]
    return truth
