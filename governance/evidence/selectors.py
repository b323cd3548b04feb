"""Read evidence and its jobs."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from governance.common import clock
from governance.evidence.models import Evidence, EvidenceJob


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
    return EvidenceJob.objects.filter(subject_digest=subject_digest).select_related("evidence").order_by("-made_at")


def jobs_from(inputs_digests: Iterable[str]) -> QuerySet[EvidenceJob]:
    """Return the jobs for exactly these inputs, newest first."""
    return EvidenceJob.objects.filter(inputs_digest__in=set(inputs_digests)).order_by("-made_at")


def by_ids(ids: Iterable[uuid.UUID | str]) -> list[Evidence]:
    """Return these pieces of evidence, ordered by type."""
    return list(Evidence.objects.filter(pk__in=list(ids)).order_by("type", "made_at"))


def claimable_jobs(*, enqueued_before: timedelta) -> QuerySet[EvidenceJob]:
    """Return jobs that nobody works on: never picked up, or with a lease that ran out."""
    now = clock.now()
    return EvidenceJob.objects.filter(
        Q(state=EvidenceJob.State.QUEUED) & (Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=now - enqueued_before))
        | Q(state=EvidenceJob.State.RUNNING, lease_until__lt=now)
    ).order_by("made_at")
