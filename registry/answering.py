"""What a request says that it answers, such as an alert: known to the layer above that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.common.errors import InvalidInput

if TYPE_CHECKING:
    from registry.models import RegisteredModel


@dataclass(frozen=True)
class Answered:
    """What a request answers.

    Attributes:
        name: what people call it, ``AL-7``.
        said: what it is, in a few words.
        url: its page.
    """

    name: str
    said: str
    url: str


Resolve = Callable[[str, "RegisteredModel"], Answered | None]
_resolvers: list[Resolve] = []


def register_resolver(resolve: Resolve) -> None:
    """Have ``resolve(name, model)`` asked what a name stands for; None where it is not the caller's."""
    _resolvers.append(resolve)


def answered(name: str, model: RegisteredModel) -> Answered | None:
    """Return what a request about a model answers by this name, None where there is none."""
    return next((found for resolve in _resolvers if (found := resolve(name, model))), None)


def checked(name: str, model: RegisteredModel) -> str:
    """Return the name of what a request answers as it is written down; empty where it answers nothing.

    Raises:
        InvalidInput: the model has no such thing.
    """
    if not name.strip():
        return ""
    found = answered(name.strip(), model)
    if found is None:
        raise InvalidInput(
            f"There is no alert {name.strip()[:40]} of {model} that a request could answer; name one like AL-7, or "
            "leave `in_answer_to` out."
        )
    return found.name
