"""Load a model by its flavor, from what static inspection allowed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .protocol import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED = {
    "sklearn": ("scikit-learn", "skops", "numpy", "pandas", "pyarrow"),
    "xgboost": ("xgboost", "xgboost-cpu", "scikit-learn", "numpy", "pandas", "pyarrow"),
    "lightgbm": ("lightgbm", "scikit-learn", "skops", "numpy", "pandas", "pyarrow"),
    "python_function": (
        *("mlflow", "mlflow-skinny", "cloudpickle", "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm"),
        *("numpy", "pandas", "pyarrow"),
    ),
}


def load(setup: dict[str, Any]) -> Any:
    """Return what was saved: an estimator, a booster, or MLflow's python_function model."""
    file = str(Path(setup["model"]) / setup["file"])
    match setup["flavor"], setup["serialization"]:
        case "python_function", _:
            return pyfunc(setup["model"])
        case _, "skops":
            return skops_file(file, setup["trusted"])
        case _, "pickle" | "cloudpickle":
            return pickled(file, setup["globals"])
        case "xgboost", _:
            import xgboost

            made = getattr(xgboost, setup["model_class"].rpartition(".")[2])()
            made.load_model(file)
            return made
        case "lightgbm", _:
            import lightgbm

            return lightgbm.Booster(model_file=file)
    msg = f"The flavor {setup['flavor']} is none that is loaded here."
    raise Refused(msg)


def skops_file(file: str, trusted: list[str]) -> Any:
    """Load a skops file; the types are checked again here."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(file, trusted=trusted)
    except UntrustedTypesFoundException as error:
        msg = f"The model file names types that are not on the allow-list: {error}"
        raise Refused(msg) from error


def pickled(file: str, names: Iterable[str]) -> Any:
    """Load a pickle that may import exactly what inspection saw in it."""
    import pickle

    known = set(names)

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if f"{module}.{name}" not in known:
                msg = f"The pickle asks for {module}.{name}, which inspection did not see in it."
                raise Refused(msg)
            return super().find_class(module, name)

    with open(file, "rb") as stream:  # noqa: PTH123
        return Unpickler(stream).load()


def pyfunc(directory: str) -> Any:
    """Load by MLflow, as serving does: signature, context and artifacts included."""
    import logging

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(directory)


def libraries(flavor: str, *more: str) -> dict[str, str]:
    """Return the versions of what the flavor is run with, of what is installed."""
    found = {}
    for name in (*NAMED[flavor], *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def xgboost_objective(booster: Any) -> tuple[str, int]:
    """Return a booster's objective and number of classes (0 for none)."""
    learner = json.loads(booster.save_config())["learner"]
    return learner["objective"]["name"], int(learner["learner_model_param"]["num_class"])


def lightgbm_objective(file: str) -> str:
    """Return the first word of the objective that a LightGBM text file names."""
    with open(file, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        for line in stream:
            if line.startswith("objective="):
                return line.partition("=")[2].split()[0]
            if line.startswith("Tree="):
                break
    return ""
