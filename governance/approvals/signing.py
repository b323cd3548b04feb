"""What people sign: decisions, human reviews of a check, and revocations."""

import json
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.accounts import passkeys
from governance.accounts.models import Passkey, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role, roles_held
from governance.accounts.services import require_password
from governance.approvals import enforcement, renewal, selectors, services, statements
from governance.approvals.delegated import place_in
from governance.approvals.errors import (
    AlreadyDecided,
    ChangeClassUnconfirmed,
    ChecksHold,
    NotEligible,
    NothingToReview,
    PasskeyNeeded,
    RationaleTooShort,
    RequestNotOpen,
    ReviewMissing,
    SelfApproval,
    StatementStale,
)
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.policy.document import VALIDATION
from governance.policy.selectors import document_of

SHORTEST_RATIONALE = 30
PASSKEY = "passkey"


def check_signer(approval: ApprovalRequest, signer: User) -> None:
    reasons = selectors.exclusion_of(approval, signer)
    if signer.pk == approval.system.owner_id and "owner" not in reasons:  # who owns it by now was not listed
        reasons = [*reasons, "owner"]
    if reasons:
        said = " and ".join(reason.replace("_", " ") for reason in reasons)
        raise SelfApproval(f"You are the {said} of {approval.subject_name}; somebody else must decide.")


def check_rationale(rationale: str) -> str:
    rationale = rationale.strip()
    if len(rationale) < SHORTEST_RATIONALE:
        raise RationaleTooShort(
            f"Write at least {SHORTEST_RATIONALE} characters, so that a reader who was not there understands why."
        )
    return rationale


def check_may_decide(approval: ApprovalRequest, approver: User) -> dict[str, Any]:
    """Return the open stage in which the person may decide now. Pages ask it too, so that they say what the rule says.

    Raises:
        RequestNotOpen, SelfApproval, NotEligible, AlreadyDecided: as for a decision.
    """
    _check_in_review(approval)
    check_signer(approval, approver)
    stage = selectors.open_stage(approval)
    if stage is None or not selectors.is_eligible(approval, stage, approver, roles_held(approver)):
        wanted = (" or ".join(stage["roles"]) if stage else "nobody").replace("_", " ")
        raise NotEligible(f"The open stage asks for a {wanted} who has held the role since the request was made.")
    if selectors.place_taken(approval, stage, approver):
        raise AlreadyDecided(
            "One person signs once, whatever their roles, and so do a delegate and whom they stand for."
        )
    return stage


def check_may_review(approval: ApprovalRequest, reviewer: User) -> str:
    """Return the role in which the person may sign human reviews of this request.

    Raises:
        RequestNotOpen, SelfApproval, NotEligible: as for a review.
    """
    _check_in_review(approval)
    check_signer(approval, reviewer)
    roles, known = document_of(approval.policy_version).human_review_roles, roles_held(reviewer)
    places = [place for stage in approval.stages if (place := place_in(approval, stage, reviewer, known))]
    held = sorted(frozenset[str]().union(*(place.roles for place in places)) & set(roles))
    if not held:
        raise NotEligible(f"The policy lets a {' or '.join(roles)} review this check.".replace("_", " "))
    return held[0]


def check_reviewed(approval: ApprovalRequest, stage: Mapping[str, Any]) -> None:
    """Check that the human review or the validation which a stage requires before it approves is there.

    Raises:
        ReviewMissing: nobody who may sign in the stage has signed an accepted review on this evidence; or nobody
            independent has validated the version, or not lately, or the newest opinion is that it is not fit.
    """
    if stage["requires"] == VALIDATION:
        if said := _validation_lacks(approval):
            raise ReviewMissing(
                f"Stage {stage['name']} requires a signed independent validation of this version, and {said}."
            )
    elif stage["requires"] and not selectors.review_given(approval, stage):
        raise ReviewMissing(
            f"Stage {stage['name']} requires a signed human review of this evidence by somebody who may sign in it; "
            "sign one below, then approve."
        )


def _validation_lacks(approval: ApprovalRequest) -> str:
    signed = selectors.newest_validation(approval)
    if signed is None:
        return "there is none"
    if signed.payload["opinion"] == "not_fit":
        return "the newest one says that it is not fit"
    every = document_of(approval.policy_version).approval.revalidate_every
    if every and signed.made_at + every <= clock.now():
        return f"the newest one is older than the {every.days} days after which the policy wants another"
    return ""


def _check_in_review(approval: ApprovalRequest) -> None:
    if approval.state != State.IN_REVIEW:
        raise RequestNotOpen(f"{approval} is {approval.get_state_display().lower()}, not in review.")


@transaction.atomic
def record_decision(
    *, request_id: uuid.UUID, approver: User, verdict: str, rationale: str, password: str, change_class: str = ""
) -> Decision:
    """Record one person's verdict in the open stage, and settle the request once the policy is met.

    One rejection settles it; approvals settle it when the last stage's quorum is met. Decision, state and log entries
    commit together.

    Args:
        change_class: what an approval in the validation stage confirms; of no account elsewhere.

    Raises:
        Unknown: no such request.
        RequestNotOpen: it is not in review; the row lock decides who was first.
        SelfApproval: the approver had a part in the subject (separation of duties).
        NotEligible: the approver was not eligible for the open stage when the request was submitted.
        AlreadyDecided: the approver has signed in this round.
        ChecksHold: an approval while the policy blocks or holds.
        ReviewMissing: an approval in a stage that requires a human review, which nobody eligible has signed.
        ChangeClassUnconfirmed: an approval in the validation stage without the change class that was stated.
        PasskeyNeeded: the stage is signed by passkey; see :func:`prepare_decision` and :func:`sign_decision`.
        SignInAgain: the password is not the approver's.
    """
    approval = services.locked(request_id)
    enforcement.settle(approval)
    stage = _check_decision(approval, approver, verdict, change_class)
    if wants_passkey(stage):
        raise PasskeyNeeded(f"Stage {stage['name']} is signed with a passkey; a password is not enough.")
    rationale = check_rationale(rationale)
    kind = require_password(approver, password)
    prepared = statements.prepare(approval, signer=approver, verdict=verdict, stage=stage["name"], rationale=rationale)
    return _record(approval, approver, verdict, stage["name"], prepared, kind=kind)


def prepare_decision(
    *, request_id: uuid.UUID, approver: User, verdict: str, rationale: str, change_class: str = ""
) -> statements.Prepared:
    """Write the statement that a passkey is to sign. Nothing is kept here: what the person signs comes back with it.

    Raises:
        PasskeyNeeded: the person has no passkey that was confirmed before the request was made.
        Unknown, RequestNotOpen, SelfApproval, NotEligible, AlreadyDecided, ChecksHold, ReviewMissing,
        ChangeClassUnconfirmed, RationaleTooShort: as for a decision.
    """
    approval = selectors.request(request_id)
    stage = _check_decision(approval, approver, verdict, change_class)
    rationale = check_rationale(rationale)
    if not passkeys.usable(approver, since=approval.opened_at):
        raise PasskeyNeeded(
            "You have no passkey that was confirmed before this request was made. Enrol one under Passkeys and have an "
            "administrator confirm it; it counts for requests made from then on."
        )
    return statements.prepare(approval, signer=approver, verdict=verdict, stage=stage["name"], rationale=rationale)


@transaction.atomic
def sign_decision(*, request_id: uuid.UUID, approver: User, token: str, answer: object) -> Decision:
    """Record a decision that a passkey signed.

    Args:
        token: the prepared statement, :meth:`statements.Prepared.token`.
        answer: what the browser sent (``PublicKeyCredential.toJSON()``), with the statement's digest as challenge.

    Raises:
        StatementStale: the statement is old, another's, or the request has changed since it was written.
        PasskeyRefused: the passkey is not one of the approver's that counts here, or did not sign this statement.
        Unknown, RequestNotOpen, SelfApproval, NotEligible, AlreadyDecided, ChecksHold, ReviewMissing: as above.
    """
    approval = services.locked(request_id)
    enforcement.settle(approval)
    check_may_decide(approval, approver)
    prepared, said = statements.read(token, approval, signer=approver)
    stage = _check_decision(approval, approver, said["verdict"], said.get("change_class", ""))
    if stage["name"] != said["stage"]:
        raise StatementStale("Another stage is open by now. Read the request again, then sign.")
    passkey, assertion = passkeys.signed_by(approver, prepared.statement, answer, since=approval.opened_at)
    signed: dict[str, Any] = {"kind": PASSKEY, "passkey": passkey, "assertion": assertion}
    return _record(approval, approver, said["verdict"], stage["name"], prepared, **signed)


def wants_passkey(stage: Mapping[str, Any]) -> bool:
    """Return whether decisions in a stage are signed by passkey."""
    return stage.get("signature") == PASSKEY


def _check_decision(approval: ApprovalRequest, approver: User, verdict: str, change_class: str) -> dict[str, Any]:
    stage = check_may_decide(approval, approver)
    if verdict == Decision.Verdict.APPROVE and approval.outcome != "ALLOW":
        raise ChecksHold(f"The verdict is {approval.outcome}: {approval.verdict.get('reason', '')}")
    if verdict == Decision.Verdict.APPROVE:
        check_reviewed(approval, stage)
        renewal.check(approval)
    confirms = statements.class_to_confirm(approval, stage, verdict)
    if confirms and change_class != confirms:
        raise ChangeClassUnconfirmed(
            f"Confirm that this is a {confirms} change, or request changes: the requester states another class."
        )
    return stage


def _record(
    approval: ApprovalRequest,
    approver: User,
    verdict: str,
    stage: str,
    prepared: statements.Prepared,
    *,
    kind: str,
    passkey: Passkey | None = None,
    assertion: Mapping[str, str] | None = None,
) -> Decision:
    """Write the decision with its entry, and move the request. The caller holds its lock and has checked everything."""
    signature = {"kind": kind, "passkey": passkey.credential_id, **(assertion or {})} if passkey else {"kind": kind}
    said = json.loads(prepared.statement)
    behalf = said.get("on_behalf_of")
    decision = Decision(
        request=approval,
        round=selectors.current_round(approval),
        stage=stage,
        approver=approver,
        on_behalf_of_id=uuid.UUID(behalf) if behalf else None,
        change_class=said.get("change_class", ""),
        verdict=Decision.Verdict(verdict),
        statement=prepared.statement,
        statement_digest="sha256:" + sha256(prepared.statement.encode()).hexdigest(),
        signature_kind=kind,
        passkey=passkey,
        assertion=assertion,
        decided_at=clock.now(),
    )
    audit.append(
        event=Event.APPROVAL_DECIDED,
        actor=approver,
        subjects=[decision],
        data={
            "request": approval.pk,
            "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
            "stage": stage,
            "verdict": verdict,
            "manifest": approval.manifest_digest,
            # The whole text: with it and the passkey's entries, a stranger checks the signature from the bundle alone.
            "statement": prepared.statement,
            "signature": signature,
            **{name: said[name] for name in statements.OCCASIONAL if name in said},
        },
        sealed=prepared.sealed,
    )
    # Why, in the approver's words, lies in the decision's payload alone, where it can be erased.
    if verdict == Decision.Verdict.REJECT:
        said = f"Rejected in stage {stage}."
        services.move(approval, State.REJECTED, actor=approver, reason=said, allowed={State.IN_REVIEW})
    elif verdict == Decision.Verdict.REQUEST_CHANGES:
        said = f"Changes requested in stage {stage}."
        services.move(approval, State.CHANGES_REQUESTED, actor=approver, reason=said, allowed={State.IN_REVIEW})
    elif selectors.open_stage(approval) is None:
        services.approve(approval, approver)
    return decision


@transaction.atomic
def review_check(
    *, request_id: uuid.UUID, reviewer: User, check_id: str, verdict: str, statement: str, password: str
) -> Evidence:
    """Sign a human review of one check that asks for it; an accepted one lifts its hold.

    It is bound to the evidence that the check reads: on other evidence, in a later round, it counts for nothing. What
    the reviewer wrote lies in the payload of the entry that attaches it; the evidence holds the commitment.

    Raises:
        RequestNotOpen, SelfApproval, SignInAgain, RationaleTooShort: as for a decision.
        NotEligible: the reviewer holds none of the roles that the policy names for reviews.
        NothingToReview: neither the check nor the open stage asks for a review.
    """
    approval = services.locked(request_id)
    role = check_may_review(approval, reviewer)
    if not any(row["id"] == check_id for row in selectors.reviewable_checks(approval)):
        raise NothingToReview(f"{check_id} does not wait for a human review.")
    statement = check_rationale(statement)
    kind = require_password(reviewer, password)
    sealed = audit.seal({"statement": statement, "reviewer": reviewer.name})
    evidence = evidence_services.attach(
        evidence_type="human_review/v1",
        subject_digest=approval.subject_digest,
        subject_name=approval.subject_name,
        producer=reviewer,
        origin=Evidence.Origin.SUBMITTED,
        parameters={"request": str(approval.pk), "check": check_id},
        product=Product(
            payload={
                "type": "human_review/v1",
                "kind": "check",
                "check": check_id,
                "statement": sealed.commitment,
                "evidence": selectors.evidence_behind(approval, check_id),
                "reviewer_role": role,
                "verdict": verdict,
            },
            environment={"signature": kind},
        ),
        sealed=sealed,
    )
    approval.refresh_from_db()
    services.evaluate_again(approval, actor=reviewer)
    return evidence


@transaction.atomic
def revoke_approval(*, request_id: uuid.UUID, signer: User, rationale: str, password: str) -> ApprovalRequest:
    """End an approval for good: nothing may be loaded on it any more.

    Raises:
        NotEligible: only a risk officer without a part in the subject revokes.
        RequestNotOpen, SelfApproval, RationaleTooShort, SignInAgain: as for a decision.
    """
    approval = services.locked(request_id)
    check_signer(approval, signer)
    if not has_role(signer, Role.RISK_OFFICER, system_id=approval.system_id):
        raise NotEligible("A risk officer revokes an approval.")
    rationale = check_rationale(rationale)
    require_password(signer, password)
    return services.revoke(request_id=request_id, reason="Revoked by a risk officer.", actor=signer, words=rationale)
