"""What a person may do to an approval over HTTP, in their own session."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.presence_input import PresenceInput, password_for
from governance.approvals import selectors, signing
from governance.approvals.models import ApprovalRequest
from governance.common.preconditions import etag, if_match, lock


class RevocationInput(PresenceInput):
    """Why, and the signer's own password typed for it."""

    rationale = serializers.CharField(max_length=4000)


class WithdrawalInput(serializers.Serializer[Any]):
    """Why it is taken back, in a sentence; it is kept in the log."""

    reason = serializers.CharField(min_length=10, max_length=2000)


class ApprovalRequestOutput(serializers.ModelSerializer[ApprovalRequest]):
    """An approval request by itself; what it is about shows it with checks and stages."""

    policy = serializers.CharField(source="policy_version")
    reason = serializers.CharField(source="state_reason")

    class Meta:
        model = ApprovalRequest
        fields = [
            "id",
            "state",
            "reason",
            "subject_name",
            "subject_digest",
            "asks_for",
            "policy",
            "manifest_digest",
            "opened_at",
            "settled_at",
            "valid_until",
        ]


def tag_of(approval: ApprovalRequest) -> str:
    """Return the ETag of an approval request: it changes with its state, its verdict and each decision on it."""
    return etag(approval, *approval.decisions.order_by("decided_at", "pk"))


def locked_tag(request: Request, request_id: uuid.UUID) -> str:
    """Return the ETag of a request that the caller may read, and keep the row from changing until the call is done."""
    lock(selectors.request_for(actor(request), request_id))
    return tag_of(selectors.request(request_id))


class ApprovalRequestDetail(APIView):
    """``/api/v1/approval-requests/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=ApprovalRequestOutput, summary="One approval request")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return where it stands, with its ETag."""
        return _answer(selectors.request_for(actor(request), request_id))


class Revocations(APIView):
    """``/api/v1/approval-requests/{id}/revocations``."""

    @extend_schema(request=RevocationInput, responses={201: ApprovalRequestOutput}, summary="End an approval for good")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Revoke as a risk officer; loaders refuse from then on. Never with a token."""
        payload = RevocationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        selectors.request_for(actor(request), request_id)
        revoked = signing.revoke_approval(
            request_id=request_id,
            signer=deciding_person(request),
            rationale=payload.validated_data["rationale"],
            password=password_for(request, payload.validated_data.get("password")),
        )
        return _answer(revoked, status.HTTP_201_CREATED, Location=f"/api/v1/approval-requests/{revoked.pk}")


def _answer(approval: ApprovalRequest, code: int = status.HTTP_200_OK, **headers: str) -> Response:
    return Response(ApprovalRequestOutput(approval).data, status=code, headers={"ETag": tag_of(approval), **headers})
