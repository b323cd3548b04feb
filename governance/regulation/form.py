"""The parts of a questionnaire: questions, their choices, and when a question is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Answer = str | tuple[str, ...]
NONE = "none"


@dataclass(frozen=True)
class Choice:
    """One possible answer: ``value`` is stored, ``label`` and ``help`` are shown."""

    value: str
    label: str
    help: str = ""


@dataclass(frozen=True)
class Condition:
    """A question is asked only if another was answered with (any of) these values.

    ``excluded_by`` pairs a value with the question whose ``yes`` takes it out again; an answer of which nothing is left
    reads as ``none``.
    """

    question: str
    any_of: tuple[str, ...]
    excluded_by: tuple[tuple[str, str], ...] = ()

    def holds(self, answers: Mapping[str, Answer]) -> bool:
        """Return whether one of the values is left of what ``answers`` holds."""
        given = answers.get(self.question, ())
        chosen = set((given,) if isinstance(given, str) else given)
        left = chosen - {value for value, question in self.excluded_by if answers.get(question) == "yes"}
        return bool((left or ({NONE} if chosen else set())) & set(self.any_of))


@dataclass(frozen=True)
class Question:
    """One question of the form.

    ``kind`` is ``one`` (exactly one choice, answered with its value) or ``many`` (a list of values; the value ``none``
    stands alone). It is asked only if every condition in ``asked_when`` holds. ``points`` are the register points it
    decides on.
    """

    id: str
    step: int
    text: str
    kind: Literal["one", "many"]
    choices: tuple[Choice, ...]
    help: str = ""
    points: tuple[str, ...] = ()
    asked_when: tuple[Condition, ...] = ()

    def is_asked(self, answers: Mapping[str, Answer]) -> bool:
        """Return whether the answers so far call for this question."""
        return all(condition.holds(answers) for condition in self.asked_when)
