"""Evidence and its jobs as people and pipelines read them, by the system of what they are about, and who may act."""

import uuid
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from governance.accounts.access import Reader, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals.models import OPEN, ApprovalRequest
from governance.common import clock
from governance.common.errors import Forbidden, Unknown
from governance.evidence import reproducing
from governance.evidence import selectors as evidence_selectors
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.progress import remaining_s, share_done
from registry.models import ModelVersion

M = TypeVar("M", bound=Model)


def evidence_for(reader: Reader) -> QuerySet[Evidence]:
    """Return the evidence that a person may read, newest first: about versions and systems in reach."""
    return _within(Evidence.objects.select_related("job").order_by("-made_at"), reader)


def jobs_for(reader: Reader) -> QuerySet[EvidenceJob]:
    """Return the jobs that a person may read, newest first."""
    return _within(EvidenceJob.objects.select_related("evidence", "reproduction").order_by("-made_at"), reader)


def one_evidence(user: User, pk: uuid.UUID) -> Evidence:
    """Return one piece of evidence as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    found = evidence_for(user).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no evidence {pk}.")
    return found


def one_job(user: User, pk: uuid.UUID) -> EvidenceJob:
    """Return one job as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    if not jobs_for(user).filter(pk=pk).exists():
        raise Unknown(f"There is no evidence job {pk}.")
    return evidence_selectors.job(pk)


def version_of(row: Evidence | EvidenceJob) -> ModelVersion | None:
    """Return the version that evidence or a job is about; None where it is about something else."""
    rows = ModelVersion.objects.select_related("model__system", "evaluation_dataset")
    return rows.filter(pk=row.subject_id).first() if row.subject_id else None


def check_may_steer(user: User, job: EvidenceJob) -> None:
    """Check that somebody may cancel a job or have it tried again. Pages ask it too.

    Raises:
        Forbidden: no engineer or owner of the system, and nobody whose open request waits for it.
    """
    version = version_of(job)
    system = version.model.system_id if version else None
    if has_role(user, Role.ENGINEER, Role.OWNER, system_id=system):
        return
    mine = ApprovalRequest.objects.filter(subject_id=str(job.subject_id), requester=user, state__in=OPEN)
    waiting = (row["inputs"] for request in mine for row in request.required_evidence)
    if not job.again and job.inputs_digest in set(waiting):
        return
    raise Forbidden("An engineer or the owner of the AI system, or who waits for it, cancels and retries jobs.")


def steering(user: User, job: EvidenceJob) -> dict[str, bool]:
    """Return what somebody may do to a job as it stands: ``may_cancel``, ``may_retry``."""
    try:
        check_may_steer(user, job)
    except Forbidden:
        return {"may_cancel": False, "may_retry": False}
    failed = job.state in {EvidenceJob.State.FAILED, EvidenceJob.State.CANCELLED}
    return {"may_cancel": job.finished_at is None, "may_retry": failed}


def why_not_again(evidence: Evidence) -> str:
    """Return in a sentence why evidence can't be made again; empty when it can."""
    return reproducing.why_not(evidence) or reproducing.data_gone(evidence)


def remaining(job: EvidenceJob) -> float | None:
    """Return for how many more seconds a running job will work, as far as one can tell."""
    if job.state != EvidenceJob.State.RUNNING:
        return None
    began = max((row.began_at for row in job.tries.all()), default=None)
    if began is None:
        return None
    elapsed = max((clock.now() - began).total_seconds(), 0.0)
    siblings = ModelVersion.objects.filter(model__versions=job.subject_id).values_list("pk", flat=True)
    past = evidence_selectors.past_durations(job.type, siblings)
    return remaining_s(elapsed, share_done(job.steps_done, job.steps_total), past)


def _within(rows: QuerySet[M], reader: Reader) -> QuerySet[M]:
    reach = readable_systems(reader)
    if reach.everything:
        return rows
    versions = ModelVersion.objects.filter(model__system__in=reach.systems).values("pk")
    return rows.filter(Q(subject_id__in=versions) | Q(subject_id__in=reach.systems))
