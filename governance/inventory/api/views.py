"""AI systems over HTTP: take in, classify, sign, pin data."""

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
from governance.accounts.presence_input import PresenceInput, require_presence
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import selectors, services
from governance.inventory.models import (
    AISystem,
    Classification,
    Correspondence,
    Declaration,
    ModelAssignment,
    Modification,
    Risk,
    SuccessCriteria,
)


class SystemInput(serializers.Serializer[Any]):
    """What must be known to take a system in."""

    slug = serializers.SlugField()
    name = serializers.CharField(max_length=120)
    purpose = serializers.CharField(max_length=8000)
    owner = serializers.EmailField(help_text="E-mail address of the owner.")
    ai_roles = serializers.ListField(child=serializers.CharField(max_length=32))
    favourable_outcome = serializers.CharField(max_length=200)
    declared = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        default=dict,
        help_text="First answers of the system's record, by question id; `GET /systems/{system}/record` names all.",
    )


class SystemOutput(serializers.ModelSerializer[AISystem]):
    """One AI system."""

    owner = serializers.CharField(source="owner.name")
    cost_matrix = serializers.DictField(
        allow_null=True, read_only=True, help_text="{fp, fn, unit}: what a wrong decision costs, as signed."
    )

    class Meta:
        model = AISystem
        fields = [
            "id",
            "slug",
            "name",
            "purpose",
            "owner",
            "ai_roles",
            "ai_act_class",
            "model_tier",
            "class_reopened_at",
            "favourable_outcome",
            "success_criteria",
            "cost_matrix",
            "state",
        ]


class ClassificationInput(serializers.Serializer[Any]):
    """Answers to the questionnaire, and the organisation's own tier."""

    answers = serializers.DictField(help_text="Question id to value, or to a list of values.")
    model_tier = serializers.IntegerField(min_value=1, max_value=4)
    placed_on = serializers.DateField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When it was placed on the market or put into service, or will be; null is not known.",
    )


class ClassificationOutput(serializers.ModelSerializer[Classification]):
    """A classification with its trace."""

    class Meta:
        model = Classification
        fields = [
            "id",
            "ai_act_class",
            "annex_points",
            "trace",
            "law_version",
            "model_tier",
            "placed_on",
            "proposed_at",
            "signed_at",
            "withdrawn_at",
        ]


class SignatureInput(PresenceInput):
    """The signer's own password, typed for this signature."""


class PinInput(serializers.Serializer[Any]):
    """The digest of a mirrored dataset."""

    dataset_digest = serializers.RegexField(r"^sha256:[0-9a-f]{64}$")


class PinOutput(serializers.Serializer[Any]):
    """The pin in force."""

    id = serializers.UUIDField()
    dataset_digest = serializers.CharField()


def signing_person(request: Request) -> User:
    """Return who signs: somebody with a session, never a token, who has just shown that it is they."""
    payload = SignatureInput(data=request.data)
    payload.is_valid(raise_exception=True)
    signer = deciding_person(request)
    require_presence(request, payload.validated_data.get("password"))
    return signer


KINDS: dict[type, str] = {
    Classification: "classifications",
    ModelAssignment: "assignments",
    SuccessCriteria: "success-criteria",
    Declaration: "declarations",
    Modification: "modifications",
    Risk: "risks",
    Correspondence: "correspondence",
}


def answered(
    row: Classification | ModelAssignment | SuccessCriteria | Declaration | Modification | Risk | Correspondence,
    body: serializers.BaseSerializer[Any],
    code: int,
) -> Response:
    """Return a proposal with its ETag, and its address where one was made or signed."""
    headers = {"ETag": etag(row)}
    if code == status.HTTP_201_CREATED:
        headers["Location"] = f"/api/v1/systems/{row.system_id}/{KINDS[type(row)]}/{row.pk}"
    return Response(body.data, status=code, headers=headers)


def system_of(request: Request, system: str) -> AISystem:
    """Return the system that the address names, if the caller may read it."""
    return selectors.system_for(actor(request), system)


def locked_system_tag(request: Request, system: str) -> str:
    lock(system_of(request, system))
    return etag(system_of(request, system))


def _locked_classification_tag(request: Request, system: str, classification_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(selectors.classification(ai_system, classification_id))
    return etag(selectors.classification(ai_system, classification_id))


class Systems(APIView):
    """``/api/v1/systems``."""

    @lists(SystemOutput, summary="List AI systems, newest first")
    def get(self, request: Request) -> Response:
        """Return the AI systems, newest first."""
        rows = selectors.systems_for(actor(request))
        return paged(request, rows, newest_by="made_at", as_json=lambda page: SystemOutput(page, many=True).data)

    @extend_schema(request=SystemInput, responses={201: SystemOutput}, summary="Take an AI system in")
    @idempotent
    def post(self, request: Request) -> Response:
        """Register a system; it has no class until its classification is signed."""
        payload = SystemInput(data=request.data)
        payload.is_valid(raise_exception=True)
        values, by = dict(payload.validated_data), deciding_person(request)
        services.check_may_register(by)  # first: whom Placet knows is nothing that just anybody may find out
        owner = User.objects.filter(email=values.pop("owner").lower(), is_active=True).first()
        if owner is None:
            raise InvalidInput("Nobody with the owner's e-mail address is known here.")
        made = services.register_system(by=by, owner=owner, **values)
        headers = {"Location": f"/api/v1/systems/{made.pk}", "ETag": etag(made)}
        return Response(SystemOutput(made).data, status=status.HTTP_201_CREATED, headers=headers)


class SystemDetail(APIView):
    """``/api/v1/systems/{id or slug}``."""

    @extend_schema(responses=SystemOutput, summary="One AI system")
    def get(self, request: Request, system: str) -> Response:
        """Return a system by id or slug, with its ETag."""
        found = system_of(request, system)
        return Response(SystemOutput(found).data, headers={"ETag": etag(found)})


class Classifications(APIView):
    """``/api/v1/systems/{id}/classifications``."""

    @extend_schema(
        request=ClassificationInput, responses={201: ClassificationOutput}, summary="Propose a classification"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Derive the class from the answers; it takes effect when a second person signs."""
        payload = ClassificationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        proposal = services.propose_classification(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        return _classified(proposal, status.HTTP_201_CREATED)


class ClassificationDetail(APIView):
    """``/api/v1/systems/{id}/classifications/{id}``."""

    @extend_schema(responses=ClassificationOutput, summary="One classification")
    def get(self, request: Request, system: str, classification_id: uuid.UUID) -> Response:
        """Return a classification with its trace, signed or not, with its ETag."""
        return _classified(selectors.classification(system_of(request, system), classification_id))


class ClassificationSignatures(APIView):
    """``/api/v1/systems/{id}/classifications/{id}/signatures``."""

    @extend_schema(request=SignatureInput, responses={201: ClassificationOutput}, summary="Sign a classification")
    @idempotent
    @if_match(_locked_classification_tag)
    def post(self, request: Request, system: str, classification_id: uuid.UUID) -> Response:
        """Sign as the second person; never with a token."""
        signer = signing_person(request)
        found = selectors.classification(system_of(request, system), classification_id)
        signed = services.sign_classification(classification_id=found.pk, signer=signer)
        return _classified(signed, status.HTTP_201_CREATED)


def _classified(row: Classification, code: int = status.HTTP_200_OK) -> Response:
    return answered(row, ClassificationOutput(row), code)


class ClassificationWithdrawals(APIView):
    """``/api/v1/systems/{id}/classifications/{id}/withdrawals``."""

    @extend_schema(request=None, responses={201: ClassificationOutput}, summary="Withdraw a proposed classification")
    @idempotent
    @if_match(_locked_classification_tag)
    def post(self, request: Request, system: str, classification_id: uuid.UUID) -> Response:
        """Take a proposal back that nobody has signed; its proposer, the owner or an administrator does."""
        found = selectors.classification(system_of(request, system), classification_id)
        withdrawn = services.withdraw_classification(classification_id=found.pk, by=deciding_person(request))
        return _classified(withdrawn, status.HTTP_201_CREATED)


class DatasetPins(APIView):
    """``/api/v1/systems/{id}/dataset-pins``."""

    @extend_schema(request=PinInput, responses={201: PinOutput}, summary="Pin the evaluation data")
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Measure every version of the system on this dataset from now on."""
        payload = PinInput(data=request.data)
        payload.is_valid(raise_exception=True)
        pin = services.pin_dataset(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        body = PinOutput({"id": pin.pk, "dataset_digest": pin.dataset_digest})
        return Response(body.data, status=status.HTTP_201_CREATED)
