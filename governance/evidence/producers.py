"""Who makes which type of evidence. Producers live above (reports, monitoring) and register here by dotted path."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Task:
    """What a producer is asked for, and how it says where it stands."""

    job_id: uuid.UUID
    type: str
    subject_digest: str
    dataset_digest: str
    baseline_digest: str
    parameters: Mapping[str, Any]
    seed: int
    progress: Progress
    subject_id: uuid.UUID | None = None
    baseline_id: uuid.UUID | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """What a producer gives back: a payload that fits the type's schema, files, and what it was made with.

    ``stored``: files that lie in the storage already, name to digest.
    """

    payload: dict[str, Any]
    environment: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)


Producer = Callable[[Task], Product]
_paths: dict[str, str] = {}


def register(evidence_type: str, path: str) -> None:
    """Say that ``package.module:function`` makes this type; imported only in the worker that runs it."""
    _paths[evidence_type] = path


def producer(evidence_type: str) -> Producer:
    """Return the producer of a type.

    Raises:
        LookupError: nobody registered one.
    """
    try:
        module, _, name = _paths[evidence_type].partition(":")
    except KeyError:
        raise LookupError(f"Nothing here produces {evidence_type}; it can only be submitted.") from None
    found: Producer = getattr(import_module(module), name)
    return found


def producible(evidence_type: str) -> bool:
    """Return whether a producer is registered."""
    return evidence_type in _paths
