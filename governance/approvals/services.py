"""Open requests, freeze what they rest on, settle them."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction

from governance.accounts.models import User
from governance.accounts.selectors import people_with
from governance.approvals import delegated, kinds, renewal, selectors, unmeasured, verdicts, waived
from governance.approvals.errors import DataUnfit, PolicyMissing, RequestNotOpen
from governance.approvals.models import GRANTED, OPEN, ApprovalRequest, State
from governance.approvals.transitions import MOVES
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.audit.services import SealedPayload
from governance.common import clock
from governance.common.errors import Forbidden, Unknown
from governance.evidence.models import Evidence
from governance.inventory.mirrored import mirror
from governance.inventory.models import AISystem
from governance.inventory.retiring import check_takes_requests
from governance.policy import duties
from governance.policy.document import PolicyDocument
from governance.policy.evaluate import Verdict
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of, governing

PLACET = System("placet")
CLOCK = System("clock")


@transaction.atomic
def open_request(
    *,
    subject_kind: str,
    subject_id: uuid.UUID,
    subject_name: str,
    subject_digest: str,
    asks_for: str,
    alias: str,
    system: AISystem,
    requester: User,
    parts: Mapping[str, Collection[str]],
    kept_out: Collection[str] = (),
    required_evidence: Sequence[Mapping[str, Any]],
    context: Mapping[str, Any],
    use_restrictions: Sequence[str] = (),
    policy_version: PolicyVersion | None = None,
    renews: ApprovalRequest | None = None,
    actor: Actor | None = None,
) -> ApprovalRequest:
    """Open a request and copy everything it will be decided on.

    Args:
        parts: who had which part in the subject (``requester``, ``trainer``, ``owner``, …), as user ids; they are kept
            from deciding.
        kept_out: who else is, whichever parts the policy names.
        required_evidence: ``{type, dataset, baseline, parameters, inputs, not_before}`` per piece of evidence; its
            ``inputs`` is the digest of all that determines it (``evidence.services.inputs_digest``).
        context: facts for the policy beside evidence: ``candidate``, and ``production`` if something serves now;
            ``holds``: [{id, title, reason}] for what no evidence can lift.
        renews: the approval that this one is to extend: of the same subject and bytes.
        actor: who opens it, where Placet does it by itself in the requester's place.

    Raises:
        SystemRetired, ClassReopened: the system is retired, or was modified since its class was signed.
        PolicyMissing: no published policy governs the system and alias.
        DataUnfit: the policy wants evidence on data of another role than the data named for it has.
        IntegrityError: the subject has an open request for the same thing (``one_open_request_per_subject``).
    """
    check_takes_requests(AISystem.objects.select_for_update(no_key=True).get(pk=system.pk))
    policy_version = policy_version or governing(system, alias)
    if policy_version is None:
        raise PolicyMissing(
            f"No published policy is for {system.get_ai_act_class_display() or 'unclassified'} systems of tier "
            f"{system.model_tier} and alias {alias}. A policy publisher must put one in force."
        )
    document = document_of(policy_version)
    _check_data(document, required_evidence)
    # Only what no call can know yet is filled in; a forgotten part of the floor is refused by excluded_people.
    people: dict[str, list[str]] = {part: [] for part in document.duties_added}
    people |= {part: list(ids) for part, ids in parts.items()}
    people["sponsor"] = sorted(
        {*people.get("sponsor", []), *selectors.sponsors_of(id for part in people.values() for id in part)}
    )
    excluded = duties.excluded_people(document, people) | set(kept_out)
    approval = ApprovalRequest(
        subject_kind=subject_kind,
        subject_id=subject_id,
        subject_name=subject_name,
        subject_digest=subject_digest,
        asks_for=asks_for,
        system=system,
        policy_version=policy_version,
        requester=requester,
        excluded=_exclusions(people, excluded),
        stages=_stages(document, system, excluded, measured=subject_kind not in unmeasured.KINDS),
        required_evidence=[dict(row) for row in required_evidence],
        context=dict(context),
        use_restrictions=list(use_restrictions),
        decide_within=document.approval.decide_within,
        opened_at=clock.now(),
        renews=renews,
    )
    audit.append(
        event=Event.APPROVAL_OPENED,
        actor=actor or requester,
        subjects=[approval],
        data={
            "request": approval.pk,
            "subject": {"name": subject_name, "digest": subject_digest},
            "asks_for": asks_for,
            "policy": {"name": policy_version.name, "version": policy_version.number, "digest": policy_version.digest},
            "stages": approval.stages,
            "excluded": sorted(excluded),
            "evidence": [row["type"] for row in approval.required_evidence],
            **({"renews": renews.pk} if renews else {}),
        },
    )
    kinds.tell(subject_kind, approval.pk, "", approval.state)
    return approval


def _check_data(document: PolicyDocument, required_evidence: Sequence[Mapping[str, Any]]) -> None:
    """Hold the data that evidence will be made on against the role that the policy asks for."""
    digests = {row["type"]: str(row.get("dataset") or "") for row in required_evidence}
    for item in document.evidence:
        digest = digests.get(item.type)
        if item.dataset and digest is not None and item.dataset not in mirror().dataset_roles(digest):
            raise DataUnfit(
                f"{document.name} wants {item.type} on {item.dataset} data; {digest or 'no data'} is not kept as such."
            )


def _exclusions(people: Mapping[str, Collection[str]], excluded: Collection[str]) -> list[dict[str, Any]]:
    reasons: dict[str, list[str]] = {person: [] for person in sorted(excluded)}
    for part, ids in sorted(people.items()):
        for person in ids:
            if person in reasons:
                reasons[person].append(part)
    return [{"person": person, "reasons": sorted(set(parts))} for person, parts in reasons.items()]


def _exclude_producers(approval: ApprovalRequest, evidence: Iterable[Evidence]) -> None:
    """Keep those from deciding whose evidence the request rests on, and who stands behind them."""
    known = {row["person"]: list(row["reasons"]) for row in approval.excluded}
    for part, ids in selectors.producers_of(evidence).items():
        for person in ids:
            known[person] = sorted({*known.get(person, []), part})
    approval.excluded = [{"person": person, "reasons": reasons} for person, reasons in sorted(known.items())]


def _stages(
    document: PolicyDocument, system: AISystem, excluded: Collection[str], *, measured: bool
) -> list[dict[str, Any]]:
    """Return the stages with who may sign; where nothing is measured there is no evidence to review."""
    rows = []
    for stage in document.stages:
        people = [str(person.pk) for person in people_with(stage.roles, system_id=system.pk)]
        eligible = [person for person in people if person not in excluded]
        lent = delegated.delegates(stage.roles, system_id=system.pk, eligible=eligible, excluded=excluded)
        rows.append(
            {
                "name": stage.name,
                "roles": list(stage.roles),
                "quorum": stage.quorum,
                "requires": stage.requires if measured else None,
                "signature": stage.signature,
                "eligible": eligible,
                "delegates": lent,
            }
        )
    return rows


def collect(subject_digest: str, evidence_type: str) -> None:
    """Open the review of each collecting request about a subject once all its evidence is there.

    Called in the transaction that attaches evidence, so that no request is left behind.
    """
    waiting = ApprovalRequest.objects.select_for_update().filter(subject_digest=subject_digest, state=State.COLLECTING)
    for approval in waiting:
        if all(item is not None for _, item in selectors.required_evidence(approval)):
            open_review(approval)


@transaction.atomic
def open_review(approval: ApprovalRequest) -> None:
    """Freeze the evidence manifest, evaluate the policy and let people in.

    Raises:
        InvalidEvidence: all facts together are more than a policy is held against.
    """
    evidence = [item for _, item in selectors.required_evidence(approval) if item]
    verdicts.check_size(approval, evidence)
    manifest = [
        {"id": str(item.pk), "type": item.type, "payload_digest": item.payload_digest}
        for item in sorted(evidence, key=lambda item: item.type)
    ]
    approval.evidence_ids = [row["id"] for row in manifest]
    approval.manifest_digest = "sha256:" + sha256(rfc8785.dumps(manifest)).hexdigest()
    approval.review_opened_at = clock.now()
    _exclude_producers(approval, evidence)
    verdict = verdicts.evaluated(approval, evidence)
    approval.verdict = verdict.as_json()
    old, approval.state = approval.state, State.IN_REVIEW
    audit.append(
        event=Event.APPROVAL_REVIEW_OPENED,
        actor=PLACET,
        subjects=[approval],
        data={
            "request": approval.pk,
            "manifest": approval.manifest_digest,
            "evidence": manifest,
            "excluded": [row["person"] for row in approval.excluded],
            **verdicts.said(verdict),
            **waived.named(approval),
        },
    )
    kinds.tell(approval.subject_kind, approval.pk, old, approval.state)
    if selectors.open_stage(approval) is None and verdict.outcome == "ALLOW" and not renewal.refusal(approval):
        approve(approval, PLACET)  # a policy without stages: passing checks are all it asks


@transaction.atomic
def evaluate_again(approval: ApprovalRequest, *, actor: Actor = PLACET) -> Verdict:
    """Hold the frozen evidence against the policy again, with the reviews signed since; store and log the verdict."""
    verdict = verdicts.evaluated(approval, list(Evidence.objects.filter(pk__in=approval.evidence_ids)))
    approval.verdict = verdict.as_json()
    audit.append(
        event=Event.APPROVAL_EVALUATED,
        actor=actor,
        subjects=[approval],
        data={
            "request": approval.pk,
            "manifest": approval.manifest_digest,
            **verdicts.said(verdict),
            **waived.named(approval),
        },
    )
    return verdict


def approve(approval: ApprovalRequest, actor: Actor, *, standing: Mapping[str, Any] | None = None) -> None:
    """Grant the approval; its last decision stands in the same transaction.

    Args:
        standing: the standing approval that grants it without new signatures, as its entry names it.
    """
    document = document_of(approval.policy_version)
    now = clock.now()
    approval.settled_at, approval.valid_until = now, now + document.approval.valid_for
    if ends := approval.context.get("ends_at"):  # of what is granted for a time of its own
        approval.valid_until = min(approval.valid_until, datetime.fromisoformat(ends))
    old, approval.state = approval.state, State.APPROVED
    policy = approval.policy_version
    audit.append(
        event=Event.APPROVAL_APPROVED,
        actor=actor,
        subjects=[approval],
        data={
            "request": approval.pk,
            "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
            "asks_for": approval.asks_for,
            "manifest": approval.manifest_digest,
            "valid_until": approval.valid_until,
            "serves_until": selectors.serves_until(approval),
            "use_restrictions": approval.use_restrictions,
            "policy": {"name": policy.name, "version": policy.number, "digest": policy.digest},
            **({"standing": dict(standing)} if standing else {}),
        },
    )
    kinds.tell(approval.subject_kind, approval.pk, old, approval.state)


def move(
    approval: ApprovalRequest,
    state: State,
    *,
    actor: Actor,
    reason: str,
    allowed: Collection[str],
    words: str = "",
    sealed: SealedPayload | None = None,
    said: Mapping[str, Any] | None = None,
) -> ApprovalRequest:
    """Move a locked request to another state and log why.

    Args:
        reason: a neutral sentence that names nobody; it stays in the row and in the entry.
        words: what the person who moves it wrote; kept in the entry's erasable payload and nowhere else.
        sealed: the same, sealed before because a signed statement commits to it; instead of ``words``.
        said: what else the entry says, such as that statement.

    Raises:
        RequestNotOpen: it is in none of the ``allowed`` states.
    """
    if approval.state not in allowed or state not in MOVES.get(State(approval.state), ()):
        raise RequestNotOpen(
            f"{approval} is {approval.get_state_display().lower()}; this needs {' or '.join(sorted(allowed))}."
        )
    old, approval.state, approval.state_reason = approval.state, state, reason[:500]
    if state in OPEN:
        approval.settled_at = None
    elif approval.settled_at is None:
        approval.settled_at = clock.now()
    audit.append(
        event=Event.APPROVAL_CHANGED,
        actor=actor,
        subjects=[approval],
        data={
            "request": approval.pk,
            "from": old,
            "to": state,
            "reason": reason,
            "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
            **(said or {}),
        },
        payload={"words": words} if words else None,
        sealed=sealed,
    )
    kinds.tell(approval.subject_kind, approval.pk, old, state)
    return approval


def locked(request_id: uuid.UUID) -> ApprovalRequest:
    """Return one request, locked for the rest of the transaction.

    Raises:
        Unknown: no such request.
    """
    found = ApprovalRequest.objects.select_for_update(of=("self",)).select_related("policy_version", "system")
    approval = found.filter(pk=request_id).first()
    if approval is None:
        raise Unknown(f"There is no approval request {request_id}.")
    return approval


@transaction.atomic
def suspend(*, request_id: uuid.UUID, reason: str, actor: Actor) -> ApprovalRequest:
    """Take an approval's force away until someone looks: no new promotion; what serves keeps serving by default."""
    approval = locked(request_id)
    if approval.state == State.SUSPENDED:
        return approval
    return move(approval, State.SUSPENDED, actor=actor, reason=reason, allowed={State.APPROVED})


@transaction.atomic
def revoke(*, request_id: uuid.UUID, reason: str, actor: Actor, words: str = "") -> ApprovalRequest:
    """End an approval: nothing may load on it any more."""
    return move(locked(request_id), State.REVOKED, actor=actor, reason=reason, allowed=set(GRANTED), words=words)


@transaction.atomic
def withdraw(*, request_id: uuid.UUID, requester: User, reason: str) -> ApprovalRequest:
    """Take one's own open request back.

    Raises:
        Forbidden: somebody else made it.
        RequestNotOpen: it is settled.
    """
    approval = locked(request_id)
    if approval.requester_id != requester.pk:
        raise Forbidden("Only the requester withdraws a request.")
    withdrawn = "Withdrawn by its requester."
    return move(approval, State.WITHDRAWN, actor=requester, reason=withdrawn, allowed=set(OPEN), words=reason)


@transaction.atomic
def resubmit(*, request_id: uuid.UUID, requester: User, reason: str) -> ApprovalRequest:
    """Answer requested changes: the same thread starts a new round, on the newest evidence.

    Raises:
        Forbidden: somebody else made the request.
        RequestNotOpen: no changes were requested.
    """
    approval = locked(request_id)
    if approval.requester_id != requester.pk:
        raise Forbidden("Only the requester resubmits a request.")
    approval.manifest_digest, approval.evidence_ids, approval.review_opened_at = "", [], None
    approval.escalated_at, approval.resubmitted_at = None, clock.now()
    again = "Resubmitted by its requester."
    move(approval, State.COLLECTING, actor=requester, reason=again, allowed={State.CHANGES_REQUESTED}, words=reason)
    collect(approval.subject_digest, "")
    return locked(request_id)


@transaction.atomic
def lapse_overdue() -> int:
    """Let approvals lapse whose validity has ended; return how many."""
    overdue = ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        state__in=GRANTED, valid_until__lt=clock.now()
    )
    for approval in overdue:
        # read anew: as a waiver lapses, the approval that rested on it has moved
        move(locked(approval.pk), State.LAPSED, actor=CLOCK, reason="Its validity ended.", allowed=set(GRANTED))
    return len(overdue)


@transaction.atomic
def expire_undecided() -> int:
    """Let requests expire that nobody decided on within the time that their policy gives; return how many."""
    overdue = ApprovalRequest.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        state=State.IN_REVIEW, index__due_at__lt=clock.now()
    )
    for approval in overdue:
        reason = "Nobody decided in the time that the policy gives."
        move(approval, State.EXPIRED, actor=CLOCK, reason=reason, allowed={State.IN_REVIEW})
    return len(overdue)
