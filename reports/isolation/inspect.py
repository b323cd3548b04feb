"""Look at a model's files, without loading them, and refuse what would run code that we did not look at."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reports.isolation import pickles
from reports.isolation.errors import ModelRefused
from reports.isolation.requirements import Requirements, read_requirements

# Types that skops does not trust by itself and we load, in the isolated process only. Of the first two, node indexes
# are not checked against the arrays' bounds, so a forged file can crash the process or make it read outside them, no
# more. Of the boosters, skops makes an empty object and hands it its state: plain attributes, and bytes that go to the
# library's own reader (Booster.__setstate__), where the same holds. None of them calls anything that the state names.
ALLOWED_TYPES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "collections.OrderedDict",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
    "xgboost.sklearn.XGBRFClassifier",
    "xgboost.sklearn.XGBRFRegressor",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
)
XGBOOST_CLASSES = ("xgboost.core.Booster", *(name for name in ALLOWED_TYPES if name.startswith("xgboost.sklearn.")))
SKLEARN, XGBOOST, LIGHTGBM, PYFUNC = FLAVORS = ("sklearn", "xgboost", "lightgbm", "python_function")
ISOLATED, REFUSE = MODEL_CODE = ("isolated", "refuse")
LARGEST_SCHEMA = 64 << 20
UNREADABLE = (
    *(OSError, zipfile.BadZipFile, zlib.error, ImportError, RuntimeError),  # the file, and what skops meets in it
    *(LookupError, AttributeError, TypeError, ValueError),
)


@dataclass(frozen=True)
class Inspection:
    """What static inspection found, and how the isolated process is to load the model.

    ``flavor``: one of FLAVORS. ``serialization``: skops, pickle, cloudpickle, json, ubj, text, python.
    ``file``: what is loaded, relative to the model; empty for python_function, which MLflow loads.
    ``untrusted_types``: those of a skops file that skops does not trust by itself; all are on the allow-list.
    ``brings_code``: loading or asking the model runs code of its author.
    ``globals``: what its pickles import. ``imports``: what its Python files import, by their text.
    ``classes``: as named in the model's metadata (``classes``), for one whose answers don't name them.
    """

    flavor: str
    serialization: str
    requirements: Requirements
    file: str = ""
    model_class: str = ""
    untrusted_types: tuple[str, ...] = ()
    brings_code: bool = False
    globals: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def setup(self) -> dict[str, Any]:
        """Return what ``inside/models.py`` needs to load it."""
        return {
            "flavor": self.flavor,
            "serialization": self.serialization,
            "file": self.file,
            "model_class": self.model_class,
            "trusted": list(ALLOWED_TYPES),
            "globals": list(self.globals),
            "classes": list(self.classes),
        }

    def facts(self) -> dict[str, Any]:
        """Return what stands in the evidence's environment about the model."""
        return {
            "flavor": self.flavor,
            "serialization": self.serialization,
            "brings_code": self.brings_code,
            "globals": list(self.globals[:200]),
            "imports": list(self.imports[:200]),
            "untrusted_types": list(self.untrusted_types),
            "made_with": {name: self.requirements.pinned[name] for name in sorted(self.requirements.pinned)[:100]},
            "python": self.requirements.python,
        }


@dataclass
class _Found:
    """What the files beside MLmodel are."""

    pickles: list[Path] = field(default_factory=list)
    python: list[Path] = field(default_factory=list)


def inspect_model(model_dir: Path, *, code: str = ISOLATED) -> Inspection:
    """Return what the directory holds: an MLflow model of a flavor that we load.

    scikit-learn by skops, XGBoost and LightGBM in their own formats bring no code. Pickles, python_function and models
    with code_paths do: they are let through when ``code`` is "isolated" and their pickles name nothing that is refused.

    Raises:
        ModelRefused: there is no readable MLmodel, a file is missing or a symbolic link, a type or a name is not on the
            allow-list, or the model brings code and ``code`` is "refuse". The message says how to log it instead.
    """
    config = _mlmodel(model_dir)
    declared = config.get("flavors")
    flavors = {str(k): v for k, v in declared.items() if isinstance(v, dict)} if isinstance(declared, dict) else {}
    flavor = next((name for name in FLAVORS if name in flavors), "")
    if not flavor:
        names = ", ".join(sorted(flavors)) or "none"
        msg = f"No flavor that Placet loads (found: {names}). Log the model with mlflow.sklearn.log_model."
        raise ModelRefused(msg)
    files = _files(model_dir)
    python = str(flavors.get(PYFUNC, {}).get("python_version") or "")
    requirements = read_requirements(model_dir, flavor, flavors[flavor], python)
    own_code = any(settings.get("code") or settings.get("code_paths") for settings in flavors.values())
    metadata = config.get("metadata")
    if flavor == XGBOOST and not own_code:
        return _xgboost(model_dir, flavors[flavor], requirements, files)
    if flavor == LIGHTGBM and flavors[flavor].get("model_class", "lightgbm.basic.Booster") == "lightgbm.basic.Booster":
        if not own_code:
            _no_code(model_dir, files)
            file = _member(model_dir, flavors[flavor].get("data"))
            return Inspection(flavor, "text", requirements, file, "lightgbm.basic.Booster")
    elif flavor in (SKLEARN, LIGHTGBM) and flavors[flavor].get("serialization_format") == "skops" and not own_code:
        _no_code(model_dir, files)
        file = _member(model_dir, flavors[flavor].get("pickled_model" if flavor == SKLEARN else "data"))
        return Inspection(flavor, "skops", requirements, file, untrusted_types=_types(model_dir / file))
    return _with_code(model_dir, flavor, flavors[flavor], requirements, files, metadata, code=code, own_code=own_code)


def untrusted_types(skops_file: Path) -> list[str]:
    """Return the types in the file that skops does not trust by itself, sorted; nothing is built from the file.

    Raises:
        ModelRefused: the file is missing or damaged.
    """
    import skops.io

    try:
        with zipfile.ZipFile(skops_file) as archive:
            if archive.getinfo("schema.json").file_size > LARGEST_SCHEMA:
                msg = f"The schema inside {skops_file.name} is larger than {LARGEST_SCHEMA >> 20} MB."
                raise ModelRefused(msg)
        return sorted(skops.io.get_untrusted_types(file=skops_file))
    except UNREADABLE as error:
        msg = f"{skops_file.name} cannot be read ({type(error).__name__}: {error}). Log the model again."
        raise ModelRefused(msg) from error


def _types(skops_file: Path) -> tuple[str, ...]:
    untrusted = untrusted_types(skops_file)
    refused = sorted(set(untrusted) - set(ALLOWED_TYPES))
    if refused:
        listed = ", ".join(refused)
        msg = f"The model file names types that are not on the allow-list: {listed}. Use scikit-learn's own."
        raise ModelRefused(msg)
    return tuple(untrusted)


def _xgboost(model_dir: Path, config: Mapping[str, Any], requirements: Requirements, files: _Found) -> Inspection:
    _no_code(model_dir, files)
    file = _member(model_dir, config.get("data"))
    made_by = str(config.get("model_class", "xgboost.core.Booster"))
    if made_by not in XGBOOST_CLASSES:
        msg = f"The model's class is {made_by}, which Placet does not load. Use one of {', '.join(XGBOOST_CLASSES)}."
        raise ModelRefused(msg)
    kind = "json" if file.endswith(".json") else "ubj"
    return Inspection(XGBOOST, kind, requirements, file, made_by)


def _with_code(
    model_dir: Path,
    flavor: str,
    config: Mapping[str, Any],
    requirements: Requirements,
    files: _Found,
    metadata: Any,
    *,
    code: str,
    own_code: bool,
) -> Inspection:
    """A model that runs code of its author when it is loaded or asked."""
    serialization = str(config.get("serialization_format") or "python")
    if flavor in (SKLEARN, LIGHTGBM) and not own_code and serialization in ("pickle", "cloudpickle"):
        name = _member(model_dir, config.get("pickled_model" if flavor == SKLEARN else "data"))
        how = f"{name} is a pickle; loading it runs code"
        pickled = [*files.pickles, *([model_dir / name] if model_dir / name not in files.pickles else [])]
    elif flavor in (SKLEARN, LIGHTGBM) and not own_code:
        msg = f"The model is serialized as {serialization}. Log it with serialization_format='skops'."
        raise ModelRefused(msg)
    else:  # whatever else it is, MLflow loads it by its python_function flavor
        flavor, name, pickled = PYFUNC, "", files.pickles
        how = "The model is Python code of its author (python_function or code_paths)"
        serialization = "cloudpickle" if config.get("python_model") else "python"
    if code == REFUSE:
        msg = (
            f"{how}, and PLACET_MODEL_CODE=refuse does not run it. Log the model with mlflow.sklearn.log_model and "
            "serialization_format='skops', or in XGBoost's or LightGBM's own format, without code_paths."
        )
        raise ModelRefused(msg)
    for path in model_dir.rglob("*.skops"):
        pickles.refuse_never(path.name, untrusted_types(path))
    found = {name for path in pickled for name in pickles.globals_of(path)}
    imported = {name for path in files.python for name in pickles.imports_of(path)}
    told = metadata.get("classes") if isinstance(metadata, dict) else None
    return Inspection(
        flavor,
        serialization,
        requirements,
        name,
        brings_code=True,
        globals=tuple(sorted(found)),
        imports=tuple(sorted(imported)),
        classes=tuple(map(str, told)) if isinstance(told, list) else (),
    )


def _no_code(model_dir: Path, files: _Found) -> None:
    """Nothing beside a model without code is loaded, and nothing that could be has a place there."""
    for path in files.python:
        name = path.relative_to(model_dir).as_posix()
        msg = f"{name} is Python code beside the model, which is not run. Log the model without code_paths."
        raise ModelRefused(msg)
    for path in files.pickles:
        name = path.relative_to(model_dir).as_posix()
        msg = f"{name} is a pickle; loading it runs code. Log the model with serialization_format='skops'."
        raise ModelRefused(msg)


def _member(model_dir: Path, name: Any) -> str:
    """The name of a file inside the model."""
    given = str(name or "")
    path = model_dir / given
    if not given or ".." in Path(given).parts or Path(given).is_absolute() or not path.is_file():
        msg = f"MLmodel names {given or 'no file'} as the model, which is no file in it. Log the model again."
        raise ModelRefused(msg)
    return given


def _mlmodel(model_dir: Path) -> dict[str, Any]:
    path = model_dir / "MLmodel"
    if not path.is_file() or path.is_symlink():
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


def _files(model_dir: Path) -> _Found:
    found = _Found()
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
            found.python.append(path)
        elif pickles.looks_pickled(path):
            found.pickles.append(path)
    return found
