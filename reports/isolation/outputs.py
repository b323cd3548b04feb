"""What a model said about some rows, whatever its flavor and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.isolation.errors import ModelFailed

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outputs:
    """Answers of one model for n rows.

    ``classes``: the model's classes as text, in its order; empty for regression.
    ``probabilities``: shape (n, classes), each row sums to 1; None for a model that gives labels only, or regression.
    ``labels``: shape (n,), the index into ``classes`` of what the model itself says (its ``predict``); None for
    regression. A binary decision is made by Placet from the score and the version's threshold, not taken from here,
    unless the model gives labels only.
    ``values``: shape (n,), what a regression says; None for classes.
    """

    task: str
    classes: tuple[str, ...]
    probabilities: Floats | None
    labels: Codes | None
    values: Floats | None
    isolation: str
    libraries: Mapping[str, str]

    @classmethod
    def of_binary(
        cls, score: Floats, positive_label: str, classes: Sequence[str], *, isolation: str, libraries: Mapping[str, str]
    ) -> Outputs:
        """Return the answers of a two-class model from its probability of one of them."""
        column = list(classes).index(positive_label)
        probabilities = np.column_stack([1 - score, 1 - score])
        probabilities[:, column] = score
        return cls("binary", tuple(classes), probabilities, probabilities.argmax(axis=1), None, isolation, libraries)

    def score(self, label: str) -> Floats:
        """Return the probability of one class, shape (n,), 0 to 1.

        Raises:
            ModelFailed: the model has no such class, or gives labels only.
        """
        if label not in self.classes:
            msg = f"The model's classes are {list(self.classes)}; {label!r} is not one of them."
            raise ModelFailed(msg)
        if self.probabilities is None:
            msg = "The model gives labels only, no probabilities."
            raise ModelFailed(msg)
        column: Floats = self.probabilities[:, self.classes.index(label)]
        return column
