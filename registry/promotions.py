"""Promotions: request an alias for a version, follow what its approval becomes."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import services as approvals
from governance.approvals.models import OPEN, ApprovalRequest, ChangeClass, State
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden
from governance.evidence import fitting, producers
from governance.evidence import services as evidence_services
from governance.inventory import selectors as inventory_selectors
from governance.inventory.models import AISystem
from governance.policy.selectors import document_of, governing
from placet.mlflow_plugin.protection import fold
from registry import answering, protected, required, selectors, standing
from registry.errors import (
    AlreadyLive,
    ModelUnassigned,
    RequestOpen,
    SystemProhibited,
    SystemUnclassified,
    VersionUnusable,
)
from registry.models import AliasHistory, ModelVersion, PromotionRequest

KIND = "model-version"


@transaction.atomic
def request_promotion(
    *,
    model: str,
    version: int,
    alias: str,
    requester: User,
    use_restrictions: Sequence[str] = (),
    change_class: str = ChangeClass.NON_SUBSTANTIAL,
    in_answer_to: str = "",
) -> tuple[PromotionRequest, list[uuid.UUID]]:
    """Ask that a version gets an alias; open its approval and name the evidence jobs that are missing.

    Args:
        in_answer_to: the alert for which the version was made, ``AL-7``.

    Returns: the promotion, and the ids of evidence jobs to enqueue once this is committed.

    Whether MLflow answers is for the caller to ask, before it opens a transaction.

    Raises:
        UnknownModel, UnknownVersion, UnprotectedAlias, ModelUnassigned, SystemUnclassified,
        SystemProhibited, VersionUnusable, RequestOpen, AlreadyLive, PolicyMissing: each says what to do.
        Forbidden: the requester is no engineer of the system.
        InvalidInput: the model has no such alert.
    """
    candidate, alias, approval = opened(
        model=model,
        version=version,
        alias=alias,
        requester=requester,
        use_restrictions=use_restrictions,
        change_class=change_class,
    )
    answers = answering.checked(in_answer_to, candidate.model)
    return asked_for(candidate, alias, approval, change_class=change_class, actor=requester, in_answer_to=answers)


def opened(
    *,
    model: str,
    version: int,
    alias: str,
    requester: User,
    use_restrictions: Sequence[str] = (),
    change_class: str = ChangeClass.NON_SUBSTANTIAL,
) -> tuple[ModelVersion, str, ApprovalRequest]:
    """Open the approval of a version for an alias, as Placet calls it; the promotion itself is not written down.

    Raises: see :func:`request_promotion`.
    """
    registered = selectors.model_for(requester, model)
    candidate = selectors.version(registered, version)
    protected.check_governs(registered, alias)
    alias = fold(alias)  # Champion and champion are one name to the gate, so Placet sets that one
    ai_system = classified(registered.system, model)
    if not has_role(requester, Role.ENGINEER, Role.OWNER, system_id=ai_system.pk):
        raise Forbidden(f"Only an engineer or the owner of {ai_system.name} requests its promotions.")
    policy_version = governing(ai_system, alias)
    now_live = selectors.live(registered, alias)
    serves = now_live is not None and now_live.version_id == candidate.pk
    if now_live and serves and not _may_be_asked_for(now_live):
        raise AlreadyLive(f"{candidate} already is {alias}, since {clock.rfc3339(now_live.during.lower)}.")
    if candidate.problem:
        raise VersionUnusable(f"{candidate}: {candidate.problem}")
    data = evaluation_data(candidate, ai_system)
    asks_for = f"alias {alias}"
    if ApprovalRequest.objects.filter(
        subject_kind=KIND, subject_id=candidate.pk, asks_for=asks_for, state__in=OPEN
    ).exists():
        raise RequestOpen(f"{candidate} has an open request for {alias}; withdraw it first, or wait for its decision.")
    production = now_live.version if now_live and not serves else None  # nothing is measured against itself
    if policy_version is None:
        evidence: list[dict[str, Any]] = []  # open_request says that the policy is missing
    else:
        evidence = required.required_evidence(document_of(policy_version), data, candidate, production)
    approval = approvals.open_request(
        subject_kind=KIND,
        subject_id=candidate.pk,
        subject_name=candidate.subject_name,
        subject_digest=candidate.artifact_digest,
        asks_for=asks_for,
        alias=alias,
        system=ai_system,
        requester=requester,
        parts=parts_of(candidate, ai_system, requester, now_live, evidence),
        required_evidence=evidence,
        context={**context_of(candidate, production), "change_class": str(change_class)},
        use_restrictions=use_restrictions,
        policy_version=policy_version,
    )
    return candidate, alias, approval


def _may_be_asked_for(now_live: AliasHistory) -> bool:
    """Return whether what serves may be requested: it was there before Placet, or people state that it was used."""
    return bool(now_live.adoption_id or (now_live.promotion_id is None and now_live.version.is_recorded))


def asked_for(
    candidate: ModelVersion,
    alias: str,
    approval: ApprovalRequest,
    *,
    change_class: str,
    actor: Actor,
    in_answer_to: str = "",
) -> tuple[PromotionRequest, list[uuid.UUID]]:
    """Write down that a version asks for an alias with an approval just opened; return it, and the jobs to enqueue."""
    promotion = PromotionRequest(
        number=_next_number(),
        version=candidate,
        alias=alias,
        approval=approval,
        requester=approval.requester,
        change_class=change_class,
        in_answer_to=in_answer_to,
        made_at=clock.now(),
    )
    audit.append(
        event=Event.PROMOTION_REQUESTED,
        actor=actor,
        subjects=[promotion],
        data={
            "promotion": promotion.number,
            "request": approval.pk,
            "model": str(candidate.model),
            "version": candidate.number,
            "alias": alias,
            "digest": candidate.artifact_digest,
            "decision_threshold": candidate.decision_threshold,
            "change_class": str(change_class),
            **({"in_answer_to": in_answer_to} if in_answer_to else {}),
        },
    )
    jobs = request_missing(approval, candidate)
    if not jobs:
        approvals.collect(approval.subject_digest, "")
    return promotion, jobs


@transaction.atomic
def resubmit(*, promotion_id: uuid.UUID, requester: User, reason: str, change_class: str = "") -> list[uuid.UUID]:
    """Answer requested changes with a new round; return the ids of evidence jobs to enqueue once this is committed.

    Args:
        change_class: states another class than before, where that is what a validator asked for.

    Raises:
        Forbidden: somebody else made the request.
        RequestNotOpen: no changes were requested.
    """
    promotion = selectors.promotion(promotion_id)
    if change_class and change_class != promotion.change_class:
        _restate(promotion, requester, change_class)
    approval = approvals.resubmit(request_id=promotion.approval_id, requester=requester, reason=reason)
    return request_missing(approval, promotion.version) if approval.state == State.COLLECTING else []


def _restate(promotion: PromotionRequest, requester: User, change_class: str) -> None:
    """State another change class, while changes are requested; whether the requester may resubmit is asked after."""
    approval = approvals.locked(promotion.approval_id)
    if approval.state != State.CHANGES_REQUESTED or approval.requester_id != requester.pk:
        return  # refused as a resubmission, with its sentence
    promotion.change_class = change_class
    approval.context = {**approval.context, "change_class": str(change_class)}
    audit.append(
        event=Event.PROMOTION_RESTATED,
        actor=requester,
        subjects=[promotion, approval],
        data={"promotion": promotion.number, "request": approval.pk, "change_class": str(change_class)},
    )


def evaluation_data(candidate: ModelVersion, ai_system: AISystem) -> str:
    """Return the digest of the rows that evidence is made on: pinned for the system, or declared by the version.

    What no MLflow holds is not run here, so it may have none: evidence about it is submitted.

    Raises:
        VersionUnusable: there are none.
    """
    pin = inventory_selectors.pinned_dataset(ai_system)
    data = selectors.dataset(pin.dataset_digest) if pin else candidate.evaluation_dataset
    if data is None and candidate.is_recorded:
        return ""
    if data is None:
        raise VersionUnusable(
            f"{candidate} declares no evaluation data; call placet.tracking.log_evaluation_data in its run."
        )
    return data.digest


def classified(ai_system: AISystem | None, model: str) -> AISystem:
    """Return the system that a model serves, if its signed class counts and something of it may be promoted.

    Raises:
        ModelUnassigned, SystemUnclassified, SystemProhibited: each says what to do.
    """
    if ai_system is None:
        raise ModelUnassigned(
            f"{model} belongs to no AI system. The owner of one must assign it, and a second person sign."
        )
    if not ai_system.ai_act_class:
        raise SystemUnclassified(f"{ai_system.name} has no signed classification; a second person must sign it.")
    if ai_system.ai_act_class == AISystem.AIActClass.PROHIBITED:
        raise SystemProhibited(
            f"{ai_system.name} is classified as a prohibited practice (Article 5); nothing is promoted."
        )
    if why := inventory_selectors.why_open_again(ai_system):
        raise SystemUnclassified(why)
    return ai_system


def parts_of(
    candidate: ModelVersion,
    ai_system: AISystem,
    requester: User,
    now_live: AliasHistory | None,
    evidence: Sequence[Mapping[str, Any]] = (),
) -> dict[str, list[str]]:
    """Return who had which part in a version, as user ids: they are kept from deciding.

    Args:
        evidence: what is asked for. By whose word a base's may count, theirs is a part in it.
    """
    return {
        "requester": [str(requester.pk)],
        "trainer": sorted({str(pk) for pk in (candidate.trained_by_id, candidate.registered_by_id) if pk}),
        "owner": [str(ai_system.owner_id)],
        "evidence_producer": sorted({base["stated_by"] for row in evidence for base in row.get("inherit", ())}),
        "sponsor": [str(requester.sponsor_id)] if requester.sponsor_id else [],
        **_previous_signers(now_live),
    }


def _previous_signers(now_live: AliasHistory | None) -> dict[str, list[str]]:
    """Return who signed for what is in production now, which a policy may keep from signing again."""
    signed: dict[str, list[str]] = {"previous_validator": [], "previous_approver": []}
    if now_live and now_live.promotion:
        approval = now_live.promotion.approval
        roles = {stage["name"]: stage["roles"] for stage in approval.stages}
        for decision in approval.decisions.filter(verdict="approve"):
            signed["previous_approver"].append(str(decision.approver_id))
            if Role.VALIDATOR in roles.get(decision.stage, []):
                signed["previous_validator"].append(str(decision.approver_id))
    return signed


def context_of(candidate: ModelVersion, production: ModelVersion | None) -> dict[str, Any]:
    """Return the facts about a version, and about what it is compared with, that a policy reads."""

    def about(version: ModelVersion) -> dict[str, Any]:
        return {"version": version.number, "digest": version.artifact_digest, "threshold": version.decision_threshold}

    unknown = {
        "id": "lineage.trainer",
        "title": "Who registered the version is known",
        "reason": f"MLflow's plugin did not say who registered {candidate}, so separation of duties can't be kept. "
        "Register the version again through the governed server, signed in.",
    }
    return {
        "candidate": about(candidate),
        **({"production": about(production)} if production else {}),
        **({} if candidate.trained_by_id or candidate.is_recorded else {"holds": [unknown]}),
    }


def request_missing(
    approval: ApprovalRequest, candidate: ModelVersion, rows: Sequence[Mapping[str, Any]] | None = None
) -> list[uuid.UUID]:
    """Return the jobs for evidence that is absent or stale; none for what Placet can't run.

    Args:
        rows: which of the approval's requirements; all of them, if left out.
    """
    jobs: list[uuid.UUID] = []
    if candidate.is_recorded:
        return jobs
    for wanted in approval.required_evidence if rows is None else rows:
        if not producers.producible(wanted["type"]):
            continue
        digest = approval.subject_digest
        if fitting.fitting(wanted, subject_id=candidate.pk, subject_digest=digest) is None:
            job = evidence_services.request_evidence(
                evidence_type=wanted["type"],
                subject_digest=approval.subject_digest,
                subject_name=candidate.subject_name,
                dataset_digest=wanted["dataset"],
                baseline_digest=wanted["baseline"],
                parameters=wanted["parameters"],
                subject_id=candidate.pk,
                baseline_id=wanted["baseline_id"],
                settings=wanted["settings"],
            )
            jobs.append(job.pk)
    return jobs


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('registry_promotion_number')")
        return int(cursor.fetchone()[0])


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Follow an approval: as its review opens, a standing approval may grant it. Nothing is copied: the gate asks."""
    if new == State.IN_REVIEW and old == State.COLLECTING:
        standing.on_review_opened(request_id)
