"""Every attempt at evidence of one version: what was made, submitted, failed and cancelled, and who asked before."""

from typing import Any

from governance.accounts.models import User
from governance.evidence import selectors as evidence_selectors
from governance.evidence.models import Evidence, EvidenceJob
from registry import evidence_reading
from registry.models import ModelVersion, PromotionRequest
from registry.reviewing.people import People, person_ids

Row = dict[str, Any]
SHOWN = 200


def list_page(version: ModelVersion, viewer: User) -> Row:
    """Return the context of registry/evidence_list.html."""
    jobs = list(evidence_selectors.jobs_of_subject(version.pk)[:SHOWN])
    made = list(evidence_selectors.evidence_of_subject(version.pk)[:SHOWN])
    people = People(person_ids(row.producer_id for row in made))
    rows = [_made(row, people) for row in made]
    rows += [_job(job, viewer) for job in jobs if getattr(job, "evidence", None) is None and not job.again]
    by_type: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["at"], reverse=True):
        by_type.setdefault(row["type"], []).append(row)
    requests = PromotionRequest.objects.filter(
        version__artifact_digest=version.artifact_digest, version__model=version.model_id
    )
    return {
        "version": version,
        "types": [{"type": name, "rows": by_type[name]} for name in sorted(by_type)],
        "running": any(job.finished_at is None for job in jobs),
        "requests": list(requests.select_related("approval", "version__model").order_by("-made_at")[:SHOWN]),
    }


def _made(row: Evidence, people: People) -> Row:
    return {
        "pk": row.pk,
        "type": row.type,
        "at": row.made_at,
        "state": row.origin,
        "by": "" if row.origin == Evidence.Origin.COMPUTED else people.actor(row.producer_id)["name"],
        "dataset": row.dataset_digest,
        "digest": row.payload_digest,
    }


def _job(job: EvidenceJob, viewer: User) -> Row:
    return {
        "job": job.pk,
        "type": job.type,
        "at": job.finished_at or job.made_at,
        "state": job.state,
        "message": "" if job.finished_at else job.message,
        "error": job.error,
        "dataset": job.dataset_digest,
        "attempts": list(job.tries.all()),
        "steps_done": job.steps_done,
        "steps_total": job.steps_total,
        "remaining": evidence_reading.remaining(job),
        **evidence_reading.steering(viewer, job),
    }
