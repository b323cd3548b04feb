"""Escalate on a service level: tell the roles that the policy names that nobody has decided. Nobody may sign more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_held
from governance.approvals import kinds, selectors
from governance.approvals.models import ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.templatetags.placet import day
from governance.policy.document import PolicyDocument
from governance.policy.selectors import document_of

CLOCK = System("clock")


def escalates_at(approval: ApprovalRequest) -> datetime | None:
    """Return when a request in review is escalated; None where the policy does not, or where it is no longer open."""
    terms = document_of(approval.policy_version).escalation
    if terms is None or approval.state != State.IN_REVIEW or approval.review_opened_at is None:
        return None
    return approval.review_opened_at + terms.after


@transaction.atomic
def escalate_waiting() -> int:
    """Escalate, once in each review, the requests that wait longer than their policy allows; return how many."""
    waiting = (
        ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("policy_version")
        .prefetch_related("decisions")
        .filter(state=State.IN_REVIEW, escalated_at__isnull=True)
    )
    now = clock.now()
    late = [row for row in waiting if (due := escalates_at(row)) and due < now]
    for approval in late:
        terms, stage = document_of(approval.policy_version).escalation, selectors.open_stage(approval)
        approval.escalated_at = now
        audit.append(
            event=Event.APPROVAL_ESCALATED,
            actor=CLOCK,
            subjects=[approval],
            data={
                "request": approval.pk,
                "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
                "stage": stage["name"] if stage else None,
                "to": list(terms.to) if terms else [],
            },
        )
    return len(late)


def told(viewer: User) -> list[dict[str, Any]]:
    """Return what was escalated to the roles of the viewer, oldest first, as the inbox lists it."""
    rows = list(
        ApprovalRequest.objects.filter(state=State.IN_REVIEW, escalated_at__isnull=False)
        .select_related("policy_version", "system")
        .order_by("escalated_at")[:200]
    )
    if not rows:  # as on most days: one query
        return []
    held, now = roles_held(viewer), clock.now()
    mine = [row for row in rows if held(row.system_id, now) & set(_to(document_of(row.policy_version)))]
    names = kinds.presented(mine)
    return [
        {
            "tone": "warn",
            "icon": "alert",
            "text": f"{names[row.pk].title} waits since {day(row.review_opened_at)}: escalated to you",
            "detail": f"{names[row.pk].reference} for {row.asks_for}; you are told, and may sign no more than before",
            "url": names[row.pk].url,
        }
        for row in mine
    ]


def shown(approval: ApprovalRequest, document: PolicyDocument) -> str:
    """Return to whom a request in review is or will be escalated, as a page says it; empty where it is not."""
    due = escalates_at(approval)
    if due is None:
        return ""
    roles = " and ".join(Role(role).label.lower() for role in _to(document))
    if approval.escalated_at:
        return f"escalated to {roles} on {day(approval.escalated_at)}"
    return f"escalates to {roles} on {day(due)}"


def _to(document: PolicyDocument) -> Sequence[str]:
    return document.escalation.to if document.escalation else ()
