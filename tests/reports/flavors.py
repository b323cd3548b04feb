"""Small real models of each flavor and task, saved by MLflow as its users save them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.lightgbm
    import mlflow.pyfunc
    import mlflow.sklearn
    import mlflow.xgboost

# What the environment of a model is made of, given so that MLflow does not load each model again to find out.
PINNED = ["scikit-learn", "numpy", "pandas", "cloudpickle", "lightgbm"]
XGBOOST_TYPES = ["xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"]


def rows(n: int = 200) -> pd.DataFrame:
    """Features a, b, c."""
    return pd.DataFrame(np.random.default_rng(0).normal(size=(n, 3)), columns=list("abc"))


X = rows()
TWO = (X["a"] + 0.3 * X["b"] > 0).astype(int)
WORDS = np.where(TWO == 1, "good", "bad")
THREE = pd.cut(X["a"], 3, labels=False)
NUMBER = 2 * X["a"] - X["b"]
SMALL: dict[str, Any] = {"n_estimators": 5}
QUIET: dict[str, Any] = SMALL | {"verbose": -1}


def save(path: Path, how: Callable[..., None], model: Any, **more: Any) -> Any:
    """Save a fitted model and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        how(model, path, pip_requirements=[f"{name}=={mlflow_version(name)}" for name in PINNED], **more)
    return model


def save_code(path: Path, source: str, **more: Any) -> Path:
    """Save a python_function whose code is ``source``, the body of ``predict(self, context, frame, params=None)``."""
    code = path.with_name(f"{path.name}.py")
    body = "\n".join(f"        {line}" for line in source.strip().splitlines())
    code.write_text(
        "import mlflow\nimport numpy as np\nimport pandas as pd\n\n\nclass M(mlflow.pyfunc.PythonModel):\n"
        f"    def predict(self, context, model_input, params=None):\n        frame = model_input\n{body}\n\n\n"
        "mlflow.models.set_model(M())\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(path, python_model=str(code), pip_requirements=requirements(), **more)
    return path


def requirements() -> list[str]:
    """The pins."""
    return [f"{name}=={mlflow_version(name)}" for name in PINNED]


def mlflow_version(name: str) -> str:
    """The installed version."""
    from importlib.metadata import version

    return version(name)


def xgboost_json(path: Path, model: Any) -> Any:
    """An XGBoost model in JSON."""
    return save(path, mlflow.xgboost.save_model, model, model_format="json")


def pipeline(path: Path, model: Any, types: list[str]) -> Any:
    """A scikit-learn pipeline by skops that ends in another library's estimator."""
    fitted = make_pipeline(StandardScaler(), model).fit(X, TWO)
    return save(path, mlflow.sklearn.save_model, fitted, skops_trusted_types=types)


def wrapped(path: Path) -> Any:
    """A cloudpickled python_function that answers with a column per class, named by it."""

    class Wrapped(mlflow.pyfunc.PythonModel):  # local, so that it is pickled by value
        def __init__(self, model: Any) -> None:
            self.model = model

        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return type(model_input)(self.model.predict_proba(model_input), columns=list(self.model.classes_))

    model = LogisticRegression().fit(X, WORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(path, python_model=Wrapped(model), pip_requirements=requirements())
    return model


SKLEARN, XGBOOST, LIGHTGBM = mlflow.sklearn.save_model, mlflow.xgboost.save_model, mlflow.lightgbm.save_model
# name: (task, flavor, serialization, brings code, saves it and returns the fitted model)
MODELS: dict[str, tuple[str, str, str, bool, Callable[[Path], Any]]] = {
    "logistic": ("binary", "sklearn", "skops", False, lambda p: save(p, SKLEARN, LogisticRegression().fit(X, WORDS))),
    "three": ("multiclass", "sklearn", "skops", False, lambda p: save(p, SKLEARN, LogisticRegression().fit(X, THREE))),
    "linear": ("regression", "sklearn", "skops", False, lambda p: save(p, SKLEARN, LinearRegression().fit(X, NUMBER))),
    "labels": ("multiclass", "sklearn", "skops", False, lambda p: save(p, SKLEARN, Perceptron().fit(X, THREE))),
    "pickle": (
        *("binary", "sklearn", "pickle", True),
        lambda p: save(p, SKLEARN, LogisticRegression().fit(X, WORDS), serialization_format="pickle"),
    ),
    "cloudpickle": (
        *("binary", "sklearn", "cloudpickle", True),
        lambda p: save(p, SKLEARN, LogisticRegression().fit(X, WORDS), serialization_format="cloudpickle"),
    ),
    "xgb-pipeline": (
        *("binary", "sklearn", "skops", False),
        lambda p: pipeline(p, xgb.XGBClassifier(**SMALL), XGBOOST_TYPES),
    ),
    "xgb": ("binary", "xgboost", "ubj", False, lambda p: save(p, XGBOOST, xgb.XGBClassifier(**SMALL).fit(X, TWO))),
    "xgb-three": (
        "multiclass",
        "xgboost",
        "json",
        False,
        lambda p: xgboost_json(p, xgb.XGBClassifier(**SMALL).fit(X, THREE)),
    ),
    "xgb-number": (
        "regression",
        "xgboost",
        "ubj",
        False,
        lambda p: save(p, XGBOOST, xgb.XGBRegressor(**SMALL).fit(X, NUMBER)),
    ),
    "xgb-booster": (
        *("binary", "xgboost", "ubj", False),
        lambda p: save(p, XGBOOST, xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(X, label=TWO), 5)),
    ),
    "lgb": (
        "binary",
        "lightgbm",
        "skops",
        False,
        lambda p: save(p, LIGHTGBM, lgb.LGBMClassifier(**QUIET).fit(X, WORDS)),
    ),
    "lgb-booster": (
        *("multiclass", "lightgbm", "text", False),
        lambda p: save(
            p,
            LIGHTGBM,
            lgb.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, lgb.Dataset(X, label=THREE), 5),
        ),
    ),
    "pyfunc": ("binary", "python_function", "cloudpickle", True, wrapped),
}
