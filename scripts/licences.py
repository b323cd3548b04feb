"""Check that every dependency of the product has a licence that fits an Apache-2.0 project that imports it.

What a distribution says of itself is read from its metadata, as installed; ``licences.yaml`` says which licences are
allowed and why, and what a person read where the metadata leaves it open. The files that came from elsewhere into this
repository are checked too.
"""

import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from check_lock import Pins, pins
from license_expression import AND, OR, ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-spark.lock")
VENDORED = ("static/vendor", "reports/documents/fonts")
_SPDX = get_spdx_licensing()
_ROW = re.compile(
    r"^\| (?P<files>[^|]+) \| npm `(?P<name>[^`]+)`.*? \| (?P<version>\S+) \| (?P<licence>[\w.-]+),", re.MULTILINE
)


class Unclear(Exception):
    """A licence can't be told; the message says what to do."""


@dataclass(frozen=True)
class Vendored:
    """Files of an npm package that lie in this repository: the folder, its README's words for them, where from."""

    folder: str
    files: str
    name: str
    version: str
    licence: str


def vendored() -> list[Vendored]:
    """Return what the READMEs beside the files say of them, a package each."""
    return [
        Vendored(folder, **row.groupdict())
        for folder in VENDORED
        for row in _ROW.finditer((ROOT / folder / "README.md").read_text())
    ]


def rules() -> dict[str, Any]:
    """Return ``licences.yaml``: ``allowed``, ``names`` and ``read``."""
    return yaml.safe_load((ROOT / "scripts/licences.yaml").read_text())


def statements(message: Any) -> list[str]:
    """Return what metadata says of the licence: its expression, else its short name, else its classifiers."""
    if message.get("License-Expression"):
        return [message["License-Expression"]]
    short = (message.get("License") or "").strip()
    classified = [line.split(" :: ")[-1] for line in message.get_all("Classifier") or () if line.startswith("License")]
    if short and ("\n" not in short or not classified):
        return [short.splitlines()[0]]
    return classified


def licence_of(name: str, versions: set[str], said: list[str] | None, given: dict[str, Any]) -> str:
    """Return a distribution's licence as an SPDX expression.

    ``said`` is what its metadata says, None if it isn't installed.

    Raises:
        Unclear: nothing or several things are said, in words unknown here; or it was read in another version.
    """
    if name in given["read"]:
        read = given["read"][name]
        if versions != {str(read["version"])}:
            found = ", ".join(sorted(versions))
            raise Unclear(f"its licence was read in {read['version']}; read it in {found} and enter that under `read`")
        return str(read["licence"])
    if said is None:
        raise Unclear("it is not installed here; enter its licence under `read`")
    if len(said) != 1:
        raise Unclear(
            f"its metadata says {' and '.join(said) or 'nothing'}; read its licence and enter it under `read`"
        )
    return str(given["names"].get(said[0], said[0]))


def fits(expression: str, allowed: dict[str, str]) -> bool:
    """Return whether an SPDX expression can be met with allowed licences alone: all of AND, one of OR."""

    def met(node: Any) -> bool:
        if isinstance(node, AND):
            return all(met(part) for part in node.args)
        if isinstance(node, OR):
            return any(met(part) for part in node.args)
        return str(node) in allowed

    return met(_SPDX.parse(expression))


def installed() -> dict[str, list[str]]:
    """Return canonical name -> what its metadata says of the licence, of everything installed."""
    return {canonicalize_name(one.metadata["Name"]): statements(one.metadata) for one in metadata.distributions()}


def licences(pinned: Pins, said: dict[str, list[str]], given: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return name -> licence of all pinned, and what is wrong with them or with ``licences.yaml``."""
    found: dict[str, str] = {}
    problems = [
        f"{name}: no longer a dependency; take it out of `read`" for name in given["read"] if name not in pinned
    ]
    for name, versions in sorted(pinned.items()):
        try:
            found[name] = licence_of(name, versions, said.get(name), given)
            if not fits(found[name], given["allowed"]):
                problems.append(f"{name}: {found[name]} is not among the allowed licences")
        except Unclear as error:
            problems.append(f"{name}: {error}")
        except ExpressionError:
            problems.append(f"{name}: {found[name]!r} is no SPDX expression; enter what it means under `names`")
    return found, problems


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    given = rules()
    pinned: Pins = {}
    for lock in LOCKS:
        pinned.update(pins((ROOT / lock).read_text()))
    found, problems = licences(pinned, installed(), given)
    files = vendored()
    problems += [
        f"{one.name}: {one.licence} is not allowed" for one in files if not fits(one.licence, given["allowed"])
    ]
    done = f"licences: {len(found)} packages and {len(files)} sources of copied files fit Apache-2.0"
    print("\n".join(f"scripts/licences.yaml: {problem}" for problem in problems) or done)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
