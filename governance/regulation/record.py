"""What the record of an AI system asks of people: questions as data, each with the points of the Act it serves.

The data (``record-questions.yaml``) holds only what no evidence, decision or log entry can answer. One answer serves
every point that is named with its question, in whichever document that point stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

DATA_FILE = Path(__file__).with_name("record-questions.yaml")
SCHEMA_VERSION = 1


class UnknownQuestion(KeyError):
    """The record asks no question with this id."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class RecordQuestion:
    """One thing that a person has to say about an AI system.

    ``missing`` is what a document says while nobody has; ``owed_by`` the role that then owes it. ``kind`` is ``line``,
    ``text`` (paragraphs) or ``choice`` (one of ``choices``). ``duty`` is the organisation's role that it is asked in.
    """

    id: str
    section: str
    title: str
    ask: str
    help: str
    missing: str
    owed_by: str
    points: tuple[str, ...]
    kind: Literal["line", "text", "choice"]
    duty: Literal["provider", "deployer", "both"]
    choices: tuple[str, ...] = ()

    def concerns(self, roles: list[str]) -> bool:
        """Return whether it is asked of an organisation that acts in ``roles``; one without a role is asked all."""
        duties = {"provider", "deployer"} & set(roles)
        return self.duty == "both" or not duties or self.duty in duties


@dataclass(frozen=True)
class RecordQuestions:
    """All questions in the order in which they are asked, and the titles of their sections."""

    sections: Mapping[str, str]
    questions: Mapping[str, RecordQuestion]

    def question(self, question_id: str) -> RecordQuestion:
        """Return the question with this id.

        Raises:
            UnknownQuestion: there is none; the message names all.
        """
        try:
            return self.questions[question_id]
        except KeyError:
            known = ", ".join(self.questions)
            raise UnknownQuestion(f"The record asks nothing called {question_id!r}; it asks: {known}.") from None

    def serving(self, point: str) -> tuple[RecordQuestion, ...]:
        """Return the questions whose answers serve a point of the Act, in order."""
        return tuple(row for row in self.questions.values() if point in row.points)


@lru_cache(maxsize=1)
def load(path: Path = DATA_FILE) -> RecordQuestions:
    """Return the questions of this release.

    Raises:
        ValueError: the file is of another schema version, or an id occurs twice.
    """
    raw: dict[str, Any] = yaml.safe_load(path.read_bytes())
    if raw["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"Schema version {raw['schema_version']!r}; this release reads version {SCHEMA_VERSION}.")
    rows = [
        RecordQuestion(**{**row, "points": tuple(row["points"]), "choices": tuple(row.get("choices", ()))})
        for row in raw["questions"]
    ]
    found = {row.id: row for row in rows}
    if len(found) != len(rows):
        raise ValueError("A question's id occurs twice.")
    return RecordQuestions(
        MappingProxyType({row["id"]: row["title"] for row in raw["sections"]}), MappingProxyType(found)
    )
