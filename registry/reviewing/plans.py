"""What is there in case it goes wrong: what watches the version in use, and which one one would go back to."""

from typing import Any

from django.urls import reverse

from governance.approvals.models import State
from registry import live, selectors
from registry.models import AliasHistory, PromotionRequest
from registry.reviewing import panels


def plans_shown(promotion: PromotionRequest) -> dict[str, Any]:
    """Return the monitors of the model, and the version to go back to with what is known of its bytes."""
    return {
        "monitors": panels.monitors_of(promotion.version.model),
        "rollback": _rollback(promotion),
    }


def _rollback(promotion: PromotionRequest) -> dict[str, Any] | None:
    span = selectors.rollback_target(promotion.version, promotion.alias)
    if span is None or span.promotion is None:
        return None
    approval = span.promotion.approval
    in_force = approval.state == State.APPROVED
    return {
        "version": span.version.number,
        "digest": span.version.artifact_digest,
        "reference": str(span.promotion),
        "url": reverse("review", args=[approval.pk]),
        "state": approval.state,
        "until": approval.valid_until if in_force else None,
        **_bytes(span),
    }


def _bytes(span: AliasHistory) -> dict[str, Any]:
    """Say whether the version's files are still there, as far as the reconciler has looked."""
    seen = live.presence(span.version)
    if seen is None:
        return {"there": "unknown", "looked_at": None}
    return {"there": "yes" if seen["there"] else "no", "looked_at": seen["at"]}
