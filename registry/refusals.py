"""Whether a change of an alias may still be made: asked before it is begun, and again in the moment it is granted."""

from governance.approvals import renewal
from governance.approvals.models import State
from governance.common import clock
from governance.inventory.models import AISystem
from governance.inventory.selectors import why_open_again
from registry import selectors
from registry.models import AliasChange, PromotionRequest

Kind = AliasChange.Kind


def refusal(change: AliasChange) -> str:
    """Return why a change can't be made now, an empty text when it can."""
    if change.version and (why := prohibition(change.model.system)):
        return why
    if change.kind == Kind.PROMOTION and change.promotion:
        return may_apply(change.promotion)
    if gone := _overtaken(change):
        return gone
    return may_go_back(change.promotion) if change.promotion else ""


def prohibition(system: AISystem | None) -> str:
    """Return why nothing of a system is put into production, empty unless it is a prohibited practice."""
    if system is None or system.ai_act_class != AISystem.AIActClass.PROHIBITED:
        return ""
    return f"{system.name} is classified as a prohibited practice (Article 5); nothing is put into production."


def _overtaken(change: AliasChange) -> str:
    """Say what took the alias since somebody looked at it and asked; nobody decided about that."""
    now_live = selectors.live(change.model, change.alias)
    if (now_live.version_id if now_live else None) == change.replaces_id:
        return ""
    return f"Meanwhile {now_live.version if now_live else 'nothing'} is behind {change.alias}; look again and ask anew."


def may_apply(promotion: PromotionRequest) -> str:
    """Return why a promotion can't be applied now, an empty text when it can."""
    approval = promotion.approval
    if approval.state != State.APPROVED:
        why = approval.state_reason or approval.verdict.get("reason", "")
        return f"Its approval is {approval.get_state_display().lower()}: {why}"
    if promotion.state not in {
        PromotionRequest.State.REQUESTED,
        PromotionRequest.State.FAILED,
        PromotionRequest.State.APPLYING,
    }:
        return f"It is {promotion.get_state_display().lower()} already."
    if approval.valid_until and approval.valid_until <= clock.now():
        return "Its approval has lapsed; request the promotion again."
    if why := renewal.refusal(approval) or why_open_again(approval.system):
        return why
    if selectors.lacks_permit(promotion):
        return "The notary has not signed its permit yet; this takes about a second."
    return ""


def may_go_back(promotion: PromotionRequest) -> str:
    """Return why one can't go back to what a promotion put in place once, an empty text when one can."""
    approval = promotion.approval
    if approval.state != State.APPROVED:
        return (
            f"{promotion.version} can't be gone back to: its approval is {approval.get_state_display().lower()}. "
            "Stop the alias, or break the glass with a reason."
        )
    if approval.valid_until and approval.valid_until <= clock.now():
        return f"{promotion.version} can't be gone back to: its approval has lapsed. Stop the alias instead."
    if selectors.lacks_permit(promotion):
        return f"{promotion.version} has no permit, so nothing may load it."
    return ""
