"""Stages: who may sign, who signed with which words, who is kept from it, and what must happen next."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from governance.accounts.models import User
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit.selectors import payload_of
from governance.evidence.models import EvidenceJob
from registry import refusals
from registry.models import PromotionRequest
from registry.reviewing.evidence import jobs_of
from registry.reviewing.people import People, words

REFUSED = {State.REJECTED, State.CHANGES_REQUESTED}
PARTS = {
    "evidence_producer": "made the evidence",
    "sponsor": "sponsor of the requesting service account",
    "earlier_stage_approver": "decided an earlier stage",
    "owner": "owner of the AI system",
    "trainer": "trained this version",
}


def stages_of(
    approval: ApprovalRequest, decisions: Sequence[Decision] | None = None, *, spared: UUID | None = None
) -> list[dict[str, Any]]:
    """Return each stage with how many have signed in this round, and whether it is open, closed, waiting or refused.

    Args:
        spared: the standing approval that let the request through, if one did: then a stage is ``spared``.
    """
    given = approvals.decisions(approval) if decisions is None else decisions
    rounds = 1 + sum(row.verdict == Decision.Verdict.REQUEST_CHANGES for row in given)
    last = given[-1].stage if given and approval.state in REFUSED else None
    rows, earlier_closed = [], True
    for stage in approval.stages:
        signed = sum(row.round == rounds and row.stage == stage["name"] and row.verdict == "approve" for row in given)
        closed = signed >= stage["quorum"]
        if last == stage["name"]:
            state = "refused"
        elif closed:
            state = "closed"
        elif spared:
            state = "spared"
        else:
            state = "open" if earlier_closed and approval.state == State.IN_REVIEW else "waiting"
        earlier_closed = earlier_closed and closed
        rows.append({**stage, "signed": signed, "state": state, **({"spared": spared} if state == "spared" else {})})
    return rows


def stages_shown(
    approval: ApprovalRequest,
    decisions: Sequence[Decision],
    people: People,
    indexes: Mapping[UUID, int],
    viewer: User,
    *,
    spared: UUID | None = None,
) -> list[dict[str, Any]]:
    """Return the stages as the page shows them: names for ids, each signature with its rationale from the log."""
    return [
        {
            **{key: stage[key] for key in ("name", "state", "signed", "quorum")},
            "spared": stage.get("spared"),
            "roles": words(stage["roles"]),
            "eligible": [people[pk] | {"you": pk == str(viewer.pk)} for pk in stage["eligible"]],
            "delegates": [
                people[pk] | {"you": pk == str(viewer.pk), "for": people[of]}
                for pk, of in stage.get("delegates", {}).items()
            ],
            "decisions": [
                {
                    "by": people[row.approver_id],
                    "for": people[row.on_behalf_of_id] if row.on_behalf_of_id else None,
                    "verdict": row.verdict,
                    "at": row.decided_at,
                    "rationale": (payload_of(row.log_entry) or {}).get("rationale"),
                    "signature": row.signature_kind,
                    "index": indexes.get(row.log_entry),
                    "entry": row.log_entry,
                    "own": row.approver_id == viewer.pk,
                }
                for row in decisions
                if row.stage == stage["name"]
            ],
        }
        for stage in stages_of(approval, decisions, spared=spared)
    ]


def excluded_shown(approval: ApprovalRequest, people: People) -> list[dict[str, Any]]:
    """Return who may not decide, and why."""
    return [
        people[row["person"]] | {"why": ", ".join(PARTS.get(part, part.replace("_", " ")) for part in row["reasons"])}
        for row in approval.excluded
    ]


def _how_applied(promotion: PromotionRequest) -> str:
    if not promotion.version.is_recorded:
        return f"Apply it: placet apply {promotion.pk}"
    if promotion.approval.renews_id:
        return "Wait: it takes the place of the approval that it renews by itself."
    return "State since when it is in use, on the page of the request."


def next_step(promotion: PromotionRequest, jobs: Sequence[EvidenceJob] | None = None) -> str:
    """Return one sentence: who must do what now.

    Args:
        jobs: the request's own, newest first, where they were fetched ahead.
    """
    approval = promotion.approval
    if promotion.state == "applied":
        return f"Nothing: version {promotion.version.number} is {promotion.alias}."
    if promotion.state in {"superseded", "rolled_back"}:
        renewed = approval.state == State.RENEWED
        return "Nothing: its renewal took its place." if renewed else "Nothing: another version took its place."
    if promotion.state == "applying":
        return "Wait: Placet is setting the alias."
    if approval.state == "collecting":
        if promotion.version.is_recorded:
            return "Waits for the evidence that people submit; nothing of this version runs here."
        found = jobs_of([approval])[approval.pk] if jobs is None else jobs
        return _collecting(found)
    if approval.state == "in_review":
        if approval.outcome == "BLOCK":
            return f"A check blocks: {approval.verdict.get('reason', '')}"
        waiting = [row["title"] for row in approval.verdict.get("checks", []) if row.get("wants_review")]
        if waiting:
            return f"A human review is needed for: {', '.join(waiting)}."
        stage = approvals.open_stage(approval)
        return f"Waits for {words(stage['roles'])} in stage {stage['name']}." if stage else "Waits for nobody."
    if approval.state == "approved":
        return refusals.may_apply(promotion) or _how_applied(promotion)
    return f"The approval is {approval.get_state_display().lower()}: {approval.state_reason}"


def _collecting(jobs: Sequence[EvidenceJob]) -> str:
    newest = {job.inputs_digest: job for job in reversed(jobs)}.values()  # a later try outdoes an earlier one
    if failed := next((job for job in newest if job.state == EvidenceJob.State.FAILED), None):
        return f"{failed.type} could not be produced: {failed.error} Mend it and try the job again, or withdraw."
    if cancelled := next((job for job in newest if job.state == EvidenceJob.State.CANCELLED), None):
        return f"{cancelled.type} was cancelled: try the job again, or withdraw this request."
    return "Wait for the evidence; reviewers are asked once it is complete."
