"""Ask for an explanation of a model without loading it, and take back only what passes the checks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import special

from reports.isolation import process
from reports.isolation.errors import ModelFailed
from reports.isolation.outputs import versions
from reports.isolation.process import Floats, Progress
from reports.isolation.runner import as_frame, session, texts

FAMILIES = ("tree", "linear", "permutation")
PERTURBATIONS = ("interventional", "path_dependent")
SPACES = ("probability", "margin", "value")
LINK_TOLERANCE = 1e-4  # between the score explained, put through its link, and what the model says
PARTS = 5
LONGEST_TEXT = 600


@dataclass(frozen=True)
class Limits:
    """How many rows each part uses. ``rows`` and ``background`` are by engine: woodelf, shap, linear, permutation."""

    rows: Mapping[str, int]
    background: Mapping[str, int]
    fast_above: int
    repeated: int
    compared: int
    checked: int
    deleted: int

    def asked(self) -> dict[str, Any]:
        """Return the limits as the child reads them."""
        return {**vars(self), "rows": dict(self.rows), "background": dict(self.background)}


@dataclass(frozen=True)
class Curves:
    """How far the score moves as features are deleted, shape (rows, steps): in the explanation's order and at random.

    ``steps``: how many features are gone at each point, from 0 to all of them.
    """

    steps: tuple[int, ...]
    ordered: Floats
    shuffled: Floats


@dataclass(frozen=True)
class Explanation:
    """SHAP values of the first rows of a frame, in the space that is named: probability, margin or value.

    ``values``: shape (rows, features, outputs), against the first background; outputs are the model's classes in its
    order, or one: the probability or margin of the positive label, or the value. ``score``, shape (rows, outputs), is
    in the same space and equals base value + sum of a row's values. ``said`` is what the model itself says.
    ``repeats``: the same for the first rows against each further background. ``base_values``: one array of outputs per
    background. ``grown``: path-dependent values of the first rows of a tree ensemble, or None. ``checked``: our values
    and the reference's on the first rows, or None where there is no second engine.
    """

    family: str
    engine: str
    perturbation: str
    space: str
    summed: bool
    note: str
    model: str
    classes: tuple[str, ...]
    features: tuple[str, ...]
    background_rows: int
    values: Floats
    score: Floats
    said: Floats
    base_values: tuple[Floats, ...]
    repeats: tuple[Floats, ...]
    grown: Floats | None
    grown_base: Floats | None
    checked: tuple[Floats, Floats] | None
    curves: Curves | None
    isolation: str
    libraries: Mapping[str, str]


def explain(
    model_dir: Path,
    frame: pd.DataFrame | pa.Table,
    background: Sequence[pd.DataFrame | pa.Table],
    *,
    task: str = "binary",
    positive_label: str = "",
    limits: Limits,
    seed: int,
    progress: Progress | None = None,
    timeout_s: float = 600,
    memory_mb: int = process.MEMORY_MB,
) -> Explanation:
    """Return SHAP values of the first rows of ``frame``, by the family that the model belongs to, made in isolation.

    Args:
        frame: the rows in random order; how many of them are explained depends on the family, by ``limits``.
        background: samples of rows that stand for "feature unknown", in random order; the first is the reported one,
            each further one repeats a part with a seed of its own.
        task: binary, multiclass or regression. positive_label: of a binary task.
        progress: called with (steps done, steps in all).
    Raises:
        ModelRefused: static inspection refused the files.
        ModelFailed: the process gave no usable numbers; the message says why.
        ValueError: no row, or no background.
    """
    data = as_frame(frame)
    backgrounds = [as_frame(sample) for sample in background]
    if not backgrounds:
        msg = "At least one background with at least one row is needed."
        raise ValueError(msg)
    job = {
        "action": "explain",
        "task": task,
        "positive_label": positive_label,
        "limits": limits.asked(),
        "seed": int(seed),
    }
    with session(model_dir, memory_mb=memory_mb) as model:
        answer = model.ask(
            job, frames=[data, *backgrounds], outputs=PARTS, rows=None, timeout_s=timeout_s, progress=progress
        )
    return checked(
        answer, columns=list(data.columns), task=task, limits=limits, given=len(data), backgrounds=len(backgrounds)
    )


def checked(
    answer: process.Answer, *, columns: list[str], task: str, limits: Limits, given: int, backgrounds: int
) -> Explanation:
    """Return the explanation that an isolated process gave, whose word is not taken for it.

    Raises:
        ModelFailed: a shape, name, count or number is not what was asked for, or the score explained is not, by the
            link of its space, what the model says.
    """
    result = answer.result
    head = head_of(result, columns=columns, task=task)
    features, outputs, space = head.features, head.outputs, head.space
    main, again, grown, check, curves = answer.tables
    kind = head.engine if head.family == "tree" else head.family
    most = limits.rows.get(kind, 0)
    rows = len(next(iter(main.values()), ()))
    if not 1 <= rows <= min(given, most):
        msg = f"The isolated process explained {rows} rows, where 1 to {min(given, most)} were asked for."
        raise ModelFailed(msg)
    runs = 1 if head.perturbation == "path_dependent" else backgrounds
    score, said = outputs_of(main, "s", rows, outputs), outputs_of(main, "p", rows, outputs)
    exactly(main, features, outputs, extra=2 * outputs)
    linked(score, said, space, task)
    bases = bases_of(result.get("base_values"), runs, outputs, space)
    repeated, compared, tried, deleted = (
        _rows(part, most, rows)
        for part, most in (
            (again, limits.repeated),
            (grown, limits.compared),
            (check, limits.checked),
            (curves, limits.deleted),
        )
    )
    if len(again) != (runs - 1) * len(features) * outputs:
        msg = "The isolated process did not repeat what it was asked to."
        raise ModelFailed(msg)
    path_base = bases_of([result["path_base"]], 1, outputs, space)[0] if grown and "path_base" in result else None
    steps = _steps(result.get("steps"), len(features)) if curves else ()
    background_rows = result.get("background_rows")
    if not isinstance(background_rows, int) or not 1 <= background_rows <= limits.background.get(kind, 0):
        msg = "The isolated process does not say how many background rows it used, or used more than it may."
        raise ModelFailed(msg)
    return Explanation(
        family=head.family,
        engine=head.engine,
        perturbation=head.perturbation,
        space=space,
        summed=result.get("summed") is True,
        note=head.note,
        model=_text(result.get("model"), "model"),
        classes=head.classes,
        features=features,
        background_rows=background_rows,
        values=values_of(main, "v", rows, len(features), outputs),
        score=score,
        said=said,
        base_values=bases,
        repeats=tuple(values_of(again, f"v{run}:", repeated, len(features), outputs) for run in range(1, runs)),
        grown=values_of(grown, "v", compared, len(features), outputs) if grown else None,
        grown_base=path_base,
        checked=(
            values_of(check, "a", tried, len(features), outputs),
            values_of(check, "b", tried, len(features), outputs),
        )
        if check
        else None,
        curves=Curves(steps, *(_steps_of(curves, kind, deleted, len(steps)) for kind in ("o", "r")))
        if curves
        else None,
        isolation=answer.isolation,
        libraries=versions(result.get("libraries")),
    )


@dataclass(frozen=True)
class Head:
    """What an isolated process says of its explanation, checked; ``outputs``: how many there are."""

    family: str
    engine: str
    perturbation: str
    space: str
    note: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    outputs: int


def head_of(result: Mapping[str, Any], *, columns: list[str], task: str) -> Head:
    """Return what the process says of how it explained which columns.

    Raises:
        ModelFailed: a name is none that we know or gave.
    """
    family, perturbation, space = (
        _one_of(result.get(key), choices, key)
        for key, choices in (("family", FAMILIES), ("perturbation", PERTURBATIONS), ("space", SPACES))
    )
    features = texts(result.get("features"), "features")
    if not set(features) <= set(columns) or len(set(features)) != len(features):
        msg = "The isolated process explained columns that it was not given, or one twice."
        raise ModelFailed(msg)
    classes = () if task == "regression" else texts(result.get("classes"), "classes")
    return Head(
        family=family,
        engine=_text(result.get("engine"), "engine"),
        perturbation=perturbation,
        space=space,
        note=_text(result.get("note"), "note"),
        features=features,
        classes=classes,
        outputs=len(classes) if task == "multiclass" else 1,
    )


def _one_of(value: Any, choices: tuple[str, ...], what: str) -> str:
    if value not in choices:
        msg = f"The isolated process named no {what} that we know."
        raise ModelFailed(msg)
    return str(value)


def _text(value: Any, what: str) -> str:
    """A short text of an untrusted process, without control characters; escaped wherever it is shown."""
    if not isinstance(value, str):
        msg = f"The isolated process did not name its {what}."
        raise ModelFailed(msg)
    return "".join(c if c.isprintable() else " " for c in value[:LONGEST_TEXT]).strip()


def _rows(table: Mapping[str, Floats], most: int, explained: int) -> int:
    """How many of the explained rows a part has: as many as the child could afford, at most those asked for."""
    rows = len(next(iter(table.values()), ()))
    if table and not 1 <= rows <= min(most, explained):
        msg = f"The isolated process gave {rows} rows of a part, where 1 to {min(most, explained)} were asked for."
        raise ModelFailed(msg)
    return rows


def _column(table: Mapping[str, Floats], name: str, rows: int) -> Floats:
    column = table.get(name)
    if column is None or len(column) != rows:
        msg = f"The isolated process did not give {rows} numbers of {name}, which it was asked for."
        raise ModelFailed(msg)
    return column


def values_of(table: Mapping[str, Floats], prefix: str, rows: int, features: int, outputs: int) -> Floats:
    """Return columns named by position as shape (rows, features, outputs)."""
    return np.stack(
        [
            np.column_stack([_column(table, f"{prefix}{output}:{place}", rows) for place in range(features)])
            for output in range(outputs)
        ],
        axis=2,
    )


def outputs_of(table: Mapping[str, Floats], prefix: str, rows: int, outputs: int) -> Floats:
    """Return columns named by position as shape (rows, outputs)."""
    return np.column_stack([_column(table, f"{prefix}{output}", rows) for output in range(outputs)])


def _steps_of(table: Mapping[str, Floats], prefix: str, rows: int, steps: int) -> Floats:
    return np.column_stack([_column(table, f"{prefix}{step}", rows) for step in range(steps)])


def exactly(table: Mapping[str, Floats], features: tuple[str, ...], outputs: int, *, extra: int) -> None:
    """Refuse more or fewer columns than were asked for."""
    if len(table) != len(features) * outputs + extra:
        msg = "The isolated process did not explain exactly the features that it named."
        raise ModelFailed(msg)


def bases_of(value: Any, runs: int, outputs: int, space: str) -> tuple[Floats, ...]:
    """Return one array of base values for each run."""
    good = (
        isinstance(value, list)
        and len(value) == runs
        and all(isinstance(part, list) and len(part) == outputs for part in value)
        and all(isinstance(item, float) and math.isfinite(item) for part in value for item in part)
    )
    if not good or (space == "probability" and not all(-1e-6 <= item <= 1 + 1e-6 for part in value for item in part)):
        msg = f"The isolated process gave base values that are not {outputs} of {space} for each of {runs} backgrounds."
        raise ModelFailed(msg)
    return tuple(np.asarray(part, dtype=np.float64) for part in value)


def _steps(value: Any, features: int) -> tuple[int, ...]:
    good = isinstance(value, list) and len(value) >= 2 and all(isinstance(step, int) for step in value)
    if not good or value[0] != 0 or value[-1] != features or sorted(set(value)) != value:
        msg = "The isolated process did not delete features step by step, from none to all."
        raise ModelFailed(msg)
    return tuple(value)


def linked(score: Floats, said: Floats, space: str, task: str) -> None:
    """Refuse an explanation of something else than what the model says."""
    if task != "regression" and not np.all((said >= 0) & (said <= 1)):
        msg = "The model gave scores outside 0 to 1: its predict_proba does not return probabilities."
        raise ModelFailed(msg)
    if space == "margin":
        linked = special.softmax(score, axis=1) if score.shape[1] > 1 else special.expit(score)
    else:
        linked = score
    scale = float(np.abs(said).max()) if task == "regression" else 1.0
    gap = float(np.abs(linked - said).max())
    if (space == "value") != (task == "regression") or gap > LINK_TOLERANCE * max(scale, 1e-12):
        msg = f"The isolated process explained another score than the model gives (they differ by {gap:.2g})."
        raise ModelFailed(msg)
