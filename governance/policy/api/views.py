"""Policies over HTTP: draft and publish."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import deciding_person
from governance.policy import selectors, services
from governance.policy.models import PolicyVersion


class PolicyInput(serializers.Serializer[Any]):
    """The YAML of a policy."""

    text = serializers.CharField(max_length=200_000, trim_whitespace=False)


class PolicyOutput(serializers.ModelSerializer[PolicyVersion]):
    """One version of a policy."""

    class Meta:
        model = PolicyVersion
        fields = ["id", "name", "number", "digest", "made_at", "published_at"]


class Policies(APIView):
    """``/api/v1/policies``."""

    @extend_schema(responses=PolicyOutput(many=True), summary="The policies in force")
    def get(self, request: Request) -> Response:
        """Return the newest published version of each policy."""
        return Response(PolicyOutput(selectors.in_force(), many=True).data)

    @extend_schema(request=PolicyInput, responses={201: PolicyOutput}, summary="Draft a policy version")
    def post(self, request: Request) -> Response:
        """Check the text and keep it as the next version; errors name line and path."""
        payload = PolicyInput(data=request.data)
        payload.is_valid(raise_exception=True)
        version = services.draft_policy(text=payload.validated_data["text"], author=deciding_person(request))
        return Response(PolicyOutput(version).data, status=status.HTTP_201_CREATED)


class PolicyPublications(APIView):
    """``/api/v1/policies/{id}/publications``."""

    @extend_schema(request=None, responses={201: PolicyOutput}, summary="Publish a policy version")
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Put a version in force; its author can't."""
        version = services.publish_policy(version_id=version_id, publisher=deciding_person(request))
        return Response(PolicyOutput(version).data, status=status.HTTP_201_CREATED)
