"""Documents over HTTP: ask for one, follow it, download it."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.access import may_read
from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.audit.selectors import indexes_of
from governance.common import clock
from governance.common.broker import enqueue_on_commit
from governance.common.errors import Forbidden, InvalidInput
from governance.common.pagination import lists, paged
from governance.inventory import selectors as inventory
from reports import selectors, services, tasks
from reports.documents.exports import TYPES
from reports.models import STATED, Document, DocumentJob


class DocumentInput(serializers.Serializer[Any]):
    """Which document, of which system."""

    kind = serializers.ChoiceField(choices=Document.Kind.choices)
    system = serializers.CharField(
        max_length=80,
        required=False,
        help_text="Id or slug of the AI system; left out for the report over all of them.",
    )
    about = serializers.CharField(
        max_length=40,
        required=False,
        help_text="Id of the incident (incident), of the model version (model-card, validation-report) or of the "
        "correspondence (notice-26-11, notification-27-3, registration-49, answer-86), id or number of the promotion "
        "request (review-pack), first day of the quarter (model-risk); of no other kind.",
    )


class DocumentJobOutput(serializers.Serializer[Any]):
    """A document being built, or built."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    error = serializers.CharField(allow_blank=True)
    document = serializers.UUIDField(allow_null=True)
    measured = serializers.IntegerField(allow_null=True)
    declared = serializers.IntegerField(allow_null=True)
    missing = serializers.IntegerField(allow_null=True)


def _job(row: DocumentJob) -> dict[str, Any]:
    made = row.document
    counts = {name: getattr(made, name) if made else None for name in ("measured", "declared", "missing")}
    return {"id": row.pk, "state": row.state, "error": row.error, "document": made.pk if made else None, **counts}


class DocumentOutput(serializers.Serializer[Any]):
    """A document that was made, without what it says: its files hold that."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="As POST takes it.")
    system = serializers.SlugField(allow_null=True, help_text="Null: it is about all AI systems.")
    version = serializers.CharField(allow_null=True, help_text="Number of the model version that it describes.")
    made_at = serializers.DateTimeField()
    measured = serializers.IntegerField()
    declared = serializers.IntegerField()
    missing = serializers.IntegerField()
    law_version = serializers.CharField()
    pdf_digest = serializers.CharField()
    snapshot_digest = serializers.CharField()
    statement = serializers.ChoiceField(
        choices=["signed", "waiting"], allow_null=True, help_text="Null for kinds whose statement nobody signs."
    )
    file_signed = serializers.BooleanField(help_text="Whether the PDF bears a signature of its own.")
    log_index = serializers.IntegerField(allow_null=True, help_text="Null until the log has numbered its entry.")


def _made(rows: Sequence[Document]) -> list[dict[str, Any]]:
    places, versions = indexes_of([row.log_entry for row in rows]), selectors.versions_described(rows)
    return [
        {
            "id": str(row.pk),
            "kind": row.kind,
            "system": row.system.slug if row.system else None,
            "version": versions.get(row.pk),
            "made_at": clock.rfc3339(row.made_at),
            "measured": row.measured,
            "declared": row.declared,
            "missing": row.missing,
            "law_version": row.law_version,
            "pdf_digest": row.pdf_digest,
            "snapshot_digest": row.snapshot_digest,
            "statement": ("signed" if row.signatory_id else "waiting") if row.kind in STATED else None,
            "file_signed": row.signature is not None,
            "log_index": places.get(row.log_entry),
        }
        for row in rows
    ]


class Documents(APIView):
    """``/api/v1/documents``."""

    @lists(DocumentOutput, summary="Documents, newest first", filters=("kind", "system"))
    def get(self, request: Request) -> Response:
        """Return the documents that the person may read; of one system by its id or slug."""
        person, asked = actor(request), request.query_params
        rows = selectors.documents_for(person)
        if kind := asked.get("kind"):
            if kind not in Document.Kind.values:
                raise InvalidInput(f"kind is one of {', '.join(Document.Kind.values)}.")
            rows = rows.filter(kind=kind)
        if system := asked.get("system"):
            rows = rows.filter(system=inventory.system_for(person, system))
        return paged(request, rows, newest_by="made_at", as_json=_made)

    @extend_schema(request=DocumentInput, responses={202: DocumentJobOutput}, summary="Build a document")
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for a document; follow the job until it is ``done``."""
        payload = DocumentInput(data=request.data)
        payload.is_valid(raise_exception=True)
        said, person = payload.validated_data, actor(request)
        if said["kind"] == Document.Kind.MODEL_RISK and not may_read(person, None):
            raise Forbidden("The report over all AI systems is for whoever holds a role for all of them.")
        job = services.request_document(
            kind=said["kind"],
            ai_system=inventory.system_for(person, said["system"]) if "system" in said else None,
            requester=person,
            about=said.get("about", ""),
        )
        enqueue_on_commit(tasks.build_document, job.pk)
        return Response(_job(job), status=status.HTTP_202_ACCEPTED, headers={"Location": f"/api/v1/documents/{job.pk}"})


class DocumentJobDetail(APIView):
    """``/api/v1/documents/{job id}``."""

    @extend_schema(responses=DocumentJobOutput, summary="Follow a document job")
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """Return where the job stands."""
        return Response(_job(selectors.job_for(actor(request), job_id)))


class DocumentPdf(APIView):
    """``/api/v1/documents/{document id}/pdf``."""

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download the PDF")
    def get(self, request: Request, document_id: uuid.UUID) -> HttpResponse:
        """Return the bytes whose digest is in the log."""
        return pdf_response(selectors.document_for(actor(request), document_id))


class DocumentCopy(APIView):
    """``/api/v1/documents/{document id}/{html, json or docx}``."""

    @extend_schema(
        operation_id="documents_copy_retrieve",
        responses={
            (200, kind): OpenApiTypes.OBJECT if form == "json" else OpenApiTypes.BINARY for form, kind in TYPES.items()
        },
        summary="Download a copy in another form",
    )
    def get(self, request: Request, document_id: uuid.UUID, form: str) -> HttpResponse:
        """Return the document as one HTML file, as JSON with states and sources, or as a DOCX draft to edit."""
        row = selectors.document_for(actor(request), document_id)
        return HttpResponse(
            selectors.export_of(row, form),
            content_type=TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{_name(row, form)}"'},
        )


def _name(row: Document, form: str) -> str:
    return f"{row.slug}-{row.kind}-{row.made_at:%Y-%m-%d}.{form}"


def pdf_response(row: Document) -> HttpResponse:
    """Return a document as a download."""
    return HttpResponse(
        selectors.pdf_of(row),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{_name(row, "pdf")}"', "Digest": row.pdf_digest},
    )
