"""Policies over HTTP: their schema, lint, draft, compare and publish."""

import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.policy import selectors, services
from governance.policy.api.serializers import (
    PolicyCheckInput,
    PolicyCheckOutput,
    PolicyDiffOutput,
    PolicyInput,
    PolicyOutput,
    PolicyTextOutput,
)
from governance.policy.diff import Weight, diff
from governance.policy.linting import lint
from governance.policy.models import PolicyVersion
from governance.policy.shape import SCHEMA_FILE


def _locked_tag(request: Request, version_id: uuid.UUID) -> str:
    lock(selectors.version_for(actor(request), version_id))
    return etag(selectors.version(version_id))


class PolicySchema(APIView):
    """``/api/v1/policy-schema``."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []

    @extend_schema(
        responses={(200, "application/schema+json"): OpenApiTypes.OBJECT}, summary="The JSON Schema of a policy's YAML"
    )
    def get(self, request: Request) -> HttpResponse:
        """Public: editors check policies against it as they are written."""
        return HttpResponse(
            SCHEMA_FILE.read_bytes(),
            content_type="application/schema+json",
            headers={"Cache-Control": "public, max-age=300"},
        )


class PolicyChecks(APIView):
    """``/api/v1/policy-checks``."""

    scope = "policies:write"

    @extend_schema(request=PolicyCheckInput, responses=PolicyCheckOutput, summary="Check a policy's text")
    @idempotent
    def post(self, request: Request) -> Response:
        """Return every problem with path and line, and what changed from a version; no policy is kept.

        A text with problems is answered 200 as well: the check was done.
        """
        payload = PolicyCheckInput(data=request.data)
        payload.is_valid(raise_exception=True)
        sent = payload.validated_data
        return Response(PolicyCheckOutput(lint(sent["text"], against=sent.get("against"))).data)


class Policies(APIView):
    """``/api/v1/policies``."""

    scope = "policies:write"

    @lists(PolicyOutput, summary="The policies in force")
    def get(self, request: Request) -> Response:
        """Return the newest published version of each policy, newest first."""
        rows = PolicyVersion.objects.filter(pk__in=[version.pk for version in selectors.policies_for(actor(request))])
        return paged(request, rows, newest_by="published_at", as_json=lambda page: PolicyOutput(page, many=True).data)

    @extend_schema(request=PolicyInput, responses={201: PolicyOutput}, summary="Draft a policy version")
    @idempotent
    def post(self, request: Request) -> Response:
        """Check the text and keep it as the next version; errors name line and path.

        A token may: drafting decides nothing.
        """
        payload = PolicyInput(data=request.data)
        payload.is_valid(raise_exception=True)
        return _made(services.draft_policy(author=actor(request), **payload.validated_data))


class PolicyDetail(APIView):
    """``/api/v1/policies/{id}``."""

    scope = "policies:write"

    @extend_schema(responses=PolicyTextOutput, summary="One version of a policy")
    def get(self, request: Request, version_id: uuid.UUID) -> Response:
        """Return a version with its text, drafted or published, with its ETag."""
        version = selectors.version_for(actor(request), version_id)
        return Response(PolicyTextOutput(version).data, headers={"ETag": etag(version)})


class PolicyDiff(APIView):
    """``/api/v1/policies/{id}/diff``."""

    scope = "policies:write"

    @extend_schema(
        parameters=[
            OpenApiParameter("against", OpenApiTypes.UUID, description="The older version, of this policy or another.")
        ],
        responses=PolicyDiffOutput,
        summary="What changed in a policy",
    )
    def get(self, request: Request, version_id: uuid.UUID) -> Response:
        """Return each place where the version differs from `against`, by default the newest other one published."""
        version = selectors.version_for(actor(request), version_id)
        against = _against(request, version)
        changes = diff(selectors.document_of(against), selectors.document_of(version))
        loosens = sum(change.weight is Weight.LOOSENS for change in changes)
        answer = {"policy": version, "against": against, "loosens": loosens, "changes": changes}
        return Response(PolicyDiffOutput(answer).data)


class PolicyPublications(APIView):
    """``/api/v1/policies/{id}/publications``."""

    @extend_schema(request=None, responses={201: PolicyOutput}, summary="Publish a policy version")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Put a version in force; its author can't."""
        found = selectors.version_for(actor(request), version_id)
        return _made(services.publish_policy(version_id=found.pk, publisher=deciding_person(request)))


def _against(request: Request, version: PolicyVersion) -> PolicyVersion:
    asked = request.query_params.get("against", "")
    if not asked:
        found = selectors.newest_published(version.name, other_than=version.pk)
        if found is None:
            raise InvalidInput(f"No other version of {version.name} is published; say `against` which one to compare.")
        return found
    try:
        return selectors.version_for(actor(request), uuid.UUID(asked))
    except ValueError:
        raise InvalidInput("`against` is the id of a policy version.") from None


def _made(version: PolicyVersion) -> Response:
    headers = {"Location": f"/api/v1/policies/{version.pk}", "ETag": etag(version)}
    return Response(PolicyOutput(version).data, status=status.HTTP_201_CREATED, headers=headers)
