"""The policies that come with Placet: a start to copy and change, read from the YAML files beside this module."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of the shipped policies, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def text(name: str) -> str:
    """Return the YAML of one shipped policy.

    Raises:
        LookupError: no policy of this name is shipped.
    """
    if name not in names():
        raise LookupError(f"No policy `{name}` is shipped; there are {', '.join(names())}.")
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
