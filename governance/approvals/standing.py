"""Standing approvals: people sign once what a retrained version may be; inside, it needs no new signatures.

One is decided through a request of its own, with the stages and the floor of the policy, and holds for one system, one
model, one alias and one policy version. Whether it is in force is asked anew at each use, under its row's lock.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import conditions, renewal, services, unmeasured
from governance.approvals.envelope import Condition, check_bounds
from governance.approvals.envelope_digest import envelope_digest
from governance.approvals.errors import NothingStands, StandingApprovalOpen
from governance.approvals.models import (
    OPEN,
    ApprovalRequest,
    ChangeClass,
    Decision,
    Finding,
    StandingApproval,
    StandingMatch,
    State,
)
from governance.approvals.models.standing import LONGEST, MOST_USES
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence import projection
from governance.evidence.models import Evidence
from governance.inventory.models import AISystem, Classification
from governance.inventory.selectors import pinned_dataset
from governance.policy.document import HUMAN_REVIEW, PolicyDocument
from governance.policy.duties import FLOOR
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of, governing
from placet.derivation import standing_digest

ASKS_FOR = "standing approval"


@dataclass(frozen=True)
class Line:
    """What a standing approval is for: the versions of one model, for one alias."""

    model_id: uuid.UUID
    model_name: str
    alias: str

    def __str__(self) -> str:
        return f"{self.model_name} for {self.alias}"


@transaction.atomic
def request_standing_approval(
    *,
    line: Line,
    live: ApprovalRequest,
    envelope: Mapping[str, Any],
    requester: User,
    reason: str,
    expires_at: datetime,
    max_uses: int,
) -> StandingApproval:
    """Ask that retrained versions inside an envelope need no new signatures; the policy's stages sign that.

    Args:
        live: the approval on which the version serves that the envelope was taken from; who is kept from signing that
            is kept from signing this.

    Raises:
        Forbidden: the requester is no engineer or owner of the system.
        NothingStands: that approval is not in force, or no policy with stages governs the alias.
        StandingApprovalOpen: one for the same model and alias waits for its signatures.
        InvalidInput: no reason, an end that is over or too late, a number of uses or a bound that can't be.
    """
    live, system = services.locked(live.pk), live.system
    if not has_role(requester, Role.ENGINEER, Role.OWNER, system_id=system.pk):
        raise Forbidden(f"Only an engineer or the owner of {system.name} asks for a standing approval.")
    policy_version, document = _policy(system, line, live)
    waiting = StandingApproval.objects.filter(model_id=line.model_id, alias=line.alias, approval__state__in=OPEN)
    if waiting.exists():
        raise StandingApprovalOpen(f"A standing approval of {line} waits for its signatures; withdraw that one first.")
    longest = min(document.approval.valid_for, LONGEST)
    now = _check_terms(reason, expires_at, max_uses, longest=longest)
    check_bounds(envelope["bounds"], document, projection.all_declared())
    row = StandingApproval(
        system=system,
        model_id=line.model_id,
        model_name=line.model_name,
        alias=line.alias,
        policy_version=policy_version,
        classification=signed_classification(system),
        live=live,
        envelope=dict(envelope),
        max_uses=max_uses,
        made_at=now,
        expires_at=expires_at,
    )
    said = terms(row)
    row.approval = services.open_request(
        subject_kind=unmeasured.STANDING,
        subject_id=row.pk,
        subject_name=f"{line.model_name}: {line.alias}, pre-determined changes"[:200],
        subject_digest=standing_digest(said),
        asks_for=ASKS_FOR,
        alias="",
        system=system,
        requester=requester,
        parts=_parts(live, requester),
        kept_out=[row["person"] for row in live.excluded],
        required_evidence=[],
        context={"ends_at": clock.rfc3339(expires_at)},
        policy_version=policy_version,
    )
    audit.append(
        event=Event.STANDING_REQUESTED,
        actor=requester,
        subjects=[row],
        data={"request": row.approval_id, "terms": said},
        payload={"reason": reason.strip()},
    )
    services.collect(row.approval.subject_digest, "")
    row.approval = services.locked(row.approval_id)  # its review is open by now
    return row


def _policy(system: AISystem, line: Line, live: ApprovalRequest) -> tuple[PolicyVersion, PolicyDocument]:
    if live.state != State.APPROVED:
        raise NothingStands(f"What serves as {line} has no approval in force, so nothing stands to be repeated.")
    policy_version = governing(system, line.alias)
    document = document_of(policy_version) if policy_version else None
    if policy_version is None or document is None or not document.stages:
        raise NothingStands(f"No policy with stages governs {line}, so nobody would sign a standing approval.")
    return policy_version, document


def _check_terms(reason: str, expires_at: datetime, max_uses: int, *, longest: timedelta) -> datetime:
    now = clock.now()
    if not reason.strip():
        raise InvalidInput("Say why versions inside the envelope need no new signatures.")
    if not now < expires_at <= now + longest:
        raise InvalidInput(f"A standing approval ends, at the latest in {longest.days} days.")
    if not 1 <= max_uses <= MOST_USES:
        raise InvalidInput(f"A standing approval is good for one to {MOST_USES} uses.")
    return now


def _parts(live: ApprovalRequest, requester: User) -> dict[str, list[str]]:
    """Return who had which part in what serves now; who asks is a requester, too, and the owner is the one of today."""
    parts: dict[str, list[str]] = {part: [] for part in FLOOR}
    for row in live.excluded:
        for part in row["reasons"]:
            parts.setdefault(part, []).append(row["person"])
    parts["requester"] = sorted({*parts["requester"], str(requester.pk)})
    parts["owner"] = sorted({*parts["owner"], str(live.system.owner_id)})
    return parts


def terms(row: StandingApproval) -> dict[str, Any]:
    """Return what people sign, as the log has it; the envelope by its digest."""
    return {
        "standing": str(row.pk),
        "system": str(row.system_id),
        "model": row.model_name,
        "model_id": str(row.model_id),
        "alias": row.alias,
        "policy": row.policy_version.digest,
        "classification": str(row.classification_id),
        "live": str(row.live_id),
        "envelope": envelope_digest(row.envelope),
        "until": clock.rfc3339(row.expires_at),
        "max_uses": row.max_uses,
    }


def signed_classification(system: AISystem) -> Classification:
    """Return the classification of a system that holds now: the newest that a second person has signed.

    Raises:
        NothingStands: there is none.
    """
    found = Classification.objects.filter(system=system, signed_at__isnull=False).order_by("-signed_at").first()
    if found is None:
        raise NothingStands(f"{system.name} has no signed classification.")
    return found


def granted(*, system_id: uuid.UUID, model_id: uuid.UUID, alias: str) -> Iterable[StandingApproval]:
    """Return the standing approvals of a model and alias that were granted and not revoked, first to end first."""
    return (
        StandingApproval.objects.select_related("approval", "policy_version")
        .filter(system_id=system_id, model_id=model_id, alias=alias, approval__state=State.APPROVED)
        .order_by("expires_at", "pk")
    )


def use(
    approval: ApprovalRequest, row: StandingApproval, *, live: ApprovalRequest | None, inside: Iterable[Condition]
) -> bool:
    """Approve a locked request in review by a standing approval if every condition holds; keep each outcome.

    Two requests that want the last use are asked one after the other: the row is locked, and so are the request that
    granted it and the approval of what serves, so that a revocation or a suspension comes before or after.

    Args:
        live: the approval of what serves now; None where nothing does.
        inside: how the version keeps to the envelope.
    """
    row = StandingApproval.objects.select_for_update(of=("self",)).select_related("live").get(pk=row.pk)
    deciding = services.locked(row.approval_id)
    live = services.locked(live.pk) if live else None  # as it is now: the row's lock may have been waited for
    outcomes = [
        *_in_force(approval, row, deciding, live),
        *_as_signed(approval, row),
        *_untouched(approval),
        *_floor(approval, deciding),
        *inside,
    ]
    number = row.used + 1 if all(condition.holds for condition in outcomes) else None
    match = StandingMatch(
        standing=row,
        request=approval,
        number=number,
        conditions=[condition.as_json() for condition in outcomes],
        made_at=clock.now(),
    )
    row.used += 1 if number else 0
    named = {"standing": str(row.pk), "granted_by": str(deciding.pk), "number": number}
    audit.append(
        event=Event.STANDING_USED if number else Event.STANDING_OUTSIDE,
        actor=services.PLACET,
        subjects=[match, row] if number else [match],
        data={
            "request": approval.pk,
            "manifest": approval.manifest_digest,
            **named,
            "terms": terms(row),
            "conditions": {condition.id: condition.holds for condition in outcomes},
        },
    )
    if number:
        services.approve(approval, services.PLACET, standing=named)
    return number is not None


def _in_force(
    approval: ApprovalRequest, row: StandingApproval, deciding: ApprovalRequest, live: ApprovalRequest | None
) -> list[Condition]:
    now, until = clock.now(), deciding.valid_until
    system = approval.system
    policy = governing(system, row.alias)
    same_policy = policy is not None and {policy.pk, approval.policy_version_id} == {row.policy_version_id}
    classified = signed_classification(system).pk == row.classification_id
    grave, late = open_grave_findings(system.pk), conditions.overdue(approval)
    return [
        Condition(
            "standing.in-force",
            "The standing approval is in force",
            deciding.state == State.APPROVED and until is not None and until > now and row.expires_at > now,
            f"Until {clock.day(row.expires_at)}." if deciding.state == State.APPROVED else "It was ended.",
        ),
        Condition(
            "standing.uses",
            "A use is left",
            row.used < row.max_uses,
            f"{row.used} of {row.max_uses} are used.",
        ),
        Condition(
            "standing.policy",
            "The policy in force is the one it was signed under",
            same_policy,
            "The same version." if same_policy else "Another version of the policy governs the alias now.",
        ),
        Condition(
            "standing.classification",
            "The classification is the one it was signed under",
            classified,
            "It has not changed." if classified else "The system was classified anew.",
        ),
        Condition(
            "standing.live",
            "What serves now has an approval in force",
            live is not None and live.state == State.APPROVED,
            f"It is {live.get_state_display().lower()}." if live else "Nothing serves under the alias.",
        ),
        Condition(
            "standing.findings",
            "No critical or high finding is open, and none is overdue that suspends approvals",
            not grave and late is None,
            f"{grave} open." if grave else "One is overdue." if late else "None is.",
        ),
        Condition(
            "standing.verdict",
            "Every check of the policy passes",
            approval.outcome == "ALLOW",
            f"The verdict is {approval.outcome}.",
        ),
    ]


def open_grave_findings(system_id: uuid.UUID) -> int:
    """Return how many findings are open that end the force of standing approvals: critical or high of the system."""
    severities = [Finding.Severity.CRITICAL, Finding.Severity.HIGH]
    return Finding.objects.filter(system_id=system_id, closed_at__isnull=True, severity__in=severities).count()


def _as_signed(approval: ApprovalRequest, row: StandingApproval) -> list[Condition]:
    """Return whether it is measured as what was signed for, or as a validator has said since, and restricted as that.

    Who trains a version declares its evaluation data: of other rows than these nobody has said that they measure it.
    """
    dropped = sorted(set(row.live.use_restrictions) - set(approval.use_restrictions))
    pin = pinned_dataset(approval.system)
    known = {item["dataset"] for item in row.live.required_evidence} | ({pin.dataset_digest} if pin else set())
    other = {item["dataset"] for item in approval.required_evidence} - known
    return [
        Condition(
            "standing.restrictions",
            "No use restriction of what it was taken from is dropped",
            not dropped,
            f"Without: {'; '.join(dropped[:5])}." if dropped else "All are kept.",
        ),
        Condition(
            "standing.data",
            "Measured on rows that others than its trainer have seen or chosen",
            not other,
            "On other rows than what it was taken from, and no validator has pinned them."
            if other
            else "They are known.",
        ),
    ]


def _untouched(approval: ApprovalRequest) -> list[Condition]:
    """Return whether nobody has said no to this version before: a standing approval does not overrule a person.

    The version is known by its bytes: it does not matter for which alias, or under which number, somebody said so.
    """
    stated = approval.context.get("change_class")
    objected = _objected(approval)
    return [
        Condition(
            "request.change-class",
            "The change is stated as pre-determined",
            stated == ChangeClass.PRE_DETERMINED,
            f"It is stated as {stated}.",
        ),
        Condition(
            "request.untouched",
            "Nobody has objected to this version",
            not objected,
            "People have decided on it before; so they do now." if objected else "Nobody has.",
        ),
    ]


def _objected(approval: ApprovalRequest) -> bool:
    same = Q(request=approval) | Q(request__subject_digest=approval.subject_digest)
    if approval.decisions.exists() or Decision.objects.filter(same).exclude(verdict=Decision.Verdict.APPROVE).exists():
        return True
    reviews = Evidence.objects.filter(type=HUMAN_REVIEW, subject_digest=approval.subject_digest)
    validated = reviews.filter(payload__kind="validation").order_by("-made_at").first()
    if reviews.filter(payload__verdict="rejected").exists() or (
        validated and validated.payload["opinion"] == "not_fit"
    ):
        return True
    ended = ApprovalRequest.objects.filter(
        subject_digest=approval.subject_digest, state__in=[State.REVOKED, State.SUSPENDED, State.LAPSED]
    )
    return any(renewal.lost_force(earlier) for earlier in ended)


def signers(deciding: ApprovalRequest) -> set[str]:
    """Return who signed a standing approval in its last round, and in whose place, as ids."""
    rounds = 1 + deciding.decisions.filter(verdict=Decision.Verdict.REQUEST_CHANGES).count()
    rows = deciding.decisions.filter(round=rounds, verdict=Decision.Verdict.APPROVE)
    pairs = rows.values_list("approver_id", "on_behalf_of_id")
    return {str(person) for pair in pairs for person in pair if person}


def _floor(approval: ApprovalRequest, deciding: ApprovalRequest) -> list[Condition]:
    """Return whether its signers could sign this request, too: none had a part in it, and none was deactivated.

    A role that has ended since does not matter: a signature was given in a role, and stands as on any approval. A
    deactivated person's does not go on making permits that nobody looks at.
    """
    people = signers(deciding)
    kept = {row["person"] for row in approval.excluded} | {str(approval.requester_id), str(approval.system.owner_id)}
    part = bool(people & kept)
    gone = User.objects.filter(pk__in=people, is_active=False).exists()
    return [
        Condition(
            "signers.floor",
            "None of its signers had a part in this version",
            not part,
            "One who signed it had a part in this version." if part else "None had.",
        ),
        Condition(
            "signers.active",
            "None of its signers was deactivated",
            not gone,
            "One who signed it was deactivated." if gone else "None was.",
        ),
    ]
