"""What people who decide on one promotion are asked: what would change, who still signs, who may not, what was said."""

from __future__ import annotations

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, Comment, Decision
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.inventory.models import AISystem
from registry import selectors as registry
from registry.models import PromotionRequest
from reports.facts_log import Json
from reports.facts_people import Roles


def request_of(ai_system: AISystem, about: str) -> PromotionRequest:
    """Return the promotion request that a review pack is about.

    Args:
        about: its id or its number, such as ``PR-12``.

    Raises:
        InvalidInput: none is named.
        Unknown: the system has no such request.
    """
    if not about:
        raise InvalidInput("A review pack is about one promotion request: give its id or number, PR-12, as `about`.")
    found = registry.promotion(about)
    if found.approval.system_id != ai_system.pk:
        raise Unknown(f"No model of {ai_system} has a promotion request {about}.")
    return found


def review_part(promotion: PromotionRequest, roles: Roles) -> Json:
    """Return the part ``review``. Of comments only who wrote when: their words can be erased, a document can't."""
    approval = promotion.approval
    due = approvals.due_at(approval)
    return {
        "id": str(promotion.pk),
        "reference": str(promotion),
        "in_answer_to": promotion.in_answer_to or None,
        "use_restrictions": approval.use_restrictions,
        "due_at": clock.rfc3339(due) if due else None,
        "serving": _serving(promotion),
        "stages": _stages(approval),
        "excluded": _excluded(approval, roles),
        "comments": _comments(approval, roles),
        "log_index": promotion.log_entry,
    }


def _serving(promotion: PromotionRequest) -> Json | None:
    """Return what serves behind the alias now, which may be the version itself."""
    span = registry.live(promotion.version.model, promotion.alias)
    if span is None:
        return None
    return {
        "id": str(span.pk),
        "alias": span.alias,
        "version": str(span.version.number),
        "artifact_digest": span.version.artifact_digest or None,
        "from": clock.rfc3339(span.during.lower),
        "same": span.version_id == promotion.version_id,
        "log_index": span.log_entry,
    }


def _stages(approval: ApprovalRequest) -> list[Json]:
    now = approvals.current_round(approval)
    approving = approval.decisions.filter(round=now, verdict=Decision.Verdict.APPROVE)
    given = list(approving.values_list("stage", flat=True))
    return [
        {
            "name": stage["name"],
            "roles": stage["roles"],
            "quorum": stage["quorum"],
            "requires": stage.get("requires"),
            "signed": given.count(stage["name"]),
        }
        for stage in approval.stages
    ]


def _excluded(approval: ApprovalRequest, roles: Roles) -> list[Json]:
    people = {str(row.pk): row for row in User.objects.filter(pk__in=[row["person"] for row in approval.excluded])}
    return [
        {
            "role": roles.of(people.get(row["person"]), approval.opened_at, acting_as=[Role.ENGINEER, Role.OWNER]),
            "reasons": row["reasons"],
        }
        for row in approval.excluded
    ]


def _comments(approval: ApprovalRequest, roles: Roles) -> list[Json]:
    rows = Comment.objects.filter(request=approval).select_related("author").order_by("written_at", "pk")
    return [
        {
            "id": str(row.pk),
            "roles": row.author_was.split(",") if row.author_was else _held(roles, row),
            "at": clock.rfc3339(row.written_at),
            "log_index": row.log_entry,
        }
        for row in rows
    ]


def _held(roles: Roles, row: Comment) -> list[str]:
    held = roles.of(row.author, row.written_at)
    return [held] if held else []
