"""The caller's delegations over HTTP. They are made and ended by people in their own sessions, never by a token."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.accounts.presence_input import PresenceInput, require_presence
from governance.accounts.roles import DECIDING, Role
from governance.approvals import delegation_page, delegations
from governance.approvals.errors import DelegateUnfit
from governance.approvals.models import Delegation
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import selectors as inventory


class DelegationInput(PresenceInput):
    """Who signs in the caller's place, in which role, for which system, until when, and why."""

    to = serializers.EmailField(help_text="E-mail address of somebody who decides in a role that the caller holds.")
    role = serializers.ChoiceField(
        choices=sorted(DECIDING), required=False, help_text="Without it: each role with which the caller decides."
    )
    system = serializers.CharField(required=False, help_text="Id or slug; without it: all AI systems.")
    valid_from = serializers.DateTimeField(required=False, help_text="Without it, or in the past: now.")
    valid_until = serializers.DateTimeField(help_text="90 days later at the latest.")
    reason = serializers.CharField(max_length=1000)


class LenderOutput(serializers.Serializer[Any]):
    """One of the two."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class DelegationOutput(serializers.Serializer[Any]):
    """One delegation. It lends nothing until an administrator has confirmed it, which is done on the page."""

    id = serializers.UUIDField()
    delegator = LenderOutput()
    delegate = LenderOutput()
    role = serializers.CharField(allow_null=True, help_text="Null: each role with which the delegator decides.")
    system = serializers.CharField(allow_null=True, help_text="Slug; null: all AI systems.")
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=["waits", "confirmed", "in_force", "ended"])
    confirmed_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class Delegations(APIView):
    """``/api/v1/delegations``."""

    @lists(DelegationOutput, summary="List one's own delegations, the latest to begin first")
    def get(self, request: Request) -> Response:
        """Return what the caller lends and what is lent to them; in a session alone."""
        rows = delegation_page.delegations_of(deciding_person(request))
        return paged(request, rows, newest_by="valid_from", as_json=_as_json)

    @extend_schema(request=DelegationInput, responses={201: DelegationOutput}, summary="Lend one's place for a time")
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask that somebody may sign in the caller's place; signed in again for it, and never with a token."""
        payload = DelegationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        given, person = payload.validated_data, deciding_person(request)
        to = delegation_page.stand_ins(person).filter(email__iexact=given["to"]).first()
        if to is None:
            raise DelegateUnfit("Nobody with that e-mail address decides in a role in which you decide, too.")
        system = inventory.system_for(person, given["system"]) if given.get("system") else None
        with transaction.atomic():
            made = delegations.delegate(
                delegator=person,
                to=to,
                reason=given["reason"],
                role=Role(given["role"]) if given.get("role") else None,
                ai_system=system,
                valid_from=given.get("valid_from"),
                valid_until=given["valid_until"],
            )
            require_presence(request, given.get("password"))  # last: what is refused anyway spends no proof
        return _answer(made, status.HTTP_201_CREATED)


def _locked_tag(request: Request, delegation_id: uuid.UUID) -> str:
    person = deciding_person(request)
    lock(delegation_page.delegation_of(person, delegation_id))
    return etag(delegation_page.delegation_of(person, delegation_id))


class DelegationDetail(APIView):
    """``/api/v1/delegations/{id}``."""

    @extend_schema(responses=DelegationOutput, summary="One of one's own delegations")
    def get(self, request: Request, delegation_id: uuid.UUID) -> Response:
        """Return where it stands, with its ETag; in a session alone."""
        return _answer(delegation_page.delegation_of(deciding_person(request), delegation_id))


class DelegationEndings(APIView):
    """``/api/v1/delegations/{id}/endings``."""

    @extend_schema(request=None, responses={201: DelegationOutput}, summary="End a delegation at once")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, delegation_id: uuid.UUID) -> Response:
        """End it as either of the two, in requests that are open too."""
        person = deciding_person(request)
        delegation_page.delegation_of(person, delegation_id)
        delegations.end_delegation(delegation_id=delegation_id, by=person)
        return _answer(delegation_page.delegation_of(actor(request), delegation_id), status.HTTP_201_CREATED)


def _answer(row: Delegation, code: int = status.HTTP_200_OK) -> Response:
    headers = {"ETag": etag(row)}
    if code == status.HTTP_201_CREATED:
        headers["Location"] = f"/api/v1/delegations/{row.pk}"
    return Response(_as_json([row])[0], status=code, headers=headers)


def _as_json(rows: Sequence[Delegation]) -> Any:
    said = [
        {
            "id": row.pk,
            "delegator": {"id": row.delegator_id, "name": row.delegator.name},
            "delegate": {"id": row.delegate_id, "name": row.delegate.name},
            "role": row.role or None,
            "system": row.system.slug if row.system else None,
            "valid_from": row.valid_from,
            "valid_until": row.valid_until,
            "state": delegation_page.state_of(row),
            "confirmed_at": row.confirmed_at,
            "ended_at": row.ended_at,
        }
        for row in rows
    ]
    return DelegationOutput(said, many=True).data
