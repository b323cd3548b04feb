"""The explanation job: explain rows, repeat it on other backgrounds, check it, delete features, write numbers.

Inputs: the rows in random order, then the backgrounds, the first of which is the reported one. What is used of them
depends on the family, by the job's ``limits``: {"rows": {family: int}, "background": {family: int}, "fast_above": rows
above which the faster tree engine is used, "repeated", "compared", "checked", "deleted": rows of each part}.

Outputs, a table each, columns named by position (``v<output>:<feature>``), so that no text of a model's comes back:
values with the score (``s<output>``) and what the model itself says (``p<output>``); values of the repeats
(``v<run>:<output>:<feature>``); path-dependent values; ours and the reference's values on the checked rows (``a``,
``b``); the deletion curves (``o<step>`` in the explanation's order, ``r<step>`` at random). A part left out is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..models import Asked, Model, Question
from ..protocol import read_frame, say, write_columns
from .deletion import deletion_curves, steps_of
from .families import Linear, Tree, adding_up, choose
from .spaces import matrix
from .tree import NoEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

MOST_VALUES = 4_000_000  # rows * features * outputs of the reported run: 32 MB
CHECK_TOLERANCE = 1e-4  # relative to the largest value
CHECK_BACKGROUND = 100


def explain(model: Model, job: dict[str, Any], stream: int) -> None:
    """Explain the first input frame against the backgrounds that follow it."""
    asked = Asked(model, Question.of(job))
    frames = [model.inputs(read_frame(descriptor)) for descriptor in job["inputs"]]
    work = Work(asked, job, frames, lambda done, total: say(stream, progress={"done": done, "total": total}))
    tables, result = work.run()
    for descriptor, table in zip(job["outputs"], tables, strict=True):
        write_columns(descriptor, table)
    names = {"woodelf": "woodelf-explainer"}
    libraries = model.libraries(*sorted({"shap", names.get(work.explainer.engine, "shap"), *work.library}))
    say(stream, result={"classes": asked.classes, "libraries": libraries, **result})


class Work:
    """One explanation, part by part."""

    def __init__(
        self, model: Any, job: dict[str, Any], frames: list[pd.DataFrame], tell: Callable[[int, int], None]
    ) -> None:
        self.model, self.job, self.tell = model, job, tell
        self.limits, self.seed = job["limits"], job["seed"]
        frame, *backgrounds = frames
        self.explainer, self.note = choose(
            model, job["task"], frame, backgrounds[0], many=len(frame) > self.limits["fast_above"]
        )
        self._cut(frame, backgrounds)
        self.made: Floats | None = None
        self.shap_is_right = "HistGradient" not in self.note
        if self._misses():
            self.explainer = self.explainer.other(engine="woodelf")  # type: ignore[attr-defined]
            self._cut(frame, backgrounds)
        if getattr(self.explainer, "engine", "") == "woodelf" and not self._checks_out():
            native = self.explainer.other(engine="shap")  # type: ignore[attr-defined]
            self.explainer = native if self.shap_is_right else native.other(perturbation="path_dependent")
            self._cut(frame, backgrounds)

    @property
    def library(self) -> list[str]:
        """The distribution that brings the explained estimator, where it is not scikit-learn."""
        module = type(self._estimator()).__module__.partition(".")[0]
        return {"xgboost": ["xgboost-cpu"], "lightgbm": ["lightgbm"]}.get(module, [])

    def _estimator(self) -> Any:
        """What is explained: the last step of a pipeline that could be followed, else the model's own object."""
        folded = getattr(self.explainer, "folded", None)
        return folded.estimator if folded else getattr(self.model, "estimator", None)

    def _cut(self, frame: pd.DataFrame, backgrounds: list[pd.DataFrame]) -> None:
        """Take as many rows as the family can explain in reasonable time."""
        kind = self.explainer.engine if self.explainer.family == "tree" else self.explainer.family
        width = frame.shape[1] * matrix(self.model.score(frame.head(1))).shape[1]
        most = max(1, MOST_VALUES // width)
        self.backgrounds = [part.head(self.limits["background"][kind]) for part in backgrounds]
        rows = min(self.limits["rows"][kind], most, len(frame))
        self.rows = frame.head(self._affordable(self.explainer, rows, len(self.backgrounds[0])))
        if self.explainer.perturbation == "path_dependent":
            self.backgrounds = self.backgrounds[:1]

    def _affordable(self, explainer: Any, rows: int, background: int, share: float = 1.0) -> int:
        return int(explainer.affordable(rows, background, share=share)) if isinstance(explainer, Tree) else rows

    def run(self) -> tuple[list[dict[str, Floats]], dict[str, Any]]:
        """Return the five tables and what stands beside them."""
        import numpy as np

        explainer, rows = self.explainer, self.rows
        again_rows = min(self.limits["repeated"], len(rows))
        repeated = rows.head(self._affordable(explainer, again_rows, len(self.backgrounds[0]), 0.25))
        deleted = rows.head(self.limits["deleted"])
        points = steps_of(rows.shape[1])
        total = len(rows) + len(repeated) * (len(self.backgrounds) - 1) + len(points)
        done = 0

        def progress(more: int) -> None:
            self.tell(min(done + more, total), total)

        values = self.made
        if values is None:
            values = explainer.values(rows, self.backgrounds[0], seed=self.seed, progress=progress)
        done += len(rows)
        progress(0)
        score, said = explainer.score(rows), matrix(self.model.score(rows))
        main = columns("v", values) | outputs("s", score) | outputs("p", said)
        again: dict[str, Floats] = {}
        bases = [explainer.base(self.backgrounds[0])]
        for run, background in enumerate(self.backgrounds[1:], start=1):
            more = explainer.values(repeated, background, seed=self.seed + run, progress=progress)
            again |= columns(f"v{run}:", more)
            bases.append(explainer.base(background))
            done += len(repeated)
            progress(0)
        grown, grown_base = self._path_dependent()
        checked = self._reference()
        curves: dict[str, Floats] = {}
        if len(deleted):
            size = np.abs(values[: len(deleted)]).sum(axis=2)
            ordered, shuffled = deletion_curves(
                explainer.score, deleted, size, self.backgrounds[0], seed=self.seed, progress=progress
            )
            curves = {f"o{i}": ordered[:, i] for i in range(len(points))}
            curves |= {f"r{i}": shuffled[:, i] for i in range(len(points))}
        result = {
            "family": explainer.family,
            "engine": explainer.engine,
            "perturbation": explainer.perturbation,
            "space": explainer.space,
            "summed": explainer.summed,
            "note": self.note,
            "model": type(self._estimator()).__name__,
            "features": [str(name) for name in rows.columns],
            "background_rows": len(self.backgrounds[0]),
            "base_values": [base.tolist() for base in bases],
            "path_base": grown_base,
            "steps": points,
        }
        return [main, again, grown, checked, curves], result

    def _path_dependent(self) -> tuple[dict[str, Floats], list[float] | None]:
        """The same trees explained path-dependently, to see whether the choice of what is unknown matters."""
        explainer = self.explainer
        if not isinstance(explainer, Tree) or explainer.perturbation == "path_dependent":
            return {}, None
        grown = explainer.other(engine="shap", perturbation="path_dependent")
        some = min(self.limits["compared"], len(self.rows))
        rows = self.rows.head(self._affordable(grown, some, 1, 0.25))
        try:
            values = grown.values(rows, self.backgrounds[0], seed=0, progress=lambda done: None)
            base = grown.base(self.backgrounds[0])
        except NoEngine:
            return {}, None
        return columns("v", values), [float(value) for value in base]

    def _reference(self) -> dict[str, Floats]:
        """Ours and the reference's values on the checked rows."""
        explainer, rows, background = self.explainer, self.rows.head(self.limits["checked"]), self.backgrounds[0]
        if isinstance(explainer, Linear):
            ours = explainer.values(rows, background, seed=0, progress=lambda done: None)
            return columns("a", ours) | columns("b", explainer.reference(rows, background))
        if explainer.engine == "woodelf":
            return self.checked
        return {}

    def _misses(self) -> bool:
        """Explain all rows where shap does it against a background, and tell whether some do not add up.

        It now and then takes another branch than the model for a value that lies on a threshold. A trial on fifty rows
        does not meet such a row; the values are kept for when there is none.
        """
        explainer = self.explainer
        if not isinstance(explainer, Tree) or (explainer.engine, explainer.perturbation) != ("shap", "interventional"):
            return False
        values = explainer.values(self.rows, self.backgrounds[0], seed=self.seed, progress=lambda done: None)
        wrong = int((~adding_up(explainer, self.rows, self.backgrounds[0], values)).sum())
        if wrong:
            self._tell_of(wrong, len(self.rows))
            return True
        self.made = values
        return False

    def _tell_of(self, wrong: int, rows: int) -> None:
        self.shap_is_right = False
        self.note = f"{self.note}; shap's values missed the score of {wrong} of {rows} rows".lstrip("; ")

    def _checks_out(self) -> bool:
        """Compare woodelf with shap on the checked rows, and say so in the note when it is not the same.

        Only rows count on which shap's own values add up: elsewhere there is nothing to be held against.
        """
        import numpy as np

        explainer: Any = self.explainer
        background = self.backgrounds[0].head(CHECK_BACKGROUND)
        same = not any("do not add up" in part for part in self.note.split("; "))
        perturbation = explainer.perturbation if same else "path_dependent"
        native = explainer.other(engine="shap", perturbation=perturbation)
        some = min(self.limits["checked"], len(self.rows))
        rows = self.rows.head(self._affordable(native, some, len(background), 0.25))
        try:
            ours, theirs = (
                explainer.other(engine=engine, perturbation=perturbation).values(
                    rows, background, seed=0, progress=lambda done: None
                )
                for engine in ("woodelf", "shap")
            )
            tolerance = CHECK_TOLERANCE * max(float(np.abs(theirs).max()), 1e-12)
            right = adding_up(native, rows, background, theirs, within=tolerance)
        except NoEngine as reason:
            self.note = f"{self.note}; could not be checked: {reason}".lstrip("; ")
            return False
        if not right.all():
            if self.shap_is_right:
                self._tell_of(int((~right).sum()), len(rows))
            if not right.any():
                return False
            ours, theirs = ours[right], theirs[right]
        self.checked = columns("a", ours) | columns("b", theirs)
        gap = float(np.abs(ours - theirs).max())
        if gap > tolerance:
            self.note = f"{self.note}; woodelf was {gap:.2g} off shap on {len(ours)} rows".lstrip("; ")
            return False
        return True


def columns(prefix: str, values: Floats) -> dict[str, Floats]:
    """Return values of shape (n, features, outputs) as columns named by position."""
    return {
        f"{prefix}{output}:{feature}": values[:, feature, output]
        for output in range(values.shape[2])
        for feature in range(values.shape[1])
    }


def outputs(prefix: str, values: Floats) -> dict[str, Floats]:
    """Return values of shape (n, outputs) as columns named by position."""
    return {f"{prefix}{output}": values[:, output] for output in range(values.shape[1])}
