"""Cancel a job of the evidence worker, and try again one that failed or was cancelled."""

import uuid

from django.db import IntegrityError, transaction

from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.evidence import services
from governance.evidence.errors import JobFinished, JobNotRetried
from governance.evidence.models import EvidenceJob


@transaction.atomic
def cancel_job(*, job_id: uuid.UUID, by: Actor, reason: str) -> EvidenceJob:
    """Close an open job without evidence; a worker at it notices at its next heartbeat and ends the model's process.

    Who may is for the caller to ask: only the registry knows what system a subject is of.

    Raises:
        Unknown: there is no such job.
        JobFinished: it is done, failed or cancelled already.
        InvalidInput: no reason is given.
    """
    job = _locked(job_id)
    if job.finished_at is not None:
        raise JobFinished(f"This job is {job.get_state_display().lower()} already; there is nothing to cancel.")
    reason = reason.strip()
    if not 0 < len(reason) <= 400:
        raise InvalidInput("Say why it is cancelled, in 1 to 400 characters.")
    services.close_attempt(job_id, f"Cancelled: {reason}")
    job.state, job.finished_at, job.lease_until = EvidenceJob.State.CANCELLED, clock.now(), None
    job.message, job.error = "Cancelled", f"Cancelled: {reason}"
    job.save()
    audit.append(
        event=Event.EVIDENCE_CANCELLED,
        actor=by,
        subjects=[],
        data={**services.about_job(job), "attempts": job.attempts},
        payload={"reason": reason},
    )
    services.tell(job.subject_digest, job.type)
    return job


@transaction.atomic
def retry_job(*, job_id: uuid.UUID, by: Actor) -> EvidenceJob:
    """Return a new job for the inputs of one that failed or was cancelled; the old one stays, with its attempts.

    Who may is for the caller to ask, as in :func:`cancel_job`.

    Raises:
        Unknown: there is no such job.
        JobNotRetried: it has not ended so, or a job for these inputs is open.
    """
    old = _locked(job_id)
    if old.state not in {EvidenceJob.State.FAILED, EvidenceJob.State.CANCELLED}:
        raise JobNotRetried(f"This job is {old.get_state_display().lower()}; only a failed or cancelled one can be.")
    if EvidenceJob.objects.filter(inputs_digest=old.inputs_digest, again=old.again, finished_at=None).exists():
        raise JobNotRetried("A job for the same inputs is open already; follow that one.")
    same = ("type", "subject_digest", "subject_name", "dataset_digest", "baseline_digest", "parameters")
    more = ("subject_id", "baseline_id", "settings", "inputs_digest", "again", "asked_by")
    try:
        with transaction.atomic():
            job = EvidenceJob.objects.create(
                **{name: getattr(old, name) for name in (*same, *more)}, retry_of=old, made_at=clock.now()
            )
    except IntegrityError:  # somebody asked at the same moment
        raise JobNotRetried("A job for the same inputs is open already; follow that one.") from None
    audit.append(
        event=Event.EVIDENCE_RETRIED, actor=by, subjects=[], data={**services.about_job(job), "retry_of": old.pk}
    )
    return job


def _locked(job_id: uuid.UUID) -> EvidenceJob:
    job = EvidenceJob.objects.select_for_update().filter(pk=job_id).first()
    if job is None:
        raise Unknown(f"There is no evidence job {job_id}.")
    return job
