"""A model's own environment, for when a version that matters is not the installed one.

Made by uv outside the sandbox from the model's ``requirements.txt``, of wheels alone, so that no code of a package runs
while it is made, and none of the model's; used inside the sandbox only, read-only. It is kept under the digest of the
requirements. Where packages can't be fetched, somebody puts the environment there.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from reports.isolation import options
from reports.isolation.errors import EnvironmentMismatch
from reports.isolation.inspect import PYFUNC, Inspection
from reports.isolation.requirements import WITHIN, Difference, Requirements, differences

OURS = ("pyarrow", "pandas")  # what the code beside the model needs; skops too, for models that it serialized
UNUSED = ("mlflow", "mlflow-skinny", "pytest")  # named by MLflow in requirements, and not needed to load these flavors
MAKING_S = 900
KEPT = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "no_proxy")
LOCK = "placet-lock.txt"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: where it lies, the digest of its requirements, and of the list of what is in it."""

    folder: Path
    digest: str
    lock_digest: str
    differences: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return what stands in the evidence about it."""
        return {
            "requirements_digest": f"sha256:{self.digest}",
            "lock_digest": self.lock_digest,
            "because": list(self.differences),
        }


def environment_of(inspection: Inspection) -> Environment | None:
    """Return the environment to run a model in; None for the installed one, when every version that matters fits.

    Raises:
        EnvironmentMismatch: one differs, and the model's own environment is not there and can't be made.
    """
    inside = [name for name in WITHIN if any(kind.startswith(f"{name}.") for kind in inspection.untrusted_types)]
    found = differences(inspection.requirements, inspection.flavor, also=inside)
    if not found:
        return None
    folder = options.environments_dir() / inspection.requirements.digest
    if not (folder / "bin" / "python").exists():
        _make(folder, inspection, found)
    lock = folder / LOCK
    return Environment(
        folder=folder.resolve(),
        digest=inspection.requirements.digest,
        lock_digest="sha256:" + sha256(lock.read_bytes()).hexdigest() if lock.exists() else "",
        differences=tuple(map(str, found)),
    )


def wanted(requirements: Requirements, inspection: Inspection) -> list[str]:
    """Return the requirements that the environment is made from: the model's, and what our code beside it needs.

    Raises:
        InvalidRequirement: a line is an option, an address or a path; such a line could fetch from anywhere.
    """
    lines = []
    for line in requirements.lines:
        requirement = Requirement(line)
        if requirement.url:
            msg = f"{line} is an address"
            raise InvalidRequirement(msg)
        if inspection.flavor == PYFUNC or canonicalize_name(requirement.name) not in UNUSED:
            lines.append(line)
    return [*lines, *OURS, *(["skops"] if inspection.serialization == "skops" else [])]


def _make(folder: Path, inspection: Inspection, found: list[Difference]) -> None:
    """Make the environment, if it may and can be made."""
    said = "; ".join(map(str, found))
    place = f"It was looked for in {folder.name}, below PLACET_MODEL_ENVIRONMENTS"
    if options.index() == ["off"]:
        why = f"{place}, and PLACET_MODEL_INDEX=off makes none. Put one there, or log the model with the versions here."
        raise EnvironmentMismatch(said, why)
    try:
        lines = wanted(inspection.requirements, inspection)
    except InvalidRequirement as error:
        why = f"{place}; it can't be made of the model's requirements.txt ({str(error)[:200]})."
        raise EnvironmentMismatch(said, why) from error
    try:
        _make_of(lines, folder, _python(inspection))
    except (subprocess.SubprocessError, OSError) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip()
        why = f"{place}, and uv could not make it: {' '.join(told.split())[:300]}"
        raise EnvironmentMismatch(said, why) from error


def _make_of(lines: list[str], folder: Path, interpreter: str) -> None:
    """Make it beside its place and move it there, one process at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if (folder / "bin" / "python").exists():
            return
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as name:
            made = Path(name) / "environment"
            _uv("venv", "--quiet", "--no-python-downloads", "--python", interpreter, str(made))
            python = ["--python", str(made / "bin" / "python")]
            _uv("pip", "install", "--quiet", "--only-binary", ":all:", "--compile-bytecode", *python, *lines)
            (made / LOCK).write_text(_uv("pip", "freeze", *python))
            for path in (made, *made.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)


def _python(inspection: Inspection) -> str:
    """This interpreter if its minor version is the model's, else whichever uv finds on this machine."""
    minor = ".".join(inspection.requirements.python.split(".")[:2])
    ours = ".".join(platform.python_version_tuple()[:2])
    return str(Path(sys.executable).resolve()) if minor == ours else minor


def _uv(*arguments: str) -> str:
    """Run the pinned uv with nothing of our environment but the way to the packages."""
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if not program:
        msg = "uv is not installed"
        raise FileNotFoundError(msg)
    environment = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("UV_")}
    environment |= {"UV_NO_PROGRESS": "1", "UV_LINK_MODE": "copy", "UV_NO_CONFIG": "1"}
    environment |= {"UV_CACHE_DIR": str(options.environments_dir() / "cache"), "HOME": str(options.environments_dir())}
    first, *others = options.index() or [""]
    if first:
        environment |= {"UV_DEFAULT_INDEX": first, "UV_INDEX": " ".join(others)}
        environment |= {"UV_INDEX_STRATEGY": "unsafe-best-match"} if others else {}
    done = subprocess.run(  # noqa: S603  # our own uv, arguments as a list; lines are parsed requirements
        [program, *arguments], env=environment, cwd="/", capture_output=True, text=True, timeout=MAKING_S, check=True
    )
    return done.stdout


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"pid": os.getpid()}))
        yield
