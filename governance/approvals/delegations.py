"""Lend one's place in stages for a time, confirm that as an administrator, end it."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.accounts.services import require_password
from governance.approvals.errors import DelegateUnfit, DelegationChain, DelegationSettled
from governance.approvals.models import Delegation
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory.models import AISystem

LONGEST = timedelta(days=90)
PLACET = System("placet")


@transaction.atomic
def delegate(
    *,
    delegator: User,
    to: User,
    reason: str,
    valid_until: datetime,
    valid_from: datetime | None = None,
    role: Role | None = None,
    ai_system: AISystem | None = None,
) -> Delegation:
    """Ask that another person may sign in one's place. It lends nothing until an administrator confirms it.

    Args:
        role: the one role that is meant; None means each role with which the delegator decides.
        ai_system: the system that is meant; None means all.
        valid_from: from when; now unless it lies ahead.

    Raises:
        InvalidInput: no reason, a time that is over, or more than 90 days.
        DelegateUnfit: the delegator does not decide, or the other one holds no such role of their own.
        DelegationChain: one of the two lends or borrows a place in that time already.
    """
    now = clock.now()
    begins = max(valid_from or now, now)
    if valid_until <= begins or valid_until > begins + LONGEST:
        raise InvalidInput(f"A delegation ends after it begins, and lasts {LONGEST.days} days at most.")
    if not reason.strip():
        raise InvalidInput("Say why somebody else signs in your place.")
    _lock(delegator, to)
    _check_fit(delegator, to, role, ai_system)
    made = Delegation(
        delegator=delegator,
        delegate=to,
        role=role or "",
        system=ai_system,
        valid_from=begins,
        valid_until=valid_until,
    )
    _check_chain(made)
    audit.append(
        event=Event.DELEGATION_MADE,
        actor=delegator,
        subjects=[made],
        data=_said(made) | {"from": begins, "until": valid_until},
        payload={"reason": reason.strip()},
    )
    return made


@transaction.atomic
def confirm_delegation(*, delegation_id: uuid.UUID, administrator: User, password: str) -> Delegation:
    """Put a delegation in force, as an administrator who is neither of the two.

    Raises:
        Unknown: no such delegation.
        Forbidden: no administrator, or one of the two.
        DelegationSettled: it was confirmed or has ended.
        DelegateUnfit, DelegationChain: what was so when it was made is no more.
        SignInAgain: the password is not right.
    """
    row = _locked(delegation_id)
    if administrator.is_service or not has_role(administrator, Role.ADMINISTRATOR):
        raise Forbidden("An administrator confirms a delegation.")
    if administrator.pk in {row.delegator_id, row.delegate_id}:
        raise Forbidden("A third person confirms a delegation: neither who lends the place nor who signs in it.")
    if row.confirmed_at or row.ended_at or row.valid_until <= clock.now():
        raise DelegationSettled("The delegation was confirmed or has ended; nothing waits for a confirmation.")
    _check_fit(row.delegator, row.delegate, Role(row.role) if row.role else None, row.system)
    _check_chain(row)
    require_password(administrator, password)
    row.confirmed_by, row.confirmed_at = administrator, clock.now()
    audit.append(event=Event.DELEGATION_CONFIRMED, actor=administrator, subjects=[row], data=_said(row))
    return row


@transaction.atomic
def end_delegation(*, delegation_id: uuid.UUID, by: User) -> Delegation:
    """End a delegation at once, open requests included: either of the two may, and an administrator.

    Raises:
        Unknown: no such delegation.
        Forbidden: somebody else.
        DelegationSettled: it has ended.
    """
    row = _locked(delegation_id)
    if by.pk not in {row.delegator_id, row.delegate_id} and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("Who lends the place, who signs in it, or an administrator ends a delegation.")
    if row.ended_at or row.valid_until <= clock.now():
        raise DelegationSettled("The delegation has ended.")
    _end(row, by)
    return row


def end_with(person: User) -> None:
    """End every delegation that somebody who leaves has given or received."""
    mine = Q(delegator=person) | Q(delegate=person)
    rows = Delegation.objects.select_for_update().filter(mine, ended_at__isnull=True, valid_until__gt=clock.now())
    for row in rows.order_by("pk"):
        _end(row, PLACET)


def _end(row: Delegation, actor: Actor) -> None:
    row.ended_at = clock.now()
    audit.append(event=Event.DELEGATION_ENDED, actor=actor, subjects=[row], data=_said(row))


def _said(row: Delegation) -> dict[str, object]:
    return {
        "delegation": row.pk,
        "delegator": row.delegator_id,
        "delegate": row.delegate_id,
        "role": row.role,
        "system": row.system_id,
    }


def _locked(delegation_id: uuid.UUID) -> Delegation:
    found = Delegation.objects.filter(pk=delegation_id).values_list("delegator_id", "delegate_id").first()
    if found is None:
        raise Unknown(f"There is no delegation {delegation_id}.")
    _lock(*found)
    rows = Delegation.objects.select_for_update(of=("self",)).select_related("delegator", "delegate", "system")
    return rows.get(pk=delegation_id)


def _lock(*people: User | uuid.UUID) -> None:
    """Lock both people, in one order, so that two delegations that would make a chain don't pass each other."""
    wanted = [person.pk if isinstance(person, User) else person for person in people]
    list(User.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk"))


def _check_fit(delegator: User, to: User, role: Role | None, ai_system: AISystem | None) -> None:
    if delegator.pk == to.pk:
        raise DelegateUnfit("Name somebody else to sign in your place.")
    wanted = {role} & DECIDING if role else DECIDING
    held = grants_in_force().filter(person=delegator, person__sponsor__isnull=True, role__in=wanted)
    if ai_system:
        held = held.filter(Q(system_id__isnull=True) | Q(system_id=ai_system.pk))
    lent = set(held.values_list("role", flat=True))
    if not lent:
        raise DelegateUnfit("Only who decides can lend their place, in a role that they hold there.")
    if not grants_in_force().filter(person=to, person__sponsor__isnull=True, role__in=lent).exists():
        roles = " or ".join(sorted(Role(name).label.lower() for name in lent))
        raise DelegateUnfit(f"{to} is no {roles} by a role of their own; a place is lent to one who is.")


def _check_chain(row: Delegation) -> None:
    others = Delegation.objects.filter(
        confirmed_at__isnull=False,
        ended_at__isnull=True,
        valid_from__lt=row.valid_until,
        valid_until__gt=row.valid_from,
    ).exclude(pk=row.pk)
    if others.filter(Q(delegator_id=row.delegate_id) | Q(delegate_id=row.delegator_id)).exists():
        raise DelegationChain("A place that is lent is not lent on: one of the two is in another delegation then.")
    if others.filter(delegate_id=row.delegate_id).exclude(delegator_id=row.delegator_id).exists():
        raise DelegationChain(f"{row.delegate} stands for another person in that time; one at a time.")
