"""Notices and requests of an AI system over HTTP: record, say that it was sent, withdraw, erase."""

import uuid
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import correspondence as letters
from governance.inventory.api.views import answered, locked_system_tag, system_of
from governance.inventory.models import Correspondence
from governance.inventory.texts import LONGEST

FILTERS = {"kind": Correspondence.Kind, "state": Correspondence.State}


class CorrespondenceOutput(serializers.ModelSerializer[Correspondence]):
    """One notice or request."""

    recorded_by = serializers.CharField(source="recorded_by.name")

    class Meta:
        model = Correspondence
        fields = [
            "id",
            "number",
            "kind",
            "reference",
            "decision",
            "text",
            "received_on",
            "due_on",
            "due_basis",
            "state",
            "sent_on",
            "answer",
            "answered_at",
            "reason",
            "recorded_by",
            "recorded_at",
            "settled_at",
            "erased_at",
        ]


class CorrespondenceInput(serializers.Serializer[Any]):
    """What is recorded of a notice or a request."""

    kind = serializers.ChoiceField(choices=Correspondence.Kind.choices)
    reference = serializers.CharField(
        max_length=80, help_text="Of your own files, with at least one digit. Never a name or an address."
    )
    text = serializers.CharField(
        max_length=LONGEST,
        required=False,
        allow_blank=True,
        help_text="What it is to say, or what was asked; needed of a request.",
    )
    decision = serializers.CharField(
        max_length=letters.LONGEST_DECISION,
        required=False,
        allow_blank=True,
        help_text="Of a request alone, and needed there: id of the prediction that it asks about.",
    )
    received_on = serializers.DateField(
        required=False, allow_null=True, help_text="Of a request alone, and needed there."
    )
    due_on = serializers.DateField(required=False, allow_null=True, help_text="The last day, where something sets one.")
    due_basis = serializers.CharField(
        max_length=letters.LONGEST_BASIS, required=False, allow_blank=True, help_text="What sets it; with due_on alone."
    )


class AnswerInput(serializers.Serializer[Any]):
    """The answer to a request."""

    answer = serializers.CharField(min_length=letters.SHORTEST, max_length=LONGEST)


class DispatchInput(serializers.Serializer[Any]):
    """That it was sent."""

    sent_on = serializers.DateField(help_text="Today or before.")
    answer = serializers.CharField(
        max_length=LONGEST,
        required=False,
        allow_blank=True,
        help_text="What was answered, where it is not written yet or went out in other words; or what came back.",
    )


class CorrespondenceReasonInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(min_length=letters.SHORTEST, max_length=LONGEST)


def _locked_tag(request: Request, system: str, correspondence_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(letters.correspondence_for(ai_system, correspondence_id, actor(request)))
    return etag(letters.correspondence_for(ai_system, correspondence_id, actor(request)))


class CorrespondenceList(APIView):
    """``/api/v1/systems/{id}/correspondence``."""

    @lists(
        CorrespondenceOutput,
        summary="List notices and requests of a system, newest first",
        filters=tuple(FILTERS),
    )
    def get(self, request: Request, system: str) -> Response:
        """Return the correspondence of a system, also what was withdrawn; requests for those who may read them."""
        rows = letters.correspondence_of(system_of(request, system), actor(request))
        for name, choices in FILTERS.items():
            if wanted := request.query_params.get(name):
                if wanted not in choices.values:
                    raise InvalidInput(f"{name} is one of: {', '.join(choices.values)}.")
                rows = rows.filter(**{name: wanted})
        return paged(
            request, rows, newest_by="recorded_at", as_json=lambda page: CorrespondenceOutput(page, many=True).data
        )

    @extend_schema(
        request=CorrespondenceInput, responses={201: CorrespondenceOutput}, summary="Record a notice or a request"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Record one; whoever may answer for the system may."""
        ai_system, by = system_of(request, system), actor(request)
        payload = CorrespondenceInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row = letters.record_correspondence(ai_system=ai_system, by=by, **payload.validated_data)
        return answered(row, CorrespondenceOutput(row), status.HTTP_201_CREATED)


class CorrespondenceDetail(APIView):
    """``/api/v1/systems/{id}/correspondence/{id}``."""

    @extend_schema(responses=CorrespondenceOutput, summary="One notice or request of a system")
    def get(self, request: Request, system: str, correspondence_id: uuid.UUID) -> Response:
        """Return one with its ETag."""
        row = letters.correspondence_for(system_of(request, system), correspondence_id, actor(request))
        return answered(row, CorrespondenceOutput(row), status.HTTP_200_OK)


class CorrespondenceAnswers(APIView):
    """``/api/v1/systems/{id}/correspondence/{id}/answers``."""

    @extend_schema(request=AnswerInput, responses={201: CorrespondenceOutput}, summary="Write the answer to a request")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, correspondence_id: uuid.UUID) -> Response:
        """Write it, or write it anew, before it is sent; whoever may answer for the system may."""
        return _done(request, system, correspondence_id, AnswerInput, letters.answer_correspondence)


class CorrespondenceDispatches(APIView):
    """``/api/v1/systems/{id}/correspondence/{id}/dispatches``."""

    @extend_schema(request=DispatchInput, responses={201: CorrespondenceOutput}, summary="Say that it was sent")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, correspondence_id: uuid.UUID) -> Response:
        """Record that the notice, or the answer to the request, was sent; Placet sends nothing itself."""
        return _done(request, system, correspondence_id, DispatchInput, letters.send_correspondence)


class CorrespondenceWithdrawals(APIView):
    """``/api/v1/systems/{id}/correspondence/{id}/withdrawals``."""

    @extend_schema(
        request=CorrespondenceReasonInput, responses={201: CorrespondenceOutput}, summary="Withdraw a notice or request"
    )
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, correspondence_id: uuid.UUID) -> Response:
        """Close one that is not sent, with the reason."""
        return _done(request, system, correspondence_id, CorrespondenceReasonInput, letters.withdraw_correspondence)


class CorrespondenceErasures(APIView):
    """``/api/v1/systems/{id}/correspondence/{id}/erasures``."""

    @extend_schema(
        request=CorrespondenceReasonInput, responses={201: CorrespondenceOutput}, summary="Erase what one says"
    )
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, correspondence_id: uuid.UUID) -> Response:
        """Take reference, decision and texts out, for good; kind, days and state stay."""
        return _done(request, system, correspondence_id, CorrespondenceReasonInput, letters.erase_correspondence)


def _done(
    request: Request,
    system: str,
    correspondence_id: uuid.UUID,
    wanted: type[serializers.Serializer[Any]],
    act: Callable[..., Correspondence],
) -> Response:
    payload = wanted(data=request.data)
    payload.is_valid(raise_exception=True)
    found = letters.correspondence_for(system_of(request, system), correspondence_id, actor(request))
    row = act(correspondence_id=found.pk, by=deciding_person(request), **payload.validated_data)
    return answered(row, CorrespondenceOutput(row), status.HTTP_201_CREATED)
