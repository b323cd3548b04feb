"""Evidence that the tests of a risk can name. The layer that knows models and their versions tells of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem

MOST = 50


@dataclass(frozen=True)
class Tested:
    """One piece of evidence: its id, its type, what it is about in words, its payload's digest, when it was made."""

    pk: uuid.UUID
    type: str
    about: str
    digest: str
    made_at: datetime


Reader = Callable[[AISystem, Collection[uuid.UUID] | None], Sequence[Tested]]
_readers: list[Reader] = []


def register_tested(read: Reader) -> None:
    """Have ``read(system, ids)`` return those of ``ids`` that are about a version of the system, or the system itself.

    For None it returns what is offered to choose from: of each subject and type the newest.
    """
    _readers[:] = [read]


def offered(ai_system: AISystem) -> list[Tested]:
    """Return the evidence that a form offers, by subject and type."""
    return [row for read in _readers for row in read(ai_system, None)]


def named(ai_system: AISystem, ids: Iterable[str]) -> list[Tested]:
    """Return the evidence of these ids that is about the system, by subject and type."""
    wanted = [uuid.UUID(pk) for pk in ids]
    return [row for read in _readers for row in read(ai_system, wanted)] if wanted else []


def ids_of(values: Any) -> list[str]:
    """Return ids as a risk keeps them: each once, in order.

    Raises:
        InvalidInput: one is no UUID, or there are more than ``MOST``.
    """
    try:
        found = sorted({str(uuid.UUID(str(value))) for value in values})
    except ValueError:
        raise InvalidInput("Name evidence by its id, a UUID: the page of the evidence shows it.") from None
    if len(found) > MOST:
        raise InvalidInput(f"Name at most {MOST} pieces of evidence; the newest of each kind says most.")
    return found


def check(ai_system: AISystem, ids: Collection[str]) -> None:
    """Check that there is evidence of these ids about a version of the system, or the system itself.

    Raises:
        InvalidInput: of one there is none; the message names it.
    """
    if absent := sorted(set(ids) - {str(row.pk) for row in named(ai_system, ids)}):
        raise InvalidInput(
            f"There is no evidence {absent[0]} about {ai_system.name} or a version of its models; choose what there is."
        )
