"""Choose how a model is explained: by its family where that is shown to add up to what the model says, else by asking.

Each candidate is tried on some rows before it is used; what was passed over, and why, is told in ``note``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .folding import Folded, NotFoldable
from .linear import is_linear, linear_values, shap_linear_values
from .permutation import permutation_values
from .spaces import Space, matrix, raw_output, space_of
from .tree import NoEngine, is_tree, numbers, shap_values, size_of, unsafe_native_interventional, woodelf_values

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Progress = Callable[[int], None]

TRIED_ROWS = 50
FEWEST = 20  # rows that are explained at least, whatever it costs
MOST_LEAVES = 30_000  # of an ensemble that woodelf is asked about: it works leaf by leaf
DEEP, MOST_DEEP = 12, 2_000_000  # below that depth it works on all paths at once; leaves * depth^2 of deeper trees
ADDS_UP = 5e-4  # in probability or margin; for a regression, times its largest value


class Unsuitable(Exception):
    """This way of explaining does not fit the model; the message says why."""


class Explainer:
    """One way to explain a model, shared parts. ``score`` is in the space that is explained.

    ``family``: tree, linear or permutation. ``perturbation``: interventional or path_dependent. ``engine``: what
    computes the values. ``summed``: whether values of several made columns are summed to one original column.
    """

    family = ""
    engine = ""
    perturbation = "interventional"
    summed = False
    space = "probability"

    def score(self, frame: pd.DataFrame) -> Floats:
        """Return the model's answers in the space explained, shape (n, outputs)."""
        raise NotImplementedError

    def values(self, rows: pd.DataFrame, background: pd.DataFrame, *, seed: int, progress: Progress) -> Floats:
        """Return SHAP values, shape (n, features, outputs)."""
        raise NotImplementedError

    def base(self, background: pd.DataFrame) -> Floats:
        """Return the base values, shape (outputs,): the mean answer over the background."""
        import numpy as np

        return np.asarray(self.score(background).mean(axis=0))


class Asked(Explainer):
    """Permutation SHAP: the model is asked about mixed rows, and explained in what it says."""

    family = "permutation"
    engine = "shap.explainers.Permutation"

    def __init__(self, model: Any, task: str) -> None:
        self.model = model
        self.space = "value" if task == "regression" else "probability"

    def score(self, frame: pd.DataFrame) -> Floats:
        return matrix(self.model.score(frame))

    def values(self, rows: pd.DataFrame, background: pd.DataFrame, *, seed: int, progress: Progress) -> Floats:
        return permutation_values(self.score, rows, background, seed=seed, progress=progress)[0]


class Known(Explainer):
    """A model whose last step is known: explained in that step's raw output, summed back to the original columns."""

    def __init__(self, folded: Folded, space: Space) -> None:
        self.folded = folded
        self.taken = space
        self.space = space.name
        self.summed = folded.summed

    def score(self, frame: pd.DataFrame) -> Floats:
        return self.taken.take(raw_output(self.folded.estimator, self.folded.transform(frame)))

    def back(self, values: Floats) -> Floats:
        """Return values of made columns and raw outputs as those of original columns and explained outputs."""
        return self.folded.fold(self.taken.take(values))


class Linear(Known):
    """Closed form, beside shap's LinearExplainer."""

    family = "linear"
    engine = "closed form"

    def values(self, rows: pd.DataFrame, background: pd.DataFrame, *, seed: int, progress: Progress) -> Floats:
        made, behind = (numbers(self.folded.transform(frame)) for frame in (rows, background))
        return self.back(linear_values(self.folded.estimator, made, behind))

    def reference(self, rows: pd.DataFrame, background: pd.DataFrame) -> Floats:
        """Return what shap's LinearExplainer says."""
        made, behind = (numbers(self.folded.transform(frame)) for frame in (rows, background))
        return self.back(shap_linear_values(self.folded.estimator, made, behind))


class Tree(Known):
    """Tree SHAP by one engine; ``perturbation`` says what an unknown feature means."""

    family = "tree"

    def __init__(self, folded: Folded, space: Space, *, engine: str, perturbation: str, outputs: int) -> None:
        super().__init__(folded, space)
        self.engine = engine
        self.perturbation = perturbation
        self.outputs = outputs
        self.leaves, self.depth = size_of(folded.estimator)

    def affordable(self, rows: int, background: int, *, share: float = 1.0) -> int:
        """Return how many of ``rows`` are explained in about half a minute of one processor, times ``share``.

        Measured: woodelf takes some 15 million rows * leaves a second and output, shap's interventional engine 125
        million rows * background rows * leaves, its path-dependent one 8 million rows * leaves * depth^2.
        """
        if self.perturbation == "path_dependent":
            cost = self.leaves * self.depth**2 / 8e6
        elif self.engine == "woodelf":
            cost = self.leaves * self.outputs / 15e6
        else:
            cost = self.leaves * background / 125e6
        return max(min(rows, FEWEST), min(rows, int(30 * share / max(cost, 1e-9))))

    def values(self, rows: pd.DataFrame, background: pd.DataFrame, *, seed: int, progress: Progress) -> Floats:
        made = self.folded.transform(rows)
        behind = None if self.perturbation == "path_dependent" else self.folded.transform(background)
        if self.engine == "woodelf":
            return self.back(woodelf_values(self.folded.estimator, made, behind, outputs=self.outputs))
        return self.back(shap_values(self.folded.estimator, made, behind)[0])

    def base(self, background: pd.DataFrame) -> Floats:
        """Return the base values; path-dependent ones are the trees' own, from the rows that they were grown on."""
        import numpy as np

        if self.perturbation != "path_dependent":
            return super().base(background)
        _, base = shap_values(self.folded.estimator, self.folded.transform(background.head(1)), None)
        if base is None:
            msg = "shap gives no base value"
            raise NoEngine(msg)
        return np.asarray(self.taken.take(base))

    def other(self, *, engine: str = "", perturbation: str = "") -> Tree:
        """Return the same model explained by another engine or with another meaning of unknown."""
        return Tree(
            self.folded,
            self.taken,
            engine=engine or self.engine,
            perturbation=perturbation or self.perturbation,
            outputs=self.outputs,
        )


def choose(model: Any, task: str, rows: pd.DataFrame, background: pd.DataFrame, *, many: bool) -> tuple[Explainer, str]:
    """Return the explainer for a model, and what was passed over.

    Args:
        rows, background: the model's own columns; the first rows of each are used for trying.
        many: whether so many rows are explained that the faster engine is tried first.
    """
    notes: list[str] = []
    few = rows.head(TRIED_ROWS)
    try:
        candidates = _candidates(model, task, few, many=many, notes=notes)
    except Unsuitable as reason:
        candidates = []
        notes.append(str(reason))
    behind = background.head(TRIED_ROWS)
    for explainer in candidates:
        try:
            _try(explainer, few, behind)
        except (Unsuitable, NoEngine) as reason:
            notes.append(f"{explainer.perturbation.replace('_', '-')} by {explainer.engine}: {reason}")
        else:
            return explainer, "; ".join(notes)
    return Asked(model, task), "; ".join(notes)


def _candidates(model: Any, task: str, few: pd.DataFrame, *, many: bool, notes: list[str]) -> list[Explainer]:
    estimator = getattr(model, "estimator", None)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") and estimator is not None else estimator
    if last is None or not (is_linear(last) or is_tree(last)):
        msg = f"{type(last).__name__} is neither a tree ensemble nor a linear model that we know"
        raise Unsuitable(msg)
    try:
        folded = Folded(estimator, few)
        raw = raw_output(last, folded.transform(few))
    except NotFoldable as reason:
        msg = f"the pipeline can't be followed back to its columns: {reason}"
        raise Unsuitable(msg) from reason
    except Exception as error:
        msg = f"its raw output can't be had: {type(error).__name__}: {str(error)[:150]}"
        raise Unsuitable(msg) from error
    space = space_of(raw, matrix(model.score(few)), task)
    if space is None:
        msg = "what it adds up is not, by a link that we know, what it says"
        raise Unsuitable(msg)
    if is_linear(last):
        return [Linear(folded, space)]
    engines = ["woodelf", "shap"] if many else ["shap", "woodelf"]
    leaves, depth = size_of(last)
    if leaves > MOST_LEAVES or (depth > DEEP and leaves * depth**2 > MOST_DEEP):
        engines.remove("woodelf")
        if many:
            notes.append(f"woodelf would take too long on {leaves:,} leaves at a depth of up to {depth}")
    unsafe = unsafe_native_interventional(last)
    if unsafe:
        engines.remove("shap")
        notes.append(unsafe)
    outputs = raw.shape[1]
    return [
        *(Tree(folded, space, engine=name, perturbation="interventional", outputs=outputs) for name in engines),
        Tree(folded, space, engine="shap", perturbation="path_dependent", outputs=outputs),
    ]


def _try(explainer: Explainer, rows: pd.DataFrame, background: pd.DataFrame) -> None:
    """Refuse an explainer whose values do not add up to the score, or that fails.

    Raises:
        Unsuitable, NoEngine: why it is not used.
    """
    import numpy as np

    try:
        values = explainer.values(rows, background, seed=0, progress=lambda done: None)
        base = explainer.base(background)
        score = explainer.score(rows)
    except NoEngine:
        raise
    except Exception as error:
        msg = f"{type(error).__name__}: {str(error)[:150]}"
        raise Unsuitable(msg) from error
    if values.shape != (len(rows), rows.shape[1], score.shape[1]) or not np.isfinite(values).all():
        msg = f"its values have shape {values.shape} or are not finite"
        raise Unsuitable(msg)
    off = np.abs(base + values.sum(axis=1) - score).max(axis=1)
    if (off > allowed(explainer, score)).any():
        msg = f"its values miss the score by {off.max():.2g}"
        raise Unsuitable(msg)


def allowed(explainer: Explainer, score: Floats) -> float:
    """Return how far the values of a row and the base value may be from its score."""
    import numpy as np

    return ADDS_UP * (max(float(np.abs(score).max()), 1e-12) if explainer.space == "value" else 1.0)


def adding_up(
    explainer: Explainer, rows: pd.DataFrame, background: pd.DataFrame, values: Floats, within: float | None = None
) -> npt.NDArray[np.bool_]:
    """Return which rows' values, shape (n, features, outputs), add up to the score, shape (n,).

    Args:
        within: how far a row may be off; None for what an explainer may be.
    """
    import numpy as np

    score = explainer.score(rows)
    off = np.abs(explainer.base(background) + values.sum(axis=1) - score).max(axis=1)
    return np.asarray(off <= (allowed(explainer, score) if within is None else within))
