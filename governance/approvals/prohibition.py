"""What follows for approvals once a system is classified as a prohibited practice (Article 5): none keeps its force.

Approved ones are suspended, whatever their policy; what waits for decisions is held, and no suspension is lifted while
the class stands. Loaders refuse it, whatever its policy says of suspensions; what is loaded already only people can
stop, so its owner is asked to.
"""

import uuid

from governance.approvals import conditions, enforcement, services, waived
from governance.approvals.findings import open_finding
from governance.approvals.models import GRANTED, OPEN, ApprovalRequest, Finding, State
from governance.audit.actors import System
from governance.inventory.mirrored import mirror
from governance.inventory.models import AISystem, Classification

CLASS = System("classification")
FINDING = "prohibited-practice"


def lock(proposal: Classification) -> None:
    """Lock the requests that the signature can move, before the system's row: a decision locks them in this order.

    So a decision that is being made is either seen by the signature or sees the new class.
    """
    prohibited = AISystem.AIActClass.PROHIBITED
    if prohibited in {proposal.ai_act_class, proposal.system.ai_act_class}:
        _locked(proposal.system_id)


def on_signed(ai_system: AISystem) -> None:
    """Take the force of a system's approvals away if its class is now prohibited; hold what is open against it anew."""
    prohibited = ai_system.ai_act_class == AISystem.AIActClass.PROHIBITED
    if not prohibited:
        held = ApprovalRequest.objects.filter(system=ai_system, state=State.IN_REVIEW)
        for pk in held.filter(verdict__checks__contains=[{"id": conditions.PROHIBITED}]).values_list("pk", flat=True):
            enforcement.settle(services.locked(pk))
        return
    in_use = mirror().in_use(ai_system)
    for pk in _locked(ai_system.pk):
        approval = services.locked(pk)  # read anew: what was moved before may have moved it
        if approval.state == State.IN_REVIEW:
            enforcement.settle(approval)
        elif approval.state == State.APPROVED:
            reason = "Its AI system was classified as a prohibited practice (Article 5)."
            services.move(approval, State.SUSPENDED, actor=CLASS, reason=reason, allowed={State.APPROVED})
    if in_use:
        open_finding(
            system=ai_system,
            code=FINDING,
            title=f"{ai_system.name} is classified as a prohibited practice and is still in use or asked for",
            severity=Finding.Severity.CRITICAL,
            source="classification",
            actor=CLASS,
            description=f"{in_use} Its approvals are suspended and loaders refuse it. What is loaded already goes on "
            "until it is stopped: stop it.",
        )


def _locked(system_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the requests of a system that are open or in force, locked; a waiver's force is that of its request."""
    rows = ApprovalRequest.objects.select_for_update().filter(system=system_id, state__in=[*OPEN, *GRANTED])
    return list(rows.exclude(subject_kind=waived.KIND).order_by("pk").values_list("pk", flat=True))
