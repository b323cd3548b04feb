"""What a person may do to an approval over HTTP, in their own session."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import deciding_person
from governance.approvals import selectors, signing


class RevocationInput(serializers.Serializer[Any]):
    """Why, and the signer's own password typed for it."""

    rationale = serializers.CharField(max_length=4000)
    password = serializers.CharField()


class RevocationOutput(serializers.Serializer[Any]):
    """What the approval is now."""

    id = serializers.UUIDField()
    state = serializers.CharField()


class Revocations(APIView):
    """``/api/v1/approval-requests/{id}/revocations``."""

    @extend_schema(request=RevocationInput, responses={201: RevocationOutput}, summary="End an approval for good")
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Revoke as a risk officer; loaders refuse from then on. Never with a token."""
        payload = RevocationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        selectors.request(request_id)
        revoked = signing.revoke_approval(
            request_id=request_id, signer=deciding_person(request), **payload.validated_data
        )
        return Response({"id": revoked.pk, "state": revoked.state}, status=status.HTTP_201_CREATED)
