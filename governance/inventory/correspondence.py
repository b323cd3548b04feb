"""Notices that go out about an AI system, and requests that come in: recorded, answered, sent, erased.

The points of the Act come from the register; no deadline does, since these points set none: a day is due only where
whoever records it says what sets it.
"""

import re
import uuid
from datetime import date
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.urls import reverse

from governance.accounts import holds, idempotency
from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.inventory import selectors
from governance.inventory.declaring import AUTHORS, check_may_declare
from governance.inventory.errors import AlreadyBlank, CorrespondenceMoved, CorrespondenceSettled
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem, Correspondence
from governance.inventory.texts import reason_of, text_of
from governance.regulation.dates import Duty, standing
from governance.regulation.register import load

Kind, State = Correspondence.Kind, Correspondence.State
POINTS: dict[str, tuple[str, ...]] = {
    Kind.NOTICE: ("Art 26.11",),
    Kind.NOTIFICATION: ("Art 27.3",),
    Kind.REGISTRATION: ("Art 49",),
    Kind.EXPLANATION: ("Art 86",),
}
"""Points of the register that each kind is about, with all that stands below them."""
LONGEST_BASIS = LONGEST_DECISION = 200
SHORTEST = 20
# A name has no digit, an address of mail an @: neither passes for a reference.
REFERENCE = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9._:/-]{1,79}")
SENDERS = (Role.OWNER, Role.DATA_PROTECTION_OFFICER)
READERS = (*AUTHORS, Role.AUDITOR)
"""Who reads what persons asked and were answered, beside the owner and administrators: who may answer, and auditors."""
M = TypeVar("M", bound=Model)


@transaction.atomic
def record_correspondence(
    *,
    ai_system: AISystem,
    by: User,
    kind: str,
    reference: str,
    text: str = "",
    decision: str = "",
    received_on: date | None = None,
    due_on: date | None = None,
    due_basis: str = "",
) -> Correspondence:
    """Record a notice that is to go out, or a request that came in.

    Args:
        reference: of the person or authority in the organisation's own files: 2 to 80 letters, digits and ``._:/-``,
            with at least one digit.
        text: what the notice is to say, or what was asked; needed of a request.
        decision: of a request alone, and needed there: id of the prediction that it asks about.
        received_on: of a request alone, and needed there.
        due_on, due_basis: the last day and what sets it; both or neither.

    Raises:
        Forbidden: the person has no part in the system.
        InvalidInput: something of that is missing, too long or does not go with the kind.
    """
    check_may_declare(ai_system, by)
    if kind not in Kind.values:
        raise InvalidInput(f"The kind is one of: {', '.join(Kind.values)}.")
    if not REFERENCE.fullmatch(reference):
        raise InvalidInput(
            "Give the reference of your own files, such as CASE-2026-118: letters, digits and . _ : / -, with at least "
            "one digit. Never a name, an address or a telephone number."
        )
    row = Correspondence(
        system=ai_system,
        kind=kind,
        reference=reference,
        text=text_of(text, "text"),
        decision=text_of(decision, "decision", LONGEST_DECISION),
        received_on=received_on,
        due_on=due_on,
        due_basis=text_of(due_basis, "basis", LONGEST_BASIS),
        recorded_by=by,
        recorded_at=clock.now(),
    )
    _check(row)
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    newest = ai_system.correspondence.order_by("-number").first()
    row.number = newest.number + 1 if newest else 1
    return _logged(row, Event.CORRESPONDENCE_RECORDED, by)


@transaction.atomic
def answer_correspondence(*, correspondence_id: uuid.UUID, by: User, answer: str, seen: str = "") -> Correspondence:
    """Write what a request is answered, before it is sent; it can be written anew until then.

    Args:
        seen: the log entry of the request as the writer read it; where it is given and another change has come
            meanwhile, nothing is written.

    Raises:
        Unknown: no such correspondence.
        Forbidden: the person has no part in the system.
        CorrespondenceSettled: it was sent or withdrawn.
        CorrespondenceMoved: somebody changed it since ``seen``.
        InvalidInput: it is no request, or the answer is shorter than 20 characters.
    """
    row = _locked(correspondence_id)
    check_may_declare(row.system, by)
    _check_open(row)
    _check_seen(row, seen)
    if row.kind != Kind.EXPLANATION:
        raise InvalidInput("Only a request is answered: say what came back when you record that it was sent.")
    _put_answer(row, by, answer)
    return _logged(row, Event.CORRESPONDENCE_ANSWERED, by)


@transaction.atomic
def send_correspondence(
    *, correspondence_id: uuid.UUID, by: User, sent_on: date, answer: str = "", seen: str = ""
) -> Correspondence:
    """Say that it was sent: the notice, or the answer to a request.

    Args:
        sent_on: today or before, and not before a request came.
        answer: what was answered, where it is not written yet or went out in other words, at least 20 characters; of
            another kind than a request what came back, or nothing.
        seen: as of :func:`answer_correspondence`, so that nobody vouches for words that they did not read.

    Raises:
        Unknown: no such correspondence.
        CorrespondenceSettled: it was sent or withdrawn.
        CorrespondenceMoved: somebody changed it since ``seen``.
        Forbidden: as :func:`check_may_send` says.
        InvalidInput: the day does not fit, or a request is not answered.
    """
    row = _open(correspondence_id, by)
    _check_seen(row, seen)
    if answer.strip() or (row.kind == Kind.EXPLANATION and not row.answer):
        _put_answer(row, by, answer)
    if sent_on > clock.now().date():
        raise InvalidInput("That day has not come: record it once it was sent.")
    if row.received_on and sent_on < row.received_on:
        raise InvalidInput("It can't have been answered before it came.")
    row.state, row.sent_on = State.SENT, sent_on
    return _settled(row, Event.CORRESPONDENCE_SENT, by)


@transaction.atomic
def withdraw_correspondence(*, correspondence_id: uuid.UUID, by: User, reason: str) -> Correspondence:
    """Close one that is not sent: recorded by mistake, taken back by whoever asked, or not owed.

    Raises:
        Unknown, CorrespondenceSettled, Forbidden: as :func:`send_correspondence` says.
        InvalidInput: the reason is shorter than 20 characters.
    """
    row = _open(correspondence_id, by)
    row.state, row.reason = State.WITHDRAWN, reason_of(reason)
    return _settled(row, Event.CORRESPONDENCE_WITHDRAWN, by)


@transaction.atomic
def erase_correspondence(*, correspondence_id: uuid.UUID, by: User, reason: str) -> Correspondence:
    """Take out what could say who somebody is: reference, decision and texts. Kind, days and state stay.

    Answers that are kept under an ``Idempotency-Key`` lose it too. Documents that were drawn of it before keep what
    they print.

    Raises:
        Unknown: no such correspondence.
        Forbidden: the person is no data protection officer of the system.
        InvalidInput: it is open still, or the reason is shorter than 20 characters.
        AlreadyBlank: it was erased before.
        UnderLegalHold: it or its system is held.
    """
    row = _locked(correspondence_id)
    check_may_erase(row, by)
    why = reason_of(reason)
    holds.standing().check((holds.Kind.CORRESPONDENCE, row.pk), (holds.Kind.SYSTEM, row.system_id))
    row.reference = row.decision = row.text = row.answer = row.reason = ""
    row.erased_at = clock.now()
    idempotency.blank(row.pk)
    return _logged(row, Event.CORRESPONDENCE_ERASED, by, why=why)


def check_may_send(row: Correspondence, by: User) -> None:
    """Check that the person may say that it was sent, or withdraw it.

    Raises:
        Forbidden: they are a service, or neither own the system nor are data protection officer of it.
    """
    if by.is_service or (by.pk != row.system.owner_id and not has_role(by, *SENDERS, system_id=row.system_id)):
        raise Forbidden("The owner of the system or its data protection officer sends and answers.")


def check_may_erase(row: Correspondence, by: User) -> None:
    """Check that the person may erase what it says.

    Raises:
        Forbidden: they are no data protection officer of the system.
        InvalidInput: it is open still.
        AlreadyBlank: it was erased before.
    """
    if by.is_service or not has_role(by, Role.DATA_PROTECTION_OFFICER, system_id=row.system_id):
        raise Forbidden("A data protection officer of the system erases what correspondence says.")
    if row.erased_at:
        raise AlreadyBlank(f"{row} was erased already.")
    if row.state == State.OPEN:
        raise InvalidInput("It is open still: send or withdraw it first.")


def found(key: str) -> holds.Found:
    """Return what a hold on correspondence is on.

    Raises:
        Unknown: there is no such correspondence.
    """
    row = Correspondence.objects.filter(pk=uuid.UUID(key)).select_related("system").first()
    if row is None:
        raise Unknown(f"There is no correspondence {key}.")
    path = reverse("correspondence-detail", args=[row.system_id, row.pk])
    return holds.Found(f"{row} of {row.system.name}", frozenset({row.system_id}), path)


def may(check: Any, *args: Any) -> str:
    """Return why a check refuses, an empty text where it does not."""
    try:
        check(*args)
    except DomainError as refusal:
        return refusal.detail
    return ""


def correspondence_of(ai_system: AISystem, reader: User) -> QuerySet[Correspondence]:
    """Return the correspondence of a system that a person may read, the newest first."""
    rows = ai_system.correspondence.select_related("system", "recorded_by", "answered_by", "settled_by")
    asked = Q(kind=Kind.EXPLANATION)
    return without_hidden_requests(rows, reader, asked=asked, system="system").order_by("-number")


def without_hidden_requests(rows: QuerySet[M], reader: User, *, asked: Q, system: str) -> QuerySet[M]:
    """Leave out what persons asked and were answered where the reader, who reads the systems, may not read that.

    Args:
        asked: which of the rows say what a person asked or was answered.
        system: the path from a row to its AI system.
    """
    held = grants_in_force().filter(person=reader)
    if held.filter(system_id=None, role__in=[*READERS, Role.ADMINISTRATOR]).exists():
        return rows
    here = held.filter(role__in=READERS, system_id__isnull=False).values("system_id")
    return rows.filter(~asked | Q(**{f"{system}__in": here}) | Q(**{f"{system}__owner": reader}))


def may_read_correspondence(row: Correspondence, person: User) -> bool:
    """Return whether a person may read one: whoever reads the system, of a request whoever may answer, and auditors."""
    return may_read(person, row.system_id) and correspondence_of(row.system, person).filter(pk=row.pk).exists()


def overdue(today: date) -> Q:
    """Return which correspondence is open after the day on which it was due."""
    return Q(state=State.OPEN, due_on__lt=today)


def correspondence_for(ai_system: AISystem, pk: uuid.UUID, reader: User) -> Correspondence:
    """Return one correspondence of a system.

    Raises:
        Unknown: the system has none with that id, or none that the person may read.
    """
    found = correspondence_of(ai_system, reader).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no correspondence {pk}; the list names the id of each.")
    return found


def duties_of(ai_system: AISystem, on: date) -> dict[str, list[Duty]]:
    """Return by kind the points of the Act that concern the system by its signed class; no kind before it has one."""
    signed = selectors.classification_in_force(ai_system)
    if signed is None:
        return {}
    duties = standing(as_classified(signed, ai_system), load(), on=on).duties
    return {
        kind: [duty for duty in duties if any(_within(duty.point.id, point) for point in points)]
        for kind, points in POINTS.items()
    }


def _within(point: str, above: str) -> bool:
    return point == above or point.startswith(f"{above}.")


def _check(row: Correspondence) -> None:
    today = clock.now().date()
    if row.kind == Kind.EXPLANATION:
        if not row.received_on or row.received_on > today:
            raise InvalidInput("Name the day on which the request came: today or before.")
        if not row.decision:
            raise InvalidInput("Name the decision that it asks about: the id under which the prediction was logged.")
        if not row.text:
            raise InvalidInput("Write down what was asked, without naming anybody.")
    elif row.received_on or row.decision:
        raise InvalidInput("Only a request has a day on which it came and a decision that it asks about.")
    if (row.due_on is None) == bool(row.due_basis):
        raise InvalidInput("Name the last day and what sets it, or neither: no day is made up.")
    if row.due_on and row.received_on and row.due_on < row.received_on:
        raise InvalidInput("It can't be due before it came.")


def _locked(correspondence_id: uuid.UUID) -> Correspondence:
    rows = Correspondence.objects.select_for_update(of=("self",)).select_related("system")
    found = rows.filter(pk=correspondence_id).first()
    if found is None:
        raise Unknown(f"There is no correspondence {correspondence_id}.")
    return found


def _open(correspondence_id: uuid.UUID, by: User) -> Correspondence:
    row = _locked(correspondence_id)
    check_may_send(row, by)
    _check_open(row)
    return row


def _check_open(row: Correspondence) -> None:
    if row.state != State.OPEN:
        raise CorrespondenceSettled(f"{row} was {row.get_state_display().lower()} already.")


def _check_seen(row: Correspondence, seen: str) -> None:
    if seen and seen != str(row.log_entry):
        raise CorrespondenceMoved(f"Somebody wrote the answer of {row} meanwhile; read it, then save yours again.")


def _put_answer(row: Correspondence, by: User, answer: str) -> None:
    said = text_of(answer, "answer")
    if row.kind == Kind.EXPLANATION and len(said) < SHORTEST:
        raise InvalidInput(f"Say in at least {SHORTEST} characters what was answered.")
    row.answer, row.answered_by, row.answered_at = said, by, clock.now()


def _settled(row: Correspondence, event: Event, by: User) -> Correspondence:
    row.settled_by, row.settled_at = by, clock.now()
    return _logged(row, event, by)


def _logged(row: Correspondence, event: Event, by: User, *, why: str = "") -> Correspondence:
    data = {"system": row.system.slug, "number": row.number, "kind": row.kind, "state": row.state}
    audit.append(event=event, actor=by, subjects=[row], data=data, payload={"reason": why} if why else None)
    return row
