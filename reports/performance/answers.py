"""What a model said and what was true, checked and brought into the form that the metrics of each task take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.isolation.outputs import Outputs
from reports.performance.binary import Binary
from reports.performance.multiclass import MOST_CLASSES, Multiclass
from reports.performance.regression import Regression
from reports.resampling import Floats

Texts = npt.NDArray[Any]


def texts(truth: pd.Series) -> Texts:
    """Return the labels of a classification as text, shape (n,).

    Raises:
        ValueError: no row, or a row without a label.
    """
    _rows(truth)
    if (missing := int(truth.isna().sum())) > 0:
        msg = f"{missing:,} of {len(truth):,} rows have no label in {truth.name!r}: leave them out of the data."
        raise ValueError(msg)
    codes, values = pd.factorize(truth)
    labels: Texts = np.array([str(value) for value in values], dtype=object)[codes]
    return labels


def numbers(truth: pd.Series) -> Floats:
    """Return the observed values of a regression, shape (n,).

    Raises:
        ValueError: no row, or a label that is no finite number.
    """
    _rows(truth)
    values: Floats = pd.to_numeric(truth, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if (wrong := int((~np.isfinite(values)).sum())) > 0:
        example = truth[~np.isfinite(values)].iloc[0]
        msg = (
            f"{wrong:,} of {len(values):,} labels in {truth.name!r} are no finite number, such as "
            f"{str(example)[:40]!r}: a regression is measured against numbers."
        )
        raise ValueError(msg)
    return values


def binary(
    truth: Texts,
    said: Outputs,
    *,
    positive_label: str,
    threshold: float | None,
    costs: tuple[float, float] | None,
    what: str,
) -> Binary:
    """Return the answers of a two-class model: the event is predicted where its score is at or above the threshold.

    A model that gives labels only decides by itself, and has no threshold.

    Raises:
        ValueError: a row without an answer, a score outside 0 to 1, labels in the data that the model does not know, or
            no threshold.
    """
    _length(truth, said, what)
    _known(truth, said.classes, what)
    if positive_label not in said.classes:
        msg = f"The classes of the {what} are {_listed(said.classes)}; the event {positive_label!r} is not one of them."
        raise ValueError(msg)
    event = truth == positive_label
    if said.probabilities is None:
        return Binary(event, _called(said, what) == said.classes.index(positive_label), None, costs)
    score = np.asarray(said.score(positive_label), dtype=np.float64)
    _probabilities(score, what)
    if threshold is None or not 0 <= threshold <= 1:
        msg = f"The decision threshold of the {what} is {threshold}, expected 0 to 1: log it with the version's run."
        raise ValueError(msg)
    return Binary(event, score >= threshold, score, costs)


def multiclass(truth: Texts, said: Outputs, *, classes: tuple[str, ...], what: str) -> Multiclass:
    """Return the answers of a model with several classes; a true class that it does not know has probability 0.

    Args:
        classes: all classes, of the data and of each model.
    Raises:
        ValueError: a row without an answer, a probability outside 0 to 1, or too many classes.
    """
    _length(truth, said, what)
    if len(classes) > MOST_CLASSES:
        msg = f"There are {len(classes):,} classes, and at most {MOST_CLASSES} are measured. Is {what} a regression?"
        raise ValueError(msg)
    place = {name: code for code, name in enumerate(classes)}
    names, inverse = np.unique(truth.astype(str), return_inverse=True)
    coded = np.array([place[name] for name in names], dtype=np.int64)[inverse]
    theirs = np.array([place[name] for name in said.classes], dtype=np.int64)
    predicted = theirs[_called(said, what)]
    if said.probabilities is None:
        return Multiclass(coded, predicted, None, classes)
    _probabilities(said.probabilities, what)
    column = np.full(len(classes), -1, dtype=np.int64)
    column[theirs] = np.arange(len(theirs))
    own = column[coded]
    given = said.probabilities[np.arange(len(coded)), np.maximum(own, 0)]
    return Multiclass(coded, predicted, np.where(own >= 0, given, 0.0), classes)


def regression(observed: Floats, said: Outputs, *, what: str) -> Regression:
    """Return the answers of a regression.

    Raises:
        ValueError: a row without an answer, or an answer that is no finite number.
    """
    _length(observed, said, what)
    if said.values is None:
        msg = f"The {what} gives classes, where the evaluation data asks for a number."
        raise ValueError(msg)
    values = np.asarray(said.values, dtype=np.float64)
    if not np.all(np.isfinite(values)):
        msg = f"{int((~np.isfinite(values)).sum()):,} answers of the {what} are missing or not finite."
        raise ValueError(msg)
    return Regression(observed, values)


def _rows(truth: pd.Series) -> None:
    if not len(truth):
        msg = "The evaluation data has no row: there is nothing to measure on."
        raise ValueError(msg)


def _length(truth: npt.NDArray[Any], said: Outputs, what: str) -> None:
    parts = [part for part in (said.probabilities, said.labels, said.values) if part is not None]
    if not parts or any(len(part) != len(truth) for part in parts):
        given = f"{len(parts[0]):,}" if parts else "no"
        msg = f"The {what} gave {given} answers for {len(truth):,} rows: score every row exactly once."
        raise ValueError(msg)


def _known(truth: Texts, classes: Sequence[str], what: str) -> None:
    unknown = sorted(set(pd.unique(truth)) - set(classes))
    if unknown:
        msg = (
            f"The label column holds {_listed(unknown)}, which the {what} does not know; "
            f"its classes are {_listed(classes)}."
        )
        raise ValueError(msg)


def _called(said: Outputs, what: str) -> npt.NDArray[np.int64]:
    if said.labels is None:
        msg = f"The {what} gives no labels, where the evaluation data asks for classes."
        raise ValueError(msg)
    return said.labels


def _probabilities(values: Floats, what: str) -> None:
    if not np.all((values >= 0) & (values <= 1)):  # NaN fails too
        msg = f"A score of the {what} is missing or outside 0 to 1: a probability of the event is needed."
        raise ValueError(msg)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(str(name)[:40]) for name in list(names)[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
