"""Open and close findings."""

import uuid
from collections.abc import Iterable, Set
from datetime import date, timedelta

from django.db import connection, transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.inventory.models import AISystem

SIGNED = frozenset({Finding.Severity.HIGH, Finding.Severity.CRITICAL})
"""Severities whose closing needs the closer's password, typed for it."""
REVIEWS = frozenset({"stop-review", "break-glass-review", "drift-review"})
"""Codes of findings that mend nothing: what a person did at once, or drift, waits for somebody else's look."""
QUESTIONS = frozenset({"drift-review", "rollback-asked", "stop-asked"})
"""Codes of findings that are no flaw but ask for a decision, or for what it may make needless, so they hold no decision
up: it is their answer."""
DUE_DAYS = {"critical": 1, "high": 7, "medium": 30, "low": 90}


class OwnFinding(Forbidden):
    """The owner of a finding can't close it."""

    title = "Somebody else must close the finding"


class FindingClosed(DomainError):
    """It is closed."""

    title = "The finding is closed"


@transaction.atomic
def open_finding(
    *,
    system: AISystem | None,
    code: str,
    title: str,
    severity: str,
    source: str,
    actor: Actor,
    request: ApprovalRequest | None = None,
    owner: User | None = None,
    description: str = "",
    due_on: date | None = None,
) -> Finding | None:
    """Open a finding; None when the same cause has an open one. The system's owner has it unless another is named.

    Without a system it is about the installation, and ``owner`` must be named.

    Args:
        due_on: where people agreed on a day; by its severity when left out.

    Raises:
        ValueError: neither a system nor an owner.
    """
    owner = owner or (system.owner if system else None)
    if owner is None:
        raise ValueError("A finding without a system needs an owner.")
    if system:
        AISystem.objects.select_for_update().get(pk=system.pk)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet finding', 0))")
    if Finding.objects.filter(system=system, code=code, title=title, closed_at__isnull=True).exists():
        return None
    now = clock.now()
    finding = Finding(
        system=system,
        request=request,
        source=source,
        code=code,
        title=title,
        severity=severity,
        owner=owner,
        opened_at=now,
        due_on=due_on or (now + timedelta(days=DUE_DAYS[severity])).date(),
    )
    audit.append(
        event=Event.FINDING_OPENED,
        actor=actor,
        subjects=[finding],
        data={
            "system": system.slug if system else None,
            "code": code,
            "severity": severity,
            "source": source,
            "due": finding.due_on,
        },
        payload={"title": title, **({"description": description} if description else {})},
    )
    return finding


def locked(finding_id: uuid.UUID) -> Finding:
    """Return one finding, locked for the rest of the transaction.

    Raises:
        Unknown: no such finding.
    """
    rows = Finding.objects.select_for_update(of=("self",)).select_related("owner", "system")
    finding = rows.filter(pk=finding_id).first()
    if finding is None:
        raise Unknown(f"There is no finding {finding_id}.")
    return finding


@transaction.atomic
def close_finding(*, finding_id: uuid.UUID, closer: User, how: str, password: str = "") -> Finding:
    """Close a finding that one does not own; a high or critical one is signed with the closer's password.

    Raises:
        Unknown: no such finding, or none that the closer may read.
        SignInAgain: the finding is high or critical, and the password is not the closer's.
        OwnFinding: the closer owns it.
        Forbidden: the closer is no validator or risk officer of the system; a critical one needs a risk officer.
        FindingClosed: somebody was first.
    """
    finding = locked(finding_id)
    if not may_read(closer, finding.system_id):
        raise Unknown(f"There is no finding {finding_id}.")
    if finding.closed_at:
        raise FindingClosed(f"{finding.title} is closed.")
    if closer.pk in {finding.owner_id, *finding.former_owners}:
        raise OwnFinding("You own this finding, or did; somebody else must see that it is mended.")
    if not has_role(closer, *closers(finding), system_id=finding.system_id):
        raise Forbidden("A risk officer closes a critical finding; a validator may close the others.")
    if finding.severity in SIGNED:
        require_password(closer, password)
    finding.closed_at, finding.closed_by = clock.now(), closer
    audit.append(
        event=Event.FINDING_CLOSED,
        actor=closer,
        subjects=[finding],
        data={"code": finding.code, "severity": finding.severity},
        payload={"title": finding.title, "how": how},
    )
    return finding


def asks_for_review(finding: Finding) -> bool:
    """Return whether a finding waits for somebody else's look at what its owner did, and nobody has closed it."""
    return finding.code in REVIEWS and finding.closed_at is None


def may_close(person: User, finding: Finding, *, roles: Set[str]) -> bool:
    """Return whether somebody may close a finding, as :func:`close_finding` says; pages offer it to nobody else.

    Args:
        roles: what the person holds for the finding's system.
    """
    owners = {finding.owner_id, *finding.former_owners}
    return finding.closed_at is None and person.pk not in owners and not roles.isdisjoint(closers(finding))


def closers(finding: Finding) -> tuple[Role, ...]:
    """Return the roles that may close a finding, as far as its person is not its owner."""
    critical = finding.severity == Finding.Severity.CRITICAL
    return (Role.RISK_OFFICER,) if critical else (Role.RISK_OFFICER, Role.VALIDATOR)


@transaction.atomic
def settle_findings(findings: Iterable[Finding], *, actor: Actor, how: str) -> int:
    """Close findings whose cause is seen to be gone, so that nobody need say so; return how many were open.

    For the code that watches the cause: what only a person can judge is closed by :func:`close_finding`.
    """
    settled = 0
    for finding in [locked(row.pk) for row in sorted(findings, key=lambda row: row.pk)]:
        if finding.closed_at is None:
            finding.closed_at, settled = clock.now(), settled + 1
            audit.append(
                event=Event.FINDING_CLOSED,
                actor=actor,
                subjects=[finding],
                data={"code": finding.code, "severity": finding.severity},
                payload={"title": finding.title, "how": how},
            )
    return settled
