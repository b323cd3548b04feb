"""The AI systems that the register is asked about. The inventory tells of them, since it stands above this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.regulation.classified import Classified


@dataclass(frozen=True)
class Made:
    """Records about a system that name one version of the law: what they are, which version, and how many."""

    kind: str
    law_version: str
    count: int


@dataclass(frozen=True)
class SystemInLaw:
    """One AI system with what its signed classification says; ``classified`` is None before one is signed."""

    pk: UUID
    slug: str
    name: str
    classified: Classified | None
    made: tuple[Made, ...] = ()


Reader = Callable[[Any], Sequence[SystemInLaw]]
_readers: list[Reader] = []


def register_systems(read: Reader) -> None:
    """Have ``read(person)`` called for the systems that a person may read; for None, for all there are."""
    _readers.append(read)


def systems_for(person: Any) -> list[SystemInLaw]:
    """Return the systems that a person may read, by name; all there are for None, which only a command asks."""
    return [system for read in _readers for system in read(person)]
