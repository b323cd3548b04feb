"""What counts as success of an AI system, over HTTP: proposed by one person, in effect when another signs."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import deciding_person
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import criteria, selectors
from governance.inventory.api.views import SignatureInput, answered, locked_system_tag, signing_person, system_of
from governance.inventory.models import SuccessCriteria


class CriterionInput(serializers.Serializer[Any]):
    """One criterion."""

    id = serializers.CharField(max_length=60, help_text="Small letters, digits, dots and hyphens.")
    title = serializers.CharField(max_length=200)
    expr = serializers.CharField(
        max_length=1000,
        help_text="CEL, true or false: `candidate.fpr <= 0.8 * production.fpr && candidate.recall >= 0.95`.",
    )


class CostMatrixInput(serializers.Serializer[Any]):
    """What a wrong decision costs."""

    fp = serializers.FloatField(min_value=0, help_text="Of predicting the event where it does not happen.")
    fn = serializers.FloatField(min_value=0, help_text="Of missing the event.")
    unit = serializers.CharField(max_length=40, help_text="Such as EUR.")


class CriteriaProposal(serializers.Serializer[Any]):
    """All criteria that the system is to have, and what wrong decisions cost."""

    criteria = CriterionInput(many=True)
    cost_matrix = CostMatrixInput(required=False, allow_null=True, default=None)


class CriteriaOutput(serializers.ModelSerializer[SuccessCriteria]):
    """Success criteria, in effect once they are signed."""

    system = serializers.CharField(source="system.slug")
    criteria = CriterionInput(many=True)
    cost_matrix = CostMatrixInput(allow_null=True)

    class Meta:
        model = SuccessCriteria
        fields = ["id", "system", "criteria", "cost_matrix", "proposed_at", "signed_at", "withdrawn_at"]


def _locked_tag(request: Request, system: str, criteria_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(selectors.criteria(ai_system, criteria_id))
    return etag(selectors.criteria(ai_system, criteria_id))


def _answer(row: SuccessCriteria, code: int = status.HTTP_200_OK) -> Response:
    return answered(row, CriteriaOutput(row), code)


class CriteriaList(APIView):
    """``/api/v1/systems/{id}/success-criteria``."""

    @extend_schema(
        request=CriteriaProposal, responses={201: CriteriaOutput}, summary="Propose what counts as success of a system"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Propose all criteria and costs that are to hold; they take effect when a second person signs."""
        payload = CriteriaProposal(data=request.data)
        payload.is_valid(raise_exception=True)
        proposal = criteria.propose_criteria(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        return _answer(proposal, status.HTTP_201_CREATED)


class CriteriaDetail(APIView):
    """``/api/v1/systems/{id}/success-criteria/{id}``."""

    @extend_schema(responses=CriteriaOutput, summary="One proposal of success criteria")
    def get(self, request: Request, system: str, criteria_id: uuid.UUID) -> Response:
        """Return success criteria, signed or not, with their ETag."""
        return _answer(selectors.criteria(system_of(request, system), criteria_id))


class CriteriaSignatures(APIView):
    """``/api/v1/systems/{id}/success-criteria/{id}/signatures``."""

    @extend_schema(request=SignatureInput, responses={201: CriteriaOutput}, summary="Sign success criteria")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, criteria_id: uuid.UUID) -> Response:
        """Sign as the second person; never with a token."""
        signer = signing_person(request)
        found = selectors.criteria(system_of(request, system), criteria_id)
        return _answer(criteria.sign_criteria(criteria_id=found.pk, signer=signer), status.HTTP_201_CREATED)


class CriteriaWithdrawals(APIView):
    """``/api/v1/systems/{id}/success-criteria/{id}/withdrawals``."""

    @extend_schema(request=None, responses={201: CriteriaOutput}, summary="Withdraw proposed success criteria")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, criteria_id: uuid.UUID) -> Response:
        """Take a proposal back that nobody has signed; its proposer, the owner or an administrator does."""
        found = selectors.criteria(system_of(request, system), criteria_id)
        by = deciding_person(request)
        return _answer(criteria.withdraw_criteria(criteria_id=found.pk, by=by), status.HTTP_201_CREATED)
