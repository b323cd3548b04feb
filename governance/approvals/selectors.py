"""Read requests: facts for the policy, who may sign now, what waits for whom."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, QuerySet

from governance.accounts.models import User
from governance.approvals.models import OPEN, ApprovalRequest, Decision, Finding, State
from governance.common.errors import Unknown
from governance.evidence import selectors as evidence_selectors
from governance.evidence.models import Evidence


def request(pk: uuid.UUID) -> ApprovalRequest:
    """Return one request with what its page needs."""
    try:
        return ApprovalRequest.objects.select_related("system", "system__owner", "policy_version", "requester").get(
            pk=pk
        )
    except ApprovalRequest.DoesNotExist:
        raise Unknown(f"There is no approval request {pk}.") from None


def open_requests() -> QuerySet[ApprovalRequest]:
    """Return requests that are not settled, oldest first."""
    return (
        ApprovalRequest.objects.filter(state__in=OPEN)
        .select_related("system", "policy_version", "requester")
        .order_by("opened_at")
    )


def required_evidence(approval: ApprovalRequest) -> list[tuple[dict[str, Any], Evidence | None]]:
    """Return each requirement with the newest evidence made from exactly its inputs, None where there is none."""
    return [
        (wanted, evidence_selectors.evidence_from(wanted["inputs"], not_before=wanted.get("not_before")))
        for wanted in approval.required_evidence
    ]


def facts(approval: ApprovalRequest, evidence: Iterable[Evidence]) -> dict[str, Any]:
    """Return what the policy is held against: scalars of the evidence, the candidate, production where there is one."""
    known: dict[str, Any] = {
        "evidence": {item.type.partition("/")[0]: nested(item.projection) for item in evidence},
        "candidate": approval.context.get("candidate", {}),
    }
    if approval.context.get("production"):
        known["production"] = approval.context["production"]
    return known


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Turn ``{"auc.value": 0.8}`` into ``{"auc": {"value": 0.8}}``; nested input stays as it is."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *branches, leaf = path.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree


def reviews(approval: ApprovalRequest) -> list[Evidence]:
    """Return the signed human reviews given in this request, oldest first."""
    return list(
        Evidence.objects.filter(
            type="human_review/v1", subject_digest=approval.subject_digest, parameters__request=str(approval.pk)
        ).order_by("made_at")
    )


def decisions(approval: ApprovalRequest) -> list[Decision]:
    """Return every decision on the request, in order."""
    return list(approval.decisions.select_related("approver").order_by("decided_at"))


def current_round(approval: ApprovalRequest) -> int:
    """Return the round that decisions count for: one more for each time changes were requested."""
    return 1 + sum(row.verdict == Decision.Verdict.REQUEST_CHANGES for row in approval.decisions.all())


def open_stage(approval: ApprovalRequest) -> dict[str, Any] | None:
    """Return the first stage whose quorum is not met, None when all are."""
    rounds = current_round(approval)
    approving = Decision.Verdict.APPROVE
    signatures = [row for row in approval.decisions.all() if row.round == rounds and row.verdict == approving]
    for stage in approval.stages:
        signed = sum(row.stage == stage["name"] for row in signatures)
        if signed < stage["quorum"]:
            return dict(stage, signed=signed)
    return None


def exclusion_of(approval: ApprovalRequest, person: User) -> list[str]:
    """Return why the person can't sign this request; empty when nothing keeps them from it."""
    for row in approval.excluded:
        if row["person"] == str(person.pk):
            return list(row["reasons"])
    return []


def can_sign_now(approval: ApprovalRequest, person: User) -> bool:
    """Return whether the person may decide in the open stage."""
    if approval.state != State.IN_REVIEW or exclusion_of(approval, person):
        return False
    stage = open_stage(approval)
    if stage is None or str(person.pk) not in stage["eligible"]:
        return False
    rounds = current_round(approval)
    return not any(row.round == rounds and row.approver_id == person.pk for row in approval.decisions.all())


def waiting_for(person: User) -> list[ApprovalRequest]:
    """Return the requests that the person can sign now, oldest first."""
    rows = open_requests().filter(state=State.IN_REVIEW).prefetch_related("decisions")
    return [row for row in rows if can_sign_now(row, person)]


def waiting_count(person: User, *, most: int = 100) -> int:
    """Return how many requests the person can sign now, counted up to ``most``: the badge of every page.

    The database keeps to requests in which the person is eligible, and hands over no evidence or verdict.
    """
    signatures = Decision.objects.only("request", "round", "stage", "verdict", "approver")
    rows = (
        ApprovalRequest.objects.filter(state=State.IN_REVIEW, stages__contains=[{"eligible": [str(person.pk)]}])
        .exclude(excluded__contains=[{"person": str(person.pk)}])
        .defer("verdict", "context", "required_evidence", "evidence_ids")
        .prefetch_related(Prefetch("decisions", signatures))
        .order_by("opened_at")
    )
    return sum(can_sign_now(row, person) for row in rows[:most])


def granted_for(subject_kind: str, subject_id: uuid.UUID) -> ApprovalRequest | None:
    """Return the newest approval of a subject that was granted, whatever became of it."""
    settled = [State.APPROVED, State.SUSPENDED, State.REVOKED, State.LAPSED]
    return (
        ApprovalRequest.objects.filter(subject_kind=subject_kind, subject_id=subject_id, state__in=settled)
        .order_by("-settled_at")
        .first()
    )


def open_findings() -> QuerySet[Finding]:
    """Return findings that nobody closed, due first."""
    return Finding.objects.filter(closed_at__isnull=True).select_related("system", "owner").order_by("due_on")
