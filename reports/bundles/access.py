"""Who may take the papers of a promotion, an AI system or a period away."""

import uuid

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_anywhere, roles_of
from governance.common.errors import Forbidden
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from reports.models import BundleJob

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


def systems_for(user: User) -> QuerySet[AISystem]:
    """Return the systems whose papers somebody may take away; as :func:`may_ask` says of each."""
    seen = inventory.systems_for(user)
    if may_take_all(user):
        return seen
    own = seen.filter(owner=user) if roles_anywhere(user) else seen.none()
    return inventory.systems_of_roles(user, *TAKERS) | own


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


def check_may_download(user: User, job: BundleJob) -> None:
    """Check that whoever asked for a bundle may still have what is in it.

    Raises:
        Forbidden: they may not take it, or not the words of every entry, as they might when it was made.
    """
    check_may_ask(user, system_of(job))
    if job.whole and not may_take_all(user):
        raise Forbidden(
            "The file was made for somebody who may take the whole log away, and you may not any more. Ask for the "
            "bundle again; the new one holds what you may have."
        )


def system_of(job: BundleJob) -> uuid.UUID | None:
    """Return the AI system that a bundle is about; None for a period, which is about all."""
    return job.promotion.approval.system_id if job.promotion else job.system_id
