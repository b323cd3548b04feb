"""Who administers: who may act as one, whose word confirms another's, and the lock under which they change."""

import uuid

from governance.accounts import services
from governance.accounts.errors import SecondAdministratorNeeded
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.audit.actors import Actor, System
from governance.common.errors import Forbidden

SETUP = System("setup")


def known() -> set[uuid.UUID]:
    """Return the ids of the active people who administer the whole deployment."""
    held = grants_in_force().filter(role=Role.ADMINISTRATOR, system_id__isnull=True, person__sponsor__isnull=True)
    return set(held.values_list("person_id", flat=True))


def acting(by: User | None) -> Actor:
    """Return who acts: an administrator, or set-up while there is none.

    Raises:
        Forbidden: ``by`` is no administrator, or nobody is named although there are some.
    """
    if by is None:
        if known():
            raise Forbidden("There are administrators: say which of them does it.")
        return SETUP
    if by.is_service or not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden(f"{by} is no administrator.")
    return by


def locked(person: User) -> User:
    """Lock the person and all administrators, in one order, so that two acts on people don't undo each other."""
    wanted = known() | {person.pk}
    rows = {row.pk: row for row in User.objects.select_for_update().filter(pk__in=wanted).order_by("pk")}
    return rows[person.pk]


def check_second(*, what: str, person: User, by: User | None, confirmed_by: User | None, confirmation: str) -> None:
    """Check that a second administrator, who is neither the first nor the person, confirms with their password.

    Args:
        what: what takes two, as a sentence begins: "A validator's role".

    Raises:
        SecondAdministratorNeeded: the second is missing, the first one again, or no administrator.
        SelfGrant: the second one is the person.
        SignInAgain: the password is not the second one's.
    """
    if by is None or confirmed_by is None or confirmed_by.pk == by.pk or confirmed_by.pk not in known():
        raise SecondAdministratorNeeded(f"{what} takes two administrators; name another one who confirms.")
    if confirmed_by.pk == person.pk:
        raise services.SelfGrant(f"{person} can't confirm what is about themselves.")
    services.require_password(confirmed_by, confirmation)
