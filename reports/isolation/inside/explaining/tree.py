"""SHAP values of tree ensembles: shap's own engine, and woodelf's, which is exact too and faster on many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gathering import AT_MOST_DEEP, gathered
from .spaces import origin

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SKLEARN = ("RandomForest", "ExtraTrees", "GradientBoosting", "HistGradientBoosting", "DecisionTree", "ExtraTree")
BOOSTERS = frozenset(
    ["Booster", "XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor", "LGBMClassifier", "LGBMRegressor"]
)


class NoEngine(Exception):
    """This engine can't explain this model; the message says why."""


def is_tree(estimator: Any) -> bool:
    """Return whether the estimator is a tree ensemble that the engines may know."""
    library, kind = origin(estimator)
    if library in ("xgboost", "lightgbm"):
        return kind in BOOSTERS
    return library == "sklearn" and kind.removesuffix("Classifier").removesuffix("Regressor") in SKLEARN


def size_of(estimator: Any) -> tuple[int, int]:
    """Return the number of leaves of an ensemble and the depth of its deepest tree: what its explanation costs."""
    library, kind = origin(estimator)
    if library in ("xgboost", "lightgbm"):
        booster = estimator if kind == "Booster" else getattr(estimator, "booster_", None) or estimator.get_booster()
        if library == "xgboost":
            return sum(text.count("leaf=") for text in booster.get_dump()), 8
        trees = [line for line in booster.model_to_string().splitlines() if line.startswith("num_leaves=")]
        return sum(int(line.partition("=")[2]) for line in trees), 8
    if kind.startswith("HistGradient"):
        grown = [tree for trees in estimator._predictors for tree in trees]
        return sum(tree.get_n_leaf_nodes() for tree in grown), max(tree.get_max_depth() for tree in grown)
    parts = getattr(estimator, "estimators_", [estimator])
    trees = [part.tree_ for part in (parts.ravel() if hasattr(parts, "ravel") else parts)]
    return sum(int(tree.n_leaves) for tree in trees), max(int(tree.max_depth) for tree in trees)


def unsafe_native_interventional(estimator: Any) -> str:
    """Return why shap's interventional values can't be used for this estimator, or nothing when they can."""
    if "HistGradientBoosting" in origin(estimator)[1]:
        return "shap's interventional values of a HistGradientBoosting do not add up to its score"
    return ""


def shap_values(estimator: Any, made: Any, background: Any | None) -> tuple[Floats, Floats | None]:
    """Return shap's TreeExplainer values, shape (n, made columns, raw outputs), and its base values.

    For xgboost and lightgbm without a background these are the library's own contributions, bit for bit.

    Args:
        background: for interventional values, all of whose rows are used; None for path-dependent ones.
    Returns: base values only without a background; with one they are the mean raw output over it.
    Raises:
        NoEngine: shap can't read the model or the data.
    """
    import numpy as np
    import shap

    try:
        if background is None:
            explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
        else:
            behind = seen_by(estimator, background)
            masker = shap.maskers.Independent(behind, max_samples=len(behind))  # by default it keeps 100 rows, silently
            explainer = shap.TreeExplainer(estimator, masker, feature_perturbation="interventional")
            made = seen_by(estimator, made)
        values = shaped(explainer.shap_values(made, check_additivity=False))
    except NoEngine:
        raise
    except Exception as error:  # shap raises whatever its readers meet
        msg = f"shap: {type(error).__name__}: {str(error)[:150]}"
        raise NoEngine(msg) from error
    base = None
    if background is None:
        base = np.asarray(explainer.expected_value, dtype=np.float64).ravel()[-values.shape[2] :]
    return values, base


def woodelf_values(estimator: Any, made: Any, background: Any | None, *, outputs: int) -> Floats:
    """Return woodelf's exact values, shape (n, made columns, raw outputs); path-dependent without a background.

    Args:
        outputs: how many raw outputs the model has; woodelf explains one at a time.
    Raises:
        NoEngine: woodelf can't read the model or the data.
    Source: Nadel & Wettenstein (2026), AAAI 40(29), doi:10.1609/aaai.v40i29.39630.
    """
    import numpy as np
    import pandas as pd

    rows = seen_by(estimator, made)
    names = [f"c{i}" for i in range(rows.shape[1])]
    try:
        from woodelf import WoodelfExplainer
        from woodelf.core.trees.parse_models import load_decision_tree_ensemble_model

        frame = pd.DataFrame(rows, columns=names)
        behind = None if background is None else pd.DataFrame(seen_by(estimator, background), columns=names)
        how = "tree_path_dependent" if behind is None else "interventional"
        parts = []
        for output in range(outputs):
            trees = load_decision_tree_ensemble_model(estimator, names, class_index=output)
            if trees.max_depth <= AT_MOST_DEEP:
                parts.append(gathered(trees, frame, behind))
                continue
            explainer = WoodelfExplainer(trees, behind, feature_perturbation=how)
            parts.append(np.asarray(explainer.shap_values(frame, verbose=False), dtype=np.float64))
    except Exception as error:
        msg = f"woodelf: {type(error).__name__}: {str(error)[:150]}"
        raise NoEngine(msg) from error
    return np.stack(parts, axis=2)


def seen_by(estimator: Any, made: Any) -> Floats:
    """Return the columns as the trees compare them: rounded to float32, but for lightgbm and histogram boosting.

    A value within that rounding of a threshold would else take another branch here than in the model.
    """
    import numpy as np

    library, kind = origin(estimator)
    columns = numbers(made)
    if library == "lightgbm" or kind.startswith("HistGradient"):
        return columns
    return columns.astype(np.float32).astype(np.float64)


def numbers(made: Any) -> Floats:
    """Return the columns as float64.

    Raises:
        NoEngine: a column is no number: the model splits on categories itself.
    """
    import numpy as np

    if hasattr(made, "dtypes"):
        import pandas as pd

        other = [str(name) for name in made.columns if not pd.api.types.is_numeric_dtype(made[name])]
        if other:
            msg = f"the model splits on categories itself ({', '.join(other[:3])})"
            raise NoEngine(msg)
        return np.asarray(made.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(made, dtype=np.float64)


def shaped(values: Any) -> Floats:
    """Return shap's values as shape (n, made columns, outputs): it gives one output as (n, columns), or a list."""
    import numpy as np

    if isinstance(values, list):
        return np.stack([np.asarray(part, dtype=np.float64) for part in values], axis=2)
    out = np.asarray(values, dtype=np.float64)
    return out[:, :, None] if out.ndim == 2 else out
