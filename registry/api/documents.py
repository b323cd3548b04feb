"""Documents that people and pipelines submit, over HTTP. Reviews are for people in a browser: there is none here."""

import uuid
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.pagination import lists, paged
from governance.evidence import documents, papers
from governance.evidence.models import SubmittedDocument
from governance.inventory import selectors as inventory
from registry import selectors
from registry.reviewing import documents as shown


class SubmittedDocumentInput(serializers.Serializer[Any]):
    """A document, what it is about and what it says of itself."""

    system = serializers.CharField(max_length=80, help_text="Id or slug of the AI system.")
    model = serializers.CharField(max_length=256, required=False, help_text="With `version`: one version of it.")
    version = serializers.IntegerField(required=False, min_value=1)
    kind = serializers.ChoiceField(choices=SubmittedDocument.Kind.choices)
    title = serializers.CharField(max_length=200)
    issuer = serializers.CharField(max_length=200)
    issued_on = serializers.DateField()
    expires_on = serializers.DateField(help_text="The last day on which it counts.")
    file = serializers.FileField(help_text="A PDF.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A version is named by both its model and its number."""
        if ("model" in attrs) != ("version" in attrs):
            raise serializers.ValidationError("Name both model and version, or neither.")
        return attrs


class SystemOnly(serializers.Serializer[Any]):
    """Which system, so that who may submit for it is asked first."""

    system = serializers.CharField(max_length=80)


class SubmittedDocumentOutput(serializers.Serializer[Any]):
    """Where a document stands: `waiting`, `accepted`, `refused` or `expired`."""

    id = serializers.UUIDField(source="pk")
    evidence = serializers.UUIDField()
    system = serializers.UUIDField()
    subject = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField(allow_blank=True, help_text="Empty once it was erased.")
    issuer = serializers.CharField(allow_blank=True)
    issued_on = serializers.DateField()
    expires_on = serializers.DateField()
    days_left = serializers.IntegerField()
    state = serializers.CharField()
    file = serializers.CharField(help_text="Digest of the file.")
    submitted_at = serializers.DateTimeField()


class SubmittedDocuments(APIView):
    """``/api/v1/submitted-documents``."""

    scope = "evidence:write"
    parser_classes = [MultiPartParser, JSONParser]  # a JSON body holds no file, and is told so

    @extend_schema(
        request={"multipart/form-data": SubmittedDocumentInput},
        responses={201: SubmittedDocumentOutput},
        summary="Submit a document about a system or a version",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a PDF as evidence; it counts once another person has accepted it."""
        where = SystemOnly(data=request.data)
        where.is_valid(raise_exception=True)
        person = actor(request)
        ai_system = inventory.system_for(person, where.validated_data["system"])
        documents.check_may_submit(person, ai_system.pk)
        payload = SubmittedDocumentInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values = dict(payload.validated_data)
        values.pop("system")
        model, number = values.pop("model", None), values.pop("version", None)
        version = selectors.version(selectors.model_for(person, model), number) if model else None
        made = documents.submit_document(about=shown.about(ai_system, version), submitter=person, **values)
        place = {"Location": f"/api/v1/submitted-documents/{made.pk}"}
        return Response(_said(person, made.pk), status=status.HTTP_201_CREATED, headers=place)

    @lists(SubmittedDocumentOutput, summary="List submitted documents, newest first", filters=["system", "kind"])
    def get(self, request: Request) -> Response:
        """Return documents, newest first; filter by ``system`` (id or slug) and ``kind``."""
        found = papers.documents_for(actor(request))
        if system := request.query_params.get("system"):
            found = found.filter(system_id=inventory.system_for(actor(request), system).pk)
        if kind := request.query_params.get("kind"):
            found = found.filter(kind=kind)
        return paged(
            request,
            found,
            newest_by="submitted_at",
            as_json=lambda page: SubmittedDocumentOutput(shown.rows(page), many=True).data,
        )


class SubmittedDocumentDetail(APIView):
    """``/api/v1/submitted-documents/{id}``."""

    scope = "evidence:write"

    @extend_schema(responses=SubmittedDocumentOutput, summary="Follow a submitted document")
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        """Return where the document stands."""
        return Response(_said(actor(request), document_id))


class SubmittedDocumentFile(APIView):
    """``/api/v1/submitted-documents/{id}/file``."""

    scope = "evidence:write"

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download the file of a submitted document"
    )
    def get(self, request: Request, document_id: uuid.UUID) -> FileResponse:
        """Return the bytes whose digest is in the log."""
        return shown.handed_out(papers.document_for(actor(request), document_id))


def _said(person: Any, pk: uuid.UUID) -> Any:
    return SubmittedDocumentOutput(shown.rows([papers.document_for(person, pk)])[0]).data
