"""What the pages of validations show: the lists, the workspace, the signed report, the calendar, a panel for others."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from django.db.models import Q

from governance.accounts.access import readable
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import kinds
from governance.approvals import selectors as approvals
from governance.approvals.models import GRANTED, ApprovalRequest, Finding
from governance.approvals.models import State as RequestState
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence import selectors as evidence_selectors
from governance.inventory import selectors as inventory
from governance.policy.document import HUMAN_REVIEW, VALIDATION
from governance.validation import calendar, selectors, services, signing
from governance.validation.models import OPEN, Opinion, State, Validation, ValidationTest

SHOWN, WAITING_SHOWN = 50, 20
SHOWS = ("mine", "open", "signed", "all")
TONES = {Opinion.FIT: "ok", Opinion.FIT_WITH_CONDITIONS: "warn", Opinion.NOT_FIT: "bad"}
Errors = Mapping[str, Sequence[str]]


def validations_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of validation/validations.html.

    Args:
        query: ``show`` (mine, open, signed, all) and ``page``.
    """
    rows = selectors.validations_for(viewer)
    parts = {
        "mine": Q(validator=viewer, state__in=OPEN),
        "open": Q(state__in=OPEN),
        "signed": Q(state=State.SIGNED),
        "all": Q(),
    }
    validates = has_role(viewer, Role.VALIDATOR)
    asked, number = query.get("show", ""), query.get("page", "1")
    show = asked if asked in SHOWS else "mine" if validates else "open"
    at = int(number) if number.isascii() and number.isdigit() and 0 < int(number[:6]) <= 10_000 else 1
    found = list(rows.filter(parts[show])[(at - 1) * SHOWN : at * SHOWN + 1])
    return {
        "rows": _rows(found[:SHOWN], viewer),
        "show": show,
        "counts": {name: rows.filter(part).count() for name, part in parts.items()},
        "page": {"number": at, "previous": at - 1 or None, "next": at + 1 if len(found) > SHOWN else None},
        "waiting": _waiting(viewer) if validates else [],
    }


def workspace_page(
    viewer: User, validation: Validation, *, form: Mapping[str, Any] | None = None, errors: Errors | None = None
) -> dict[str, Any]:
    """Return the context of validation/workspace.html and validation/report.html.

    Args:
        form: what was typed into a form that was refused, to show it again.
        errors: the refusal, by the name of the form: plan, independence, begin, test, finding, report, file, sign,
            abandon; and ``password``.
    """
    approval = validation.approval
    tests = list(validation.tests.select_related("evidence").order_by("made_at", "pk"))
    raised = validation.raised.select_related("finding__owner").order_by("finding__opened_at", "finding_id")
    written = selectors.written(validation, tests)
    refusal = _refusal(validation, viewer)
    works = not refusal and validation.state in OPEN
    begun = validation.state == State.IN_PROGRESS
    statement = signing.statement_of(validation) if works and begun else None
    return {
        "validation": _row(validation, kinds.presented([approval])[approval.pk], viewer)
        | {
            "begun_at": validation.begun_at,
            "report_digest": validation.report_digest,
            "subject_digest": approval.subject_digest,
            "evidence_digest": validation.evidence.payload_digest if validation.evidence else "",
            "index": _index(validation),
        },
        "written": {
            "plan": written.plan,
            "independence": written.independence,
            "report": written.report,
            "abandonment": written.abandonment,
        },
        "tests": [_test(row, written.tests.get(row.pk) or {}) for row in tests],
        "findings": [_finding(row.finding) for row in raised],
        "evidence": [{"pk": row.pk, "type": row.type, "made_at": row.made_at} for row in _offered(approval)]
        if works and begun
        else [],
        "may": {
            "work": works,
            "begin": works and validation.state == State.PLANNED,
            "add": works and begun,
            "abandon": validation.state in OPEN and (works or selectors.is_validator(viewer, approval.system_id)),
        },
        "refusal": refusal if validation.state in OPEN else "",
        "missing": signing.missing_from(validation) if validation.state in OPEN else [],
        "seen": statement.digest if statement else "",
        "opinions": Opinion.choices,
        "outcomes": ValidationTest.Outcome.choices,
        "severities": Finding.Severity.choices,
        "form": dict(form or {}),
        "errors": dict(errors or {}),
    }


def calendar_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of validation/calendar.html; ``query`` may name a ``system`` by its id."""
    system_id = system_asked(query)
    due = calendar.due_validations(viewer, system_id=system_id)
    late, ahead = [row for row in due if row.overdue], [row for row in due if not row.overdue]
    months = groupby(ahead, key=lambda row: row.due_on.replace(day=1))
    return {
        "overdue": [_due(row, viewer) for row in late],
        "months": [{"month": month, "rows": [_due(row, viewer) for row in rows]} for month, rows in months],
        "systems": list(inventory.systems_for(viewer).values("pk", "name")),
        "system": system_id,
    }


def system_asked(query: Mapping[str, str]) -> uuid.UUID | None:
    """Return the AI system by which a calendar is filtered; what is no id filters by nothing."""
    try:
        return uuid.UUID(query.get("system", ""))
    except ValueError:
        return None


def validation_panel(approval: ApprovalRequest, viewer: User) -> dict[str, Any] | None:
    """Return what a page about a request says of its independent validation; None where nothing is to be said."""
    newest = selectors.signed_validations_of(approval).first()
    under_way = selectors.open_validation_of(approval)
    may = selectors.validatable(approval) and under_way is None and _may_open(approval, viewer)
    required = any(stage["requires"] == VALIDATION for stage in approval.stages) or any(
        row["type"] == HUMAN_REVIEW for row in approval.required_evidence
    )
    if not (newest or under_way or may or required):
        return None
    shown: dict[str, Any] = {"signed": None, "under_way": None, "required": required, "may_open": may}
    if newest:
        words = selectors.written(newest).report or {}
        raised = newest.raised.filter(finding__closed_at__isnull=True)
        shown["signed"] = {
            "pk": newest.pk,
            "reference": str(newest),
            "opinion": newest.get_opinion_display(),
            "tone": TONES[Opinion(newest.opinion)],
            "limitations": words.get("limitations", ""),
            "open_findings": raised.count(),
            "validator": newest.validator.name,
            "signed_at": newest.settled_at,
            "elsewhere": newest.approval_id != approval.pk,
        }
    if under_way:
        shown["under_way"] = {
            "pk": under_way.pk,
            "reference": str(under_way),
            "validator": under_way.validator.name,
            "state": under_way.get_state_display().lower(),
        }
    return shown | {"revalidation": approval.state in GRANTED}


def _rows(found: Sequence[Validation], viewer: User) -> list[dict[str, Any]]:
    names = kinds.presented([row.approval for row in found])
    return [_row(row, names[row.approval_id], viewer) for row in found]


def _row(row: Validation, name: kinds.Presented, viewer: User) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "reference": str(row),
        "title": name.title,
        "request": name.reference,
        "url": name.url,
        "system": {"pk": row.approval.system_id, "name": row.approval.system.name},
        "occasion": row.get_occasion_display(),
        "validator": row.validator.name,
        "mine": row.validator_id == viewer.pk,
        "state": str(row.state),
        "state_label": row.get_state_display().lower(),
        "opinion": str(row.opinion),
        "opinion_label": row.get_opinion_display() if row.opinion else "",
        "tone": TONES[Opinion(row.opinion)] if row.opinion else "",
        "opened_at": row.opened_at,
        "settled_at": row.settled_at,
    }


def _test(row: ValidationTest, words: Mapping[str, Any]) -> dict[str, Any]:
    evidence = row.evidence
    return {
        "pk": row.pk,
        "kind": str(row.kind),
        "outcome": str(row.outcome),
        "outcome_label": row.get_outcome_display().lower(),
        "name": words.get("name", ""),
        "done": words.get("done", ""),
        "measure": words.get("measure", ""),
        "value": row.value,
        "low": row.low,
        "high": row.high,
        "evidence": {"type": evidence.type, "digest": evidence.payload_digest} if evidence else None,
    }


def _finding(row: Finding) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "title": row.title,
        "severity": row.severity,
        "owner": row.owner.name,
        "due_on": row.due_on,
        "closed": row.closed_at is not None,
        "overdue": row.closed_at is None and row.due_on < clock.now().date(),
    }


def _due(row: calendar.Due, viewer: User) -> dict[str, Any]:
    today: date = clock.now().date()
    may = row.under_way is None and _may_open(row.approval, viewer)
    return {
        "approval": row.approval.pk,
        "title": row.title,
        "url": row.url,
        "system": {"pk": row.approval.system_id, "name": row.approval.system.name},
        "tier": row.approval.system.model_tier,
        "due_on": row.due_on,
        "days": abs((row.due_on - today).days),
        "last": {
            "pk": row.last.pk,
            "reference": str(row.last),
            "opinion": row.last.get_opinion_display(),
            "at": row.last.settled_at,
        }
        if row.last
        else None,
        "under_way": {
            "pk": row.under_way.pk,
            "reference": str(row.under_way),
            "validator": row.under_way.validator.name,
        }
        if row.under_way
        else None,
        "may_open": may,
    }


def _waiting(viewer: User) -> list[dict[str, Any]]:
    """Return the requests that wait for a validation which nobody has begun, oldest first, with whether one may."""
    wants = Q(required_evidence__contains=[{"type": HUMAN_REVIEW}]) | Q(stages__contains=[{"requires": VALIDATION}])
    under_way = Validation.objects.filter(state__in=OPEN).values("approval")
    rows = ApprovalRequest.objects.filter(wants, state__in=[RequestState.COLLECTING, RequestState.IN_REVIEW])
    rows = readable(rows.exclude(pk__in=under_way), viewer, system="system").select_related("system", "requester")
    found = [row for row in rows.order_by("opened_at")[:WAITING_SHOWN] if _lacks(row)]
    names = kinds.presented(found)
    return [
        {
            "approval": row.pk,
            "title": names[row.pk].title,
            "request": names[row.pk].reference,
            "url": names[row.pk].url,
            "system": row.system.name,
            "since": row.opened_at,
            "may_open": _may_open(row, viewer),
        }
        for row in found
    ]


def _lacks(approval: ApprovalRequest) -> bool:
    if any(row["type"] == HUMAN_REVIEW for row in approval.required_evidence):
        found = approvals.required_evidence(approval)
        return any(item is None for wanted, item in found if wanted["type"] == HUMAN_REVIEW)
    return approvals.newest_validation(approval) is None


def _may_open(approval: ApprovalRequest, viewer: User) -> bool:
    try:
        services.check_independent(approval, viewer)
    except DomainError:
        return False
    return True


def _refusal(validation: Validation, viewer: User) -> str:
    """Return why the viewer does not work on it; empty for its validator."""
    if validation.validator_id != viewer.pk:
        return f"{validation.validator.name} makes this validation; you read it."
    try:
        services.check_independent(validation.approval, viewer)
    except DomainError as refusal:
        return refusal.detail
    return ""


def _offered(approval: ApprovalRequest) -> Sequence[Any]:
    """Return the evidence about the version on which a test may rest, the newest first."""
    return list(evidence_selectors.evidence_about(approval.subject_digest)[:SHOWN])


def _index(validation: Validation) -> int | None:
    if validation.state not in {State.SIGNED, State.ABANDONED}:
        return None
    return log.indexes_of([validation.log_entry]).get(validation.log_entry)
