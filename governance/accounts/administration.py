"""Make people and service accounts, give and take roles, make and revoke tokens: what administrators do.

A role with which somebody decides, rules or administers is the word of two administrators. While a deployment has fewer
than two, only the role of administrator can be given, so that the rule holds from the first decision on.
"""

import secrets
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet

from governance.accounts import administrators, roles, services, workloads
from governance.accounts.errors import PersonInactive, RoleHeld, RoleNotHeld, SecondAdministratorNeeded
from governance.accounts.models import Grant, Token, User, in_force
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

GRAVE = roles.GRAVE
LONGEST_REASON = 1_000
"""Roles that take two administrators to give."""

LeaveHook = Callable[[User], None]
_on_leave: list[LeaveHook] = []


def register_on_leave(hook: LeaveHook) -> None:
    """Call ``hook(person)`` when somebody is deactivated, in the same transaction; its refusal undoes the whole."""
    _on_leave.append(hook)


@transaction.atomic
def create_person(*, email: str, name: str, password: str, by: User | None) -> User:
    """Make a person who can sign in and has no role yet.

    Args:
        by: the administrator; None only while the deployment has none.

    Raises:
        Forbidden: ``by`` is no administrator.
        InvalidInput: the address is taken or none, the name is empty, or the password is too weak.
    """
    actor = administrators.acting(by)
    _check_new(email, name)
    try:
        validate_password(password)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    person = User.objects.create_user(email, password, name=name.strip())
    audit.append(
        event=Event.PERSON_CREATED,
        actor=actor,
        data={"person": person.actor_id},
        payload={"name": person.name, "email": person.email},
    )
    return person


@transaction.atomic
def create_service_account(*, email: str, name: str, sponsor: User, by: User) -> User:
    """Make an account for a machine. It has no password, and its sponsor answers for it and never decides on its work.

    Raises:
        Forbidden: ``by`` is no administrator.
        InvalidInput: the address is taken or none, the name is empty, or the sponsor is no active person.
    """
    actor = administrators.acting(by)
    _check_new(email, name)
    if sponsor.is_service or not sponsor.is_active:
        raise InvalidInput(f"{sponsor} is no active person; a service account needs one who answers for it.")
    account = User.objects.create_user(email, None, name=name.strip(), sponsor=sponsor)
    audit.append(
        event=Event.SERVICE_ACCOUNT_CREATED,
        actor=actor,
        data={"service": account.actor_id, "sponsor": sponsor.actor_id},
        payload={"name": account.name, "email": account.email},
    )
    return account


@transaction.atomic
def give_role(
    *,
    person: User,
    role: Role,
    by: User | None,
    confirmed_by: User | None = None,
    confirmation: str = "",
    system_id: uuid.UUID | None = None,
    valid_until: datetime | None = None,
) -> Grant:
    """Give a role as an administrator; a grave one with a second administrator, who types their password.

    Args:
        by: the administrator; None only while the deployment has none, and then only for the first one.
        confirmed_by: the second administrator, ``confirmation`` their password.
        system_id: the AI system that the role is for; None means all.

    Raises:
        Forbidden: ``by`` is no administrator, or a machine would decide.
        SecondAdministratorNeeded: the role takes two, and the second is missing, the same, or none.
        SelfGrant: one of the two would get the role.
        SignInAgain: the second administrator's password is not right.
        PersonInactive: the account is deactivated.
        RoleHeld: the person holds it already.
        RolesExclude: an administrator would decide, or somebody who decides would administer.
        InvalidInput: an auditor's access without an end, or an end that has passed.
    """
    person = administrators.locked(person)
    actor = administrators.acting(by)
    check_giveable(person, role, system_id, valid_until)
    if role in GRAVE:
        _check_two(role, person, by, confirmed_by, confirmation)
    return services.grant_role(
        person=person,
        role=role,
        granted_by=by,
        confirmed_by=confirmed_by,
        actor=actor,
        system_id=system_id,
        valid_until=valid_until,
    )


def check_giveable(person: User, role: Role, system_id: uuid.UUID | None, valid_until: datetime | None) -> None:
    """Check all that a role wants of the person, of its own and of its end; not who gives it.

    Raises:
        PersonInactive, Forbidden, InvalidInput, RoleHeld, RolesExclude: as for :func:`give_role`.
    """
    if not person.is_active:
        raise PersonInactive(f"{person} is deactivated; let them in again before you give them a role.")
    if person.is_service and role in GRAVE:
        raise Forbidden(f"{person} is a service account; machines ask and never decide.")
    if valid_until and valid_until <= clock.now():
        raise InvalidInput("The end of a role must lie ahead.")
    if grants_in_force().filter(person=person, role=role, system_id=system_id).exists():
        raise RoleHeld(f"{person} is {role.label.lower()} already; take the role away first to change its end.")
    services.check_role(person, role, valid_until)


@transaction.atomic
def take_role(*, person: User, role: Role, by: User, system_id: uuid.UUID | None = None) -> list[Grant]:
    """End a role now, and return the grants that it ended. One administrator may: it only takes power away.

    Raises:
        Forbidden: ``by`` is no administrator.
        RoleNotHeld: the person does not hold it, for these systems.
        InvalidInput: it would leave the deployment without an administrator.
    """
    person = administrators.locked(person)
    actor = administrators.acting(by)
    held = list(grants_in_force().select_for_update(of=("self",)).filter(person=person, role=role, system_id=system_id))
    if not held:
        raise RoleNotHeld(f"{person} is not {role.label.lower()}" + (" of that system." if system_id else "."))
    end_grants(held, actor=actor)
    return held


def end_grants(held: Sequence[Grant], *, actor: Actor, **said: object) -> None:
    """End roles of one kind of one person, whom the caller has locked; ``said`` goes into the entry as well.

    Raises:
        InvalidInput: it would leave the deployment without an administrator.
    """
    person, role, system_id = held[0].person, held[0].role, held[0].system_id
    if role == Role.ADMINISTRATOR and system_id is None and administrators.known() <= {person.pk}:
        raise InvalidInput(f"{person} is the last administrator; make another one first.")
    for grant in held:
        grant.valid_until = clock.now()
        grant.ended_by = actor if isinstance(actor, User) else None
    audit.append(
        event=Event.ROLE_REVOKED,
        actor=actor,
        subjects=held,
        data={"person": person.actor_id, "role": role, "system": system_id, **said},
    )


@transaction.atomic
def issue_token(*, holder: User, label: str, scopes: Iterable[str], days: int, by: User) -> str:
    """Make a token for a service account or a person; return it, shown this once.

    Raises:
        Forbidden: ``by`` is no administrator.
        InvalidInput: the holder is inactive, the label is in use or empty, a scope is unknown, or a life out of range.
    """
    actor = administrators.acting(by)
    if not holder.is_active or (holder.sponsor and not holder.sponsor.is_active):
        raise InvalidInput(f"{holder}, or who answers for it, is deactivated.")
    if not label.strip():
        raise InvalidInput("Give the token a label, by which it can be revoked.")
    if _tokens(holder, label).exists():
        raise InvalidInput(f"{holder} has a token {label!r}; choose another label, or revoke that one.")
    return services.create_token(holder=holder, label=label, scopes=scopes, days=days, actor=actor)


@transaction.atomic
def revoke_token(*, holder: User, label: str, by: User) -> None:
    """End a token now.

    Raises:
        Forbidden: ``by`` is no administrator.
        Unknown: the holder has no such token in force.
    """
    actor = administrators.acting(by)
    token = _tokens(holder, label).select_for_update().first()
    if token is None:
        raise Unknown(f"{holder} has no token {label!r} in force.")
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    audit.append(event=Event.TOKEN_REVOKED, actor=actor, data={"token": token.pk, "holder": holder.actor_id})


@transaction.atomic
def deactivate_person(*, person: User, by: User, reason: str) -> None:
    """Shut a person or a service account out at once: roles, tokens, sessions, the tokens of accounts they sponsor.

    What they signed keeps its force. The password goes too, so that no session comes back with the account.

    Raises:
        Forbidden: ``by`` is no administrator.
        PersonInactive: the account is deactivated already.
        InvalidInput: no reason is given, or a very long one, or the deployment would be left without an administrator.
    """
    person = administrators.locked(person)
    actor = administrators.acting(by)
    if not person.is_active:
        raise PersonInactive(f"{person} is deactivated already.")
    if not reason.strip():
        raise InvalidInput("Give the reason for which the account is deactivated.")
    if len(reason.strip()) > LONGEST_REASON:
        raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason.strip()):,}.")
    if administrators.known() <= {person.pk}:
        raise InvalidInput(f"{person} is the last administrator; make another one first.")
    grants, tokens = _end_access(person)
    person.is_active = False
    person.set_unusable_password()
    person.save(update_fields=["is_active", "password"])
    audit.append(
        event=Event.PERSON_DEACTIVATED,
        actor=actor,
        subjects=grants,
        data={"person": person.actor_id, "grants": [grant.pk for grant in grants], "tokens": tokens},
        payload={"reason": reason.strip()},
    )
    workloads.end_those_of(person, by)
    for hook in _on_leave:
        hook(person)


@transaction.atomic
def reactivate_person(*, person: User, by: User, confirmed_by: User, confirmation: str, reason: str) -> str:
    """Let a deactivated account in again, without roles and tokens; return a person's new first password, else "".

    Raises:
        Forbidden: ``by`` is no administrator.
        SecondAdministratorNeeded: the second one is the same, or no administrator.
        SignInAgain: the second administrator's password is not right.
        InvalidInput: the account is active, or no reason is given.
    """
    person = administrators.locked(person)
    actor = administrators.acting(by)
    if person.is_active:
        raise InvalidInput(f"{person} is active.")
    if not reason.strip():
        raise InvalidInput("Give the reason for which the account is let in again.")
    administrators.check_second(
        what="Reactivation", person=person, by=by, confirmed_by=confirmed_by, confirmation=confirmation
    )
    grants, _ = _end_access(person)  # given by somebody who had read the row before it was deactivated
    password = "" if person.is_service else secrets.token_urlsafe(15)
    person.is_active = True
    person.set_password(password or None)
    person.save(update_fields=["is_active", "password"])
    audit.append(
        event=Event.PERSON_REACTIVATED,
        actor=actor,
        subjects=grants,
        data={"person": person.actor_id, "confirmed_by": confirmed_by.actor_id},
        payload={"reason": reason.strip()},
    )
    return password


def _end_access(person: User) -> tuple[list[Grant], list[uuid.UUID]]:
    """Return the person's unfinished grants with their end set, not yet saved, and the tokens that were ended."""
    now = clock.now()
    grants = list(Grant.objects.select_for_update().filter(in_force(now), person=person).order_by("pk"))
    for grant in grants:
        grant.valid_until = now
    tokens = Token.objects.filter(
        Q(holder=person) | Q(holder__sponsor=person), revoked_at__isnull=True, expires_at__gt=now
    )
    ended = list(tokens.order_by("pk").values_list("pk", flat=True))
    Token.objects.filter(pk__in=ended).update(revoked_at=now)
    return grants, ended


def _check_two(role: Role, person: User, by: User | None, confirmed_by: User | None, confirmation: str) -> None:
    known = administrators.known()
    if role == Role.ADMINISTRATOR and len(known) < 2:
        if by is not None and by.pk == person.pk:
            raise services.SelfGrant("An administrator can't give the role to themselves.")
        return  # the first two: nobody could confirm them
    if len(known) < 2:
        raise SecondAdministratorNeeded(
            f"{role.label} is given by two administrators; make a second administrator first."
        )
    administrators.check_second(
        what=f"The role {role.label.lower()}",
        person=person,
        by=by,
        confirmed_by=confirmed_by,
        confirmation=confirmation,
    )


def _check_new(email: str, name: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput(f"{email} is no e-mail address.") from error
    if User.objects.filter(email__iexact=email).exists():
        raise InvalidInput(f"{email} is known here already.")
    if not name.strip():
        raise InvalidInput("Give the name by which colleagues know them.")


def _tokens(holder: User, label: str) -> QuerySet[Token]:
    return Token.objects.filter(holder=holder, label=label, revoked_at__isnull=True, expires_at__gt=clock.now())
