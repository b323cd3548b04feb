"""Load the model and ask it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .protocol import Refused, read_frame, say, write_columns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

LIBRARIES = ("scikit-learn", "skops", "numpy", "pandas", "pyarrow")


class Model:
    """A scikit-learn classifier read from a skops file, and the column of its probabilities that is asked for."""

    def __init__(self, directory: str, *, trusted: list[str], positive_label: str) -> None:
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException

        try:
            self.estimator = skops.io.load(Path(directory) / "model.skops", trusted=trusted)
        except UntrustedTypesFoundException as error:
            msg = f"The model file names types that are not on the allow-list: {error}"
            raise Refused(msg) from error
        if not hasattr(self.estimator, "predict_proba"):
            msg = (
                f"{type(self.estimator).__name__} returns labels only, no probabilities. "
                "Register a classifier that has predict_proba."
            )
            raise Refused(msg)
        self.classes = [str(label) for label in self.estimator.classes_]
        if positive_label not in self.classes:
            msg = f"The model's classes are {self.classes}; {positive_label!r}, the positive label, is not one of them."
            raise Refused(msg)
        self.column = self.classes.index(positive_label)
        self.features: list[str] = [str(name) for name in getattr(self.estimator, "feature_names_in_", [])]

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the model was fitted on, in its order; all columns when it does not name them."""
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            msg = f"The data lacks columns that the model was trained on: {missing}"
            raise Refused(msg)
        return frame[self.features] if self.features else frame

    def score(self, frame: pd.DataFrame) -> Floats:
        """Return the probability of the positive label, shape (n,)."""
        import numpy as np

        return np.asarray(self.estimator.predict_proba(frame), dtype=np.float64)[:, self.column]


def predict(job: dict[str, Any], stream: int) -> None:
    """Score the first input frame."""
    model = Model(job["model"], trusted=job["trusted"], positive_label=job["positive_label"])
    score = model.score(model.inputs(read_frame(job["inputs"][0])))
    write_columns(job["outputs"][0], {"score": score})
    say(stream, result={"classes": model.classes, "libraries": {name: version(name) for name in LIBRARIES}})
