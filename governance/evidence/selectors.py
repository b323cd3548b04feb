"""Read evidence and its jobs."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q, QuerySet

from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence.models import Evidence, EvidenceAttempt, EvidenceJob


def newest_evidence(*, subject_id: uuid.UUID, evidence_type: str) -> Evidence | None:
    """Return the newest evidence of a type about a subject, to be shown.

    Whether evidence may be used again is asked with :func:`evidence_from` only.
    """
    return Evidence.objects.filter(subject_id=subject_id, type=evidence_type).order_by("-made_at").first()


def evidence_from(inputs_digest: str, *, not_before: datetime | None = None) -> Evidence | None:
    """Return the newest evidence of exactly these inputs: type, subject, data, parameters, settings, baseline."""
    return all_from(inputs_digest, not_before=not_before).first()


def all_from(inputs_digest: str, *, not_before: datetime | None = None) -> QuerySet[Evidence]:
    """Return all evidence of exactly these inputs, newest first."""
    rows = Evidence.objects.filter(inputs_digest=inputs_digest)
    if not_before:
        rows = rows.filter(made_at__gte=not_before)
    return rows.order_by("-made_at")


def evidence_about(subject_digest: str) -> QuerySet[Evidence]:
    """Return everything that was ever attached to a subject, newest first: no attempt is hidden."""
    return Evidence.objects.filter(subject_digest=subject_digest).order_by("-made_at")


def jobs_about(subject_digest: str) -> QuerySet[EvidenceJob]:
    """Return every job for a subject, newest first, with what came of it."""
    return (
        EvidenceJob.objects.filter(subject_digest=subject_digest, again=None)
        .select_related("evidence")
        .order_by("-made_at")
    )


def jobs_of_subject(subject_id: uuid.UUID) -> QuerySet[EvidenceJob]:
    """Return every job about a subject, newest first, each with its attempts and with what came of it."""
    rows = EvidenceJob.objects.filter(subject_id=subject_id).select_related("evidence").order_by("-made_at")
    return rows.prefetch_related(Prefetch("tries", EvidenceAttempt.objects.order_by("number")))


def evidence_of_subject(subject_id: uuid.UUID) -> QuerySet[Evidence]:
    """Return every piece of evidence about a subject, newest first."""
    return Evidence.objects.filter(subject_id=subject_id).order_by("-made_at")


def job(pk: uuid.UUID) -> EvidenceJob:
    """Return one job.

    Raises:
        Unknown: there is none of that id.
    """
    rows = EvidenceJob.objects.select_related("evidence")
    found = rows.prefetch_related(Prefetch("tries", EvidenceAttempt.objects.order_by("number"))).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no evidence job {pk}.")
    return found


def evidence(pk: uuid.UUID) -> Evidence:
    """Return one piece of evidence.

    Raises:
        Unknown: there is none of that id.
    """
    found = Evidence.objects.select_related("job").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no evidence {pk}.")
    return found


def past_durations(evidence_type: str, subject_ids: Iterable[uuid.UUID], *, most: int = 10) -> list[float]:
    """Return how many seconds the newest attempts took that made evidence of a type about any of these subjects."""
    rows = EvidenceAttempt.objects.filter(
        job__type=evidence_type,
        job__state=EvidenceJob.State.DONE,
        job__subject_id__in=list(subject_ids),
        ended_at__isnull=False,
        reason="",
    ).order_by("-ended_at")
    times = rows.values_list("began_at", "ended_at")[:most]
    return [(ended - began).total_seconds() for began, ended in times if ended]


def jobs_from(inputs_digests: Iterable[str]) -> QuerySet[EvidenceJob]:
    """Return the jobs that make evidence of exactly these inputs, newest first."""
    return EvidenceJob.objects.filter(inputs_digest__in=set(inputs_digests), again=None).order_by("-made_at")


def by_ids(ids: Iterable[uuid.UUID | str]) -> list[Evidence]:
    """Return these pieces of evidence, ordered by type."""
    return list(with_ids(ids).order_by("type", "made_at"))


def with_ids(ids: Iterable[uuid.UUID | str]) -> QuerySet[Evidence]:
    """Return the query for these pieces of evidence."""
    return Evidence.objects.filter(pk__in=list(ids))


def claimable_jobs(*, enqueued_before: timedelta) -> QuerySet[EvidenceJob]:
    """Return jobs that nobody works on: never picked up, or with a lease that ran out."""
    now = clock.now()
    return EvidenceJob.objects.filter(
        Q(state=EvidenceJob.State.QUEUED) & (Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=now - enqueued_before))
        | Q(state=EvidenceJob.State.RUNNING, lease_until__lt=now)
    ).order_by("made_at")
