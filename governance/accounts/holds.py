"""Legal holds: set one, lift one, and ask for them before anything is deleted.

Whoever deletes asks :func:`standing` in the transaction in which it deletes. That takes a lock that setting a hold
waits for, so from the answer on that a hold is set, nothing under it goes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from governance.accounts import access
from governance.accounts.errors import AlreadyHeld, HoldLifted, UnderLegalHold
from governance.accounts.hold_models import LegalHold
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

Kind = LegalHold.Kind
Thing = tuple[str, object]
"""A kind and the id of one object of it."""

HOLDERS = (Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.ADMINISTRATOR)
"""Who sets and lifts a hold, of a system that it concerns; where it concerns none, of the whole deployment."""
READERS = (*HOLDERS, Role.AUDITOR)
SHORTEST, LONGEST = 4, 500
_LOCK = "legal holds"


@dataclass(frozen=True)
class Found:
    """What a hold is on, as it stands now.

    Attributes:
        title: what people call it.
        systems: the AI systems that it concerns; none where it belongs to the deployment.
        path: its page; may be empty.
    """

    title: str
    systems: frozenset[uuid.UUID] = frozenset()
    path: str = ""


Find = Callable[[str], Found]
_finders: dict[str, Find] = {}


def register_kind(kind: str, find: Find) -> None:
    """Let an app say what an object of a kind is.

    Args:
        find: takes the id; raises :class:`Unknown` where there is no such object.
    """
    _finders[kind] = find


@dataclass(frozen=True)
class Standing:
    """The holds in force."""

    rows: Mapping[tuple[str, str], LegalHold]

    def on(self, *things: Thing) -> LegalHold | None:
        """Return a hold on one of the things, None where all are free. A thing without an id is free."""
        found = (self.rows.get((kind, str(key))) for kind, key in things if key is not None)
        return next((hold for hold in found if hold), None)

    def keys(self, kind: str) -> list[str]:
        """Return the ids of the objects of a kind that are held."""
        return [key for of, key in self.rows if of == kind]

    def check(self, *things: Thing) -> None:
        """Check that all the things are free.

        Raises:
            UnderLegalHold: one is not.
        """
        if hold := self.on(*things):
            raise UnderLegalHold(
                f"{found(hold).title} is under a legal hold, so nothing is deleted. Lift the hold first."
            )


def standing() -> Standing:
    """Return the holds in force, and let none be set until this transaction ends. For those who delete."""
    _lock(shared=True)
    return in_force()


def in_force() -> Standing:
    """Return the holds in force, for those who only show them; one query."""
    rows = LegalHold.objects.filter(lifted_at__isnull=True).select_related("set_by").order_by("-set_at", "pk")
    return Standing({(row.kind, row.object_id): row for row in rows})


def of_systems(systems: Iterable[uuid.UUID | None]) -> list[Thing]:
    """Return the systems as things that may be held."""
    return [(Kind.SYSTEM, system) for system in systems]


def known(system: uuid.UUID | None) -> frozenset[uuid.UUID]:
    """Return a system as a set, empty where there is none."""
    return frozenset({system}) if system else frozenset()


def found(hold: LegalHold) -> Found:
    """Return what a hold is on, as it stands now; its bare id where that is gone."""
    try:
        return find(hold.kind, hold.object_id)
    except Unknown:
        return Found(str(hold))


def find(kind: str, key: str) -> Found:
    """Return what an object is.

    Raises:
        InvalidInput: there is no such kind.
        Unknown: there is no such object.
    """
    if kind not in Kind.values:
        raise InvalidInput(f"The kind is one of: {', '.join(Kind.values)}.")
    try:
        return _finders[kind](key)
    except Unknown:
        raise Unknown(_nothing(kind, key)) from None


def may_hold(person: User, systems: Iterable[uuid.UUID]) -> bool:
    """Return whether a person may set and lift holds of these systems; of none: of the deployment."""
    return not person.is_service and _holds(person, HOLDERS, systems)


def may_read(person: User, systems: Iterable[uuid.UUID]) -> bool:
    """Return whether a person may read holds of these systems."""
    return _holds(person, READERS, systems)


def holds_for(person: User) -> list[tuple[LegalHold, Found]]:
    """Return the holds in force that a person may read, newest first, each with what it is on."""
    known = [(row, found(row)) for row in in_force().rows.values()]
    return [(row, about) for row, about in known if may_read(person, about.systems)]


def hold_for(person: User, pk: uuid.UUID) -> LegalHold:
    """Return one hold, lifted or not, as a person asks for it.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    row = LegalHold.objects.filter(pk=pk).select_related("set_by", "lifted_by").first()
    if row is None or not may_read(person, found(row).systems):
        raise Unknown(f"There is no legal hold {pk}. GET /api/v1/legal-holds lists those in force.")
    return row


@transaction.atomic
def set_hold(*, kind: str, key: uuid.UUID | str, reason: str, by: User) -> LegalHold:
    """Put an AI system, or one object, under a legal hold.

    Args:
        kind: of :class:`LegalHold.Kind`.
        key: id of the object; digest of a dataset.
        reason: 4 to 500 characters.
    Raises:
        InvalidInput: there is no such kind, or the reason is too short or too long.
        Unknown: there is no such object, or it is out of the person's reach.
        Forbidden: the person is none of :data:`HOLDERS` there.
        AlreadyHeld: it is held already.
    """
    name = _one_form(kind, str(key))
    about = find(kind, name)
    if not any(access.may_read(by, system) for system in (about.systems or [None])):
        raise Unknown(_nothing(kind, name))
    _check_may(by, about)
    why = _reason(reason)
    _lock(shared=False)
    if in_force().on((kind, name)):
        raise AlreadyHeld(f"{about.title} is under a legal hold already. Lift that one first, to give another reason.")
    row = LegalHold(kind=kind, object_id=name, reason=why, set_by=by, set_at=clock.now())
    return _logged(row, Event.LEGAL_HOLD_SET, by, about, why)


@transaction.atomic
def lift_hold(*, hold_id: uuid.UUID, reason: str, by: User) -> LegalHold:
    """Lift a hold: what is past its time goes with the next run of the job that deletes it.

    Raises:
        Unknown: there is no such hold.
        InvalidInput: the reason is too short or too long.
        Forbidden: the person is none of :data:`HOLDERS` there.
        HoldLifted: it was lifted before.
    """
    row = LegalHold.objects.select_for_update().filter(pk=hold_id).first()
    if row is None:
        raise Unknown(f"There is no legal hold {hold_id}.")
    about = found(row)
    _check_may(by, about)
    why = _reason(reason)
    if row.lifted_at:
        raise HoldLifted("The hold was lifted before.")
    row.lifted_by, row.lifted_at, row.lifting = by, clock.now(), why
    return _logged(row, Event.LEGAL_HOLD_LIFTED, by, about, why)


def person(key: str) -> Found:
    """Return what a hold on a person is on.

    Raises:
        Unknown: there is no such person.
    """
    row = User.objects.filter(pk=uuid.UUID(key)).first()
    if row is None:
        raise Unknown(f"There is no person {key}.")
    return Found(row.name)


def _logged(row: LegalHold, event: Event, by: User, about: Found, why: str) -> LegalHold:
    data = {"hold": row.pk, "kind": row.kind, "object_id": row.object_id, "systems": sorted(map(str, about.systems))}
    audit.append(event=event, actor=by, subjects=[row], data=data, payload={"reason": why})
    return row


def _one_form(kind: str, key: str) -> str:
    """Return an id as those who delete ask for it: a UUID may be written in several ways."""
    if kind == Kind.DATASET:
        return key
    try:
        return str(uuid.UUID(key))
    except ValueError:
        raise Unknown(_nothing(kind, key)) from None


def _nothing(kind: str, key: str) -> str:
    return f"There is no {kind} {key[:80]}."


def _check_may(by: User, about: Found) -> None:
    if not may_hold(by, about.systems):
        raise Forbidden("A hold is set and lifted by a risk officer, a data protection officer or an administrator.")


def _holds(person: User, roles: Iterable[str], systems: Iterable[uuid.UUID]) -> bool:
    return any(has_role(person, *roles, system_id=system) for system in (*systems,) or (None,))


def _reason(text: str) -> str:
    why = text.strip()
    if not SHORTEST <= len(why) <= LONGEST:
        raise InvalidInput(f"Give the reason in {SHORTEST} to {LONGEST} characters; the log keeps it.")
    return why


def _lock(*, shared: bool) -> None:
    with connection.cursor() as cursor:
        name = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        cursor.execute(f"SELECT {name}(hashtextextended(%s, 0))", [_LOCK])
