"""What the reconciler reports: findings with an owner, also where no AI system has one to give."""

import logging

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.approvals.findings import open_finding
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit.actors import System
from governance.inventory.models import AISystem

log = logging.getLogger(__name__)
RECONCILER = System("reconciler")
LONGEST_TITLE = 300


def report(
    *,
    code: str,
    title: str,
    severity: str,
    system: AISystem | None = None,
    request: ApprovalRequest | None = None,
) -> list[str]:
    """Open a finding unless its cause has an open one; return its title, in a list, if it is new.

    A finding of a model that belongs to no AI system, or of the reconciler itself, goes to an administrator.
    """
    log.warning("%s: %s", code, title)
    owner = None if system else caretaker()
    if system is None and owner is None:
        log.error("%s has no owner: there is neither an administrator nor a risk officer.", code)
        return [title]
    opened = open_finding(
        system=system,
        code=code,
        title=title[:LONGEST_TITLE],
        severity=severity,
        source="reconciler",
        actor=RECONCILER,
        request=request,
        owner=owner,
    )
    return [title] if opened else []


def find_open(*, code: str, title: str, system: AISystem | None) -> Finding | None:
    """Return the open finding that :func:`report` made or found for a cause; None where nobody could own one."""
    return Finding.objects.filter(system=system, code=code, title=title[:LONGEST_TITLE], closed_at__isnull=True).first()


def caretaker() -> User | None:
    """Return who has the findings that no AI system's owner has: an administrator, else a risk officer."""
    for role in (Role.ADMINISTRATOR, Role.RISK_OFFICER):
        people = people_with([role])
        if people:
            return people[0]
    return None
