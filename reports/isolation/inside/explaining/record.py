"""Explain one record, and look for a small change of it that turns the decision.

Inputs: one row, then the background. Outputs: one table of one row with the SHAP values (``v<output>:<feature>``), the
score explained (``s<output>``) and what the model says (``p<output>``). A counterfactual is told as pairs of positions,
(feature, background row whose value it takes), so that no value comes back through the model's process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..models import Asked, Model, Question
from ..protocol import read_frame, say, write_columns
from .coding import Coding
from .families import choose
from .job import columns, outputs
from .spaces import matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


def explain_record(model: Model, job: dict[str, Any], stream: int) -> None:
    """Explain the only row of the first input frame against the background that follows it.

    The job's ``counterfactual`` is None or {"mutable": [column names], "most": int, "threshold": float}.
    """
    asked = Asked(model, Question.of(job))
    row, background = (model.inputs(read_frame(descriptor)) for descriptor in job["inputs"])
    table, result = record_parts(asked, job, row, background)
    write_columns(job["outputs"][0], table)
    say(stream, result={"classes": asked.classes, "libraries": model.libraries("shap"), **result})


def record_parts(
    model: Any, job: dict[str, Any], row: pd.DataFrame, background: pd.DataFrame
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Return the table and the result line of one record."""
    explainer, note = choose(model, job["task"], background, background, many=False)
    values = explainer.values(row, background, seed=job["seed"], progress=lambda done: None)
    score = explainer.score(row)
    table = columns("v", values) | outputs("s", score) | outputs("p", matrix(model.score(row)))
    wanted = job["counterfactual"]
    found = None
    if wanted:
        mutable = [place for place, name in enumerate(row.columns) if name in wanted["mutable"]]
        found = turned(
            lambda frame: matrix(model.score(frame))[:, 0],
            row,
            background,
            mutable=mutable,
            most=wanted["most"],
            threshold=wanted["threshold"],
        )
    result = {
        "family": explainer.family,
        "engine": explainer.engine,
        "perturbation": explainer.perturbation,
        "space": explainer.space,
        "note": note,
        "features": [str(name) for name in row.columns],
        "base_values": [explainer.base(background).tolist()],
        "changes": found[0] if found else None,
        "changed_score": found[1] if found else None,
    }
    return table, result


def turned(
    score: Callable[[pd.DataFrame], Floats],
    row: pd.DataFrame,
    background: pd.DataFrame,
    *,
    mutable: list[int],
    most: int,
    threshold: float,
) -> tuple[list[list[int]], float] | None:
    """Return changes of the row that bring its score to the other side of the threshold, and the score then.

    Greedy: one feature more at each step, the value that brings the score furthest, of those that occur in the
    background; then every change that is not needed is taken back. So it is a small change, not the smallest there is.

    Args:
        score: answers for a frame, shape (n,). row: one row.
        mutable: positions of the columns that may change. most: how many of them at once.
    Returns: pairs (column, background row), and the score; None when nothing within ``most`` changes turns it.
    """
    import numpy as np

    coding = Coding([row, background])
    start, behind = coding.encode(row)[0], coding.encode(background)
    before = float(score(coding.decode(start[None]))[0])
    sign = -1.0 if before >= threshold else 1.0

    def over(said: Any) -> Any:
        return said >= threshold if sign > 0 else said < threshold

    options = {}
    for column in mutable:
        _, first = np.unique(behind[:, column], return_index=True)
        options[column] = [int(place) for place in first if behind[place, column] != start[column]]
    chosen: dict[int, int] = {}
    for _ in range(most):
        tried = [(column, place) for column in mutable if column not in chosen for place in options[column]]
        if not tried:
            return None
        mixed = np.repeat(_changed(start, behind, chosen)[None], len(tried), axis=0)
        for i, (column, place) in enumerate(tried):
            mixed[i, column] = behind[place, column]
        best = int(np.argmax(sign * score(coding.decode(mixed))))
        chosen[tried[best][0]] = tried[best][1]
        if over(score(coding.decode(_changed(start, behind, chosen)[None]))[0]):
            break
    else:
        return None
    for column in list(chosen):
        fewer = {key: place for key, place in chosen.items() if key != column}
        if fewer and over(score(coding.decode(_changed(start, behind, fewer)[None]))[0]):
            chosen = fewer
    after = float(score(coding.decode(_changed(start, behind, chosen)[None]))[0])
    return [[column, place] for column, place in chosen.items()], after


def _changed(start: Floats, behind: Floats, chosen: dict[int, int]) -> Floats:
    row = start.copy()
    for column, place in chosen.items():
        row[column] = behind[place, column]
    return row
