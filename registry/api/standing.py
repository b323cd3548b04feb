"""Standing approvals over HTTP: ask for one, follow it, take it back. Stages sign it on its page.

One is revoked as any approval is: ``/api/v1/approval-requests/{id}/revocations`` with its id.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from governance.approvals import services
from governance.approvals.api.views import WithdrawalInput, locked_tag, tag_of
from governance.approvals.models import StandingApproval, State
from governance.approvals.models.standing import MOST_USES
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match
from placet.mlflow_plugin.protection import fold
from registry import standing


class StandingApprovalInput(serializers.Serializer[Any]):
    """What may differ in a retrained version, until when, how often, and why.

    Code, source, features and threshold are those of the version that serves now.
    """

    model = serializers.CharField(max_length=256, help_text="Registered model; `team-a:name` in another workspace.")
    alias = serializers.CharField(max_length=255, help_text="The governed alias, such as champion.")
    bounds = serializers.ListField(
        child=serializers.CharField(max_length=1000),
        max_length=100,
        help_text="CEL over the evidence, such as `evidence.performance.auc.low >= 0.7`; at least one.",
    )
    parameters = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=200), max_length=100),
        required=False,
        default=dict,
        help_text="Values that a parameter may have, by its name; `*` alone: any.",
    )
    max_uses = serializers.IntegerField(min_value=1, max_value=MOST_USES)
    expires_at = serializers.DateTimeField(help_text="At the latest; the policy bounds it.")
    reason = serializers.CharField(max_length=2000)


class EnvelopeOutput(serializers.Serializer[Any]):
    """What a version inside it may be."""

    commit = serializers.CharField()
    source = serializers.DictField()  # type: ignore[assignment]
    features = serializers.ListField(child=serializers.DictField())
    threshold = serializers.FloatField()
    parameters = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    bounds = serializers.ListField(child=serializers.CharField())


class StandingUseOutput(serializers.Serializer[Any]):
    """One use of it."""

    number = serializers.IntegerField()
    request = serializers.UUIDField(help_text="The approval request that it granted.")
    at = serializers.DateTimeField()


class StandingApprovalOutput(serializers.Serializer[Any]):
    """One standing approval; whether it grants anything is asked anew at each use."""

    id = serializers.UUIDField(help_text="Of the approval request that decides on it.")
    model = serializers.CharField()
    alias = serializers.CharField()
    system = serializers.CharField()
    policy = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    live = serializers.UUIDField(help_text="The approval request of the version that the envelope was taken from.")
    envelope = EnvelopeOutput()
    max_uses = serializers.IntegerField()
    used = serializers.IntegerField()
    requester = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    uses = StandingUseOutput(many=True)


class StandingApprovals(APIView):
    """``/api/v1/standing-approvals``."""

    scope = {"GET": "promotions:read", "POST": "promotions:write"}

    @lists(
        StandingApprovalOutput,
        summary="List standing approvals, newest first",
        filters=["model", "alias", "state"],
    )
    def get(self, request: Request) -> Response:
        """Return standing approvals, newest first; filter by ``model``, ``alias`` and ``state``."""
        rows = standing.standing_approvals_for(actor(request))
        for name, field in (("model", "model_name"), ("state", "approval__state")):
            if value := request.query_params.get(name):
                rows = rows.filter(**{field: value})
        if value := request.query_params.get("alias"):
            rows = rows.filter(alias=fold(value))
        return paged(request, rows, newest_by="made_at", as_json=_as_json)

    @extend_schema(
        request=StandingApprovalInput,
        responses={201: StandingApprovalOutput},
        summary="Ask that retrained versions inside an envelope need no new signatures",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for one as an engineer or the owner; it grants nothing before the policy's stages have signed it."""
        payload = StandingApprovalInput(data=request.data)
        payload.is_valid(raise_exception=True)
        made = standing.request_standing_approval(requester=actor(request), **payload.validated_data)
        return _answer(standing.standing_approval_for(actor(request), made.approval_id), status.HTTP_201_CREATED)


class StandingApprovalDetail(APIView):
    """``/api/v1/standing-approvals/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=StandingApprovalOutput, summary="One standing approval")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return its envelope, where it stands and what it was used for, with the ETag of the request behind it."""
        return _answer(standing.standing_approval_for(actor(request), request_id))


class StandingApprovalWithdrawals(APIView):
    """``/api/v1/standing-approvals/{id}/withdrawals``."""

    scope = "promotions:write"

    @extend_schema(
        request=WithdrawalInput,
        responses={200: StandingApprovalOutput},
        summary="Take a standing approval's request back",
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Withdraw, as who asked for it, what nobody has settled yet. What was granted is revoked instead."""
        payload = WithdrawalInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = actor(request)
        standing.standing_approval_for(person, request_id)
        services.withdraw(request_id=request_id, requester=person, reason=payload.validated_data["reason"])
        return _answer(standing.standing_approval_for(person, request_id))


def _answer(row: StandingApproval, code: int = status.HTTP_200_OK) -> Response:
    headers = {"ETag": tag_of(row.approval)}
    if code == status.HTTP_201_CREATED:
        headers["Location"] = f"/api/v1/standing-approvals/{row.approval_id}"
    return Response(_as_json([row])[0], status=code, headers=headers)


def _as_json(rows: Sequence[StandingApproval]) -> Any:
    said = [
        {
            "id": row.approval_id,
            "model": row.model_name,
            "alias": row.alias,
            "system": row.system.slug,
            "policy": str(row.policy_version),
            "state": row.approval.state,
            "live": row.live_id,
            "envelope": row.envelope,
            "max_uses": row.max_uses,
            "used": row.used,
            "requester": row.approval.requester_id,
            "made_at": row.made_at,
            "expires_at": row.approval.valid_until or row.expires_at,
            "uses": [
                {"number": match.number, "request": match.request_id, "at": match.made_at}
                for match in sorted(row.matches.all(), key=lambda match: match.number or 0)
                if match.number
            ],
        }
        for row in rows
    ]
    return StandingApprovalOutput(said, many=True).data
