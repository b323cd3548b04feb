"""What asking for an alias would come to: the request's own way is gone, held against its policy, and undone.

So a trial can't promise what the request would then refuse. Nothing of it stays: no request, no number, no entry. Only
evidence that somebody asks for beside it is made, for the request to find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db import transaction

from governance.accounts.models import User
from governance.approvals import selectors as approvals
from governance.approvals import verdicts
from governance.approvals.models import ApprovalRequest, ChangeClass
from governance.evidence import producers
from governance.evidence import selectors as evidence_selectors
from governance.evidence.canary import CANARY
from governance.evidence.models import Evidence, EvidenceJob
from governance.policy.evaluate import Verdict
from registry import promotions
from registry.models import ModelVersion

Standing = Literal["attached", "queued", "running", "failed", "cancelled", "not_made", "to_submit", "with_the_request"]
UNDER_WAY: frozenset[Standing] = frozenset({"queued", "running"})


@dataclass(frozen=True)
class Piece:
    """One piece of evidence that the policy wants.

    Attributes:
        kind: of a document that people submit; else empty.
        standing: ``not_made`` can be asked for, ``to_submit`` is for people to bring, and ``with_the_request`` is made
            of what is on record on the day of the request, never before.
        error: why its newest job failed.
    """

    type: str
    kind: str
    dataset: str
    standing: Standing
    evidence: UUID | None = None
    error: str = ""


@dataclass(frozen=True)
class Trial:
    """What a request would be told.

    Attributes:
        approval: the approval as it was opened; it was undone, so no table has it.
        dataset: ``sha256:<hex>`` of the rows that evidence is made on; empty where Placet runs nothing.
    """

    candidate: ModelVersion
    alias: str
    approval: ApprovalRequest
    dataset: str
    verdict: Verdict
    evidence: tuple[Piece, ...]

    @property
    def under_way(self) -> bool:
        """Whether evidence is being made, so that asking again may come to something else."""
        return any(piece.standing in UNDER_WAY for piece in self.evidence)


def try_promotion(
    *,
    model: str,
    version: int,
    alias: str,
    requester: User,
    use_restrictions: Sequence[str] = (),
    change_class: str = ChangeClass.NON_SUBSTANTIAL,
) -> Trial:
    """Return what a promotion request would be told now, on the evidence that is there.

    Raises: what :func:`registry.promotions.request_promotion` raises.
    """
    with transaction.atomic():
        candidate, named, approval = promotions.opened(
            model=model,
            version=version,
            alias=alias,
            requester=requester,
            use_restrictions=use_restrictions,
            change_class=change_class,
        )
        pieces = approvals.required_evidence(approval)
        evidence = [item for _, item in pieces if item]
        verdicts.check_size(approval, evidence)
        verdict = verdicts.evaluated(approval, evidence)
        transaction.set_rollback(True)
    return Trial(
        candidate=candidate,
        alias=named,
        approval=approval,
        dataset=next((wanted["dataset"] for wanted, _ in pieces if wanted["dataset"]), ""),
        verdict=verdict,
        evidence=tuple(_pieces(candidate, pieces)),
    )


def ask_for_evidence(trial: Trial) -> list[UUID]:
    """Have what is not made yet made, on the very inputs of the request; return the jobs to enqueue after the commit.

    A job that failed is not repeated: somebody reads why first.
    """
    missing = {(piece.type, piece.kind) for piece in trial.evidence if piece.standing == "not_made"}
    wanted = [row for row in trial.approval.required_evidence if (row["type"], row.get("kind", "")) in missing]
    return promotions.request_missing(trial.approval, trial.candidate, wanted)


def _pieces(candidate: ModelVersion, found: Sequence[tuple[Mapping[str, Any], Evidence | None]]) -> list[Piece]:
    newest: dict[str, EvidenceJob] = {}
    for job in evidence_selectors.jobs_from(wanted["inputs"] for wanted, _ in found):  # newest first
        newest.setdefault(job.inputs_digest, job)
    return [_piece(candidate, wanted, item, newest.get(wanted["inputs"])) for wanted, item in found]


def _piece(candidate: ModelVersion, wanted: Mapping[str, Any], item: Evidence | None, job: EvidenceJob | None) -> Piece:
    standing: Standing
    if item is not None:
        standing = "attached"
    elif wanted["type"] == CANARY:
        standing = "with_the_request"
    elif candidate.is_recorded or not producers.producible(wanted["type"]):
        standing = "to_submit"
    elif job is None or job.state == EvidenceJob.State.DONE:  # what it made is too old by now
        standing = "not_made"
    else:
        standing = _JOBS[EvidenceJob.State(job.state)]
    error = job.error if job and standing == "failed" else ""
    return Piece(wanted["type"], wanted.get("kind", ""), wanted["dataset"], standing, item.pk if item else None, error)


_JOBS: dict[EvidenceJob.State, Standing] = {
    EvidenceJob.State.QUEUED: "queued",
    EvidenceJob.State.RUNNING: "running",
    EvidenceJob.State.FAILED: "failed",
    EvidenceJob.State.CANCELLED: "cancelled",
}
