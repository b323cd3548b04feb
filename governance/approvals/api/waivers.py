"""Waivers over HTTP: ask that a failed check may stand, follow what becomes of it, take it back."""

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
from governance.approvals import selectors, services, waived, waivers
from governance.approvals.api.views import WithdrawalInput, locked_tag, tag_of
from governance.approvals.models import State, Waiver
from governance.audit import selectors as log
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match


class WaiverInput(serializers.Serializer[Any]):
    """Which failed check may stand, until when, and why."""

    check = serializers.CharField(max_length=120, help_text="Id of a check that failed and that the policy waives.")
    expires_at = serializers.DateTimeField(help_text="When it ends at the latest; the policy bounds it.")
    reason = serializers.CharField(max_length=2000)


class WaiverMadeOutput(serializers.Serializer[Any]):
    """A waiver without its reason: what an ``Idempotency-Key`` keeps can't be erased, and a reason can."""

    id = serializers.UUIDField(help_text="Of the approval request that decides on it.")
    request = serializers.UUIDField(help_text="The approval request whose check it is about.")
    check = serializers.CharField()
    subject = serializers.CharField()
    manifest_digest = serializers.CharField(help_text="The evidence on which the check failed; it counts on no other.")
    state = serializers.ChoiceField(choices=State.choices)
    in_force = serializers.BooleanField(help_text="Granted, not ended, and the request rests on that evidence still.")
    requester = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class WaiverOutput(WaiverMadeOutput):
    """One waiver; ``reason`` is null once it was erased."""

    reason = serializers.CharField(allow_null=True)


class RequestWaivers(APIView):
    """``/api/v1/approval-requests/{id}/waivers``."""

    scope = "promotions:write"

    @extend_schema(
        request=WaiverInput, responses={201: WaiverMadeOutput}, summary="Ask that a failed check may stand for a time"
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Ask for a waiver as an engineer or the owner; the policy's stages sign it, on its own page."""
        payload = WaiverInput(data=request.data)
        payload.is_valid(raise_exception=True)
        selectors.request_for(actor(request), request_id)  # who may not read it learns nothing by asking
        given = payload.validated_data
        made = waivers.request_waiver(
            request_id=request_id,
            check_id=given["check"],
            requester=actor(request),
            reason=given["reason"],
            expires_at=given["expires_at"],
        )
        return _answer(waived.waiver_for(actor(request), made.approval_id), status.HTTP_201_CREATED)


class Waivers(APIView):
    """``/api/v1/waivers``."""

    scope = "promotions:read"

    @lists(WaiverOutput, summary="List waivers, newest first", filters=["request", "check", "state"])
    def get(self, request: Request) -> Response:
        """Return waivers, newest first; filter by ``request`` (the approval request), ``check`` and ``state``."""
        rows = waived.waivers_for(actor(request))
        for name, field in (("check", "check_id"), ("state", "approval__state")):
            if value := request.query_params.get(name):
                rows = rows.filter(**{field: value})
        if value := request.query_params.get("request"):
            rows = rows.filter(request_id=serializers.UUIDField().run_validation(value))
        return paged(request, rows, newest_by="made_at", as_json=_as_json)


class WaiverDetail(APIView):
    """``/api/v1/waivers/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=WaiverOutput, summary="One waiver")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return where it stands, with the ETag of the request that decides on it."""
        return _answer(waived.waiver_for(actor(request), request_id), reason=True)


class WaiverWithdrawals(APIView):
    """``/api/v1/waivers/{id}/withdrawals``."""

    scope = "promotions:write"

    @extend_schema(request=WithdrawalInput, responses={200: WaiverMadeOutput}, summary="Take a waiver's request back")
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Withdraw, as who asked for it, what nobody has settled yet; it can be asked for anew."""
        payload = WithdrawalInput(data=request.data)
        payload.is_valid(raise_exception=True)
        person = actor(request)
        waived.waiver_for(person, request_id)
        services.withdraw(request_id=request_id, requester=person, reason=payload.validated_data["reason"])
        return _answer(waived.waiver_for(person, request_id))


def _answer(row: Waiver, code: int = status.HTTP_200_OK, *, reason: bool = False) -> Response:
    headers = {"ETag": tag_of(row.approval)}
    if code == status.HTTP_201_CREATED:
        headers["Location"] = f"/api/v1/waivers/{row.approval_id}"
    body = _as_json([row])[0] if reason else WaiverMadeOutput(_plain(row)).data
    return Response(body, status=code, headers=headers)


def _as_json(rows: Sequence[Waiver]) -> Any:
    texts = log.payloads_of([row.log_entry for row in rows])
    said = [_plain(row) | {"reason": texts.get(row.log_entry, {}).get("reason")} for row in rows]
    return WaiverOutput(said, many=True).data


def _plain(row: Waiver) -> dict[str, Any]:
    return {
        "id": row.approval_id,
        "request": row.request_id,
        "check": row.check_id,
        "subject": row.request.subject_name,
        "manifest_digest": row.manifest_digest,
        "state": row.approval.state,
        "in_force": waived.counts(row),
        "requester": row.approval.requester_id,
        "made_at": row.made_at,
        "expires_at": row.approval.valid_until or row.expires_at,
    }
