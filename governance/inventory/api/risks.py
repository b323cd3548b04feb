"""The risk file of an AI system over HTTP: write down, change, accept what remains, close."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.models import User
from governance.accounts.narrow import actor, deciding_person
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import declaring, risks, tested
from governance.inventory.api.views import answered, locked_system_tag, system_of
from governance.inventory.models import Risk
from governance.inventory.texts import LONGEST, SHORTEST_REASON


class RiskOutput(serializers.ModelSerializer[Risk]):
    """One risk."""

    owner = serializers.CharField(source="owner.name")
    accepted_by = serializers.CharField(source="accepted_by.name", allow_null=True, default=None)
    evidence = serializers.ListField(child=serializers.UUIDField(), help_text="Ids of what shows the tests.")

    class Meta:
        model = Risk
        fields = [
            "id",
            "number",
            "title",
            "hazard",
            "affected",
            "kind",
            "likelihood",
            "severity",
            "measures",
            "tests",
            "evidence",
            "residual_likelihood",
            "residual_severity",
            "owner",
            "review_on",
            "state",
            "changed_at",
            "accepted_by",
            "accepted_at",
            "reason",
            "closed_at",
        ]


def _score(*, null: bool = False) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=5, required=not null, allow_null=null)


class RiskInput(serializers.Serializer[Any]):
    """What is written down of a risk."""

    title = serializers.CharField(max_length=risks.LONGEST_TITLE)
    hazard = serializers.CharField(max_length=LONGEST, help_text="What can happen, and how.")
    affected = serializers.CharField(max_length=LONGEST, help_text="Who is affected.")
    kind = serializers.ChoiceField(choices=Risk.Kind.choices)
    likelihood, severity = _score(), _score()
    measures = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    tests = serializers.CharField(
        max_length=LONGEST,
        required=False,
        allow_blank=True,
        help_text="How the measures were tested; may name findings.",
    )
    evidence = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=tested.MOST,
        help_text="Ids of evidence about the system or a version of its models that shows the tests.",
    )
    residual_likelihood, residual_severity = _score(null=True), _score(null=True)
    owner = serializers.EmailField(required=False, help_text="E-mail address; the caller without it.")
    review_on = serializers.DateField(help_text="The last day for the next review.")


class RiskReasonInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(min_length=SHORTEST_REASON, max_length=LONGEST)


def _values(request: Request, *, partial: bool) -> dict[str, Any]:
    payload = RiskInput(data=request.data, partial=partial)
    payload.is_valid(raise_exception=True)
    values = dict(payload.validated_data)
    if address := values.pop("owner", None):
        values["owner"] = User.objects.filter(email=address.lower(), is_active=True).first()
        if values["owner"] is None:
            raise InvalidInput("Nobody with the owner's e-mail address is known here.")
    return values


def _locked_tag(request: Request, system: str, risk_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(risks.risk_of(ai_system, risk_id))
    return etag(risks.risk_of(ai_system, risk_id))


class Risks(APIView):
    """``/api/v1/systems/{id}/risks``."""

    @lists(RiskOutput, summary="List the risks of a system, newest first")
    def get(self, request: Request, system: str) -> Response:
        """Return the risk file of a system, closed risks included."""
        rows = risks.risks_of(system_of(request, system))
        return paged(request, rows, newest_by="made_at", as_json=lambda page: RiskOutput(page, many=True).data)

    @extend_schema(request=RiskInput, responses={201: RiskOutput}, summary="Write a risk down")
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Write a risk into the file; whoever may answer for the system may."""
        ai_system, by = system_of(request, system), actor(request)
        declaring.check_may_declare(ai_system, by)  # first: whom Placet knows is nothing that just anybody may find out
        row = risks.open_risk(ai_system=ai_system, by=by, **_values(request, partial=False))
        return answered(row, RiskOutput(row), status.HTTP_201_CREATED)


class RiskDetail(APIView):
    """``/api/v1/systems/{id}/risks/{id}``."""

    @extend_schema(responses=RiskOutput, summary="One risk of a system")
    def get(self, request: Request, system: str, risk_id: uuid.UUID) -> Response:
        """Return a risk with its ETag."""
        row = risks.risk_of(system_of(request, system), risk_id)
        return answered(row, RiskOutput(row), status.HTTP_200_OK)


class RiskChanges(APIView):
    """``/api/v1/systems/{id}/risks/{id}/changes``."""

    @extend_schema(request=RiskInput(partial=True), responses={201: RiskOutput}, summary="Change a risk")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, risk_id: uuid.UUID) -> Response:
        """Change what is sent; an acceptance is taken back by it."""
        ai_system, by = system_of(request, system), actor(request)
        found = risks.risk_of(ai_system, risk_id)
        declaring.check_may_declare(ai_system, by)
        row = risks.change_risk(risk_id=found.pk, by=by, **_values(request, partial=True))
        return answered(row, RiskOutput(row), status.HTTP_201_CREATED)


class RiskAcceptances(APIView):
    """``/api/v1/systems/{id}/risks/{id}/acceptances``."""

    @extend_schema(request=RiskReasonInput, responses={201: RiskOutput}, summary="Accept a residual risk")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, risk_id: uuid.UUID) -> Response:
        """Accept what remains as a second person, with the reason."""
        return _decided(request, system, risk_id, risks.accept_risk)


class RiskClosings(APIView):
    """``/api/v1/systems/{id}/risks/{id}/closings``."""

    @extend_schema(request=RiskReasonInput, responses={201: RiskOutput}, summary="Close a risk")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, risk_id: uuid.UUID) -> Response:
        """Close a risk that no longer exists, with the reason."""
        return _decided(request, system, risk_id, risks.close_risk)


def _decided(request: Request, system: str, risk_id: uuid.UUID, act: Any) -> Response:
    payload = RiskReasonInput(data=request.data)
    payload.is_valid(raise_exception=True)
    found = risks.risk_of(system_of(request, system), risk_id)
    row = act(risk_id=found.pk, by=deciding_person(request), **payload.validated_data)
    return answered(row, RiskOutput(row), status.HTTP_201_CREATED)
