"""Packs of crosswalk rows that ship with a release and are off until a deployment names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("packs")


class UnknownPack(ValueError):
    """Neither a pack that ships nor a file."""


def shipped() -> dict[str, Path]:
    """Return the packs that ship, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def files_of(names: Iterable[str]) -> list[Path]:
    """Return the file of each pack: one that ships by its name, one of your own by its path; each once.

    Raises:
        UnknownPack: a name is neither; the message names those that ship.
    """
    known = shipped()
    found = {}
    for name in names:
        path = known.get(name, Path(name))
        if not path.is_file():
            raise UnknownPack(f"{name} is no pack that ships ({', '.join(known)}) and no file.")
        found[path.resolve()] = path
    return list(found.values())
