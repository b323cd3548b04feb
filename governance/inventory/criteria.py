"""What counts as success of an AI system and what wrong decisions cost: proposed, in effect once a second person signs.

Performance evidence is held against them, so whoever could set them alone would choose their own yardstick.
"""

import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.inventory.errors import AlreadyProposed, AlreadySigned, OwnCriteria, ProposalWithdrawn
from governance.inventory.models import AISystem, SuccessCriteria

SIGNERS = (Role.VALIDATOR, Role.RISK_OFFICER)
MOST = 20
DEAREST = 1e12

_readers: list[Callable[[str], str]] = []
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


def register_reader(reader: Callable[[str], str]) -> None:
    """Have ``reader`` say what is wrong with a criterion's text; the layer that knows the language registers it."""
    _readers[:] = [reader]


@transaction.atomic
def propose_criteria(
    *,
    ai_system: AISystem,
    criteria: Sequence[Mapping[str, str]],
    by: User,
    cost_matrix: Mapping[str, Any] | None = None,
) -> SuccessCriteria:
    """Propose what counts as success of a system from now on; nothing changes until a second person signs.

    Args:
        criteria: ``{"id", "title", "expr"}`` each, at most 20, perhaps none; they replace those that the system has.
        cost_matrix: ``{"fp", "fn", "unit"}``: what a false positive and a false negative cost, 0 or more, in a
            unit such as EUR; None for a system whose costs nobody has said.

    Raises:
        Forbidden: the proposer neither owns the system nor is its engineer.
        InvalidInput: an id is taken twice or odd, an expression names what there is not, or a cost is no cost.
        AlreadyProposed: some wait for their signature; have them signed or withdrawn first.
    """
    if by.pk != ai_system.owner_id and not has_role(by, Role.ENGINEER, Role.OWNER, system_id=ai_system.pk):
        raise Forbidden(
            f"The owner of {ai_system.name}, or an engineer or model owner, proposes what counts as success."
        )
    kept, costs = _checked(criteria), _costs(cost_matrix)
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    if ai_system.criteria_proposals.filter(signed_at__isnull=True, withdrawn_at__isnull=True).exists():
        raise AlreadyProposed(f"{ai_system.name} has success criteria that wait; have them signed or withdrawn first.")
    proposal = SuccessCriteria(
        system=ai_system, criteria=kept, cost_matrix=costs, proposed_by=by, proposed_at=clock.now()
    )
    audit.append(event=Event.CRITERIA_PROPOSED, actor=by, subjects=[proposal], data=_said(proposal))
    return proposal


@transaction.atomic
def sign_criteria(*, criteria_id: uuid.UUID, signer: User) -> SuccessCriteria:
    """Sign proposed success criteria, which become the system's.

    Raises:
        Unknown, ProposalWithdrawn, AlreadySigned, OwnCriteria, Forbidden: as :func:`check_may_sign` says.
    """
    proposal = _locked(criteria_id)
    check_may_sign(proposal, signer)
    ai_system = AISystem.objects.select_for_update().get(pk=proposal.system_id)
    proposal.signed_by, proposal.signed_at = signer, clock.now()
    ai_system.success_criteria, ai_system.cost_matrix = proposal.criteria, proposal.cost_matrix
    audit.append(event=Event.CRITERIA_SIGNED, actor=signer, subjects=[proposal, ai_system], data=_said(proposal))
    return proposal


@transaction.atomic
def withdraw_criteria(*, criteria_id: uuid.UUID, by: User) -> SuccessCriteria:
    """Take proposed success criteria back.

    Raises:
        Unknown: there are none of this id.
        Forbidden: the person is neither their proposer nor the system's owner, and does not administer.
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
    """
    proposal = _locked(criteria_id)
    if by.pk not in {proposal.proposed_by_id, proposal.system.owner_id} and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("Their proposer, the system's owner or an administrator withdraws success criteria.")
    _check_waits(proposal)
    proposal.withdrawn_at = clock.now()
    audit.append(event=Event.CRITERIA_WITHDRAWN, actor=by, subjects=[proposal], data=_said(proposal))
    return proposal


def check_may_sign(proposal: SuccessCriteria, signer: User) -> None:
    """Check that the person may sign. Pages ask it too, so that they say what the rule says.

    Raises:
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
        OwnCriteria: the signer proposed them or owns the system.
        Forbidden: the signer is neither validator nor risk officer of the system.
    """
    _check_waits(proposal)
    if signer.pk in {proposal.proposed_by_id, proposal.system.owner_id}:
        raise OwnCriteria(f"{signer} proposed these criteria or owns the system; someone else must sign.")
    if signer.is_service or not has_role(signer, *SIGNERS, system_id=proposal.system_id):
        raise Forbidden("A validator or risk officer of the system signs what counts as its success.")


def may_sign(proposal: SuccessCriteria, viewer: User) -> str:
    """Return why the person can't sign, an empty text when they can."""
    try:
        check_may_sign(proposal, viewer)
    except DomainError as refusal:
        return refusal.detail
    return ""


def _checked(criteria: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    if len(criteria) > MOST:
        raise InvalidInput(f"{len(criteria)} criteria are too many to be held in mind; give at most {MOST}.")
    seen: set[str] = set()
    for row in criteria:
        if not _ID.fullmatch(row["id"]) or row["id"] in seen:
            raise InvalidInput(f"{row['id']!r} can't be an id: small letters, digits, dots and hyphens, each id once.")
        seen.add(row["id"])
        for reader in _readers:
            if said := reader(row["expr"]):
                raise InvalidInput(f"Criterion {row['id']}: {said}")
    return [{"id": row["id"], "title": row["title"].strip() or row["id"], "expr": row["expr"]} for row in criteria]


def _costs(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    costs = {name: float(given[name]) for name in ("fp", "fn")}
    if not all(math.isfinite(cost) and 0 <= cost <= DEAREST for cost in costs.values()) or not any(costs.values()):
        raise InvalidInput("A cost is a number of 0 or more, and not both are 0.")
    unit = str(given["unit"]).strip()
    if not unit or len(unit) > 40:
        raise InvalidInput("Name the unit of the costs in at most 40 characters, such as EUR.")
    return {**costs, "unit": unit}


def _locked(criteria_id: uuid.UUID) -> SuccessCriteria:
    rows = SuccessCriteria.objects.select_for_update(of=("self",)).select_related("system")
    found = rows.filter(pk=criteria_id).first()
    if found is None:
        raise Unknown(f"There are no success criteria {criteria_id}.")
    return found


def _check_waits(proposal: SuccessCriteria) -> None:
    if proposal.signed_at:
        raise AlreadySigned("The criteria are in effect; propose others instead.")
    if proposal.withdrawn_at:
        raise ProposalWithdrawn("Propose the criteria anew.")


def _said(proposal: SuccessCriteria) -> dict[str, Any]:
    return {
        "system": proposal.system.slug,
        "criteria": {row["id"]: row["expr"] for row in proposal.criteria},
        "cost_matrix": proposal.cost_matrix,
    }
