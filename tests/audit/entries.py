"""Entries for the tests of the log."""

import uuid
from datetime import timedelta

from django.db import transaction

from governance.accounts.models import Grant, User
from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.inventory.models import AISystem

ME = System("test")


def append(count: int = 1) -> None:
    """Append entries that name no row, each with a text of its own."""
    for n in range(count):
        with transaction.atomic():
            audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"n": n}, payload={"note": f"note {n}"})


def an_entry_with_a_text(text: str = "because of her illness") -> uuid.UUID:
    """Append one entry with an erasable text and return its id."""
    with transaction.atomic():
        return audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"n": 1}, payload={"rationale": text})


def a_person(email: str = "somebody@bank.example", **fields: object) -> User:
    """Make a person."""
    return User.objects.create_user(email, "a long password", name=fields.pop("name", "Somebody"), **fields)


def a_reader(email: str = "reads@bank.example") -> User:
    """Make a person who may read the log."""
    person = a_person(email)
    granted(person, Role.DATA_PROTECTION_OFFICER)
    return person


def a_grant(person: User, role: str = Role.ENGINEER) -> Grant:
    """Return a grant that is not saved yet."""
    until = clock.now() + timedelta(days=90) if role == Role.AUDITOR else None
    return Grant(person=person, role=role, valid_from=clock.now(), valid_until=until)


def granted(person: User, role: str = Role.ENGINEER) -> Grant:
    """Grant a role, with its entry."""
    grant = a_grant(person, role)
    with transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[grant], data={"role": role})
    return grant


def a_system(owner: User | None = None) -> AISystem:
    """Take in an AI system, with its entry."""
    system = AISystem(
        slug="credit",
        name="Credit",
        purpose="Scores.",
        owner=owner or a_person(),
        ai_roles=["provider"],
        favourable_outcome="granted",
        made_at=clock.now(),
    )
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=ME, subjects=[system], data={})
    return system
