"""What the API takes and says of evidence and of the jobs that make it."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from governance.accounts.models import User
from governance.evidence.models import Evidence, EvidenceJob, Reproduction
from registry import evidence_reading, pushing


class EvidenceInput(serializers.Serializer[Any]):
    """Evidence that was made elsewhere: what it is about, the signed statement, the payload, other files."""

    type = serializers.CharField(max_length=40, help_text="Such as fairness/v1.")
    model = serializers.CharField(max_length=256)
    version = serializers.IntegerField(min_value=1)
    statement = serializers.FileField(
        help_text="DSSE envelope (JSON) of an in-toto statement, signed with a key registered for your account."
    )
    payload = serializers.FileField(help_text="The payload (JSON), with the very bytes that the statement names.")
    file = serializers.ListField(
        child=serializers.FileField(),
        required=False,
        max_length=pushing.MOST_FILES,
        help_text="Other files, repeated; each by the name that the statement gives it.",
    )


class CancelInput(serializers.Serializer[Any]):
    """Why a job is cancelled."""

    reason = serializers.CharField(max_length=400)


class ReproductionOutput(serializers.Serializer[Any]):
    """What came of making evidence again: `identical`, `within`, `differs` or `impossible`."""

    id = serializers.UUIDField(source="pk")
    evidence = serializers.UUIDField(source="evidence_id")
    result = serializers.CharField()
    payload_digest = serializers.CharField(allow_blank=True)
    differences = serializers.ListField(
        child=serializers.DictField(),
        help_text="`path`, `then`, `now`, and whether it is `within` tolerance.",
    )
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What was not the same as then.")
    made_at = serializers.DateTimeField()


class AttemptOutput(serializers.Serializer[Any]):
    """One worker's try at a job."""

    number = serializers.IntegerField()
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True, help_text="Why it made nothing; empty while it runs or if it did.")


class EvidenceJobOutput(serializers.Serializer[Any]):
    """A job: `queued`, `running`, `done`, `failed` or `cancelled`."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    subject = serializers.CharField()
    dataset = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    message = serializers.CharField(allow_blank=True)
    steps_done = serializers.IntegerField()
    steps_total = serializers.IntegerField()
    remaining_s = serializers.FloatField(allow_null=True, help_text="A guess, in seconds; null when nobody can tell.")
    error = serializers.CharField(allow_blank=True)
    attempts = AttemptOutput(many=True)
    retry_of = serializers.UUIDField(allow_null=True)
    again = serializers.UUIDField(allow_null=True, help_text="The evidence that it makes again.")
    evidence = serializers.UUIDField(allow_null=True)
    reproduction = ReproductionOutput(allow_null=True)
    made_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EvidenceOutput(serializers.Serializer[Any]):
    """A typed statement about a subject, computed by Placet or submitted."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    subject = serializers.CharField()
    subject_digest = serializers.CharField()
    dataset = serializers.CharField(allow_blank=True)
    baseline = serializers.CharField(allow_blank=True)
    parameters = serializers.DictField()
    settings = serializers.DictField()
    origin = serializers.CharField(help_text="`computed` by Placet, or `submitted`.")
    producer = serializers.CharField()
    projection = serializers.DictField(help_text="The figures that a policy may name.")
    payload_digest = serializers.CharField(help_text="sha256 of the payload's RFC 8785 bytes.")
    files = serializers.DictField(child=serializers.CharField())
    environment = serializers.DictField()
    log_entry = serializers.UUIDField()
    job = serializers.UUIDField(allow_null=True)
    made_at = serializers.DateTimeField()
    url = serializers.URLField()


class EvidenceDetailOutput(EvidenceOutput):
    """Evidence with its payload, and what came of making it again."""

    payload = serializers.DictField()
    not_reproducible = serializers.CharField(allow_blank=True, help_text="Why it can't be made again; empty if it can.")
    reproductions = ReproductionOutput(many=True)


def evidence_as_dicts(rows: Iterable[Evidence]) -> list[dict[str, Any]]:
    """Return the plain form of each; who made them is asked for once."""
    rows = list(rows)
    names = _names(rows)
    return [_evidence(row, names) for row in rows]


def evidence_as_dict(row: Evidence) -> dict[str, Any]:
    """Return the plain form that :class:`EvidenceDetailOutput` describes."""
    return _evidence(row, _names([row])) | {
        "payload": row.payload,
        "not_reproducible": evidence_reading.why_not_again(row),
        "reproductions": list(row.reproductions.order_by("-made_at")),
    }


def jobs_as_dicts(rows: Iterable[EvidenceJob]) -> list[dict[str, Any]]:
    """Return the plain form of each."""
    return [job_as_dict(row) for row in rows]


def job_as_dict(row: EvidenceJob) -> dict[str, Any]:
    """Return the plain form that :class:`EvidenceJobOutput` describes."""
    made: Evidence | None = getattr(row, "evidence", None)
    again: Reproduction | None = getattr(row, "reproduction", None)
    return {
        "id": row.pk,
        "type": row.type,
        "subject": row.subject_name,
        "dataset": row.dataset_digest,
        "state": row.state,
        "message": row.message,
        "steps_done": row.steps_done,
        "steps_total": row.steps_total,
        "remaining_s": evidence_reading.remaining(row),
        "error": row.error,
        "attempts": sorted(row.tries.all(), key=lambda attempt: attempt.number),
        "retry_of": row.retry_of_id,
        "again": row.again,
        "evidence": made.pk if made else None,
        "reproduction": again,
        "made_at": row.made_at,
        "finished_at": row.finished_at,
    }


def _evidence(row: Evidence, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "type": row.type,
        "subject": row.subject_name,
        "subject_digest": row.subject_digest,
        "dataset": row.dataset_digest,
        "baseline": row.baseline_digest,
        "parameters": row.parameters,
        "settings": row.settings,
        "origin": row.origin,
        "producer": names.get(row.producer_id, row.producer_id),
        "projection": row.projection,
        "payload_digest": row.payload_digest,
        "files": row.files,
        "environment": row.environment,
        "log_entry": row.log_entry,
        "job": row.job_id,
        "made_at": row.made_at,
        "url": f"{settings.BASE_URL}/evidence/{row.pk}",
    }


def _names(rows: Iterable[Evidence]) -> dict[str, str]:
    wanted = {actor for row in rows if (actor := row.producer_id).startswith(("person:", "service:"))}
    people = User.objects.filter(pk__in=[UUID(actor.partition(":")[2]) for actor in wanted])
    return {person.actor_id: str(person) for person in people}
