"""Sections that a kind sets itself, where the Act numbers none: what each wants of records and asks of people.

As under a point of the Act, everything wanted is measured, declared, or missing with an owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.documents.asks import Answer, not_given
from reports.documents.content import Paragraph, Section
from reports.documents.kind import Sections
from reports.documents.snapshot import Snapshot, declarant
from reports.documents.translation import _


@dataclass(frozen=True)
class Wanted:
    """One thing that a section wants of records.

    ``gap`` is the sentence of the gap page, empty where absence is no gap; ``owner`` is the role that owes it.
    """

    answer: Answer
    gap: str = ""
    owner: str = "owner"


@dataclass(frozen=True)
class Part:
    """One section.

    Attributes:
        anchor: names it within the document.
        about: what the section is for, in the place where the Act's wording stands elsewhere.
        wanted: of records, in order.
        questions: ids of the record's questions whose answers are printed after that; one that does not concern the
            organisation's roles is no gap.
    """

    anchor: str
    title: str
    about: str
    wanted: tuple[Wanted, ...] = ()
    questions: tuple[str, ...] = ()


def questions_of(parts: Sequence[Part]) -> frozenset[str]:
    """Return the questions of the record whose answers the parts print."""
    return frozenset(name for part in parts for name in part.questions)


def sections(parts: Sequence[Part]) -> Sections:
    """Return what yields these sections for a snapshot, numbered from 1."""

    def yielded(snapshot: Snapshot) -> Iterator[Section]:
        for number, part in enumerate(parts, start=1):
            yield Section(
                part.anchor,
                str(number),
                _(part.title),
                1,
                requirement=_(part.about),
                paragraphs=(*_of_records(part, snapshot), *_of_people(part, snapshot)),
            )

    return yielded


def _of_records(part: Part, snapshot: Snapshot) -> Iterator[Paragraph]:
    for wanted in part.wanted:
        found = wanted.answer(snapshot)
        yield from found
        if not found and wanted.gap:
            yield Paragraph("missing", _(wanted.gap), owner=snapshot.owner(part.anchor, wanted.owner))


def _of_people(part: Part, snapshot: Snapshot) -> Iterator[Paragraph]:
    asked = {str(row["id"]): row for row in snapshot.rows("record")}
    for question in (asked[name] for name in part.questions if name in asked):
        answer = question.get("answer")
        if answer and answer.get("text"):
            text = f"{question.get('title', _('Declared'))}: {answer['text']}"
            yield Paragraph("declared", text, declared_by=declarant(answer))
        else:
            owner = snapshot.owner(part.anchor, str(question.get("owed_by") or "owner"))
            yield Paragraph("missing", not_given(question), owner=owner)
