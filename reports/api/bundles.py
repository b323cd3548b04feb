"""Bundles of a promotion, an AI system or a period over HTTP: ask for one, follow it, download it."""

import uuid
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.common.broker import enqueue_on_commit
from governance.common.pagination import lists, paged
from governance.inventory import selectors as inventory
from registry import selectors as registry
from reports import tasks
from reports.bundles import selectors, services

SCOPE = "bundles:read"


class BundleInput(serializers.Serializer[Any]):
    """What it is to be about: one of a promotion, an AI system, a period."""

    promotion = serializers.CharField(max_length=80, required=False, help_text="PR-12, or the request's id.")
    system = serializers.CharField(max_length=80, required=False, help_text="Id or slug of the AI system.")
    seen_size = serializers.IntegerField(
        required=False, min_value=1, help_text="Second line of a checkpoint that you kept: growth from it is proved."
    )

    def get_fields(self) -> dict[str, Any]:
        """Add the period, whose first name is a word of Python's."""
        period = {
            "from": serializers.DateTimeField(required=False, help_text="RFC 3339; a part of the period."),
            "to": serializers.DateTimeField(required=False, help_text="RFC 3339; no part of it."),
        }
        return super().get_fields() | period

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A period has two ends."""
        if ("from" in attrs) != ("to" in attrs):
            raise serializers.ValidationError("Give both from and to, or neither.")
        return attrs


class BundleOutput(serializers.Serializer[Any]):
    """A bundle being made, or made."""

    id = serializers.UUIDField()
    scope = serializers.CharField(help_text="promotion, system or period.")
    about = serializers.CharField()
    state = serializers.CharField(help_text="queued, running, done or failed.")
    error = serializers.CharField(allow_blank=True)
    done = serializers.IntegerField(source="steps_done")
    total = serializers.IntegerField(source="steps_total")
    manifest = serializers.CharField(source="manifest_digest", allow_blank=True)
    bytes = serializers.IntegerField(source="file_bytes")
    made_at = serializers.DateTimeField()
    kept_until = serializers.DateTimeField(allow_null=True)


class Bundles(APIView):
    """``/api/v1/bundles``."""

    scope = SCOPE

    @lists(BundleOutput, summary="The bundles that you asked for")
    def get(self, request: Request) -> Response:
        """Return a page of them, newest first."""
        rows = selectors.bundles_for(actor(request))
        return paged(request, rows, newest_by="made_at", as_json=lambda page: BundleOutput(page, many=True).data)

    @extend_schema(request=BundleInput, responses={202: BundleOutput}, summary="Ask for a bundle")
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for the bundle of a promotion, a system or a period; follow it until it is ``done``."""
        payload = BundleInput(data=request.data)
        payload.is_valid(raise_exception=True)
        said, person = payload.validated_data, actor(request)
        job = services.request_bundle(
            requester=person,
            promotion=registry.promotion_for(person, said["promotion"]) if "promotion" in said else None,
            ai_system=inventory.system_for(person, said["system"]) if "system" in said else None,
            period=(said["from"], said["to"]) if "from" in said else None,
            seen_size=said.get("seen_size"),
        )
        enqueue_on_commit(tasks.build_bundle, job.pk)
        headers = {"Location": f"/api/v1/bundles/{job.pk}"}
        return Response(BundleOutput(job).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class BundleDetail(APIView):
    """``/api/v1/bundles/{id}``."""

    scope = SCOPE

    @extend_schema(responses=BundleOutput, summary="Follow a bundle")
    def get(self, request: Request, bundle_id: uuid.UUID) -> Response:
        """Return where it stands."""
        return Response(BundleOutput(selectors.bundle_for(actor(request), bundle_id)).data)


class BundleFile(APIView):
    """``/api/v1/bundles/{id}/file``."""

    scope = SCOPE

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, summary="Download a bundle")
    def get(self, request: Request, bundle_id: uuid.UUID) -> FileResponse:
        """Return the file, for a week after it was made; to whoever asked for it and may still have what is in it."""
        person = actor(request)
        row = selectors.bundle_for(person, bundle_id)
        return FileResponse(
            selectors.file_for(person, row),
            as_attachment=True,
            filename=selectors.file_name(row),
            content_type="application/zip",
            headers={"X-Content-Type-Options": "nosniff"},
        )
