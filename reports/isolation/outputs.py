"""What a model said about some rows, whatever its flavor and task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.isolation.errors import ModelFailed
from reports.isolation.tables import Table

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

BINARY, MULTICLASS, REGRESSION = TASKS = ("binary", "multiclass", "regression")
MOST_CLASSES = 1000
LONGEST_NAME = 100
SUM_TOLERANCE = 1e-6
MARKUP = re.compile(r"<[A-Za-z/!?]|&[#\w]+;")
VERSION = re.compile(r"[\w.+!-]{1,50}")


@dataclass(frozen=True)
class Outputs:
    """Answers of one model for n rows.

    ``classes``: the model's classes as text, in its order; empty for regression.
    ``probabilities``: shape (n, classes), each row sums to 1; None for a model that gives labels only, or regression.
    ``labels``: shape (n,), the index into ``classes`` of what the model itself says (its ``predict``); None for
    regression. A binary decision is made by Placet from the score and the version's threshold, not taken from here,
    unless the model gives labels only.
    ``values``: shape (n,), what a regression says; None for classes.
    ``isolation``: the steps that kept the model apart, in words. ``libraries``: versions the model was run with.
    ``model``: what inspection found: flavor, serialization, whether it brings its author's code, its environment.
    """

    task: str
    classes: tuple[str, ...]
    probabilities: Floats | None
    labels: Codes | None
    values: Floats | None
    isolation: str
    libraries: Mapping[str, str]
    model: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows were answered."""
        told = self.values if self.labels is None else self.labels
        return 0 if told is None else len(told)

    def has(self, label: str) -> int:
        """Return the place of a class.

        Raises:
            ModelFailed: the model has no such class.
        """
        if label not in self.classes:
            msg = f"The model's classes are {list(self.classes)}; {label!r}, the positive label, is not one of them."
            raise ModelFailed(msg)
        return self.classes.index(label)

    def score(self, label: str) -> Floats:
        """Return the probability of one class, shape (n,), 0 to 1.

        Raises:
            ModelFailed: the model has no such class, or gives labels only.
        """
        place = self.has(label)
        if self.probabilities is None:
            msg = "The model gives labels only, no probabilities. Register a classifier that has predict_proba."
            raise ModelFailed(msg)
        column: Floats = self.probabilities[:, place]
        return column


def from_tables(
    task: str,
    parts: Sequence[Table],
    classes: Any,
    *,
    isolation: str,
    libraries: Mapping[str, str],
    model: Mapping[str, Any],
) -> Outputs:
    """Return the answers of an isolated process, whose tables (of consecutive rows) hold float64 and int64 columns.

    Args:
        parts: ``value``; or ``code`` and, for each class, its place as text: the probability of it.
        classes: what the process named as classes.
    Raises:
        ModelFailed: the columns are not these, a class's name is no short printable text, a code is none of a class,
            or the probabilities are not between 0 and 1 or don't sum to 1 within 1e-6.
    """
    names = class_names(classes) if task != REGRESSION else ()
    table: Table = {name: np.concatenate([part[name] for part in parts]) for name in _columns(parts)}
    if task == REGRESSION:
        values = _taken(table, {"value": np.float64})["value"]
        return Outputs(task, (), None, None, values.astype(np.float64), isolation, libraries, model)
    places = [str(place) for place in range(len(names))]
    probabilities = None
    if set(table) != {"code"}:
        columns = _taken(table, {"code": np.int64} | dict.fromkeys(places, np.float64))
        probabilities = _probabilities(np.column_stack([columns[place] for place in places]))
    codes: Codes = _taken({"code": table["code"]}, {"code": np.int64})["code"].astype(np.int64)
    if len(codes) and not (codes.min() >= 0 and codes.max() < len(names)):
        msg = "The model gave labels that are none of its classes."
        raise ModelFailed(msg)
    if task == BINARY and len(names) != 2:
        msg = f"The data is binary, and the model has {len(names)} classes: {', '.join(names[:5])}."
        raise ModelFailed(msg)
    return Outputs(task, names, probabilities, codes, None, isolation, libraries, model)


def class_names(value: Any) -> tuple[str, ...]:
    """Return the classes as the process named them: short printable texts without markup, no two alike.

    Raises:
        ModelFailed: it is something else.
    """
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        msg = "The isolated process did not name its classes."
        raise ModelFailed(msg)
    if len(value) > MOST_CLASSES:
        msg = f"The model has {len(value):,} classes, and {MOST_CLASSES:,} are allowed."
        raise ModelFailed(msg)
    for item in value:
        if not 0 < len(item) <= LONGEST_NAME or not item.isprintable() or MARKUP.search(item):
            msg = (
                f"The model names a class {''.join(c for c in item[:40] if c.isprintable())!r}: names are 1 to "
                f"{LONGEST_NAME} printable characters without markup."
            )
            raise ModelFailed(msg)
    if len(set(value)) != len(value):
        msg = "The model names two of its classes alike."
        raise ModelFailed(msg)
    return tuple(value)


def versions(value: Any) -> dict[str, str]:
    """Return the libraries that the process named, name to version.

    Raises:
        ModelFailed: it is something else.
    """
    if (
        not isinstance(value, dict)
        or len(value) > 50
        or not all(isinstance(text, str) and VERSION.fullmatch(text) for pair in value.items() for text in pair)
    ):
        msg = "The isolated process did not name its library versions."
        raise ModelFailed(msg)
    return value


def _columns(parts: Sequence[Table]) -> set[str]:
    names = set(parts[0])
    if any(set(part) != names for part in parts):
        msg = "The isolated process gave other columns for some rows than for others."
        raise ModelFailed(msg)
    return names


def _taken(table: Table, wanted: Mapping[str, Any]) -> Table:
    if set(table) != set(wanted) or any(table[name].dtype != kind for name, kind in wanted.items()):
        found = {name[:20]: str(values.dtype) for name, values in list(table.items())[:5]}
        msg = f"The isolated process gave other columns than the task has: {found}."
        raise ModelFailed(msg)
    return table


def _probabilities(columns: Floats) -> Floats:
    if not np.all((columns >= 0) & (columns <= 1)):
        msg = "The model gave scores outside 0 to 1: they are not probabilities."
        raise ModelFailed(msg)
    if np.abs(columns.sum(axis=1) - 1).max(initial=0.0) > SUM_TOLERANCE:
        msg = "The model's probabilities of a row don't sum to 1."
        raise ModelFailed(msg)
    return columns
