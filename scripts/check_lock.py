"""Check that the lock files are what ``pyproject.toml`` resolves to, as far as that can be told without an index.

Always, offline: each requirement is pinned to a version it allows, each pin has a hash, no download address is in the
files, and the application's lock is contained in the others. With an index within reach: resolving again,
with the committed pins as preferences, changes no name and no version. Without one that last step is skipped and said.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {"requirements.lock": "", "requirements-dev.lock": "dev", "requirements-spark.lock": "spark"}
UNREACHABLE = re.compile(r"error sending request|Failed to fetch|Could not connect|dns error|timed out", re.IGNORECASE)
Pins = dict[str, set[str]]


def pins(text: str) -> Pins:
    """Return name -> pinned versions (several when they depend on the platform)."""
    found: Pins = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def without_hash(text: str) -> list[str]:
    """Return the pins that no hash follows."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text))
    return [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]


def unmet(requirements: list[str], found: Pins) -> list[str]:
    """Return the requirements that no pin satisfies."""
    wrong = []
    for line in requirements:
        requirement = Requirement(line)
        versions = found.get(canonicalize_name(requirement.name), set())
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            wrong.append(line)
    return wrong


def resolve_again(lock: str, extra: str) -> Pins | None:
    """Return what the requirements resolve to now, preferring the committed pins; None if no index answers.

    Raises:
        SystemExit: they do not resolve at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / lock
        fresh.write_text((ROOT / lock).read_text())
        command = ["bash", str(ROOT / "scripts/uv.sh"), "pip", "compile", "pyproject.toml"]
        command += ["--extra", extra] if extra else []
        options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--quiet"]
        finished = subprocess.run(  # noqa: S603
            [*command, *options, "--output-file", str(fresh)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if finished.returncode == 0:
            return pins(fresh.read_text())
    if UNREACHABLE.search(finished.stderr):
        return None
    raise SystemExit(f"{lock}: the requirements do not resolve any more:\n{finished.stderr}")


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    problems: list[str] = []
    found: dict[str, Pins] = {}
    for lock, extra in EXTRAS.items():
        required = [*project["dependencies"], *project["optional-dependencies"].get(extra, ())]
        text = (ROOT / lock).read_text()
        found[lock] = pins(text)
        problems += [f"{lock}: nothing satisfies {line}" for line in unmet(required, found[lock])]
        problems += [f"{lock}: {pin} has no hash" for pin in without_hash(text)]
        if "://" in re.sub(r"(?m)^\s*#.*$", "", text):
            problems.append(f"{lock}: names a download address, so it would not install from another registry")
        fresh = resolve_again(lock, extra)
        if fresh is None:
            print(f"warning: no package index answers: {lock} was checked against pyproject.toml only")  # noqa: T201
            continue
        changed = sorted(name for name in {*fresh, *found[lock]} if fresh.get(name) != found[lock].get(name))
        problems += [f"{lock}: stale: {name} resolves differently (run `make lock`)" for name in changed]
    app = found.pop("requirements.lock")
    for lock, pinned in found.items():
        differing = sorted(name for name, versions in app.items() if pinned.get(name) != versions)
        problems += [f"{lock}: {name} is not pinned as in requirements.lock" for name in differing]
    print("\n".join(problems) or "lock files: fresh")  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
