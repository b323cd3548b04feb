"""Explain one record: what moved its score away from the base value, and what small change would turn the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.explanation.measure import LIMITS, background_digest, sample
from reports.isolation import records
from reports.isolation.records import Question, Record

SHOWN = 12  # contributions by themselves; the others are summed
MOST_CHANGES = 5
TOLERANCE = 1e-6  # between two calls of one model: 32-bit scores and another order of sums stay well below it


def explain(
    *,
    model_dir: Path,
    frame: pd.DataFrame,
    record: pd.DataFrame,
    payload: Mapping[str, Any],
    task: str,
    positive_label: str,
    threshold: float,
    mutable: Sequence[str] = (),
    most: int = 0,
) -> dict[str, Any]:
    """Return what made up the score of one record, against the background of the version's explanation evidence.

    Args:
        frame: shape (n, features), the evaluation rows that the evidence was made of.
        record: one row of the same columns.
        payload: ``explanation/v1``; its seed and background size draw the same background again.
        threshold: of the decision, in probability, for a binary task.
        mutable, most: the features that may change, and how many at once; 0 asks for no counterfactual.
    Returns: plain values: ``contributions`` are [{"feature", "value", "label", "phi"}] in falling order of size, which
        with ``base`` add up to ``score``; ``counterfactual`` is None, or {"changes": [{"feature", "before", "after"}],
        "score", "most"} with no changes where none was found.
    Raises:
        ModelRefused, ModelFailed: the model could not be run.
        ValueError: the background is not the one that the evidence names, or the record lacks a column.
    """
    _, backgrounds = sample(frame, limits=LIMITS, seed=int(payload["seed"]))
    background = backgrounds[0].head(int(payload["background"]["n"]))
    if background_digest(background) != payload["background"]["digest"]:
        msg = "The background of the evidence can't be drawn again from this data; ask for new evidence first."
        raise ValueError(msg)
    question = Question(list(mutable), min(most, MOST_CHANGES), threshold) if most and mutable else None
    found = records.explain_record(
        model_dir,
        record,
        background,
        task=task,
        positive_label=positive_label,
        seed=int(payload["seed"]),
        question=question,
    )
    return describe(found, record, background, task=task, positive_label=positive_label, question=question)


def describe(
    found: Record,
    record: pd.DataFrame,
    background: pd.DataFrame,
    *,
    task: str,
    positive_label: str,
    question: Question | None,
) -> dict[str, Any]:
    """Return an explained record as plain values, for the page."""
    place = int(found.said.argmax()) if task == "multiclass" else 0
    phi = found.values[:, place]
    order = np.argsort(-np.abs(phi), kind="stable")
    rows = [
        {"feature": found.features[i], "value": words(record.iloc[0][found.features[i]]), "phi": float(phi[i])}
        for i in order[:SHOWN]
    ]
    for row in rows:
        row["label"] = f"{row['feature']} = {row['value']}"
    rest = order[SHOWN:]
    if len(rest):
        name = f"{len(rest)} other features"
        rows.append({"feature": name, "value": "", "phi": float(phi[rest].sum()), "label": name})
    names = {"binary": positive_label, "regression": ""}
    return {
        "explainer": found.explainer,
        "note": found.note,
        "output": found.space,
        "label": names.get(task) if task != "multiclass" else found.classes[place],
        "base": float(found.base[place]),
        "score": float(found.score[place]),
        "said": float(found.said[place]),
        "residual": float(abs(found.base[place] + phi.sum() - found.score[place])),
        "background": len(background),
        "contributions": rows,
        "counterfactual": _counterfactual(found, record, background, question),
    }


def then_and_now(logged: float, said: float, *, task: str, threshold: float) -> dict[str, Any]:
    """Return a prediction as it was logged beside what the model says now, as plain values.

    Args:
        logged: the score that was sent: of a binary task the probability of the positive label.
        said: what the model says now, in the same unit.
        threshold: of the decision, for a binary task.
    Returns: ``difference`` is |logged - said|; ``differs`` whether that is more than ``tolerance`` (1e-6, of a
        regression times |said| where that is more than 1); ``turned`` whether the decision is another one. All but
        ``logged`` are None for several classes, where a record does not say which class its one number is about.
    """
    if task == "multiclass":
        return {"logged": logged, "difference": None, "tolerance": None, "differs": None, "turned": None}
    tolerance = TOLERANCE * (max(1.0, abs(said)) if task == "regression" else 1.0)
    difference = abs(logged - said)
    turned = (logged >= threshold) != (said >= threshold) if task == "binary" else False
    return {
        "logged": logged,
        "difference": difference,
        "tolerance": tolerance,
        "differs": difference > tolerance,
        "turned": turned,
        "threshold": threshold,
    }


def one_row(features: Mapping[str, Any], like: pd.DataFrame) -> pd.DataFrame:
    """Return features handed in as a row with the columns and types of ``like``.

    Raises:
        ValueError: a column is missing, unknown, or its value is not of the column's type; the message names it.
    """
    missing = [name for name in like.columns if name not in features]
    unknown = [name for name in features if name not in like.columns]
    if missing or unknown:
        said = [f"missing: {', '.join(missing)}"] if missing else []
        said += [f"not features of the model: {', '.join(map(str, unknown))}"] if unknown else []
        msg = f"The features are not those of the evaluation data ({'; '.join(said)})."
        raise ValueError(msg)
    row = {}
    for name in like.columns:
        dtype = like[name].dtype
        # Not pandas' own types, which know missing values. Of NumPy's, a boolean would silently become False.
        if features[name] is None and isinstance(dtype, np.dtype) and dtype.kind in "iub":
            msg = f"{name} is missing, and its column, {dtype}, has no missing values."
            raise ValueError(msg)
        try:
            row[name] = _cell(features[name], dtype)
        except (TypeError, ValueError, OverflowError) as error:
            msg = f"{name}: {str(features[name])[:60]!r} is not of the column's type, {dtype}."
            raise ValueError(msg) from error
    return pd.DataFrame(row)


def _cell(value: Any, dtype: Any) -> pd.Series:
    """Return one value as a column of that type, without what pandas would quietly make of another type's.

    Raises:
        TypeError, ValueError, OverflowError: it is of another type, or too large.
    """
    number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if number and (isinstance(value, (bool, str)) or value in (math.inf, -math.inf)):
        raise TypeError(value)
    return pd.Series([value]).astype(dtype)


def words(value: Any) -> str:
    """Return a cell as people read it."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "(missing)"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)[:120]


def _counterfactual(
    found: Record, record: pd.DataFrame, background: pd.DataFrame, question: Question | None
) -> dict[str, Any] | None:
    if question is None:
        return None
    changes = [
        {"feature": name, "before": words(record.iloc[0][name]), "after": words(background.iloc[row][name])}
        for name, row in found.changes or ()
    ]
    return {
        "changes": changes,
        "score": found.changed_score,
        "most": question.most,
        "threshold": question.threshold,
        "mutable": list(question.mutable),
    }
