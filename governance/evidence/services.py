"""Ask for evidence, claim and finish jobs, attach what was made."""

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction
from django.db.models import F, Q

from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import projection, reproducing, schemas, storage
from governance.evidence.errors import InvalidEvidence, LeaseLost
from governance.evidence.models import Evidence, EvidenceAttempt, EvidenceJob, Reproduction
from governance.evidence.producers import Product

LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 3
WORKER = reproducing.WORKER
WORKER_DIED = "The worker died, or lost its connection, and its lease ran out."

Listener = Callable[[str, str], None]
_listeners: list[Listener] = []


def on_change(listener: Listener) -> None:
    """Call ``listener(subject_digest, type)`` when evidence is attached or a job fails, in the same transaction."""
    _listeners.append(listener)


def tell(subject_digest: str, evidence_type: str) -> None:
    """Say to who listens that evidence of a subject has changed, or that none comes."""
    for listener in _listeners:
        listener(subject_digest, evidence_type)


def inputs_digest(
    *,
    evidence_type: str,
    subject_digest: str,
    dataset_digest: str = "",
    baseline_digest: str = "",
    parameters: Mapping[str, Any] | None = None,
    subject_id: uuid.UUID | str | None = None,
    baseline_id: uuid.UUID | str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Return the name of a piece of work: the digest of everything that determines what comes out of it.

    The same bytes under another version, another decision threshold or another parameter of the policy are other work.
    """
    inputs: dict[str, Any] = {
        "type": evidence_type,
        "subject": [str(subject_id or ""), subject_digest],
        "baseline": [str(baseline_id or ""), baseline_digest],
        "dataset": dataset_digest,
        "parameters": dict(parameters or {}),
        "settings": dict(settings or {}),
    }
    return "sha256:" + sha256(rfc8785.dumps(inputs)).hexdigest()


@transaction.atomic
def request_evidence(
    *,
    evidence_type: str,
    subject_digest: str,
    subject_name: str,
    dataset_digest: str = "",
    baseline_digest: str = "",
    parameters: Mapping[str, Any] | None = None,
    subject_id: uuid.UUID | str | None = None,
    baseline_id: uuid.UUID | str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> EvidenceJob:
    """Return the open job for these inputs, made now if there is none. Two callers at once get one job."""
    parameters, settings = dict(parameters or {}), dict(settings or {})
    digest = inputs_digest(
        evidence_type=evidence_type,
        subject_digest=subject_digest,
        dataset_digest=dataset_digest,
        baseline_digest=baseline_digest,
        parameters=parameters,
        subject_id=subject_id,
        baseline_id=baseline_id,
        settings=settings,
    )
    open_states = [EvidenceJob.State.QUEUED, EvidenceJob.State.RUNNING]
    job, _ = EvidenceJob.objects.filter(state__in=open_states, again=None).get_or_create(
        inputs_digest=digest,
        defaults={
            "type": evidence_type,
            "subject_digest": subject_digest,
            "subject_name": subject_name,
            "dataset_digest": dataset_digest,
            "baseline_digest": baseline_digest,
            "parameters": parameters,
            "subject_id": subject_id,
            "baseline_id": baseline_id,
            "settings": settings,
            "made_at": clock.now(),
        },
    )
    return job


def mark_enqueued(job_ids: list[uuid.UUID]) -> None:
    """Note that the broker was told about these jobs."""
    EvidenceJob.objects.filter(pk__in=job_ids).update(enqueued_at=clock.now())


@transaction.atomic
def claim(job_id: uuid.UUID) -> int | None:
    """Take a job and return the attempt's number; None when someone holds it or it is finished.

    A worker that dies in an attempt has used it up: a job whose last attempt is over is not claimed, however it ended.
    """
    now = clock.now()
    free = Q(state=EvidenceJob.State.QUEUED) | Q(state=EvidenceJob.State.RUNNING, lease_until__lt=now)
    taken = EvidenceJob.objects.filter(free, pk=job_id, attempts__lt=MAX_ATTEMPTS).update(
        state=EvidenceJob.State.RUNNING,
        attempts=F("attempts") + 1,
        lease_until=now + LEASE,
        steps_done=0,
        message="Starting",
    )
    if not taken:
        return None
    number = EvidenceJob.objects.values_list("attempts", flat=True).get(pk=job_id)
    close_attempt(job_id, WORKER_DIED)
    EvidenceAttempt.objects.create(job_id=job_id, number=number, began_at=now)
    return number


def close_attempt(job_id: uuid.UUID, reason: str) -> None:
    """Say how the attempt under way ended, if there is one."""
    EvidenceAttempt.objects.filter(job_id=job_id, ended_at__isnull=True).update(
        ended_at=clock.now(), reason=reason[:2000]
    )


def heartbeat(job_id: uuid.UUID, attempt: int, **progress: Any) -> None:
    """Extend the lease and note progress (steps_done, steps_total, message).

    Raises:
        LeaseLost: a newer attempt holds the job.
    """
    held = EvidenceJob.objects.filter(pk=job_id, attempts=attempt, state=EvidenceJob.State.RUNNING)
    if not held.update(lease_until=clock.now() + LEASE, **progress):
        raise LeaseLost(f"Attempt {attempt} of job {job_id} was replaced.")


@transaction.atomic
def finish(job_id: uuid.UUID, attempt: int, product: Product) -> Evidence:
    """Attach what an attempt made and close its job.

    Raises:
        LeaseLost: a newer attempt holds the job; nothing is attached.
        InvalidEvidence: the payload does not fit its schema.
    """
    job = _done(job_id, attempt)
    return attach(
        evidence_type=job.type,
        subject_digest=job.subject_digest,
        subject_name=job.subject_name,
        product=product,
        producer=WORKER,
        origin=Evidence.Origin.COMPUTED,
        dataset_digest=job.dataset_digest,
        baseline_digest=job.baseline_digest,
        parameters=job.parameters,
        subject_id=job.subject_id,
        baseline_id=job.baseline_id,
        settings=job.settings,
        job=job,
    )


@transaction.atomic
def finish_again(job_id: uuid.UUID, attempt: int, product: Product) -> Reproduction:
    """Hold what an attempt made against the evidence that it makes again, keep how it compares, and close its job.

    Raises:
        LeaseLost, InvalidEvidence: as in :func:`finish`.
    """
    job = _done(job_id, attempt)
    _check(job.type, product.payload)
    result, differences, reasons = reproducing.compare(reproducing.original(job), product)
    return reproducing.write(job, result=result, differences=differences, reasons=reasons, product=product)


def _done(job_id: uuid.UUID, attempt: int) -> EvidenceJob:
    job = EvidenceJob.objects.select_for_update().get(pk=job_id)
    if job.attempts != attempt or job.state != EvidenceJob.State.RUNNING:
        raise LeaseLost(f"Attempt {attempt} of job {job_id} was replaced.")
    job.state, job.finished_at, job.lease_until = EvidenceJob.State.DONE, clock.now(), None
    job.message = "Compared" if job.again else "Attached"
    job.steps_done = job.steps_total
    job.save()
    close_attempt(job_id, "")
    return job


@transaction.atomic
def attach(
    *,
    evidence_type: str,
    subject_digest: str,
    subject_name: str,
    product: Product,
    producer: Actor,
    origin: str = Evidence.Origin.COMPUTED,
    dataset_digest: str = "",
    baseline_digest: str = "",
    parameters: Mapping[str, Any] | None = None,
    subject_id: uuid.UUID | str | None = None,
    baseline_id: uuid.UUID | str | None = None,
    settings: Mapping[str, Any] | None = None,
    job: EvidenceJob | None = None,
    sealed: audit.SealedPayload | None = None,
) -> Evidence:
    """Keep a piece of evidence for good: schema-checked, projected, its files stored, named in the log.

    Raises:
        InvalidEvidence: the payload does not fit the schema of its type; the message names the field. Or the figures
            that a policy may read are too many.
    """
    _check(evidence_type, product.payload)
    projected = projection.project(evidence_type, product.payload)
    if (size := projection.size(projected)) > projection.LARGEST:
        raise InvalidEvidence(
            f"{evidence_type}: the figures that a policy may read take {size:,} bytes, and {projection.LARGEST:,} are "
            "allowed. Measure fewer features or groups."
        )
    evidence = Evidence(
        type=evidence_type,
        subject_digest=subject_digest,
        subject_name=subject_name,
        dataset_digest=dataset_digest,
        baseline_digest=baseline_digest,
        parameters=dict(parameters or {}),
        subject_id=subject_id,
        baseline_id=baseline_id,
        settings=dict(settings or {}),
        inputs_digest=inputs_digest(
            evidence_type=evidence_type,
            subject_digest=subject_digest,
            dataset_digest=dataset_digest,
            baseline_digest=baseline_digest,
            parameters=parameters,
            subject_id=subject_id,
            baseline_id=baseline_id,
            settings=settings,
        ),
        payload=product.payload,
        payload_digest="sha256:" + sha256(rfc8785.dumps(product.payload)).hexdigest(),
        projection=projected,
        files=product.stored | {name: storage.put(content) for name, content in sorted(product.files.items())},
        environment=product.environment,
        origin=origin,
        producer_id=producer.actor_id,
        job=job,
        made_at=clock.now(),
    )
    audit.append(
        event=Event.EVIDENCE_ATTACHED,
        actor=producer,
        subjects=[evidence],
        data={
            "type": evidence_type,
            "subject": {"name": subject_name, "digest": subject_digest},
            "dataset": dataset_digest or None,
            "baseline": baseline_digest or None,
            "inputs": evidence.inputs_digest,
            "payload_digest": evidence.payload_digest,
            "files": evidence.files,
            "origin": origin,
        },
        sealed=sealed,
    )
    tell(subject_digest, evidence_type)
    return evidence


def _check(evidence_type: str, payload: Mapping[str, Any]) -> None:
    if problem := schemas.first_problem(evidence_type, payload):
        raise InvalidEvidence(f"{evidence_type}: {problem}")


@transaction.atomic
def fail(job_id: uuid.UUID, attempt: int, error: str, *, again: bool) -> None:
    """Close an attempt that went wrong: back to the queue while attempts are left and trying again can help."""
    job = EvidenceJob.objects.select_for_update().get(pk=job_id)
    if job.attempts != attempt or job.state != EvidenceJob.State.RUNNING:
        return
    job.error, job.lease_until = error, None
    close_attempt(job_id, error)
    if again and attempt < MAX_ATTEMPTS:
        job.state, job.message, job.enqueued_at = EvidenceJob.State.QUEUED, "Waits to be tried again", clock.now()
        job.save()
        return
    _close_failed(job)


def _close_failed(job: EvidenceJob) -> None:
    job.state, job.finished_at, job.message = EvidenceJob.State.FAILED, clock.now(), "Failed"
    job.save()
    if job.again:
        reproducing.write(job, result=Reproduction.Result.IMPOSSIBLE, reasons=[job.error[:1000]])
        return
    audit.append(
        event=Event.EVIDENCE_FAILED,
        actor=WORKER,
        subjects=[],
        data={**about_job(job), "attempts": job.attempts},
        payload={"error": job.error[:2000]},
    )
    tell(job.subject_digest, job.type)


def about_job(job: EvidenceJob) -> dict[str, Any]:
    """Return what an entry says of a job."""
    return {"type": job.type, "subject": {"name": job.subject_name, "digest": job.subject_digest}, "job": job.pk}


@transaction.atomic
def park_exhausted() -> int:
    """Fail the jobs that have no attempt left and that nobody works on, and return how many; people see why."""
    exhausted = EvidenceJob.objects.select_for_update(skip_locked=True).filter(
        Q(state=EvidenceJob.State.QUEUED) | Q(state=EvidenceJob.State.RUNNING, lease_until__lt=clock.now()),
        attempts__gte=MAX_ATTEMPTS,
    )
    for job in exhausted:
        close_attempt(job.pk, WORKER_DIED)
        reasons = list(job.tries.order_by("number").values_list("reason", flat=True))
        if all(reason == WORKER_DIED for reason in reasons):
            job.error = (
                f"The worker died in each of {MAX_ATTEMPTS} attempts; its memory or time limit may be too small."
            )
        else:
            numbered = (f"{number}. {reason}" for number, reason in enumerate(reasons, start=1))
            job.error = f"Each of {MAX_ATTEMPTS} attempts came to nothing. {' '.join(numbered)}"
        job.lease_until = None
        _close_failed(job)
    return len(exhausted)
