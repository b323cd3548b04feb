"""What a model says it was made with, beside what is installed here, for the versions that matter to loading it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from reports.isolation.errors import ModelRefused

# How many parts of a version have to be the same; of everything else any version does.
MAJOR, MINOR = 1, 2
LIBRARIES = {
    "sklearn": {"scikit-learn": MINOR, "numpy": MAJOR},
    "xgboost": {"xgboost": MINOR, "numpy": MAJOR},
    "lightgbm": {"lightgbm": MINOR, "numpy": MAJOR},
    "python_function": {"numpy": MAJOR, "pandas": MAJOR, "cloudpickle": MAJOR},
}
WITHIN = ("scikit-learn", "xgboost", "lightgbm")  # matter to a pyfunc too, if it names them
ALIASES = {"xgboost-cpu": "xgboost"}  # the same library in a smaller wheel
LONGEST = 256 << 10


@dataclass(frozen=True)
class Requirements:
    """A model's own requirements: its lines without comments, the versions that they pin, and its Python's."""

    lines: tuple[str, ...]
    pinned: Mapping[str, str]
    python: str

    @property
    def digest(self) -> str:
        """The name of an environment made of them: ``<hex>`` of the SHA-256 of Python's minor version and the lines."""
        return sha256("\n".join([_parts(self.python, MINOR), *sorted(self.lines)]).encode()).hexdigest()


@dataclass(frozen=True)
class Difference:
    """One version that matters and is not the installed one; ``ours`` is empty when nothing is installed."""

    library: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.library} {self.theirs} (here {self.ours or 'not installed'})"


def read_requirements(model_dir: Path, flavor: str, config: Mapping[str, Any], python: str = "") -> Requirements:
    """Return what the model's ``requirements.txt`` and ``python_env.yaml`` say, and else its flavor in ``MLmodel``.

    Raises:
        ModelRefused: the files are not those that MLflow writes.
    """
    lines = tuple(line for line in _lines(model_dir / "requirements.txt") if line and not line.startswith("#"))
    pinned = {}
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue  # an option or an address: no version can be read from it
        exact = [spec.version for spec in wanted.specifier if spec.operator in ("==", "===")]
        if exact and (wanted.marker is None or wanted.marker.evaluate()):
            name = str(canonicalize_name(wanted.name))
            pinned[ALIASES.get(name, name)] = exact[0]
    told = {
        "scikit-learn": config.get("sklearn_version"),
        "xgboost": config.get("xgb_version"),
        "lightgbm": config.get("lgb_version"),
        "cloudpickle": config.get("cloudpickle_version"),
    }
    for name, said in told.items():
        if isinstance(said, str) and name in {*LIBRARIES.get(flavor, {})}:
            pinned.setdefault(name, said)
    return Requirements(lines, pinned, _python(model_dir) or python or platform.python_version())


def differences(requirements: Requirements, flavor: str, *, also: Iterable[str] = ()) -> list[Difference]:
    """Return the versions that matter and differ from the installed ones.

    Args:
        also: further distributions that the model's file names types of.
    """
    matter = dict(LIBRARIES[flavor])
    inside = WITHIN if flavor == "python_function" else also
    matter |= {name: MINOR for name in inside if name in requirements.pinned}
    found = []
    for name, parts in matter.items():
        theirs = requirements.pinned.get(name)
        ours = installed(name)
        if theirs is not None and _parts(theirs, parts) != _parts(ours, parts):
            found.append(Difference(name, theirs, ours))
    if _parts(requirements.python, MINOR) != _parts(platform.python_version(), MINOR):
        found.append(Difference("python", requirements.python, platform.python_version()))
    return found


def installed(name: str) -> str:
    """Return the installed version of a distribution, whichever wheel holds it; empty when there is none."""
    for candidate in (name, *(alias for alias, real in ALIASES.items() if real == name)):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return ""


def _parts(text: str, count: int) -> str:
    try:
        return ".".join(map(str, (*Version(text).release, 0, 0)[:count])) if text else ""
    except InvalidVersion:
        return text


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    if path.stat().st_size > LONGEST:
        msg = f"{path.name} is larger than {LONGEST >> 10} kB, which no list of requirements is."
        raise ModelRefused(msg)
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        msg = f"{path.name} is not readable text. Log the model again."
        raise ModelRefused(msg) from error


def _python(model_dir: Path) -> str:
    try:
        said = yaml.safe_load("\n".join(_lines(model_dir / "python_env.yaml")) or "{}")
    except yaml.YAMLError as error:
        msg = "python_env.yaml is not readable YAML. Log the model again."
        raise ModelRefused(msg) from error
    return str(said.get("python") or "") if isinstance(said, dict) else ""
