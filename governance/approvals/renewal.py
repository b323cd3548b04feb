"""When an approval may be renewed, and what a renewal stands on: the approval that it extends has kept its force.

A renewal is a request of its own, with evidence, stages and floor like any other. It never lifts a suspension: what was
suspended or revoked is not renewed, and a renewal that waits is not approved while that holds.
"""

from __future__ import annotations

from datetime import datetime

from governance.approvals.errors import NotRenewable
from governance.approvals.models import OPEN, ApprovalRequest, State
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from governance.policy.document import PolicyDocument


def lost_force(approval: ApprovalRequest) -> str:
    """Return why an approval can't be extended, an empty text while it is in force or has lapsed from being so."""
    if approval.state == State.APPROVED:
        return ""
    if approval.state != State.LAPSED:
        return f"The approval is {approval.get_state_display().lower()}."
    changes = [
        entry.parsed["data"]
        for entry in log.entries_about_request(approval.pk)
        if entry.event == Event.APPROVAL_CHANGED
    ]
    suspended = bool(changes) and changes[-1]["from"] == State.SUSPENDED
    return "The approval was suspended when it lapsed." if suspended else ""


def refusal(approval: ApprovalRequest) -> str:
    """Return why a renewal can't be approved or put in force now, an empty text when it can, or is no renewal.

    It reads the renewed approval anew, so that it says what holds at this moment.
    """
    if approval.renews_id is None:
        return ""
    why = lost_force(ApprovalRequest.objects.get(pk=approval.renews_id))
    return f"{why} A renewal extends only what has its force." if why else ""


def check(approval: ApprovalRequest) -> None:
    """Check that a renewal may be approved; anything else passes.

    The row that it extends is locked, so that it keeps its force until this is committed.

    Raises:
        NotRenewable: what it renews is suspended, revoked, or was suspended when it lapsed.
    """
    if approval.renews_id:
        ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=approval.renews_id)
    if why := refusal(approval):
        raise NotRenewable(why)


def opens_at(approval: ApprovalRequest, document: PolicyDocument) -> datetime | None:
    """Return from when an approval may be renewed under a policy; None for one that was never granted."""
    return approval.valid_until - document.approval.renewal.before if approval.valid_until else None


def check_renewable(approval: ApprovalRequest, document: PolicyDocument) -> None:
    """Check that a renewal of an approval may be asked for now.

    Raises:
        NotRenewable: it lost its force, its end is too far away, or a renewal of it is open or was approved.
    """
    if why := lost_force(approval):
        raise NotRenewable(why)
    opens = opens_at(approval, document)
    if opens is None or clock.now() < opens:
        when = f"from {clock.day(opens)} on" if opens else "once it is approved"
        raise NotRenewable(f"{approval} can be renewed {when}; until then it stands as it is.")
    if approval.renewals.filter(state__in=[*OPEN, State.APPROVED]).exists():
        raise NotRenewable(f"A renewal of {approval} is open or approved already.")
