"""What a standing approval said of a request, as the pages about the request show it."""

from typing import Any
from uuid import UUID

from governance.approvals.models import ApprovalRequest, StandingMatch


def spared_by(said: dict[str, Any] | None) -> UUID | None:
    """Return the request of the standing approval that let a request through, as :func:`standing_said` says it."""
    return said["pk"] if said and said["number"] else None


def standing_said(approval: ApprovalRequest) -> dict[str, Any] | None:
    """Return what the newest standing approval that a request was held against said; None where none was."""
    rows = StandingMatch.objects.filter(request=approval).select_related("standing").order_by("-made_at")
    match = rows.filter(number__isnull=False).first() or rows.first()
    if match is None:
        return None
    return {
        "pk": match.standing.approval_id,
        "number": match.number,
        "max_uses": match.standing.max_uses,
        "alias": match.standing.alias,
        "at": match.made_at,
        "conditions": match.conditions,
        "missed": sum(not row["holds"] for row in match.conditions),
    }
