"""Look at a model's files, without loading them, and refuse what would run code of the model's author."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reports.isolation.errors import ModelRefused

# Types that skops does not trust by itself and we load, in the isolated process only: their node indexes are not
# checked against the arrays' bounds, so a forged file can crash the process or make it read outside them, no more.
ALLOWED_TYPES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin"})
PICKLE_START = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
SKOPS_FILE = "model.skops"
LARGEST_SCHEMA = 64 << 20
UNREADABLE = (
    *(OSError, zipfile.BadZipFile, zlib.error, ImportError, RuntimeError),  # the file, and what skops meets in it
    *(LookupError, AttributeError, TypeError, ValueError),
)


@dataclass(frozen=True)
class Inspection:
    """What static inspection found.

    ``untrusted_types`` are those that skops does not trust by itself; all of them are on the allow-list.
    """

    flavor: str
    serialization: str
    untrusted_types: tuple[str, ...]


def inspect_model(model_dir: Path) -> Inspection:
    """Return what the directory holds: an MLflow model of the scikit-learn flavor, serialized by skops.

    Raises:
        ModelRefused: there is no readable MLmodel, another flavor, code of its own, a symbolic link, a pickle anywhere,
            or a type in the skops file that is not on the allow-list. The message says how to log the model instead.
    """
    config = _mlmodel(model_dir)
    declared = config.get("flavors")
    flavors: dict[str, Any] = declared if isinstance(declared, dict) else {}
    sklearn = flavors.get("sklearn")
    if not isinstance(sklearn, dict):
        found = ", ".join(sorted(map(str, flavors))) or "none"
        msg = f"No scikit-learn flavor (found: {found}). Log the model with mlflow.sklearn.log_model."
        raise ModelRefused(msg)
    for flavor in flavors.values():
        if isinstance(flavor, dict) and (flavor.get("code") or flavor.get("code_paths")):
            msg = "The model brings Python code of its own (code_paths), which is not run. Log it without code_paths."
            raise ModelRefused(msg)
    _refuse_files(model_dir)
    serialization = str(sklearn.get("serialization_format"))
    if serialization != "skops" or sklearn.get("pickled_model") != SKOPS_FILE:
        msg = (
            f"The model is serialized as {serialization}; loading it would run whatever its author put in. "
            "Log it with serialization_format='skops'."
        )
        raise ModelRefused(msg)
    untrusted = untrusted_types(model_dir / SKOPS_FILE)
    refused = sorted(set(untrusted) - set(ALLOWED_TYPES))
    if refused:
        listed = ", ".join(refused)
        msg = f"The model file names types that are not on the allow-list: {listed}. Use scikit-learn's own."
        raise ModelRefused(msg)
    return Inspection(flavor="sklearn", serialization=serialization, untrusted_types=tuple(untrusted))


def untrusted_types(skops_file: Path) -> list[str]:
    """Return the types in the file that skops does not trust by itself, sorted; nothing is built from the file.

    Raises:
        ModelRefused: the file is missing or damaged.
    """
    import skops.io

    try:
        with zipfile.ZipFile(skops_file) as archive:
            if archive.getinfo("schema.json").file_size > LARGEST_SCHEMA:
                msg = f"The schema inside {SKOPS_FILE} is larger than {LARGEST_SCHEMA >> 20} MB."
                raise ModelRefused(msg)
        return sorted(skops.io.get_untrusted_types(file=skops_file))
    except UNREADABLE as error:
        msg = f"{SKOPS_FILE} cannot be read ({type(error).__name__}: {error}). Log the model again."
        raise ModelRefused(msg) from error


def _mlmodel(model_dir: Path) -> dict[str, Any]:
    path = model_dir / "MLmodel"
    if not path.is_file():
        msg = f"There is no MLmodel file in {model_dir.name}: is this a directory that mlflow logged a model to?"
        raise ModelRefused(msg)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = "The MLmodel file is not readable YAML. Log the model again."
        raise ModelRefused(msg) from error
    if not isinstance(config, dict):
        msg = "The MLmodel file does not hold a mapping. Log the model again."
        raise ModelRefused(msg)
    return config


def _refuse_files(model_dir: Path) -> None:
    for path in sorted(model_dir.rglob("*")):
        name = path.relative_to(model_dir).as_posix()
        if path.is_symlink():
            msg = f"{name} is a symbolic link. Log the model with its files in place."
            raise ModelRefused(msg)
        if path.is_dir():
            continue
        if not path.is_file():
            msg = f"{name} is neither a file nor a directory."
            raise ModelRefused(msg)
        if path.suffix == ".py":
            msg = f"{name} is Python code beside the model, which is not run. Log the model without code_paths."
            raise ModelRefused(msg)
        with path.open("rb") as file:
            start = file.read(2)
        if path.suffix in PICKLE_SUFFIXES or start.startswith(PICKLE_START):
            msg = f"{name} is a pickle; loading it runs code. Log the model with serialization_format='skops'."
            raise ModelRefused(msg)
