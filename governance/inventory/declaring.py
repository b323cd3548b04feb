"""What people say about an AI system where nothing measures it: answers with author and date, read by a second person.

Nothing is overwritten: a new answer takes the place of the one before, which stays in the record.
"""

import uuid
from collections.abc import Mapping, Sequence

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.inventory.errors import AlreadyReviewed, AnsweredMeanwhile, OwnDeclaration
from governance.inventory.models import AISystem, Declaration
from governance.inventory.texts import text_of
from governance.regulation import record

AUTHORS = (Role.ENGINEER, Role.OWNER, Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER)
REVIEWERS = (Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER)
LONGEST = 20_000
LONGEST_LINE = 300
LONGEST_NOTE = 2_000


@transaction.atomic
def declare(
    *, ai_system: AISystem, answers: Mapping[str, str], by: User, seen: Mapping[str, int] | None = None
) -> list[Declaration]:
    """Answer questions of a system's record; an empty answer takes back what was said. All of them or none.

    Args:
        answers: question id to text. An answer that says what stands already adds nothing.
        seen: question id to the number of the answer that the writer saw (0 for none). Where it is given and another
            has come meanwhile, nothing is written.

    Raises:
        Forbidden: the person has no part in the system.
        InvalidInput: there is no such question, an answer is too long, or not one of its choices.
        AnsweredMeanwhile: somebody else answered since ``seen``.
    """
    check_may_declare(ai_system, by)
    kept = {question: _checked(question, text) for question, text in answers.items()}
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    before = newest(ai_system)
    for question, number in (seen or {}).items():
        if question in kept and (found := before.get(question)) and found.number != number:
            raise AnsweredMeanwhile(
                f"{found.made_by} answered “{record.load().question(question).title}” meanwhile; read that answer, "
                "then give yours again."
            )
    rows = [
        _following(ai_system, question, text, by, before.get(question))
        for question, text in kept.items()
        if text != (before[question].text if question in before else "")
    ]
    _said(ai_system, rows, by)
    return rows


@transaction.atomic
def reuse(*, ai_system: AISystem, source: AISystem, questions: Sequence[str], by: User) -> list[Declaration]:
    """Give the answers that another system's record holds, as the person's own; each says where it came from.

    Raises:
        Forbidden: the person has no part in the system.
        InvalidInput: it is the same system, or one of the questions has no answer there.
    """
    check_may_declare(ai_system, by)
    if source.pk == ai_system.pk:
        raise InvalidInput("Choose another system to take answers from.")
    there = {question: row for question, row in newest(source).items() if row.text}
    if absent := [question for question in questions if question not in there]:
        raise InvalidInput(f"The record of {source.name} does not answer: {', '.join(absent)}.")
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    before = newest(ai_system)
    rows = [
        _following(ai_system, question, there[question].text, by, before.get(question), taken_from=there[question])
        for question in dict.fromkeys(questions)
        if question not in before or before[question].text != there[question].text
    ]
    _said(ai_system, rows, by)
    return rows


@transaction.atomic
def review(*, declaration_id: uuid.UUID, verdict: str, by: User, note: str = "") -> Declaration:
    """Say of an answer, as a second person, that it stands or that it needs work. It is sealed then.

    Args:
        verdict: ``accepted`` or ``returned``; an answer that is returned counts as missing.
        note: why; needed when it is returned.

    Raises:
        Unknown: no such answer.
        InvalidInput: another verdict, a return without a note, a note of more than 2000 characters, or the answer was
            taken back or replaced.
        AlreadyReviewed, OwnDeclaration, Forbidden: as :func:`check_may_review` says.
    """
    found = Declaration.objects.select_for_update(of=("self",)).select_related("system").filter(pk=declaration_id)
    row = found.first()
    if row is None:
        raise Unknown(f"There is no answer {declaration_id}.")
    check_may_review(row, by)
    if verdict not in Declaration.Verdict.values:
        raise InvalidInput(f"The verdict is {' or '.join(Declaration.Verdict.values)}.")
    if verdict == Declaration.Verdict.RETURNED and len(note.strip()) < 10:
        raise InvalidInput("Say in at least 10 characters what the answer lacks.")
    said = text_of(note, "note", LONGEST_NOTE)
    row.verdict, row.note, row.reviewed_by, row.reviewed_at = verdict, said, by, clock.now()
    audit.append(
        event=Event.RECORD_REVIEWED,
        actor=by,
        subjects=[row],
        data={"system": row.system.slug, "question": row.question, "number": row.number, "verdict": verdict},
    )
    return row


def newest(ai_system: AISystem) -> dict[str, Declaration]:
    """Return the newest answer to each question, taken back or not."""
    rows = ai_system.declarations.select_related("made_by", "reviewed_by", "taken_from__system")
    return {row.question: row for row in rows.order_by("question", "-number").distinct("question")}


def check_may_declare(ai_system: AISystem, by: User) -> None:
    """Check that the person may answer for a system.

    Raises:
        Forbidden: they neither own it nor have a part in it, and do not administer.
    """
    if by.pk == ai_system.owner_id or has_role(by, *AUTHORS, system_id=ai_system.pk):
        return
    if not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden(f"Whoever works on {ai_system.name} answers for it: its owner, an engineer, or who reviews it.")


def check_may_review(row: Declaration, by: User) -> None:
    """Check that the person may review an answer. Pages ask it too, so that they say what the rule says.

    Raises:
        AlreadyReviewed: it is sealed.
        OwnDeclaration: they gave it.
        InvalidInput: it was taken back, or another has come.
        Forbidden: they are neither validator, risk officer nor data protection officer of the system.
    """
    if row.reviewed_at:
        raise AlreadyReviewed("The answer was reviewed; a new answer can be reviewed anew.")
    if by.pk == row.made_by_id:
        raise OwnDeclaration(f"{by} gave this answer; someone else reviews it.")
    if by.is_service or not has_role(by, *REVIEWERS, system_id=row.system_id):
        raise Forbidden("A validator, risk officer or data protection officer of the system reviews its record.")
    if not row.text or row.system.declarations.filter(question=row.question, number__gt=row.number).exists():
        raise InvalidInput("This answer no longer stands; review the newest one.")


def may_review(row: Declaration, viewer: User) -> str:
    """Return why the person can't review an answer, an empty text when they can."""
    try:
        check_may_review(row, viewer)
    except DomainError as refusal:
        return refusal.detail
    return ""


def _following(
    ai_system: AISystem,
    question: str,
    text: str,
    by: User,
    before: Declaration | None,
    *,
    taken_from: Declaration | None = None,
) -> Declaration:
    return Declaration(
        system=ai_system,
        question=question,
        number=before.number + 1 if before else 1,
        text=text,
        taken_from=taken_from,
        made_by=by,
        made_at=clock.now(),
    )


def _said(ai_system: AISystem, rows: Sequence[Declaration], by: User) -> None:
    if rows:
        answered = {row.question: row.number for row in rows}
        audit.append(
            event=Event.RECORD_DECLARED,
            actor=by,
            subjects=list(rows),
            data={"system": ai_system.slug, "answers": answered},
        )


def _checked(question_id: str, text: str) -> str:
    try:
        question = record.load().question(question_id)
    except record.UnknownQuestion as error:
        raise InvalidInput(str(error)) from error
    if not isinstance(text, str):
        raise InvalidInput(f"The answer to {question_id} is a text.")
    kept = text.replace("\r\n", "\n").strip()
    most = LONGEST if question.kind == "text" else LONGEST_LINE
    if len(kept) > most:
        raise InvalidInput(f"“{question.title}” takes at most {most:,} characters; this answer has {len(kept):,}.")
    if "\x00" in kept:
        raise InvalidInput(f"The answer to “{question.title}” holds a NUL character; remove it.")
    if question.kind != "text" and "\n" in kept:
        raise InvalidInput(f"The answer to “{question.title}” is one line.")
    if question.kind == "choice" and kept and kept not in question.choices:
        raise InvalidInput(f"“{question.title}” is one of: {'; '.join(question.choices)}.")
    return kept
