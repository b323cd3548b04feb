"""Which AI system a model serves: proposed by somebody who answers for it, in effect once a second person signs.

The class of the system decides which policy governs the model, so moving a model is as grave as classifying anew.
"""

import uuid

from django.db import transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.inventory.errors import (
    AlreadyProposed,
    AlreadySigned,
    AssignmentStands,
    OwnAssignment,
    ProposalWithdrawn,
)
from governance.inventory.mirrored import MirroredModel, mirror
from governance.inventory.models import AISystem, ModelAssignment
from governance.inventory.retiring import check_not_retired

SIGNERS = (Role.VALIDATOR, Role.RISK_OFFICER)


@transaction.atomic
def propose_assignment(*, model: str, ai_system: AISystem, by: User) -> ModelAssignment:
    """Propose that a model serves an AI system; nothing changes until a second person signs.

    Raises:
        Unknown: no such model was mirrored, or it serves a system that the proposer may not read.
        Forbidden: the proposer owns neither the system nor the one that the model serves now, and does not administer.
        InvalidInput: the model serves this system already.
        AlreadyProposed: an assignment of the model waits for its signature.
        AssignmentStands: something of the model is live, requested or approved under the system it serves now.
        SystemRetired: the system is retired.
    """
    found = mirror().model(model, reader=by)
    present = _present(found)
    owners = {ai_system.owner_id, *([present.owner_id] if present else [])}
    if by.pk not in owners and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden(f"The owner of {ai_system.name}, or of the system it serves now, proposes where {model} goes.")
    check_not_retired(ai_system)
    if present and present.pk == ai_system.pk:
        raise InvalidInput(f"{model} serves {ai_system.name} already.")
    _check_free(found, present)
    if _waiting().filter(model_id=found.id).exists():
        raise AlreadyProposed(f"An assignment of {model} waits for its signature; have it signed or withdrawn first.")
    proposal = ModelAssignment(
        system=ai_system,
        model_id=found.id,
        model_name=found.name,
        from_system=present,
        proposed_by=by,
        proposed_at=clock.now(),
    )
    audit.append(event=Event.ASSIGNMENT_PROPOSED, actor=by, subjects=[proposal], data=_said(proposal))
    return proposal


@transaction.atomic
def sign_assignment(*, assignment_id: uuid.UUID, signer: User) -> ModelAssignment:
    """Sign a proposed assignment, which moves the model to its system.

    Raises:
        Unknown, ProposalWithdrawn, AlreadySigned, OwnAssignment, Forbidden: as :func:`check_may_sign` says.
        AssignmentStands: something of the model became live, requested or approved meanwhile.
        SystemRetired: the system was retired meanwhile.
    """
    proposal = _locked(assignment_id)
    # The model's row is locked and read again: what counts is the system that it serves now.
    found = mirror().model(proposal.model_name)
    check_may_sign(proposal, signer, present=_present(found))
    _check_free(found, _present(found))
    check_not_retired(AISystem.objects.select_for_update(no_key=True).get(pk=proposal.system_id))
    proposal.signed_by, proposal.signed_at = signer, clock.now()
    audit.append(
        event=Event.MODEL_ASSIGNED,
        actor=signer,
        subjects=[proposal, mirror().assigned(found.id, proposal.system)],
        data=_said(proposal),
    )
    return proposal


def check_may_sign(proposal: ModelAssignment, signer: User, *, present: AISystem | None) -> None:
    """Check that the person may sign. Pages ask it too, so that they say what the rule says.

    Args:
        present: the system that the model serves now.

    Raises:
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
        OwnAssignment: the signer proposed it, or owns the system it goes to or the one it leaves.
        Forbidden: the signer is neither validator nor risk officer of the system; or the model leaves a system whose
            owner did not propose it, and the signer is no risk officer of that one.
    """
    _check_waits(proposal)
    owners = {proposal.system.owner_id, *([present.owner_id] if present else [])}
    if signer.pk in {proposal.proposed_by_id, *owners}:
        raise OwnAssignment(f"{signer} proposed it, or owns a system that it is about; someone else must sign.")
    if signer.is_service or not has_role(signer, *SIGNERS, system_id=proposal.system_id):
        raise Forbidden("A validator or risk officer of the system signs which models serve it.")
    leaves_unasked = present is not None and proposal.proposed_by_id != present.owner_id
    if present and leaves_unasked and not has_role(signer, Role.RISK_OFFICER, system_id=present.pk):
        raise Forbidden(
            f"{proposal.model_name} serves {present.name}, whose owner did not propose the move; "
            "a risk officer of that system must sign."
        )


@transaction.atomic
def withdraw_assignment(*, assignment_id: uuid.UUID, by: User) -> ModelAssignment:
    """Take a proposed assignment back.

    Raises:
        Unknown: no such assignment.
        Forbidden: the person is neither its proposer nor the system's owner, and does not administer.
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
    """
    proposal = _locked(assignment_id)
    if by.pk not in {proposal.proposed_by_id, proposal.system.owner_id} and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("Its proposer, the system's owner or an administrator withdraws an assignment.")
    _check_waits(proposal)
    proposal.withdrawn_at = clock.now()
    audit.append(event=Event.ASSIGNMENT_WITHDRAWN, actor=by, subjects=[proposal], data=_said(proposal))
    return proposal


def may_sign(proposal: ModelAssignment, viewer: User) -> str:
    """Return why the person can't sign, an empty text when they can."""
    try:
        check_may_sign(proposal, viewer, present=proposal.from_system)
    except DomainError as refusal:
        return refusal.detail
    return ""


def _waiting() -> QuerySet[ModelAssignment]:
    return ModelAssignment.objects.filter(signed_at__isnull=True, withdrawn_at__isnull=True)


def _locked(assignment_id: uuid.UUID) -> ModelAssignment:
    found = (
        ModelAssignment.objects.select_for_update(of=("self",))
        .select_related("system", "from_system")
        .filter(pk=assignment_id)
        .first()
    )
    if found is None:
        raise Unknown(f"There is no assignment {assignment_id}.")
    return found


def _present(found: MirroredModel) -> AISystem | None:
    return AISystem.objects.get(pk=found.system_id) if found.system_id else None


def _check_waits(proposal: ModelAssignment) -> None:
    if proposal.signed_at:
        raise AlreadySigned("The assignment is in effect; propose another one instead.")
    if proposal.withdrawn_at:
        raise ProposalWithdrawn("Propose the assignment anew.")


def _check_free(found: MirroredModel, present: AISystem | None) -> None:
    if present and found.bound:
        raise AssignmentStands(f"{found.name} can't leave {present.name}: {found.bound}")


def _said(proposal: ModelAssignment) -> dict[str, object]:
    return {
        "model": proposal.model_name,
        "system": proposal.system.slug,
        "from": proposal.from_system.slug if proposal.from_system else None,
    }
