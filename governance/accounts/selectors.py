"""Who holds which role, at which moment."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from governance.accounts.models import ExternalIdentity, Grant, User, in_force
from governance.accounts.roles import Role
from governance.common import clock


def grants_in_force(*, at: datetime | None = None) -> QuerySet[Grant]:
    """Return the grants that hold at ``at`` (now), of active people."""
    return Grant.objects.filter(in_force(at or clock.now()), person__is_active=True)


def roles_of(user: User, *, system_id: uuid.UUID | None = None) -> set[str]:
    """Return the roles a person holds now: the global ones and those for ``system_id``."""
    grants = grants_in_force().filter(Q(system_id__isnull=True) | Q(system_id=system_id), person=user)
    return set(grants.values_list("role", flat=True))


def roles_anywhere(user: User) -> dict[str, bool]:
    """Return the roles a person holds now, each with whether it is held for the whole deployment."""
    held: dict[str, bool] = {}
    for role, system_id in grants_in_force().filter(person=user).values_list("role", "system_id").order_by("role"):
        held[role] = held.get(role, False) or system_id is None
    return held


RolesHeld = Callable[[uuid.UUID | None, datetime], set[str]]


def roles_held(user: User) -> RolesHeld:
    """Return what answers, for many systems with one query: which roles the person holds now, and held since then.

    The answer takes the AI system and the moment; a role that was given later, or that has ended, is no part of it.
    Nobody who was deactivated holds any.
    """
    grants = list(grants_in_force().filter(person=user).values_list("role", "system_id", "valid_from"))
    return lambda system_id, since: {
        role for role, of, valid_from in grants if of in (None, system_id) and valid_from <= since
    }


def has_role(user: User, *roles: str, system_id: uuid.UUID | None = None) -> bool:
    """Return whether the person holds any of the roles."""
    return bool(roles_of(user, system_id=system_id) & {str(role) for role in roles})


def people_with(roles: Iterable[str], *, system_id: uuid.UUID | None = None, at: datetime | None = None) -> list[User]:
    """Return the active people (no service accounts) who held one of the roles at ``at``, ordered by name."""
    grants = grants_in_force(at=at).filter(
        Q(system_id__isnull=True) | Q(system_id=system_id), role__in=list(roles), person__sponsor__isnull=True
    )
    return list(User.objects.filter(pk__in=grants.values("person_id")).order_by("name"))


def identities_in_force(*, at: datetime | None = None) -> QuerySet[ExternalIdentity]:
    """Return under which names outside systems know people at ``at`` (now)."""
    return ExternalIdentity.objects.filter(in_force(at or clock.now())).select_related("person")


def person_by_external_identity(provider: str, subject: str | None, *, at: datetime | None = None) -> User | None:
    """Return the person whom an outside system knew under that name at ``at`` (now).

    Whoever asks about something that was done gives the moment in which it was: the name may be another's by now.
    """
    row = identities_in_force(at=at).filter(provider=provider, subject=subject).first() if subject else None
    return row.person if row else None


def role_titles(user: User) -> list[str]:
    """Return the roles that the person holds anywhere, as words."""
    return [Role(role).label for role in roles_anywhere(user)]


def titles_by_person(people: Iterable[User]) -> dict[uuid.UUID, list[str]]:
    """Return for each person the roles that they hold anywhere, as words; one query for all of them."""
    found: dict[uuid.UUID, list[str]] = {person.pk: [] for person in people}
    rows = grants_in_force().filter(person__in=found).values_list("person_id", "role").distinct().order_by("role")
    for person, role in rows:
        found[person].append(str(Role(role).label))
    return found
