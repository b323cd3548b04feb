"""What the pages of a system's record show, as plain values; ``templates/inventory`` says which."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_of, titles_by_person
from governance.common.errors import DomainError
from governance.inventory import declaring, selectors, system_record
from governance.inventory.models import AISystem, Declaration
from governance.inventory.system_record import STATES, Answered, State
from governance.regulation import record, register

ANSWER, SEEN = "answer-", "seen-"
FILTERS = {"all": "All", "open": "Open", "mine": "Mine to answer", "review": "To review"}
WORST_FIRST: tuple[State, ...] = ("open", "returned", "given", "measured", "accepted")
DONE: tuple[State, ...] = ("accepted", "given", "measured")
Row = dict[str, Any]


@dataclass(frozen=True)
class Typed:
    """What somebody sent for a question, and the number of the answer that they saw (0 for none)."""

    text: str
    seen: int


def record_page(
    ai_system: AISystem,
    viewer: User,
    *,
    show: str = "all",
    typed: Mapping[str, Typed] | None = None,
    refused: tuple[str, str] | None = None,
    meanwhile: bool = False,
    reviewed: tuple[uuid.UUID, str, str] | None = None,
) -> Row:
    """Return the context of inventory/record.html.

    Args:
        show: one of ``FILTERS``; another counts as ``all``.
        typed: what was sent and not kept, by question.
        refused: the section whose answers were refused, and why.
        meanwhile: it was refused since others answered: their answers are shown beside what was typed.
        reviewed: the answer whose review was refused, the note that was typed, and why.
    """
    rows = system_record.answered(ai_system)
    mine, reviews = _mine(ai_system, viewer), _reviews(rows, viewer)
    chosen = {
        "open": [row for row in rows if row.state in {"open", "returned"}],
        "mine": [row for row in rows if row.state in {"open", "returned"} and row.question.owed_by in mine],
        "review": [row for row in rows if row.state == "given" and not reviews[row.question.id]],
    }
    # What was refused is shown, whatever was chosen: nothing that somebody typed disappears.
    kept = set(typed or {}) | {
        row.question.id for row in rows if reviewed and row.declaration and row.declaration.pk == reviewed[0]
    }
    show = show if show in chosen else "all"
    shown = [row for row in rows if row.question.id in kept or row in chosen.get(show, rows)]
    titles = _titles(row.declaration for row in shown)
    sections = {title: key for key, title in record.load().sections.items()}
    everything = system_record.by_section(rows)
    return {
        "system": _system(ai_system),
        "progress": progress(rows),
        "filters": [(key, label, len(chosen.get(key, rows))) for key, label in FILTERS.items()],
        "show": show,
        "may_answer": _may_answer(ai_system, viewer),
        "sections": [
            {
                "key": sections[title],
                "title": title,
                "progress": progress(everything[title]),
                "error": refused[1] if refused and refused[0] == sections[title] else "",
                "questions": [
                    _question(row, titles, mine, reviews, (typed or {}).get(row.question.id), meanwhile, reviewed)
                    for row in some
                ],
            }
            for title, some in system_record.by_section(shown).items()
        ],
        "map": point_map(rows),
    }


def progress(rows: Sequence[Answered]) -> Row:
    """Return how far questions have come: their number, and how many are in each state."""
    return progress_of(system_record.counts(rows))


def progress_of(counts: Mapping[system_record.State, int]) -> Row:
    """Return the same from the number of questions in each state."""
    return {"total": sum(counts.values()), "counts": counts, "answered": sum(counts[state] for state in DONE)}


def point_map(rows: Sequence[Answered]) -> list[Row]:
    """Return the points that the record serves, by article or annex, each as settled as its worst question."""
    law = register.load()
    first: dict[str, str] = {}
    groups: dict[str, list[Row]] = {}
    for row in rows:
        for point in row.question.points:
            first.setdefault(point, row.question.id)
    for point, counts in system_record.by_point(rows).items():
        state = next(state for state in WORST_FIRST if counts[state])
        tile = {
            "point": point,
            "title": law.point(point).title,
            "state": state,
            "done": sum(counts[state] for state in DONE),
            "total": sum(counts.values()),
            "question": first[point],
        }
        groups.setdefault(_group(point), []).append(tile)
    return [
        {"name": name, "tiles": tiles, "counts": {s: sum(tile["state"] == s for tile in tiles) for s in STATES}}
        for name, tiles in groups.items()
    ]


def question_page(ai_system: AISystem, question_id: str) -> Row:
    """Return the context of inventory/record_question.html.

    Raises:
        UnknownQuestion: the record asks nothing of this id.
    """
    rows, question = system_record.history(ai_system, question_id), record.load().question(question_id)
    titles = _titles(rows)
    return {
        "system": _system(ai_system),
        "question": {"id": question.id, "title": question.title, "ask": question.ask, "points": question.points},
        "answers": [_answer(row, titles) for row in rows],
    }


def reuse_page(ai_system: AISystem, viewer: User, source: AISystem | None, *, ticked: Sequence[str] = ()) -> Row:
    """Return the context of inventory/record_reuse.html: the answers of another system beside those that stand here."""
    here = declaring.newest(ai_system)
    there = declaring.newest(source) if source else {}
    rows = [
        Answered(question, there[question.id]) for question in record.load().questions.values() if question.id in there
    ]
    return {
        "system": _system(ai_system),
        "systems": list(selectors.systems_for(viewer).exclude(pk=ai_system.pk).values("pk", "name")),
        "source": {"pk": str(source.pk), "name": source.name} if source else None,
        "answers": [
            {
                "id": row.question.id,
                "title": row.question.title,
                "state": row.state,
                "there": row.declaration.text,
                "here": here[row.question.id].text if row.question.id in here else "",
                "same": row.question.id in here and here[row.question.id].text == row.declaration.text,
                "ticked": row.question.id in ticked,
            }
            for row in rows
            if row.declaration and row.declaration.text
        ],
    }


def _question(
    row: Answered,
    titles: Mapping[uuid.UUID, Sequence[str]],
    mine: set[str],
    reviews: Mapping[str, str],
    typed: Typed | None,
    meanwhile: bool,
    reviewed: tuple[uuid.UUID, str, str] | None,
) -> Row:
    question, standing = row.question, row.declaration
    number = standing.number if standing else 0
    conflict = bool(meanwhile and typed and standing and standing.number != typed.seen)
    refusal = reviewed if reviewed and standing and standing.pk == reviewed[0] else None
    return {
        "id": question.id,
        "title": question.title,
        "ask": question.ask,
        "help": question.help,
        "kind": question.kind,
        "choices": question.choices,
        "longest": declaring.LONGEST if question.kind == "text" else declaring.LONGEST_LINE,
        "points": question.points,
        "owed_by": Role(question.owed_by).label,
        "mine": question.owed_by in mine,
        "state": row.state,
        "settled": {"text": row.settled.text, "url": row.settled.url} if row.settled else None,
        "answer": _answer(standing, titles) if standing else None,
        # After a refusal the other's answer stands beside what was typed: it is seen now.
        "field": {
            "value": typed.text if typed else standing.text if standing else "",
            "seen": number if conflict or not typed else typed.seen,
            "open": typed is not None and (conflict or typed.text != (standing.text if standing else "")),
            "meanwhile": conflict,
        },
        "review": {
            "refusal": reviews[question.id],
            "note": refusal[1] if refusal else "",
            "error": refusal[2] if refusal else "",
        }
        if row.state == "given"
        else None,
    }


def _answer(row: Declaration, titles: Mapping[uuid.UUID, Sequence[str]]) -> Row:
    return {
        "pk": row.pk,
        "number": row.number,
        "text": row.text,
        "by": {"name": row.made_by.name, "role": ", ".join(titles.get(row.made_by_id, ()))},
        "at": row.made_at,
        "taken_from": row.taken_from.system.name if row.taken_from else "",
        "verdict": row.verdict,
        "note": row.note,
        "reviewed_by": {"name": row.reviewed_by.name, "role": ", ".join(titles.get(row.reviewed_by.pk, ()))}
        if row.reviewed_by
        else None,
        "reviewed_at": row.reviewed_at,
    }


def _titles(rows: Any) -> dict[uuid.UUID, list[str]]:
    people = {person for row in rows if row for person in (row.made_by, row.reviewed_by) if person}
    return titles_by_person(people)


def _mine(ai_system: AISystem, viewer: User) -> set[str]:
    """Return the roles that owe what the viewer owes: those they hold for the system, and the owner's of its owner."""
    return roles_of(viewer, system_id=ai_system.pk) | ({Role.OWNER.value} if viewer.pk == ai_system.owner_id else set())


def _reviews(rows: Sequence[Answered], viewer: User) -> dict[str, str]:
    """Return for each answer that waits why the viewer can't review it. It depends on whether it is their own only."""
    said: dict[bool, str] = {}
    found: dict[str, str] = {}
    for row in rows:
        if row.state == "given" and row.declaration:
            own = row.declaration.made_by_id == viewer.pk
            if own not in said:
                said[own] = declaring.may_review(row.declaration, viewer)
            found[row.question.id] = said[own]
    return found


def _may_answer(ai_system: AISystem, viewer: User) -> bool:
    try:
        declaring.check_may_declare(ai_system, viewer)
    except DomainError:
        return False
    return True


def _system(row: AISystem) -> Row:
    return {"pk": row.pk, "name": row.name, "state": row.state}


def _group(point: str) -> str:
    """Return the article, or the annex with its section: ``Art 13.3.a`` is of ``Art 13``."""
    kind, _, rest = point.partition(" ")
    parts = rest.split(".")
    return f"{kind} {'.'.join(parts[:2])}" if parts[0] == "VIII" else f"{kind} {parts[0]}"
