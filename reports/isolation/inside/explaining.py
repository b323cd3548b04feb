"""Explain the model's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .models import Asked, Model, Question
from .protocol import read_frame, say, write_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


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


def explain(model: Model, job: dict[str, Any], stream: int) -> None:
    """Explain the first input frame once with each background that follows it, with a seed of its own.

    Each output has one column per feature, and ``\\0score``: the model's own answer for the rows, without the coding.
    """
    asked = Asked(model, Question.of(job))
    frame, *backgrounds = [model.inputs(read_frame(descriptor)) for descriptor in job["inputs"]]
    coding = Coding([frame, *backgrounds])
    rows = coding.encode(frame)
    score = asked.score(frame)
    total = len(rows) * len(backgrounds)
    base_values = []
    for run, (background, output) in enumerate(zip(backgrounds, job["outputs"], strict=True)):
        explained = permutation_values(
            lambda coded: asked.score(coding.decode(coded)),
            rows,
            coding.encode(background),
            max_evals=job["max_evals"],
            seed=job["seed"] + run,
            progress=lambda done, run=run: say(stream, progress={"done": run * len(rows) + done, "total": total}),  # type: ignore[misc]
        )
        values, base = explained
        base_values.append(base)
        write_columns(output, {**{n: values[:, i] for i, n in enumerate(coding.names)}, "\0score": score})
    libraries = model.libraries("shap")
    say(stream, result={"libraries": libraries, "features": coding.names, "base_values": base_values})


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
