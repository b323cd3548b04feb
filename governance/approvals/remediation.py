"""What people do with findings between opening and closing: raise, plan, propose as mended, extend, hand over."""

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.approvals import findings
from governance.approvals.errors import FindingDateRefused, FindingKnown
from governance.approvals.findings import DUE_DAYS, FindingClosed, open_finding
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.models import Evidence
from governance.inventory.models import AISystem

RAISERS = DECIDING | {Role.AUDITOR}
SOURCES = {"validation": "Validation", "audit": "Audit", "monitoring": "Monitoring", "review": "Review"}
LONGEST_DAYS = 365
SHORTEST = 20


@transaction.atomic
def raise_finding(
    *, system: AISystem, title: str, description: str, severity: str, source: str, by: User, owner: User | None = None
) -> Finding:
    """Put something into the register that a person has seen. Due by its severity; the system's owner has it.

    Raises:
        Forbidden: only those who decide and auditors raise findings.
        InvalidInput: an unknown severity or source, no title, a description of fewer than 20 characters, or an owner
            who is no active person.
        FindingKnown: the system has an open finding with this title.
    """
    if by.is_service or not has_role(by, *RAISERS, system_id=system.pk):
        raise Forbidden("Validators, risk officers, data protection officers and auditors raise findings.")
    if severity not in Finding.Severity.values or source not in SOURCES:
        raise InvalidInput(f"Choose a severity of {', '.join(DUE_DAYS)} and a source of {', '.join(SOURCES)}.")
    title, description = title.strip(), _words(description, "Describe it")
    if not 0 < len(title) <= 300:
        raise InvalidInput("Name the finding in 1 to 300 characters.")
    _check_owner(owner or system.owner)
    finding = open_finding(
        system=system,
        code="raised",
        title=title,
        severity=severity,
        source=source,
        actor=by,
        owner=owner,
        description=description,
    )
    if finding is None:
        raise FindingKnown(f"{system.name} has an open finding with this title.")
    return finding


@transaction.atomic
def state_plan(*, finding_id: uuid.UUID, by: User, plan: str, plan_due: date) -> Finding:
    """Say, as the finding's owner, how it will be mended and by when; a later plan replaces it.

    Raises:
        Unknown, FindingClosed: no such finding, or it is closed.
        Forbidden: somebody else owns it.
        InvalidInput: the plan has fewer than 20 characters.
        FindingDateRefused: the day lies in the past or behind the day on which the finding is due.
    """
    finding = _owned(finding_id, by)
    plan = _words(plan, "Say how it will be mended")
    today = clock.now().date()
    if not today <= plan_due <= max(finding.due_on, today):
        raise FindingDateRefused(f"A plan ends between today and {clock.day(finding.due_on)}; have it extended first.")
    finding.plan_due = plan_due
    return _logged(finding, Event.FINDING_PLANNED, by, {"plan_due": plan_due}, {"plan": plan})


@transaction.atomic
def propose_closure(*, finding_id: uuid.UUID, by: User, how: str, evidence_id: uuid.UUID | None = None) -> Finding:
    """Say, as its owner, that a finding is mended, and on what evidence. Somebody else closes it.

    Raises:
        Unknown, FindingClosed, Forbidden: as for a plan; or there is no such evidence.
        InvalidInput: fewer than 20 characters say how.
    """
    finding = _owned(finding_id, by)
    how = _words(how, "Say how it was mended")
    evidence = Evidence.objects.filter(pk=evidence_id).first() if evidence_id else None
    if evidence_id and evidence is None:
        raise Unknown(f"There is no evidence {evidence_id}.")
    finding.proposed_at, finding.closure_evidence = clock.now(), evidence
    data = {"evidence": evidence.payload_digest if evidence else None}
    return _logged(finding, Event.FINDING_CLOSURE_PROPOSED, by, data, {"how": how})


@transaction.atomic
def extend(*, finding_id: uuid.UUID, by: User, due_on: date, reason: str, password: str) -> Finding:
    """Give a finding more time, as a risk officer who does not own it; every extension stays in the log.

    Raises:
        Unknown, FindingClosed: no such finding, or it is closed.
        Forbidden: no risk officer of the system, or its owner.
        InvalidInput: the reason has fewer than 20 characters.
        FindingDateRefused: the day is not later than the present one, or more than a year away.
        SignInAgain: the password is not the officer's.
    """
    finding = _locked(finding_id)
    _check_officer(finding, by)
    if finding.owner_id == by.pk:
        raise Forbidden("Nobody gives themselves more time; another risk officer must.")
    reason = _words(reason, "Say why it may take longer")
    today = clock.now().date()
    if not max(finding.due_on, today) < due_on <= today + timedelta(days=LONGEST_DAYS):
        raise FindingDateRefused(f"The new day lies after {clock.day(max(finding.due_on, today))} and within a year.")
    require_password(by, password)
    data = {"from": finding.due_on, "to": due_on}
    finding.due_on, finding.extensions = due_on, finding.extensions + 1
    return _logged(finding, Event.FINDING_EXTENDED, by, data, {"reason": reason})


@transaction.atomic
def hand_over(*, finding_id: uuid.UUID, by: User, to: User, reason: str) -> Finding:
    """Give a finding another owner: its present owner does it, or a risk officer of the system.

    Raises:
        Unknown, FindingClosed: no such finding, or it is closed.
        Forbidden: neither its owner nor a risk officer of the system.
        InvalidInput: the new owner is no active person, or has it, or the reason has fewer than 20 characters.
    """
    finding = _locked(finding_id)
    if finding.owner_id != by.pk:
        _check_officer(finding, by)
    _check_owner(to)
    if to.pk == finding.owner_id:
        raise InvalidInput(f"{to} has it already.")
    reason = _words(reason, "Say why it goes to somebody else")
    data = {"from": finding.owner.actor_id, "to": to.actor_id}
    finding.former_owners = sorted({*finding.former_owners, finding.owner_id})
    finding.owner = to
    return _logged(finding, Event.FINDING_HANDED_OVER, by, data, {"reason": reason})


def _locked(finding_id: uuid.UUID) -> Finding:
    finding = findings.locked(finding_id)
    if finding.closed_at:
        raise FindingClosed(f"{finding.title} is closed.")
    return finding


def _owned(finding_id: uuid.UUID, by: User) -> Finding:
    finding = _locked(finding_id)
    if finding.owner_id != by.pk:
        raise Forbidden("Its owner says how a finding is mended.")
    return finding


def _check_officer(finding: Finding, by: User) -> None:
    if by.is_service or not has_role(by, Role.RISK_OFFICER, system_id=finding.system_id):
        raise Forbidden("A risk officer of the AI system does this.")


def _check_owner(person: User) -> None:
    if person.is_service or not person.is_active:
        raise InvalidInput("A finding is owned by an active person.")


def _words(text: str, what: str) -> str:
    if len(text.strip()) < SHORTEST:
        raise InvalidInput(f"{what}, in at least {SHORTEST} characters.")
    return text.strip()


def _logged(finding: Finding, event: Event, by: User, data: Mapping[str, Any], payload: Mapping[str, str]) -> Finding:
    about = {"code": finding.code, "severity": finding.severity}
    audit.append(event=event, actor=by, subjects=[finding], data={**about, **data}, payload=payload)
    return finding
