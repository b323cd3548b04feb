"""Retire an AI system: nothing of it is live any more, and nothing new is asked for."""

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden
from governance.inventory.errors import ClassReopened, SystemInUse, SystemRetired
from governance.inventory.mirrored import mirror
from governance.inventory.models import AISystem
from governance.inventory.selectors import why_open_again
from governance.inventory.texts import SHORTEST_REASON, reason_of

SHORTEST, LONGEST = SHORTEST_REASON, 4000


@transaction.atomic
def retire_system(*, ai_system: AISystem, by: User, reason: str) -> AISystem:
    """Retire a system for good, with the reason. It stays in every list and keeps its record.

    Raises:
        Forbidden: as :func:`check_may_retire` says.
        InvalidInput: the reason has fewer than 20 characters, or more than 4000.
        SystemInUse: a model of it is live, or something is requested or approved.
        SystemRetired: it is retired already.
    """
    check_may_retire(ai_system, by)
    kept = reason_of(reason, LONGEST)
    ai_system = AISystem.objects.select_for_update().get(pk=ai_system.pk)
    check_not_retired(ai_system)
    if used := mirror().in_use(ai_system):
        raise SystemInUse(f"{ai_system.name} can't be retired. {used}")
    ai_system.state, ai_system.retired_at, ai_system.retirement = AISystem.State.RETIRED, clock.now(), kept
    audit.append(event=Event.SYSTEM_RETIRED, actor=by, subjects=[ai_system], data={"system": ai_system.slug})
    return ai_system


def check_may_retire(ai_system: AISystem, by: User) -> None:
    """Check that the person may retire a system.

    Raises:
        Forbidden: they are neither its owner nor a risk officer of it, and do not administer.
    """
    if by.pk == ai_system.owner_id or has_role(by, Role.RISK_OFFICER, system_id=ai_system.pk):
        return
    if not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("The owner of a system, a risk officer or an administrator retires it.")


def check_takes_requests(ai_system: AISystem) -> None:
    """Check that something may be asked for a system.

    Raises:
        SystemRetired: it is retired.
        ClassReopened: it was modified since its class was signed.
    """
    check_not_retired(ai_system)
    if why := why_open_again(ai_system):
        raise ClassReopened(why)


def check_not_retired(ai_system: AISystem) -> None:
    """Check that a system is not retired.

    Raises:
        SystemRetired: it is.
    """
    if ai_system.state == AISystem.State.RETIRED:
        raise SystemRetired(f"{ai_system.name} is retired: nothing new is asked for it. Register a new system.")
