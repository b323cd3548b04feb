"""SHAP values of linear models in closed form: each coefficient times the distance from the background's mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .spaces import origin

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

KINDS = frozenset(
    [
        "LogisticRegression",
        "LogisticRegressionCV",
        "SGDClassifier",
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "ElasticNet",
        "ElasticNetCV",
        "SGDRegressor",
        "BayesianRidge",
        "HuberRegressor",
    ]
)


def is_linear(estimator: Any) -> bool:
    """Return whether the estimator's raw output is ``x @ coef + intercept``."""
    library, kind = origin(estimator)
    return library == "sklearn" and kind in KINDS


def linear_values(estimator: Any, made: Floats, background: Floats) -> Floats:
    """Return ``coef * (x - mean of the background)``, shape (n, made columns, raw outputs).

    These are the interventional SHAP values of the raw output, exactly (Lundberg & Lee 2017, corollary 1).
    """
    import numpy as np

    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))  # (outputs, made)
    return np.asarray((made - background.mean(axis=0))[:, :, None] * coefficients.T[None])


def shap_linear_values(estimator: Any, made: Floats, background: Floats) -> Floats:
    """Return what shap's LinearExplainer gives for the same question, same shape."""
    import numpy as np
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    values = np.asarray(shap.LinearExplainer(estimator, masker).shap_values(made), dtype=np.float64)
    return values[:, :, None] if values.ndim == 2 else values
