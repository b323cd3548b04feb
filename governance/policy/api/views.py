"""Policies over HTTP: draft and publish."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.policy import selectors, services
from governance.policy.models import PolicyVersion


class PolicyInput(serializers.Serializer[Any]):
    """The YAML of a policy."""

    text = serializers.CharField(trim_whitespace=False)  # its size is the reader's to refuse, with the line


class PolicyOutput(serializers.ModelSerializer[PolicyVersion]):
    """One version of a policy."""

    class Meta:
        model = PolicyVersion
        fields = ["id", "name", "number", "digest", "made_at", "published_at"]


class PolicyTextOutput(PolicyOutput):
    """One version of a policy with its text."""

    class Meta(PolicyOutput.Meta):
        fields = [*PolicyOutput.Meta.fields, "text"]


def _locked_tag(request: Request, version_id: uuid.UUID) -> str:
    lock(selectors.version_for(actor(request), version_id))
    return etag(selectors.version(version_id))


class Policies(APIView):
    """``/api/v1/policies``."""

    @lists(PolicyOutput, summary="The policies in force")
    def get(self, request: Request) -> Response:
        """Return the newest published version of each policy, newest first."""
        rows = PolicyVersion.objects.filter(pk__in=[version.pk for version in selectors.policies_for(actor(request))])
        return paged(request, rows, newest_by="published_at", as_json=lambda page: PolicyOutput(page, many=True).data)

    @extend_schema(request=PolicyInput, responses={201: PolicyOutput}, summary="Draft a policy version")
    @idempotent
    def post(self, request: Request) -> Response:
        """Check the text and keep it as the next version; errors name line and path."""
        payload = PolicyInput(data=request.data)
        payload.is_valid(raise_exception=True)
        version = services.draft_policy(text=payload.validated_data["text"], author=deciding_person(request))
        return _made(version)


class PolicyDetail(APIView):
    """``/api/v1/policies/{id}``."""

    @extend_schema(responses=PolicyTextOutput, summary="One version of a policy")
    def get(self, request: Request, version_id: uuid.UUID) -> Response:
        """Return a version with its text, drafted or published, with its ETag."""
        version = selectors.version_for(actor(request), version_id)
        return Response(PolicyTextOutput(version).data, headers={"ETag": etag(version)})


class PolicyPublications(APIView):
    """``/api/v1/policies/{id}/publications``."""

    @extend_schema(request=None, responses={201: PolicyOutput}, summary="Publish a policy version")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Put a version in force; its author can't."""
        found = selectors.version_for(actor(request), version_id)
        return _made(services.publish_policy(version_id=found.pk, publisher=deciding_person(request)))


def _made(version: PolicyVersion) -> Response:
    headers = {"Location": f"/api/v1/policies/{version.pk}", "ETag": etag(version)}
    return Response(PolicyOutput(version).data, status=status.HTTP_201_CREATED, headers=headers)
