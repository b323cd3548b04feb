"""The process that holds the model: ``python -I child.py '<json>'``, started by the launcher with nothing to lose.

It imports nothing of Placet. Frames come in and numbers go out as Arrow IPC files on inherited descriptors; progress,
the result and errors go out as JSON lines on standard output. Whatever the model prints goes to standard error.

The JSON: {"action": "predict" | "explain", "model": directory, "trusted": [type names], "positive_label": str,
"inputs": [fd], "outputs": [fd], and for explain "max_evals": int, "seed": int}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

LIBRARIES = ("scikit-learn", "skops", "numpy", "pandas", "pyarrow")


class Refused(Exception):
    """The job cannot be done, for a reason worth telling."""


def say(stream: int, **line: Any) -> None:
    """Write one JSON line."""
    os.write(stream, (json.dumps(line) + "\n").encode())


def read_frame(descriptor: int) -> pd.DataFrame:
    """Read one Arrow IPC file from an inherited descriptor."""
    import pyarrow as pa

    with os.fdopen(descriptor, "rb") as file, pa.ipc.open_file(file) as reader:
        frame: pd.DataFrame = reader.read_pandas()
    return frame


def write_columns(descriptor: int, columns: dict[str, Floats]) -> None:
    """Write float64 columns as one Arrow IPC file to an inherited descriptor."""
    import pyarrow as pa

    table = pa.table({name: pa.array(values, type=pa.float64()) for name, values in columns.items()})
    with os.fdopen(descriptor, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


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


class Coding:
    """Frames as float arrays and back: numbers stay, every other column becomes the position of its value.

    SHAP's maskers subtract and mix values, which they can do with numbers only; the model gets its own columns back.
    """

    def __init__(self, frames: list[pd.DataFrame]) -> None:
        import pandas as pd

        self.names = list(frames[0].columns)
        self.dtypes = frames[0].dtypes
        self.values: dict[str, pd.Index | None] = {}
        for name in self.names:
            column = frames[0][name]
            number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
            everything = pd.concat([frame[name] for frame in frames], ignore_index=True)
            self.values[name] = None if number else pd.Index(everything.unique())

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Return shape (n, features)."""
        import numpy as np

        columns = []
        for name in self.names:
            values = self.values[name]
            column = frame[name].to_numpy(dtype=float) if values is None else values.get_indexer_for(frame[name])
            columns.append(column)
        return np.column_stack(columns).astype(np.float64)

    def decode(self, coded: Floats) -> pd.DataFrame:
        """Return the frame that ``coded`` stands for, with the first frame's types."""
        import pandas as pd

        columns = {}
        for i, name in enumerate(self.names):
            values = self.values[name]
            columns[name] = coded[:, i] if values is None else values.take(coded[:, i].astype(int))
        return pd.DataFrame(columns).astype(self.dtypes)


def predict(job: dict[str, Any], stream: int) -> None:
    """Score the first input frame."""
    model = Model(job["model"], trusted=job["trusted"], positive_label=job["positive_label"])
    score = model.score(model.inputs(read_frame(job["inputs"][0])))
    write_columns(job["outputs"][0], {"score": score})
    say(stream, result={"classes": model.classes, "libraries": {name: version(name) for name in LIBRARIES}})


def explain(job: dict[str, Any], stream: int) -> None:
    """Explain the first input frame once with each background that follows it, with a seed of its own.

    Each output has one column per feature, and ``\\0score``: the model's own answer for the rows, without the coding.
    """
    model = Model(job["model"], trusted=job["trusted"], positive_label=job["positive_label"])
    frame, *backgrounds = [model.inputs(read_frame(descriptor)) for descriptor in job["inputs"]]
    coding = Coding([frame, *backgrounds])
    rows = coding.encode(frame)
    score = model.score(frame)
    total = len(rows) * len(backgrounds)
    base_values = []
    for run, (background, output) in enumerate(zip(backgrounds, job["outputs"], strict=True)):
        explained = permutation_values(
            lambda coded: model.score(coding.decode(coded)),
            rows,
            coding.encode(background),
            max_evals=job["max_evals"],
            seed=job["seed"] + run,
            progress=lambda done, run=run: say(stream, progress={"done": run * len(rows) + done, "total": total}),  # type: ignore[misc]
        )
        values, base = explained
        base_values.append(base)
        write_columns(output, {**{n: values[:, i] for i, n in enumerate(coding.names)}, "\0score": score})
    libraries = {name: version(name) for name in (*LIBRARIES, "shap")}
    result = {"classes": model.classes, "libraries": libraries, "features": coding.names, "base_values": base_values}
    say(stream, result=result)


def permutation_values(
    score: Callable[[Floats], Floats],
    rows: Floats,
    background: Floats,
    *,
    max_evals: int,
    seed: int,
    progress: Callable[[int], None],
) -> tuple[Floats, float]:
    """Return SHAP's permutation values, shape (n, features), and the base value: the mean score of the background."""
    import numpy as np
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))  # by default it keeps 100 rows, silently
    explainer = shap.explainers.Permutation(score, masker, seed=seed)
    parts = []
    step = 10
    for start in range(0, len(rows), step):
        part = explainer(rows[start : start + step], max_evals=max_evals, batch_size=max_evals, silent=True)
        parts.append(np.asarray(part.values, dtype=np.float64))
        progress(min(start + step, len(rows)))
    return np.concatenate(parts), float(np.asarray(part.base_values, dtype=np.float64).ravel()[0])


def main() -> int:
    """Do the job, say how it ended."""
    stream = os.dup(1)
    os.dup2(2, 1)  # a model that prints must not write into the protocol
    seconds = resource.getrlimit(resource.RLIMIT_CPU)[0]  # now: the kernel raises it by one with each signal
    signal.signal(signal.SIGXCPU, lambda *_: out_of_time(stream, seconds))
    job = json.loads(sys.argv[1])
    try:
        {"predict": predict, "explain": explain}[job["action"]](job, stream)
    except Refused as error:
        say(stream, error=str(error))
    except MemoryError:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0] >> 20
        say(stream, error=f"The model needs more than the {limit} MB that it may use.")
    except Exception as error:  # noqa: BLE001  # anything the model does wrong must be told, in one line
        say(stream, error=f"{type(error).__name__}: {error}"[:500])
    else:
        return 0
    return 1


def out_of_time(stream: int, seconds: int) -> None:
    """Tell that the CPU time is used up, and end."""
    say(stream, error=f"The model used up its {seconds} s of processor time.")
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
