"""Evidence of a request: what it rests on, how far the jobs are, and every attempt that was ever made."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from governance.accounts.models import User
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, State
from governance.common import clock
from governance.evidence import levels, papers
from governance.evidence import selectors as evidence_selectors
from governance.evidence.models import Evidence, EvidenceJob
from registry import evidence_reading
from registry.models import ModelVersion, PromotionRequest
from registry.reviewing.people import People

ATTEMPTS_SHOWN = 60


def evidence_of(approval: ApprovalRequest) -> list[Evidence]:
    """Return what the request rests on: the frozen manifest, or what has come in while it is collected."""
    if approval.evidence_ids:
        return evidence_selectors.by_ids(approval.evidence_ids)
    return [item for _, item in approvals.required_evidence(approval) if item]


def payload_of_type(evidence: Sequence[Evidence], evidence_type: str) -> dict[str, Any] | None:
    """Return the payload of one type, None where there is none."""
    return next((item.payload for item in evidence if item.type == evidence_type), None)


def progress_shown(approval: ApprovalRequest, viewer: User) -> dict[str, Any]:
    """Return how far the evidence of a request is, one row for each piece that the policy asks for."""
    jobs = list(evidence_selectors.jobs_from(row["inputs"] for row in approval.required_evidence))
    rows = [
        _job_row(wanted, item, _job_for(wanted, jobs), approval, viewer)
        for wanted, item in approvals.required_evidence(approval)
    ]
    return {
        "pk": approval.pk,
        "attempts_url": attempts_url(ModelVersion.objects.filter(pk=approval.subject_id).first()),
        "running": approval.state == State.COLLECTING and any(row["state"] in {"queued", "running"} for row in rows),
        "done": sum(row["state"] == "done" for row in rows),
        "total": len(rows),
        "jobs": rows,
    }


def jobs_of(requests: Sequence[ApprovalRequest]) -> dict[UUID, list[EvidenceJob]]:
    """Return the jobs that each request waits or waited for, newest first; one query for all of them."""
    wanted = {row.pk: {item["inputs"] for item in row.required_evidence} for row in requests}
    jobs = list(evidence_selectors.jobs_from(name for names in wanted.values() for name in names))
    return {
        row.pk: [job for job in jobs if job.inputs_digest in wanted[row.pk] and job.made_at >= row.opened_at]
        for row in requests
    }


def _job_for(wanted: Mapping[str, Any], jobs: Sequence[EvidenceJob]) -> EvidenceJob | None:
    """Return the newest job for a requirement; jobs come newest first."""
    for job in jobs:
        if job.inputs_digest == wanted["inputs"]:
            return job
    return None


def _job_row(
    wanted: Mapping[str, Any], item: Evidence | None, job: EvidenceJob | None, approval: ApprovalRequest, viewer: User
) -> dict[str, Any]:
    if "kind" in wanted:
        return _document_row(wanted, item, approval)
    details = []
    if wanted["parameters"].get("sensitive_features"):
        details.append(", ".join(wanted["parameters"]["sensitive_features"]))
    if wanted["baseline"]:
        details.append(f"against v{approval.context.get('production', {}).get('version', '')}")
    if item and (job is None or job.made_at < approval.opened_at):
        details.append("measured for an earlier request, still fresh")
    state = "done" if item else job.state if job else "queued"
    row: dict[str, Any] = {
        "type": wanted["type"],
        "detail": ", ".join(details),
        "state": state,
        "steps_done": 0,
        "steps_total": 0,
        "message": "" if job else "waits to be submitted",
        "seconds": None,
        "remaining": None,
        "attempts": 0,
        "error": "",
    }
    if job:
        end = job.finished_at or (clock.now() if job.state == EvidenceJob.State.RUNNING else None)
        row |= {
            "steps_done": job.steps_done,
            "steps_total": job.steps_total,
            "message": job.message,
            "seconds": (end - job.made_at).total_seconds() if end else None,
            "remaining": evidence_reading.remaining(job),
            "attempts": job.attempts,
            "error": "" if item else job.error,
        }
        if not item:
            row |= {"job": job.pk, **evidence_reading.steering(viewer, job)}
    return row


def _document_row(wanted: Mapping[str, Any], item: Evidence | None, approval: ApprovalRequest) -> dict[str, Any]:
    """A document that somebody must submit and somebody else accept: where it stands, and where to go."""
    asker = approval.requester_id
    newest, why = (None, "") if item else papers.waiting_because(approval.system_id, wanted, clock.now(), asker=asker)
    return {
        "type": wanted["type"],
        "detail": wanted["kind"].replace("_", " "),
        "state": "done" if item else "waiting",
        "steps_done": 0,
        "steps_total": 0,
        "message": "" if item else f"{why}." if why else "Nobody has submitted one yet.",
        "seconds": None,
        "attempts": 0,
        "error": "",
        "document": newest.pk if newest else None,
        "system": approval.system_id,
    }


def rests_on(evidence: Sequence[Evidence], people: People) -> list[dict[str, Any]]:
    """Return what a request rests on, each with who submitted it where Placet did not compute it."""
    return [
        {
            "pk": item.pk,
            "type": item.type,
            "submitted_by": people.actor(item.producer_id)["name"] if item.origin == Evidence.Origin.SUBMITTED else "",
            "made_at": item.made_at,
            "level": levels.reached(item.environment),
        }
        for item in evidence
    ]


def attempts_url(version: ModelVersion | None) -> str:
    """Return the address of every attempt at evidence of a version, empty for what is no version."""
    return reverse("version-evidence", args=[version.model_id, version.number]) if version else ""


def attempts_shown(promotion: PromotionRequest, people: People) -> list[dict[str, Any]]:
    """Return every evidence attempt for these bytes and every earlier request of the model, newest first.

    No cherry-picking: what was measured and not used, what failed, what was rejected before.
    """
    approval = promotion.approval
    used = set(approval.evidence_ids)
    jobs = list(evidence_selectors.jobs_about(approval.subject_digest)[:ATTEMPTS_SHOWN])
    rows = [_job_attempt(job, used) for job in jobs]
    rows += [
        _evidence_attempt(item, approval, used, people)
        for item in evidence_selectors.evidence_about(approval.subject_digest)[:ATTEMPTS_SHOWN]
        if item.job_id is None
    ]
    rows += [_earlier(row, promotion) for row in earlier_requests(promotion)]
    return sorted(rows, key=lambda row: row["at"], reverse=True)


def earlier_requests(promotion: PromotionRequest) -> list[PromotionRequest]:
    """Return the requests of the same model that were made before this one."""
    return list(
        PromotionRequest.objects.select_related("approval", "version__model")
        .filter(version__model=promotion.version.model_id, made_at__lt=promotion.made_at)
        .order_by("-made_at")[:ATTEMPTS_SHOWN]
    )


def producers(subject_digest: str) -> list[str]:
    """Return the actor ids of everybody who made evidence about these bytes."""
    return list(
        evidence_selectors.evidence_about(subject_digest).order_by().values_list("producer_id", flat=True).distinct()
    )


def _job_attempt(job: EvidenceJob, used: set[str]) -> dict[str, Any]:
    made: Evidence | None = getattr(job, "evidence", None)
    note = job.error
    if not note and job.attempts > 1:
        note = f"attempt {job.attempts}; the ones before lost their worker"
    return {
        "at": made.made_at if made else job.finished_at or job.made_at,
        "what": job.type,
        "evidence": made.pk if made else None,
        "detail": f"data {_short(job.dataset_digest)}" if job.dataset_digest else "",
        "state": "computed" if made else job.state,
        "note": note,
        "used": made is not None and str(made.pk) in used,
    }


def _evidence_attempt(item: Evidence, approval: ApprovalRequest, used: set[str], people: People) -> dict[str, Any]:
    here = item.parameters.get("request") == str(approval.pk)
    if item.payload.get("kind") == "validation":
        opinion = str(item.payload["opinion"]).replace("_", " ")
        return {
            "at": item.made_at,
            "what": item.type,
            "evidence": item.pk,
            "detail": f"validation: {opinion}, by {people.actor(item.producer_id)['name']}",
            "state": item.origin,
            "note": "",
            "used": here or str(item.pk) in used,
        }
    review = item.type == "human_review/v1"
    return {
        "at": item.made_at,
        "what": item.type,
        "evidence": item.pk,
        "detail": f"{item.payload['check']}, by {people.actor(item.producer_id)['name']}"
        if review
        else f"data {_short(item.dataset_digest)}"
        if item.dataset_digest
        else "",
        "state": item.payload["verdict"] if review else item.origin,
        "note": "" if here or not review else "signed in another request",
        "used": here if review else str(item.pk) in used,
    }


def _earlier(earlier: PromotionRequest, promotion: PromotionRequest) -> dict[str, Any]:
    same = earlier.version.artifact_digest == promotion.version.artifact_digest
    return {
        "at": earlier.made_at,
        "what": f"{earlier}: {earlier.version} for {earlier.alias}",
        "promotion": earlier.pk,
        "detail": "the same bytes" if same else "other bytes",
        "state": earlier.approval.state,
        "note": _why(earlier.approval) or earlier.approval.verdict.get("reason", ""),
        "used": False,
    }


def _why(approval: ApprovalRequest) -> str:
    """Return why a request stands where it does; only a refusal is worth the look into the log for its words."""
    return approvals.state_said(approval) if approval.state == State.REJECTED else approval.state_reason


def indexed(evidence: Sequence[Evidence]) -> list[UUID]:
    """Return the log entries that attached the evidence."""
    return [item.log_entry for item in evidence]


def _short(digest: str) -> str:
    value = digest.removeprefix("sha256:")
    return f"sha256:{value[:6]}…{value[-4:]}"
