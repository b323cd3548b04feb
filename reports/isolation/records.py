"""Ask for the explanation of one record without loading the model, and check what comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reports.isolation import explainer, process
from reports.isolation.errors import ModelFailed
from reports.isolation.outputs import versions
from reports.isolation.process import Floats
from reports.isolation.runner import session


@dataclass(frozen=True)
class Question:
    """What to look for: at most ``most`` changes of the ``mutable`` columns that turn the decision at ``threshold``."""

    mutable: Sequence[str]
    most: int
    threshold: float


@dataclass(frozen=True)
class Record:
    """One record explained, in the space that is named.

    ``values``: shape (features, outputs); ``base``, ``score``, ``said``: shape (outputs,), as in ``Explanation``.
    ``changes``: pairs (feature, background row whose value it takes) that turn the decision, and ``changed_score``, the
    probability then; both None when it was not asked for or nothing was found.
    """

    explainer: str
    space: str
    note: str
    classes: tuple[str, ...]
    features: tuple[str, ...]
    values: Floats
    base: Floats
    score: Floats
    said: Floats
    changes: tuple[tuple[str, int], ...] | None
    changed_score: float | None
    libraries: Mapping[str, str]


def explain_record(
    model_dir: Path,
    row: pd.DataFrame,
    background: pd.DataFrame,
    *,
    task: str,
    positive_label: str,
    seed: int,
    question: Question | None = None,
    timeout_s: float = 120,
) -> Record:
    """Return SHAP values of one row against a background, made in isolation.

    Args:
        row: one row with at least the model's columns. background: the same columns.
        question: asks for a counterfactual; of a binary task alone.
    Raises:
        ModelRefused, ModelFailed: the model could not be run; the message says why.
        ValueError: not one row, or no background.
    """
    if len(row) != 1 or not len(background):
        msg = "One row and a background of at least one row are needed."
        raise ValueError(msg)
    asked = None
    if question is not None and task == "binary":
        asked = {"mutable": list(question.mutable), "most": question.most, "threshold": question.threshold}
    job = {
        "action": "explain_record",
        "task": task,
        "positive_label": positive_label,
        "seed": int(seed),
        "counterfactual": asked,
    }
    with session(model_dir) as model:
        answer = model.ask(job, frames=[row, background], outputs=1, rows=1, timeout_s=timeout_s)
    return checked(
        answer, columns=list(row.columns), task=task, question=question if asked else None, background=len(background)
    )


def checked(
    answer: process.Answer, *, columns: list[str], task: str, question: Question | None, background: int
) -> Record:
    """Return the record that an isolated process explained, whose word is not taken for it.

    Raises:
        ModelFailed: a shape, name, place or number is not what was asked for.
    """
    result, (table,) = answer.result, answer.tables
    head = explainer.head_of(result, columns=columns, task=task)
    explainer.exactly(table, head.features, head.outputs, extra=2 * head.outputs)
    values = explainer.values_of(table, "v", 1, len(head.features), head.outputs)[0]
    score, said = (explainer.outputs_of(table, prefix, 1, head.outputs) for prefix in ("s", "p"))
    explainer.linked(score, said, head.space, task)
    (base,) = explainer.bases_of(result.get("base_values"), 1, head.outputs, head.space)
    changes, after = _changes(result, head.features, question, background, float(said[0, 0]))
    return Record(
        explainer=f"{head.family}, {head.perturbation.replace('_', '-')}, {head.engine}",
        space=head.space,
        note=head.note,
        classes=head.classes,
        features=head.features,
        values=values,
        base=base,
        score=score[0],
        said=said[0],
        changes=changes,
        changed_score=after,
        libraries=versions(result.get("libraries")),
    )


def _changes(
    result: Mapping[str, object], features: tuple[str, ...], question: Question | None, background: int, before: float
) -> tuple[tuple[tuple[str, int], ...] | None, float | None]:
    changes, after = result.get("changes"), result.get("changed_score")
    if question is None or changes is None:
        return None, None
    good = (
        isinstance(changes, list)
        and 1 <= len(changes) <= question.most
        and all(isinstance(pair, list) and len(pair) == 2 for pair in changes)
        and all(type(place) is int and place >= 0 for pair in changes for place in pair)
        and all(feature < len(features) and row < background for feature, row in changes)
        and len({feature for feature, _ in changes}) == len(changes)
        and all(features[feature] in question.mutable for feature, _ in changes)
        and isinstance(after, float)
        and math.isfinite(after)
        and 0 <= after <= 1
        and (after >= question.threshold) != (before >= question.threshold)
    )
    if not good or not isinstance(changes, list) or not isinstance(after, float):
        msg = "The isolated process gave changes that were not asked for, or that do not turn the decision."
        raise ModelFailed(msg)
    return tuple((features[feature], row) for feature, row in changes), after
