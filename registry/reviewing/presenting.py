"""What people call an approval request about a model version: registered with approvals, which knows no model."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from governance.approvals.kinds import Presented
from governance.approvals.models import ApprovalRequest, StandingApproval, State, Waiver
from registry.models import AliasHistory, PromotionRequest

_NAMES = ("version__model__workspace", "version__model__name")


def present(requests: Sequence[ApprovalRequest]) -> dict[uuid.UUID, Presented]:
    """Return title, reference and page of each request; two queries, whatever their number."""
    promotions = (
        PromotionRequest.objects.select_related("version__model")
        .only("number", "alias", "state", "approval", "version__number", *_NAMES)
        .filter(approval__in=[row.pk for row in requests])
    )
    found = {row.approval_id: row for row in promotions}
    live = {
        (model, alias): number
        for model, alias, number in AliasHistory.objects.filter(
            model__in={row.version.model_id for row in found.values()}, during__endswith__isnull=True
        ).values_list("model_id", "alias", "version__number")
    }
    return {row.pk: _presented(row, found[row.pk], live) for row in requests if row.pk in found}


def present_waivers(requests: Sequence[ApprovalRequest]) -> dict[uuid.UUID, Presented]:
    """Return the same for requests that decide whether a failed check may stand."""
    rows = Waiver.objects.select_related("request").filter(approval__in=[row.pk for row in requests])
    found = {row.approval_id: row for row in rows}
    about = present([row.request for row in found.values()])
    return {
        key: Presented(
            title=f"Waiver of {row.check_id}",
            reference=about[row.request_id].reference if row.request_id in about else "",
            url=reverse("waiver", args=[key]),
        )
        for key, row in found.items()
    }


def present_standing_approvals(requests: Sequence[ApprovalRequest]) -> dict[uuid.UUID, Presented]:
    """Return the same for requests that decide what retrained versions may be without new signatures."""
    rows = StandingApproval.objects.filter(approval__in=[row.pk for row in requests])
    return {
        row.approval_id: Presented(
            title=f"Standing approval of {row.model_name}",
            reference=row.alias,
            url=reverse("standing-approval", args=[row.approval_id]),
        )
        for row in rows
    }


def _presented(
    approval: ApprovalRequest, promotion: PromotionRequest, live: dict[tuple[uuid.UUID, str], int]
) -> Presented:
    now = live.get((promotion.version.model_id, promotion.alias))
    ready = approval.state == State.APPROVED and promotion.state == PromotionRequest.State.REQUESTED
    return Presented(
        title=str(promotion.version),
        reference=str(promotion),
        url=reverse("review", args=[approval.pk]),
        now=f"now v{now}" if now else "now none",
        apply_url=reverse("promotion-detail", args=[promotion.pk]) if ready else "",
    )


def find(word: str) -> QuerySet[Any, Any] | None:
    """Return the keys of the requests that a word names: ``pr-12`` or ``12``."""
    named = re.fullmatch(r"(?:pr-)?([0-9]{1,9})", word)
    return PromotionRequest.objects.filter(number=int(named[1])).values("approval") if named else None


def ready() -> QuerySet[Any, Any]:
    """Return the keys of the approved requests whose alias nobody has set yet."""
    return PromotionRequest.objects.filter(state=PromotionRequest.State.REQUESTED).values("approval")
