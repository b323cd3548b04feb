"""Read waivers: which failed checks of a request may stand for now.

A waiver is decided through a request of its own, and bound to the evidence: on other evidence it counts for nothing.
"""

import uuid
from typing import Any

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.approvals import selectors, unmeasured
from governance.approvals.models import ApprovalRequest, State, Waiver
from governance.common import clock
from governance.common.errors import Unknown

KIND = unmeasured.WAIVER


def in_force(approval: ApprovalRequest) -> QuerySet[Waiver]:
    """Return the waivers of a request's checks that were granted on its present evidence and have not ended."""
    return Waiver.objects.filter(
        request=approval,
        manifest_digest=approval.manifest_digest,
        approval__state=State.APPROVED,
        approval__valid_until__gt=clock.now(),
    )


def named(approval: ApprovalRequest) -> dict[str, Any]:
    """Return what an evaluation's entry says of them: check and the request that granted it; nothing without one."""
    rows = {row.check_id: str(row.approval_id) for row in in_force(approval).order_by("made_at")}
    return {"waivers": rows} if rows else {}


def waivers_for(user: User) -> QuerySet[Waiver]:
    """Return the waivers that a person may read: those whose deciding request they may read."""
    deciding = selectors.readable_requests(ApprovalRequest.objects.filter(subject_kind=KIND), user)
    return Waiver.objects.filter(approval__in=deciding).select_related("request", "approval")


def waiver_for(user: User, request_id: uuid.UUID) -> Waiver:
    """Return one waiver by the request that decides on it, as a person asks for it.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    found = waivers_for(user).filter(approval_id=request_id).first()
    if found is None:
        raise Unknown(f"There is no waiver {request_id}.")
    return found


def counts(row: Waiver) -> bool:
    """Return whether a waiver lets its check stand now: granted, not ended, and on the request's present evidence."""
    deciding = row.approval
    ends = deciding.valid_until
    granted = deciding.state == State.APPROVED and ends is not None and ends > clock.now()
    return granted and row.manifest_digest == row.request.manifest_digest
