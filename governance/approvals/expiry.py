"""Requests whose evidence or whose requester's answer never comes: they expire.

So none stays open, and bars its subject, for ever.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from governance.approvals.models import ApprovalRequest, Decision, State
from governance.approvals.selectors import due_at
from governance.approvals.services import CLOCK, move
from governance.common import clock
from governance.policy.selectors import document_of


def collects_until(approval: ApprovalRequest) -> datetime | None:
    """Return when a request expires unless its evidence is complete by then; None in any state but collecting."""
    if approval.state != State.COLLECTING:
        return None
    since = approval.resubmitted_at or approval.opened_at
    return since + document_of(approval.policy_version).approval.collect_within


@transaction.atomic
def expire_collecting() -> int:
    """Let requests expire whose evidence was not complete in the time that their policy gives; return how many.

    One that a worker is completing right now is locked by it, and passed over.
    """
    collecting = (
        ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("policy_version")
        .filter(state=State.COLLECTING)
    )
    now = clock.now()
    overdue = [row for row in collecting if (until := collects_until(row)) and until < now]
    for approval in overdue:
        reason = "Its evidence was not complete in the time that the policy gives."
        move(approval, State.EXPIRED, actor=CLOCK, reason=reason, allowed={State.COLLECTING})
    return len(overdue)


def answer_until(approval: ApprovalRequest) -> datetime | None:
    """Return when a request expires unless its requester answers by then; None where no changes are requested."""
    if approval.state != State.CHANGES_REQUESTED:
        return None
    asked = approval.decisions.filter(verdict=Decision.Verdict.REQUEST_CHANGES).order_by("-decided_at").first()
    since = asked.decided_at if asked else approval.opened_at
    return since + document_of(approval.policy_version).approval.answer_within


def ends_at(approval: ApprovalRequest) -> datetime | None:
    """Return when an open request expires unless what it waits for comes; None for one that is settled."""
    return due_at(approval) or collects_until(approval) or answer_until(approval)


@transaction.atomic
def expire_unanswered() -> int:
    """Let requests expire whose requester did not answer requested changes in their policy's time; return how many."""
    waiting = (
        ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("policy_version")
        .filter(state=State.CHANGES_REQUESTED)
    )
    now = clock.now()
    overdue = [row for row in waiting if (until := answer_until(row)) and until < now]
    for approval in overdue:
        reason = "The requested changes were not answered in the time that the policy gives."
        move(approval, State.EXPIRED, actor=CLOCK, reason=reason, allowed={State.CHANGES_REQUESTED})
    return len(overdue)
