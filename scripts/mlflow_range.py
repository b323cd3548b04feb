"""Run what Placet promises against both ends of the range of MLflow versions that it supports; ``make prove`` does.

Each row makes a throw-away environment with exactly that MLflow, from the package index that pip is configured for,
and runs the tests that stand for the row in it or against it; ``docs/reference/mlflow-versions.md`` says what came of
it. There are no hashes here: these versions are no part of the lock files.

    .venv/bin/python scripts/mlflow_range.py [--json] [--only "training client"]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = "2.3.0", "3.17.2"
GATED_OLDEST, AFTER_GATED = "3.17.0", "3.18.0"
OF_ITS_TIME = ("setuptools<81", "sqlalchemy<2.1")
"""What an MLflow 2 needs beside it and does not say: later ones took away what it imports."""

REGISTRY, PLUGIN = "tests/registry", "tests/client/mlflow_plugin"
TESTS = {
    "stock server": (
        f"{REGISTRY}/test_stock_server.py",
        f"{REGISTRY}/test_detect_only.py",
        f"{REGISTRY}/test_adoption_of_a_real_mlflow.py",
    ),
    "training client": (f"{PLUGIN}/test_training_client.py",),
    "governed server": (
        f"{PLUGIN}/test_surface.py",
        f"{PLUGIN}/test_store.py",
        f"{PLUGIN}/test_starting.py",
        f"{PLUGIN}/test_half_installed.py",
        f"{PLUGIN}/test_aliases_and_stages.py",
        f"{PLUGIN}/test_models_versions_and_tags.py",
        f"{PLUGIN}/test_artifact_freeze.py",
        f"{PLUGIN}/test_bypasses_smoke.py",
    ),
    "governed server past the pin": (f"{PLUGIN}/test_other_mlflow.py",),
}
RANGE = {
    "stock server": (OLDEST, NEWEST),
    "training client": (OLDEST, NEWEST),
    "governed server": (GATED_OLDEST, NEWEST),
    "governed server past the pin": (AFTER_GATED,),
}


@dataclass(frozen=True)
class Row:
    """What came of one version in one role; ``tests`` is how many passed."""

    version: str
    role: str
    result: str
    tests: int
    seconds: float


class Broken(Exception):
    """A step failed; the message is what it printed."""


def tried(role: str, version: str, wheel: Path) -> Row:
    """Make the environment, run the role's tests, and throw the environment away."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="placet-mlflow-") as folder:
        try:
            printed = _tests(role, _environment(Path(folder), role, version, wheel))
            result, passed = "passed", int(re.findall(r"(\d+) passed", printed)[-1])
        except Broken as problem:
            print(f"--- {role}, MLflow {version}\n{problem}", file=sys.stderr)  # noqa: T201
            result, passed = "failed", 0
    return Row(version, role, result, passed, round(time.monotonic() - began, 1))


def _environment(folder: Path, role: str, version: str, wheel: Path) -> str:
    """Return the Python of a new environment with that MLflow, and with Placet's client as people install it there."""
    python = str(folder / "bin" / "python")
    _run(*_uv("venv", "--python", sys.executable, str(folder)))
    install = _uv("pip", "install", "--python", python)
    beside = OF_ITS_TIME if version.startswith("2.") else ()
    if role == "stock server":
        _run(*install, f"mlflow=={version}", *beside)
    elif role == "training client":
        _run(*install, f"mlflow=={version}", f"placet @ {wheel.as_uri()}", *beside)
    else:
        pinned = NEWEST if version == AFTER_GATED else version
        _run(*install, f"mlflow[auth]=={pinned}", f"placet[mlflow] @ {wheel.as_uri()}", "pytest")
        if version == AFTER_GATED:
            _run(*install, "--no-deps", f"mlflow=={version}")
    return python


def _tests(role: str, python: str) -> str:
    """Run the role's tests: of the plugin inside the environment, else in Placet's own with the environment beside."""
    if role.startswith("governed"):
        # Without Django, so without the settings, the plugins and the conftest of all tests.
        alone = ("-o", "addopts=", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "--confcutdir", PLUGIN)
        return _run(python, "-m", "pytest", "-q", *alone, "-k", "not gunicorn", *TESTS[role])
    beside = {"stock server": "PLACET_TEST_STOCK_PYTHON", "training client": "PLACET_TEST_CLIENT_PYTHON"}[role]
    return _run(sys.executable, "-m", "pytest", "-q", "-m", "slow", *TESTS[role], env={beside: python})


def _uv(*arguments: str) -> tuple[str, ...]:
    return ("bash", str(ROOT / "scripts" / "uv.sh"), *arguments)


def _run(*command: str, env: Mapping[str, str] | None = None) -> str:
    own = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **(env or {})}
    done = subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Broken(f"{done.stdout[-6000:]}{done.stderr[-6000:]}")
    return done.stdout


def _newer() -> str:
    """Return a newer MLflow that the plugin's pin allows, which nobody has looked at yet; empty where there is none."""
    minor = NEWEST.rpartition(".")[0]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.in"
        wanted.write_text(f"mlflow=={minor}.*\n")
        found = _run(*_uv("pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate", str(wanted)))
    version = found.strip().rpartition("==")[2]
    return "" if version == NEWEST else version


def main() -> int:
    """Print a table, or JSON; return 1 if a row failed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="print the rows as JSON")
    arguments.add_argument("--only", choices=RANGE, help="one role alone")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(*_uv("build", "--quiet", "--offline", "--wheel", "--no-build-isolation", "--out-dir", folder, "./client"))
        (wheel,) = Path(folder).glob("*.whl")
        pairs = [(role, version) for role in RANGE if asked.only in (None, role) for version in RANGE[role]]
        rows = []
        for role, version in pairs:
            rows.append(tried(role, version, wheel))
            print(_line(rows[-1]), file=sys.stderr if asked.json else sys.stdout, flush=True)
    newer = _newer()
    if asked.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "newer": newer}, indent=2))  # noqa: T201
    elif newer:
        print(f"MLflow {newer} is out, which the pin allows: make it NEWEST, here, in the lock and on the page.")  # noqa: T201
    return int(any(row.result != "passed" for row in rows))


def _line(row: Row) -> str:
    return f"{row.version:8} {row.role:30} {row.result:7} {row.tests:4} tests {row.seconds:7.1f} s"


if __name__ == "__main__":
    sys.exit(main())
