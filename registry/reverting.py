"""Put back by itself what was moved past Placet, where the gate is configured so."""

from governance.approvals.models import State
from registry import alias_changes, protected, selectors
from registry.models import AliasChange, RegisteredModel

REVERTED = frozenset({"unapproved-alias", "alias-removed"})
CALMER = {protected.Mode.OBSERVE: "low", protected.Mode.WARN: "medium"}


def severity(model: RegisteredModel, alias: str, usual: str) -> str:
    """Return how grave a deviation is: where the gate only observes or warns, it let the write through itself."""
    return CALMER.get(protected.mode_for(model.system, alias), usual)


def ask(model: RegisteredModel, alias: str, code: str) -> AliasChange | None:
    """Ask, in the open transaction, that an alias be put back to what Placet put there; None where people decide.

    Asked once for each deviation, when it is first seen: what can't be put back so stays a finding. Nothing is put back
    to a version whose approval has lost its force, nor where the gate only observes or warns.
    """
    gate = protected.in_force()
    if not gate.automatic_revert or code not in REVERTED or protected.mode_for(model.system, alias) != gate.mode.BLOCK:
        return None
    now_live = selectors.live(model, alias)
    promotion = now_live.promotion if now_live else None
    if now_live and (promotion is None or promotion.approval.state != State.APPROVED):
        return None
    return alias_changes.ask(
        kind=AliasChange.Kind.REVERT,
        model=model,
        alias=alias,
        version=now_live.version if now_live else None,
        promotion=promotion,
        asked_by=None,
    )
