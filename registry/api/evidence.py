"""Evidence, and the jobs that make it, over HTTP: read, push what was made elsewhere, have it made again."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.evidence import documents, jobs, reproducing
from governance.evidence.models import EvidenceJob
from governance.evidence.tasks import enqueue
from registry import evidence_reading, pushing, selectors
from registry.api.evidence_forms import (
    CancelInput,
    EvidenceDetailOutput,
    EvidenceInput,
    EvidenceJobOutput,
    EvidenceOutput,
    evidence_as_dict,
    evidence_as_dicts,
    job_as_dict,
    jobs_as_dicts,
)
from registry.models import ModelVersion

SCOPE = {"GET": "evidence:read", "POST": "evidence:write"}


def _whole(file: UploadedFile) -> bytes:
    file.seek(0)  # whoever named the request for its Idempotency-Key has read it already
    return bytes(file.read())


def _about(request: Request) -> ModelVersion | None:
    """Return the version that the query asks for, None where it asks for none."""
    model, number = request.query_params.get("model"), request.query_params.get("version")
    if not model:
        return None
    query = _VersionQuery(data={"version": number})
    query.is_valid(raise_exception=True)
    return selectors.version(selectors.model_for(actor(request), model), query.validated_data["version"])


class _VersionQuery(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)


def _locked_evidence(request: Request, evidence_id: uuid.UUID) -> str:
    """Return the ETag of a piece of evidence, which never changes."""
    return etag(evidence_reading.one_evidence(actor(request), evidence_id))


def _locked_job(request: Request, job_id: uuid.UUID) -> str:
    """Return the ETag of a job, locked."""
    lock(evidence_reading.one_job(actor(request), job_id))
    return job_tag(evidence_reading.one_job(actor(request), job_id))


def job_tag(job: EvidenceJob) -> str:
    """Return the ETag of a job: it changes with its state, not with its progress, which nobody decided on."""
    return f'"{job.pk.hex}-{job.state}"'


class EvidenceList(APIView):
    """``/api/v1/evidence``."""

    scope = SCOPE
    parser_classes = [MultiPartParser, JSONParser]  # a JSON body holds no file, and is told so

    @extend_schema(
        request={"multipart/form-data": EvidenceInput},
        responses={201: EvidenceDetailOutput},
        summary="Push evidence that you made elsewhere and signed",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep it as `submitted`, once its signature, its schema and what it says of itself hold."""
        who = EvidenceInput(data=request.data, partial=True)
        who.is_valid(raise_exception=True)
        person = actor(request)
        if model := who.validated_data.get("model"):  # whether there is something to push to is asked first
            documents.check_may_submit(person, selectors.model_for(person, model).system_id or uuid.UUID(int=0))
        payload = EvidenceInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values = payload.validated_data
        made = pushing.push_evidence(
            submitter=person,
            model=values["model"],
            number=values["version"],
            evidence_type=values["type"],
            pushed=pushing.Pushed(
                envelope=_whole(values["statement"]),
                payload=_whole(values["payload"]),
                files={file.name: file for file in values.get("file", [])},
            ),
        )
        headers = {"Location": f"/api/v1/evidence/{made.pk}", "ETag": etag(made)}
        body = EvidenceDetailOutput(evidence_as_dict(made)).data
        return Response(body, status=status.HTTP_201_CREATED, headers=headers)

    @lists(
        EvidenceOutput,
        summary="List evidence, newest first",
        filters=["model", "version", "type", "origin"],
    )
    def get(self, request: Request) -> Response:
        """Return evidence, newest first; filter by ``model`` with ``version``, by ``type`` and by ``origin``."""
        rows = evidence_reading.evidence_for(actor(request))
        if version := _about(request):
            rows = rows.filter(subject_id=version.pk)
        for name in ("type", "origin"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})

        def as_json(page: Sequence[Any]) -> Any:
            return EvidenceOutput(evidence_as_dicts(page), many=True).data

        return paged(request, rows, newest_by="made_at", as_json=as_json)


class EvidenceDetail(APIView):
    """``/api/v1/evidence/{id}``."""

    scope = SCOPE

    @extend_schema(responses=EvidenceDetailOutput, summary="One piece of evidence, with its payload")
    def get(self, request: Request, evidence_id: uuid.UUID) -> Response:
        """Return the evidence with its payload, whose RFC 8785 bytes have the digest that the log names."""
        found = evidence_reading.one_evidence(actor(request), evidence_id)
        return Response(EvidenceDetailOutput(evidence_as_dict(found)).data, headers={"ETag": etag(found)})


class Reproductions(APIView):
    """``/api/v1/evidence/{id}/reproductions``."""

    scope = SCOPE

    @extend_schema(request=None, responses={202: EvidenceJobOutput}, summary="Have evidence made again, and compared")
    @idempotent
    @if_match(_locked_evidence)
    def post(self, request: Request, evidence_id: uuid.UUID) -> Response:
        """Run its producer again with what is stored of it; the job's ``reproduction`` says what came of it."""
        found = evidence_reading.one_evidence(actor(request), evidence_id)
        job = reproducing.ask_reproduction(evidence_id=found.pk, by=actor(request))
        enqueue([job.pk])
        return _accepted(request, job.pk)


class EvidenceJobs(APIView):
    """``/api/v1/evidence-jobs``."""

    scope = SCOPE

    @lists(
        EvidenceJobOutput,
        summary="List jobs of the evidence worker, newest first",
        filters=["model", "version", "type", "state"],
    )
    def get(self, request: Request) -> Response:
        """Return jobs with every attempt; filter by ``model`` with ``version``, by ``type`` and by ``state``."""
        rows = evidence_reading.jobs_for(actor(request)).prefetch_related("tries")
        if version := _about(request):
            rows = rows.filter(subject_id=version.pk)
        for name in ("type", "state"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})

        def as_json(page: Sequence[Any]) -> Any:
            return EvidenceJobOutput(jobs_as_dicts(page), many=True).data

        return paged(request, rows, newest_by="made_at", as_json=as_json)


class EvidenceJobDetail(APIView):
    """``/api/v1/evidence-jobs/{id}``."""

    scope = SCOPE

    @extend_schema(responses=EvidenceJobOutput, summary="Follow a job of the evidence worker")
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """Return how far the job is, every attempt, and what came of it."""
        found = evidence_reading.one_job(actor(request), job_id)
        return Response(EvidenceJobOutput(job_as_dict(found)).data, headers={"ETag": job_tag(found)})


class Cancellations(APIView):
    """``/api/v1/evidence-jobs/{id}/cancellations``."""

    scope = SCOPE

    @extend_schema(request=CancelInput, responses=EvidenceJobOutput, summary="Cancel a job of the evidence worker")
    @idempotent
    @if_match(_locked_job)
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Close the job without evidence; a worker at it stops within seconds."""
        found = evidence_reading.one_job(actor(request), job_id)
        evidence_reading.check_may_steer(actor(request), found)
        payload = CancelInput(data=request.data)
        payload.is_valid(raise_exception=True)
        jobs.cancel_job(job_id=found.pk, by=actor(request), reason=payload.validated_data["reason"])
        now = evidence_reading.one_job(actor(request), found.pk)
        return Response(EvidenceJobOutput(job_as_dict(now)).data, headers={"ETag": job_tag(now)})


class Retries(APIView):
    """``/api/v1/evidence-jobs/{id}/retries``."""

    scope = SCOPE

    @extend_schema(request=None, responses={202: EvidenceJobOutput}, summary="Try a failed or cancelled job again")
    @idempotent
    @if_match(_locked_job)
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Make a new job for the same inputs; the old one stays, with its attempts."""
        found = evidence_reading.one_job(actor(request), job_id)
        evidence_reading.check_may_steer(actor(request), found)
        job = jobs.retry_job(job_id=found.pk, by=actor(request))
        enqueue([job.pk])
        return _accepted(request, job.pk)


def _accepted(request: Request, pk: uuid.UUID) -> Response:
    job = evidence_reading.one_job(actor(request), pk)
    headers = {"Location": f"/api/v1/evidence-jobs/{pk}", "ETag": job_tag(job)}
    return Response(EvidenceJobOutput(job_as_dict(job)).data, status=status.HTTP_202_ACCEPTED, headers=headers)
