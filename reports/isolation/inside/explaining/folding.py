"""Follow a scikit-learn pipeline from the model's own columns back to the columns that it was given.

What a pipeline's last step sees is often not what people know: a category is several columns of zeros and ones, a
number is centred. Each of those columns is made from one original column alone by the transformers below, so its SHAP
value belongs to that column, and the values of a category's columns are summed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

# One column in, the same column out, in the same order.
ONE_TO_ONE = frozenset(
    [
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "PowerTransformer",
        "QuantileTransformer",
        "OrdinalEncoder",
        "Binarizer",
    ]
)


class NotFoldable(Exception):
    """A step mixes columns, or is not known; the message names it."""


class Folded:
    """A pipeline in two: what makes the columns, and the last step that predicts from them.

    ``estimator``: the last step, or the model itself when it is no pipeline.
    ``owner``: shape (made columns,), the position of the original column that each made column stands for.
    """

    def __init__(self, model: Any, frame: pd.DataFrame) -> None:
        import numpy as np

        self.names = list(frame.columns)
        self.estimator = model
        self.before = None
        owner: list[int] = list(range(len(self.names)))
        if hasattr(model, "steps") and hasattr(model, "named_steps"):
            self.estimator = model.steps[-1][1]
            steps = [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]
            if steps:
                self.before = model[:-1]
            for step in steps:
                owner = owners(step, owner, self.names)
        self.owner = np.asarray(owner, dtype=int)
        made = self.transform(frame.head(1)).shape[1]
        if made != len(self.owner):
            msg = f"the pipeline makes {made} columns where {len(self.owner)} were counted"
            raise NotFoldable(msg)

    @property
    def summed(self) -> bool:
        """Whether some original column stands for several made ones."""
        return len(set(self.owner.tolist())) < len(self.owner)

    def transform(self, frame: pd.DataFrame) -> Any:
        """Return what the last step sees, dense: a frame or shape (n, made columns)."""
        made = frame if self.before is None else self.before.transform(frame)
        return made.toarray() if hasattr(made, "toarray") else made

    def fold(self, values: Floats) -> Floats:
        """Return values of made columns, shape (n, made, outputs), summed by original column: (n, columns, outputs)."""
        import numpy as np

        out = np.zeros((values.shape[0], len(self.names), values.shape[2]))
        for made, original in enumerate(self.owner):
            out[:, original] += values[:, made]
        return out


def owners(step: Any, given: list[int], names: list[str]) -> list[int]:
    """Return the original column of each column that ``step`` makes from columns that belong to ``given``.

    Args:
        names: of the original columns, for a step that picks them by name.
    Raises:
        NotFoldable: the step mixes columns, drops some in a way we do not follow, or is none that we know.
    """
    if step in (None, "passthrough"):
        return given
    kind = type(step).__name__
    if kind in ONE_TO_ONE or (
        kind == "FunctionTransformer" and step.func is None
    ):  # without a function: passed through
        return given
    if kind == "SimpleImputer":
        return _imputer(step, given)
    if kind == "OneHotEncoder":
        return _one_hot(step, given)
    if kind == "Pipeline":
        for _, inner in step.steps:
            given = owners(inner, given, names)
        return given
    if kind == "ColumnTransformer":
        return _columns(step, given, names)
    msg = f"{kind} may mix columns"
    raise NotFoldable(msg)


def _imputer(step: Any, given: list[int]) -> list[int]:
    import numpy as np

    kept = [True] * len(given)
    if not step.keep_empty_features:
        kept = [not (isinstance(value, float) and np.isnan(value)) for value in step.statistics_]
    out = [place for place, keep in zip(given, kept, strict=True) if keep]
    if step.add_indicator:
        out += [given[i] for i in step.indicator_.features_]
    return out


def _one_hot(step: Any, given: list[int]) -> list[int]:
    merged = getattr(step, "infrequent_categories_", None) or [None] * len(given)
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(given)
    out: list[int] = []
    for place, values, rare, drop in zip(given, step.categories_, merged, dropped, strict=True):
        count = len(values) - (len(rare) - 1 if rare is not None else 0) - (drop is not None)
        out += [place] * count
    return out


def _columns(step: Any, given: list[int], names: list[str]) -> list[int]:
    out: dict[int, int] = {}
    for name, transformer, columns in step.transformers_:
        where = step.output_indices_[name]
        picked = [] if isinstance(transformer, str) and transformer == "drop" else _picked(columns, given, names)
        made = owners(transformer, picked, names) if picked else []
        if len(made) != where.stop - where.start:
            msg = f"the columns that {name!r} makes are not those counted"
            raise NotFoldable(msg)
        out |= dict(zip(range(where.start, where.stop), made, strict=True))
    return [out[i] for i in range(len(out))]


def _picked(columns: Any, given: list[int], names: list[str]) -> list[int]:
    """Return the original columns that a ColumnTransformer's selection stands for."""
    import numpy as np

    if isinstance(columns, slice) and not isinstance(columns.start or columns.stop, str):
        return given[columns]
    if isinstance(columns, (slice, str)):
        columns = [columns] if isinstance(columns, str) else _between(columns, names)
    chosen = np.asarray(columns)
    if chosen.dtype == bool:
        return [place for place, keep in zip(given, chosen, strict=True) if keep]
    if chosen.dtype.kind in "iu":
        return [given[int(i)] for i in np.atleast_1d(chosen)]
    if given != list(range(len(names))):
        msg = "columns are picked by name from what an earlier step made"
        raise NotFoldable(msg)
    return [names.index(str(column)) for column in chosen]


def _between(span: slice, names: list[str]) -> list[str]:
    first = names.index(span.start) if span.start is not None else 0
    last = names.index(span.stop) if span.stop is not None else len(names) - 1
    return names[first : last + 1]
