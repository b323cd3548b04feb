"""Read what a model said as classes with probabilities or labels, or as a regression's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .protocol import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """``classes`` as text; ``probabilities`` of shape (n, classes), ``codes`` and ``values`` of shape (n,) or None."""

    classes: list[str]
    probabilities: Floats | None = None
    codes: Codes | None = None
    values: Any = None

    def columns(self) -> dict[str, Any]:
        """Return the columns of the output table."""
        if self.codes is None:
            return {"value": self.values}
        places = [] if self.probabilities is None else range(len(self.classes))
        return {"code": self.codes} | {str(place): self.probabilities[:, place] for place in places}  # type: ignore[index]


def read_estimator(estimator: Any, frame: pd.DataFrame, task: str) -> Reading:
    """Ask an estimator with scikit-learn's interface."""
    name = type(estimator).__name__
    if task == "regression":
        if hasattr(estimator, "classes_"):
            msg = (
                f"The data is a regression, and {name} says classes. Declare the task of the data, or log a regressor."
            )
            raise Refused(msg)
        return Reading([], values=one_number_a_row(estimator.predict(frame)))
    if not hasattr(estimator, "classes_"):
        msg = (
            f"The data has classes, and {name} names none. Declare the data's task as regression, or log a classifier."
        )
        raise Refused(msg)
    classes = [str(label) for label in estimator.classes_]
    codes = codes_of(estimator.predict(frame), classes)
    if not hasattr(estimator, "predict_proba"):
        return Reading(classes, codes=codes)
    return Reading(classes, probabilities=table(estimator.predict_proba(frame), len(classes)), codes=codes)


def read_booster(said: Any, task: str, objective: str, count: int) -> Reading:
    """Read a booster's numbers by its objective; its classes are numbered from 0.

    Args:
        count: of XGBoost the number of classes, of LightGBM the trees a round; below 2 where there are two classes.
    """
    import numpy as np

    numbers = np.asarray(said, dtype=np.float64)
    if task == "regression":
        return Reading([], values=one_number_a_row(numbers))
    if objective in ("binary:logistic", "reg:logistic", "binary", "cross_entropy"):
        positive = one_number_a_row(numbers)
        probabilities = np.column_stack([1 - positive, positive])
        return Reading(["0", "1"], probabilities, (positive > 0.5).astype(np.int64))
    if objective in ("multi:softprob", "multiclass", "multiclassova"):
        probabilities = table(numbers, count)
        if objective == "multiclassova":  # each class against all others: they don't sum to 1 by themselves
            probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
        return Reading([str(place) for place in range(count)], probabilities, probabilities.argmax(axis=1))
    if objective in ("multi:softmax", "binary:hinge"):
        classes = [str(place) for place in range(max(count, 2))]
        return Reading(classes, codes=codes_of(one_number_a_row(numbers).astype(np.int64), classes))
    msg = f"The data has classes, and the booster's objective is {objective or 'unknown'}, which says none."
    raise Refused(msg)


def read_pyfunc(said: Any, task: str, positive_label: str, *, named: Sequence[str], labels: Sequence[str]) -> Reading:
    """Read the answer of a python_function, which has no fixed form.

    One column per class, named by it: probabilities. For binary data one float a row: the probability of the positive
    label. Texts, whole numbers or truth values: labels. Which column is which class is never guessed: columns without
    names need the model's metadata.

    Args:
        named: the classes in the order of the model's columns, from its metadata.
        labels: the labels that the data knows.
    """
    import numpy as np
    import pandas as pd

    names: list[str] = []
    if isinstance(said, pd.DataFrame):
        names = [str(name) for name in said.columns]
        said = said.iloc[:, 0] if said.shape[1] == 1 else said
    array = np.asarray(said)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if task == "regression":
        return Reading([], values=one_number_a_row(array))
    if array.ndim == 2:
        counted = names == [str(place) for place in range(len(names))] and set(names) != set(labels)
        classes = list(named) if counted or not names else names
        if array.shape[1] != len(classes):
            msg = (
                f"The model gave {array.shape[1]} columns without the names of classes. Return a DataFrame with a "
                "column per class, named by it, or log the model with metadata={'classes': [...]}."
            )
            raise Refused(msg)
        probabilities = table(array, len(classes))
        return Reading(classes, probabilities, probabilities.argmax(axis=1))
    if array.ndim != 1:
        msg = f"The model gave an array of shape {array.shape}, which are no answers to rows."
        raise Refused(msg)
    if array.dtype.kind == "f" and task == "binary":
        positive = array.astype(np.float64)
        other = next((name for name in (*named, *labels) if name != positive_label), f"not {positive_label}")
        codes = (np.nan_to_num(positive) > 0.5).astype(np.int64)
        return Reading([other, positive_label], np.column_stack([1 - positive, positive]), codes)
    texts = [str(label) for label in array]
    classes = list(named or labels) or sorted(set(texts) | ({positive_label} if positive_label else set()))
    return Reading(classes, codes=codes_of(texts, classes))


def codes_of(labels: Any, classes: Sequence[str]) -> Codes:
    """Return each label's place in ``classes``, shape (n,)."""
    import numpy as np
    import pandas as pd

    found, distinct = pd.factorize(np.asarray(labels).ravel())
    places = {name: place for place, name in enumerate(classes)}
    unknown = [str(label)[:50] for label in distinct if str(label) not in places]
    if unknown or (found < 0).any():
        msg = f"The model gave the label {(unknown or ['missing'])[0]!r}, which is none of {list(classes)[:10]}."
        raise Refused(msg)
    codes: Codes = np.asarray([places[str(label)] for label in distinct], dtype=np.int64)[found]
    return codes


def table(said: Any, count: int) -> Floats:
    """Return the probabilities as shape (n, count), float64; float32 is brought to a sum of 1."""
    import numpy as np

    given = np.asarray(said)
    if given.ndim != 2 or given.shape[1] != count:
        msg = f"The model gave an array of shape {given.shape}, where each row needs {count} probabilities."
        raise Refused(msg)
    numbers = given.astype(np.float64)
    sums = numbers.sum(axis=1, keepdims=True)
    if given.dtype == np.float32 and np.all(np.abs(sums - 1) < 1e-4):
        numbers = numbers / sums
    return numbers


def one_number_a_row(said: Any) -> Floats:
    """Return shape (n,), float64."""
    import numpy as np

    numbers = np.asarray(said, dtype=np.float64)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim != 1:
        msg = f"The model gave an array of shape {numbers.shape}, where each row needs one number."
        raise Refused(msg)
    return numbers
