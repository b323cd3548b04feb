"""Who may take the papers of a promotion, an AI system or a period away."""

import uuid

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_anywhere, roles_of
from governance.common.errors import Forbidden
from governance.inventory.models import AISystem

TAKERS = frozenset({Role.AUDITOR, Role.RISK_OFFICER, Role.OWNER})
"""Who takes the papers of a system that the role reaches."""


def may_take_all(user: User) -> bool:
    """Return whether somebody may take anything away: who may take the whole log."""
    return bool(user.has_perm("audit.export_bundle"))


def may_ask(user: User, system_id: uuid.UUID | None) -> bool:
    """Return whether somebody may take the papers of a system away, or those of a period: None."""
    if may_take_all(user):
        return True
    if system_id is None:
        return False
    if roles_of(user, system_id=system_id) & TAKERS:
        return True
    return AISystem.objects.filter(pk=system_id, owner=user).exists() and bool(roles_anywhere(user))


def may_ask_somewhere(user: User) -> bool:
    """Return whether somebody may take any papers away at all."""
    return may_take_all(user) or bool(roles_anywhere(user).keys() & TAKERS)


def check_may_ask(user: User, system_id: uuid.UUID | None) -> None:
    """Check that somebody may take the papers of a system, or of a period, away.

    Raises:
        Forbidden: they may not.
    """
    if may_ask(user, system_id):
        return
    if system_id is None:
        raise Forbidden("An auditor, risk officer or administrator takes the bundle of a period, which is about all.")
    raise Forbidden("An auditor, a risk officer or the owner of the AI system takes its bundle; ask one of them.")
