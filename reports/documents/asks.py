"""What stands under a point of the Act: what records answer, then what people declared, then the gaps.

Every thing asked ends in one of three ways: a record answers it (measured), a person does (declared), or nobody does
and it becomes a gap with an owner. What people are asked comes with the snapshot (``record``); what records answer is
told by an :class:`Ask`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from reports.documents.content import Paragraph
from reports.documents.snapshot import Record, Snapshot, declarant
from reports.documents.translation import _

Answer = Callable[[Snapshot], list[Paragraph]]


@dataclass(frozen=True)
class Ask:
    """One thing that a point wants and that records can answer.

    ``gap`` is the sentence of the gap page, empty where absence is no gap; ``owner`` is the role that owes it.
    ``settles`` names the question of the record that nobody has to answer where records do; ``gap`` is empty then,
    since the question has its own.
    """

    point: str
    answer: Answer
    gap: str = ""
    owner: str = "owner"
    settles: str = ""


@dataclass
class Answers:
    """Writes the points of one document in reading order, so that what was said once is referred to afterwards."""

    snapshot: Snapshot
    asks: Sequence[Ask]
    _said_at: dict[str, str] = field(default_factory=dict)

    def under(self, point: str, *, number: str) -> tuple[Paragraph, ...]:
        """Return what stands under a point whose heading has this number."""
        measured: list[Paragraph] = []
        gaps: list[Paragraph] = []
        settled = set()
        for ask in (row for row in self.asks if row.point == point):
            found = ask.answer(self.snapshot)
            measured += found
            if found:
                settled.add(ask.settles)
            elif ask.gap:
                gaps.append(Paragraph("missing", _(ask.gap), owner=self.snapshot.owner(point, ask.owner)))
        declared, unanswered = self._declared(point, number, settled)
        return (*measured, *declared, *unanswered, *gaps)

    def _declared(self, point: str, number: str, settled: Iterable[str]) -> tuple[list[Paragraph], list[Paragraph]]:
        declared, gaps = [], []
        for question in self.snapshot.questions(point):
            answer = question.get("answer")
            if answer and answer.get("text"):
                declared.append(self._said(question, answer, number))
            elif question["id"] not in settled:
                owner = self.snapshot.owner(point, str(question.get("owed_by") or "owner"))
                gaps.append(Paragraph("missing", not_given(question), owner=owner))
        return declared, gaps

    def _said(self, question: Record, answer: Record, number: str) -> Paragraph:
        before = self._said_at.setdefault(str(question["id"]), number)
        text = str(answer["text"])
        if before != number:
            text = _("{title}: as declared under {before}.").format(title=question.get("title", "This"), before=before)
        return Paragraph("declared", text, declared_by=declarant(answer))


def not_given(question: Record) -> str:
    """Return the sentence of a question that has no answer, or one that review returned."""
    returned = question.get("returned")
    sentence = str(question.get("missing") or _("Not declared."))
    if not returned:
        return sentence
    return _("{sentence} An answer of {at} was returned by review.").format(
        sentence=sentence, at=str(returned.get("at"))[:10]
    )
