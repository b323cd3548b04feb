"""Take AI systems in, classify them, pin their data."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory import declaring, signed
from governance.inventory.errors import AlreadyProposed, AlreadySigned, OwnClassification, ProposalWithdrawn
from governance.inventory.mirrored import mirror
from governance.inventory.models import AISystem, Classification, DatasetPin
from governance.inventory.modifying import check_holds
from governance.regulation import classification as rules
from governance.regulation.form import NONE


def check_may_register(by: User) -> None:
    """Check that the person may take AI systems in.

    Raises:
        Forbidden: they are neither engineer, owner nor administrator for the whole deployment.
    """
    if not has_role(by, Role.ENGINEER, Role.OWNER, Role.ADMINISTRATOR):
        raise Forbidden("An engineer, a model owner or an administrator takes AI systems in.")


@transaction.atomic
def register_system(
    *,
    slug: str,
    name: str,
    purpose: str,
    owner: User,
    ai_roles: list[str],
    favourable_outcome: str,
    by: User,
    declared: Mapping[str, str] | None = None,
) -> AISystem:
    """Take an AI system in, as proposed; it has no class until its classification is signed.

    Args:
        declared: first answers of its record, by question id (``governance.regulation.record``).
    Raises:
        Forbidden: who takes it in is neither engineer, owner nor administrator.
        InvalidInput: the slug is taken, the owner is no person, the purpose is too short to mean anything, or an answer
            does not fit.
    """
    check_may_register(by)
    if owner.is_service:
        raise InvalidInput(f"{owner} is a machine: a person owns an AI system.")
    if AISystem.objects.filter(slug=slug).exists():
        raise InvalidInput(f"There is already an AI system {slug}; choose another slug.")
    if len(purpose.strip()) < 30:
        raise InvalidInput("Say in at least 30 characters for whom the system decides what.")
    ai_system = AISystem(
        slug=slug,
        name=name,
        purpose=purpose.strip(),
        owner=owner,
        ai_roles=sorted(ai_roles),
        favourable_outcome=favourable_outcome,
        made_at=clock.now(),
    )
    audit.append(
        event=Event.SYSTEM_REGISTERED,
        actor=by,
        subjects=[ai_system],
        data={"system": slug, "owner": owner.actor_id, "ai_roles": sorted(ai_roles)},
    )
    declaring.declare(ai_system=ai_system, answers=declared or {}, by=by)
    return ai_system


def check_may_classify(ai_system: AISystem, by: User) -> None:
    """Check that the person may propose a classification.

    Raises:
        Forbidden: they neither own the system nor are its engineer.
    """
    if by.pk != ai_system.owner_id and not has_role(by, Role.ENGINEER, Role.OWNER, system_id=ai_system.pk):
        raise Forbidden(f"The owner of {ai_system.name}, or an engineer or model owner, proposes its classification.")


@transaction.atomic
def propose_classification(
    *, ai_system: AISystem, answers: Mapping[str, Any], model_tier: int, by: User, placed_on: date | None = None
) -> Classification:
    """Derive the class from the answers; it takes effect when a second person signs it.

    Args:
        placed_on: the day on which the system was placed on the market or put into service, or will be; the class
            does not follow from it, but transitional rules do. None is not known.
    Raises:
        Forbidden: the proposer neither owns the system nor is its engineer.
        InvalidInput: an answer is missing or not one of its choices, or the tier is not 1 to 4.
        AlreadyProposed: one waits for its signature; have it signed or withdrawn first.
    """
    check_may_classify(ai_system, by)
    if not 1 <= model_tier <= 4:
        raise InvalidInput("The model tier is a number from 1 (highest) to 4.")
    try:
        derived = rules.classify(dict(answers))
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    if ai_system.classifications.filter(signed_at__isnull=True, withdrawn_at__isnull=True).exists():
        raise AlreadyProposed(f"{ai_system.name} has a classification that waits; have it signed or withdrawn first.")
    proposal = Classification(
        system=ai_system,
        answers=dict(answers),
        ai_act_class=derived.ai_act_class,
        annex_points=list(derived.annex_points),
        trace=derived.as_dict()["trace"],
        law_version=derived.law_version,
        model_tier=model_tier,
        placed_on=placed_on,
        proposed_by=by,
        proposed_at=clock.now(),
    )
    audit.append(
        event=Event.CLASSIFICATION_PROPOSED,
        actor=by,
        subjects=[proposal],
        data={
            "system": ai_system.slug,
            "ai_act_class": derived.ai_act_class,
            "points": list(derived.annex_points),
            "model_tier": model_tier,
            "law": derived.law_version,
            "placed_on": placed_on,
        },
    )
    return proposal


@transaction.atomic
def sign_classification(*, classification_id: uuid.UUID, signer: User) -> Classification:
    """Sign a proposed classification, which gives the system its class, tier and roles. It is open again no longer.

    Raises:
        Unknown: no such classification.
        OwnClassification: the signer proposed it or owns the system.
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
        Forbidden: the signer is neither validator, risk officer nor data protection officer.
        ProposalOvertaken: the system was modified since it was proposed.
    """
    proposal = _waiting_classification(classification_id)
    signed.lock(proposal)
    ai_system = AISystem.objects.select_for_update().get(pk=proposal.system_id)
    if signer.pk in {proposal.proposed_by_id, ai_system.owner_id}:
        raise OwnClassification(f"{signer} proposed this classification or owns the system; someone else must sign.")
    if not has_role(signer, Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, system_id=ai_system.pk):
        raise Forbidden("A validator, risk officer or data protection officer signs a classification.")
    check_holds(proposal)
    proposal.signed_by, proposal.signed_at = signer, clock.now()
    ai_system.ai_act_class, ai_system.model_tier = proposal.ai_act_class, proposal.model_tier
    answered = proposal.answers.get("operator_roles")
    if answered is not None:  # what is no AI system is not asked for a role
        ai_system.ai_roles = sorted({*([answered] if isinstance(answered, str) else answered)} - {NONE})
    ai_system.class_reopened_at = None
    audit.append(
        event=Event.CLASSIFICATION_SIGNED,
        actor=signer,
        subjects=[proposal, ai_system],
        data={
            "system": ai_system.slug,
            "ai_act_class": proposal.ai_act_class,
            "model_tier": proposal.model_tier,
            "ai_roles": ai_system.ai_roles,
        },
    )
    signed.tell(ai_system)
    return proposal


@transaction.atomic
def withdraw_classification(*, classification_id: uuid.UUID, by: User) -> Classification:
    """Take a proposed classification back, so that another can be proposed.

    Raises:
        Unknown: no such classification.
        Forbidden: the person is neither its proposer nor the system's owner, and does not administer.
        AlreadySigned, ProposalWithdrawn: nothing waits for a signature any more.
    """
    proposal = _waiting_classification(classification_id)
    ai_system = proposal.system
    if by.pk not in {proposal.proposed_by_id, ai_system.owner_id} and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("Its proposer, the system's owner or an administrator withdraws a classification.")
    proposal.withdrawn_at = clock.now()
    audit.append(
        event=Event.CLASSIFICATION_WITHDRAWN,
        actor=by,
        subjects=[proposal],
        data={"system": ai_system.slug, "ai_act_class": proposal.ai_act_class, "model_tier": proposal.model_tier},
    )
    return proposal


def _waiting_classification(classification_id: uuid.UUID) -> Classification:
    """Return a classification that waits for its signature, locked."""
    found = Classification.objects.select_for_update(of=("self",)).select_related("system").filter(pk=classification_id)
    proposal = found.first()
    if proposal is None:
        raise Unknown(f"There is no classification {classification_id}.")
    if proposal.signed_at:
        raise AlreadySigned("Propose a new classification instead.")
    if proposal.withdrawn_at:
        raise ProposalWithdrawn("Propose the classification anew.")
    return proposal


@transaction.atomic
def pin_dataset(*, ai_system: AISystem, dataset_digest: str, by: User, role: str = "evaluation") -> DatasetPin:
    """Choose the dataset on which every version of the system is measured from now on.

    Raises:
        Forbidden: only a validator of the system pins data.
        InvalidInput: no mirrored dataset has this digest, or none in this role.
    """
    if not has_role(by, Role.VALIDATOR, system_id=ai_system.pk):
        raise Forbidden("A validator pins the evaluation data, so that nobody chooses their own yardstick.")
    kept_as = mirror().dataset_roles(dataset_digest)
    if role not in kept_as:
        known = f"it is kept as {' and '.join(sorted(kept_as))} data" if kept_as else "no mirrored dataset has it"
        raise InvalidInput(f"{dataset_digest} can't be pinned as {role} data: {known}.")
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    now = clock.now()
    before = list(DatasetPin.objects.filter(system=ai_system, role=role, unpinned_at__isnull=True))
    for pin in before:
        if pin.dataset_digest == dataset_digest:
            return pin
        pin.unpinned_at = now
    pin = DatasetPin(system=ai_system, role=role, dataset_digest=dataset_digest, pinned_by=by, pinned_at=now)
    audit.append(
        event=Event.DATASET_PINNED,
        actor=by,
        subjects=[*before, pin],
        data={"system": ai_system.slug, "role": role, "dataset": dataset_digest},
    )
    return pin


@transaction.atomic
def set_state(*, ai_system: AISystem, state: str, actor: Any) -> AISystem:
    """Move a system from proposed to live; a retired one stays retired."""
    ai_system = AISystem.objects.select_for_update().get(pk=ai_system.pk)
    if ai_system.state not in {state, AISystem.State.RETIRED}:
        ai_system.state = state
        audit.append(
            event=Event.SYSTEM_UPDATED,
            actor=actor,
            subjects=[ai_system],
            data={"system": ai_system.slug, "state": state},
        )
    return ai_system
