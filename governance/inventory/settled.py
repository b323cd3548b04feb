"""Questions of the record that nobody has to answer: the layers above tell which records say it, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from governance.inventory.models import AISystem


@dataclass(frozen=True)
class Settled:
    """What says it instead of a person: in a sentence, and the page on which that stands."""

    text: str
    url: str


Ask = Callable[[AISystem], Settled | None]
_asks: dict[str, Ask] = {}


def register_settled(question: str, ask: Ask) -> None:
    """Have ``ask(ai_system)`` called for a question that nobody answers; None: no record says it either."""
    _asks[question] = ask


def settled(ai_system: AISystem, questions: Collection[str]) -> dict[str, Settled]:
    """Return which of some open questions records settle for a system."""
    found = {question: _asks[question](ai_system) for question in questions if question in _asks}
    return {question: said for question, said in found.items() if said is not None}
