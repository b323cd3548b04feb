"""Read the record of an AI system: what is asked, what was answered, and how far it has come, by point of the Act."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from django.db.models.functions import Left

from governance.inventory import declaring
from governance.inventory.models import AISystem, Declaration
from governance.inventory.settled import Settled, settled
from governance.regulation import record
from governance.regulation.record import RecordQuestion

State = Literal["open", "given", "accepted", "returned", "measured"]
STATES: tuple[State, ...] = ("accepted", "given", "measured", "returned", "open")


@dataclass(frozen=True)
class Answered:
    """A question and the newest answer to it, if it stands or was returned; of one without, what settles it."""

    question: RecordQuestion
    declaration: Declaration | None
    settled: Settled | None = None

    @property
    def state(self) -> State:
        """``open`` (nobody answers, or it was taken back), ``given``, ``accepted``, ``returned``, or ``measured``.

        Measured is what nobody answers and need not, since a record says it.
        """
        row = self.declaration
        found = _state(row.verdict, said=bool(row.text)) if row else "open"
        return "measured" if found == "open" and self.settled else found


def _state(verdict: str, *, said: bool) -> State:
    if not said:
        return "open"
    if verdict == Declaration.Verdict.ACCEPTED:
        return "accepted"
    return "returned" if verdict == Declaration.Verdict.RETURNED else "given"


def answered(ai_system: AISystem) -> list[Answered]:
    """Return every question that concerns the system's roles, in the order in which they are asked."""
    rows = declaring.newest(ai_system)
    asked = [
        question
        for question in record.load().questions.values()
        if question.concerns(ai_system.ai_roles) or question.id in rows
    ]
    unanswered = [row.id for row in asked if row.id not in rows or not rows[row.id].text]
    by_records = settled(ai_system, unanswered)
    return [Answered(question, rows.get(question.id), by_records.get(question.id)) for question in asked]


def text_of(ai_system: AISystem, question: str) -> Declaration | None:
    """Return the answer to one question as long as it stands."""
    row = declaring.newest(ai_system).get(question)
    return row if row is not None and row.stands else None


def counts(rows: Iterable[Answered]) -> dict[State, int]:
    """Return how many questions are in each state."""
    found = Counter(row.state for row in rows)
    return {state: found[state] for state in STATES}


def counts_for(systems: Collection[AISystem]) -> dict[uuid.UUID, dict[State, int]]:
    """Return for each system how many questions of its record are in each state: one query, and no text is read.

    What records settle is asked of one system at a time: here such a question is open.
    """
    newest = Declaration.objects.filter(system__in=systems).order_by("system", "question", "-number")
    given: dict[uuid.UUID, dict[str, State]] = {row.pk: {} for row in systems}
    rows = newest.distinct("system", "question").values_list("system_id", "question", "verdict", Left("text", 1))
    for system_id, question, verdict, start in rows:
        given[system_id][question] = _state(verdict, said=bool(start))
    asked = record.load().questions.values()
    found: dict[uuid.UUID, dict[State, int]] = {}
    for row in systems:
        states = given[row.pk]
        count = Counter(states.get(q.id, "open") for q in asked if q.concerns(row.ai_roles) or q.id in states)
        found[row.pk] = {state: count[state] for state in STATES}
    return found


def by_section(rows: Iterable[Answered]) -> Mapping[str, list[Answered]]:
    """Return the questions by the title of their section, in order."""
    titles = record.load().sections
    found: dict[str, list[Answered]] = {}
    for row in rows:
        found.setdefault(titles[row.question.section], []).append(row)
    return found


def by_point(rows: Iterable[Answered]) -> dict[str, dict[State, int]]:
    """Return how many questions that serve each point of the Act are in each state, in the order asked."""
    found: dict[str, list[Answered]] = {}
    for row in rows:
        for point in row.question.points:
            found.setdefault(point, []).append(row)
    return {point: counts(some) for point, some in found.items()}


def history(ai_system: AISystem, question: str) -> list[Declaration]:
    """Return every answer to a question, the newest first.

    Raises:
        UnknownQuestion: the record asks nothing of this id.
    """
    record.load().question(question)
    rows = ai_system.declarations.filter(question=question).select_related("made_by", "reviewed_by")
    return list(rows.order_by("-number"))
