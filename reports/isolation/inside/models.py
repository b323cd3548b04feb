"""Ask the model, whatever its flavor: probabilities or labels of classes, or values of a regression."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .loading import libraries, lightgbm_objective, load, xgboost_objective
from .protocol import Refused, read_frame, say, write_columns
from .readings import read_booster, read_estimator, read_pyfunc

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from .readings import Reading

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What is asked of the model: the task, and of the data its positive label and the labels it knows."""

    task: str
    positive_label: str = ""
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, job: dict[str, Any]) -> Question:
        """Read it from a job."""
        return cls(job["task"], job.get("positive_label") or "", tuple(job.get("classes") or ()))


class Model:
    """The loaded model.

    ``estimator`` is what was loaded: a scikit-learn estimator (also XGBClassifier, LGBMClassifier, …), a booster of
    XGBoost or LightGBM, or MLflow's pyfunc model. ``kind`` says which: estimator, xgboost, lightgbm or pyfunc.
    ``features`` are the columns it was fitted on, empty when it does not name them.
    """

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.flavor: str = setup["flavor"]
        self.estimator = load(setup)
        self.kind = "pyfunc" if self.flavor == "python_function" else "estimator"
        self.objective, self.count = "", 0
        if type(self.estimator).__name__ == "Booster":
            self.kind = self.flavor
            if self.kind == "xgboost":
                self.objective, self.count = xgboost_objective(self.estimator)
            else:
                self.objective = lightgbm_objective(str(Path(setup["model"]) / setup["file"]))
                self.count = self.estimator.num_model_per_iteration()
        self.features = self._features()

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the model was fitted on, in its order; all columns when it does not name them."""
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            msg = f"The data lacks columns that the model was trained on: {missing}"
            raise Refused(msg)
        return frame[self.features] if self.features else frame

    def ask(self, frame: pd.DataFrame) -> Any:
        """Return what the model itself says, as it says it: the call that is timed."""
        if self.kind == "xgboost":
            import xgboost

            return self.estimator.predict(xgboost.DMatrix(frame, enable_categorical=True))
        if hasattr(self.estimator, "predict_proba"):
            return self.estimator.predict_proba(frame)
        return self.estimator.predict(frame)

    def read(self, frame: pd.DataFrame, question: Question) -> Reading:
        """Return the answers for ``frame``, which has the columns of ``inputs``."""
        if self.kind == "estimator":
            return read_estimator(self.estimator, frame, question.task)
        if self.kind == "pyfunc":
            named, labels = self.setup["classes"], question.classes
            return read_pyfunc(self.ask(frame), question.task, question.positive_label, named=named, labels=labels)
        return read_booster(self.ask(frame), question.task, self.objective, self.count)

    def libraries(self, *more: str) -> dict[str, str]:
        """Return the versions of what the model is run with."""
        return libraries(self.flavor, *more)

    def _features(self) -> list[str]:
        if self.kind == "pyfunc":
            schema = self.estimator.metadata.get_input_schema()
            names = schema.input_names() if schema is not None and schema.has_input_names() else []
        elif self.kind == "xgboost":
            names = self.estimator.feature_names or []
        elif self.kind == "lightgbm":
            names = self.estimator.feature_name()
            names = [] if names == [f"Column_{place}" for place in range(len(names))] else names
        else:
            names = getattr(self.estimator, "feature_names_in_", [])
        return [str(name) for name in names]


class Asked:
    """The model with one question about it, as what explains a score needs it.

    ``features``, ``estimator`` and ``inputs`` are the model's. ``classes`` are known from the start, but for a
    python_function, which names them with its first answer.
    """

    def __init__(self, model: Model, question: Question) -> None:
        self.model, self.question, self.task = model, question, question.task
        self.features, self.estimator, self.inputs = model.features, model.estimator, model.inputs
        known = model.setup["classes"] or question.classes
        self.classes: list[str] = [str(label) for label in getattr(model.estimator, "classes_", known)]
        if model.kind in ("xgboost", "lightgbm") and question.task != "regression":
            self.classes = [str(place) for place in range(max(model.count, 2))]

    @property
    def column(self) -> int:
        """The place of the positive label among the classes."""
        if self.question.positive_label not in self.classes:
            msg = (
                f"The model's classes are {self.classes}; {self.question.positive_label!r}, the positive label, is not "
                "one of them."
            )
            raise Refused(msg)
        return self.classes.index(self.question.positive_label)

    def score(self, frame: pd.DataFrame) -> Floats:
        """Return the probability of the positive label, shape (n,); of each class, (n, classes); or the value, (n,)."""
        reading = self.model.read(frame, self.question)
        if self.task == "regression":
            values: Floats = reading.values
            return values
        self.classes = reading.classes
        if reading.probabilities is None:
            msg = (
                f"{type(self.estimator).__name__} returns labels only, no probabilities. "
                "Register a classifier that has predict_proba."
            )
            raise Refused(msg)
        return reading.probabilities if self.task == "multiclass" else reading.probabilities[:, self.column]


def predict(model: Model, job: dict[str, Any], stream: int) -> None:
    """Answer for the first input frame."""
    reading = model.read(model.inputs(read_frame(job["inputs"][0])), Question.of(job))
    write_columns(job["outputs"][0], reading.columns())
    say(stream, result={"classes": reading.classes, "libraries": model.libraries()})


def measure_time(model: Model, job: dict[str, Any], stream: int) -> None:
    """Ask the model ``calls`` times for ``rows_per_call`` rows of the frame, and write how long each call took, in s.

    The first call is not counted. Each call gets the rows after those of the last, beginning anew at the end.
    """
    import numpy as np

    frame = model.inputs(read_frame(job["inputs"][0]))
    rows, calls = int(job["rows_per_call"]), int(job["calls"])
    model.ask(frame.iloc[:rows])
    seconds = np.empty(calls)
    places = max(1, len(frame) - rows + 1)
    for call in range(calls):
        start = call * rows % places
        part = frame.iloc[start : start + rows]
        began = time.perf_counter()
        model.ask(part)
        seconds[call] = time.perf_counter() - began
    write_columns(job["outputs"][0], {"seconds": seconds})
    say(stream, result={"libraries": model.libraries()})
