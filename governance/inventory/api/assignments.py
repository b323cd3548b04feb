"""Which model serves which AI system, over HTTP: proposed by one person, in effect when another signs."""

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
from governance.inventory import assignments, selectors
from governance.inventory.api.views import SignatureInput, answered, locked_system_tag, signing_person, system_of
from governance.inventory.models import ModelAssignment


class AssignmentProposal(serializers.Serializer[Any]):
    """Which model is to serve the system."""

    model = serializers.CharField(max_length=256, help_text="Registered model; `team-a:name` in another workspace.")


class AssignmentOutput(serializers.ModelSerializer[ModelAssignment]):
    """An assignment, in effect once it is signed."""

    model = serializers.CharField(source="model_name")
    system = serializers.CharField(source="system.slug")
    from_system = serializers.CharField(source="from_system.slug", allow_null=True, default=None)

    class Meta:
        model = ModelAssignment
        fields = ["id", "model", "system", "from_system", "proposed_at", "signed_at", "withdrawn_at"]


def _locked_tag(request: Request, system: str, assignment_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(selectors.assignment(ai_system, assignment_id))
    return etag(selectors.assignment(ai_system, assignment_id))


def _answer(row: ModelAssignment, code: int = status.HTTP_200_OK) -> Response:
    return answered(row, AssignmentOutput(row), code)


class Assignments(APIView):
    """``/api/v1/systems/{id}/assignments``."""

    @extend_schema(
        request=AssignmentProposal, responses={201: AssignmentOutput}, summary="Propose that a model serves a system"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Propose as the owner or an administrator; it takes effect when a second person signs."""
        payload = AssignmentProposal(data=request.data)
        payload.is_valid(raise_exception=True)
        proposal = assignments.propose_assignment(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        return _answer(proposal, status.HTTP_201_CREATED)


class AssignmentDetail(APIView):
    """``/api/v1/systems/{id}/assignments/{id}``."""

    @extend_schema(responses=AssignmentOutput, summary="One assignment")
    def get(self, request: Request, system: str, assignment_id: uuid.UUID) -> Response:
        """Return an assignment, signed or not, with its ETag."""
        return _answer(selectors.assignment(system_of(request, system), assignment_id))


class AssignmentSignatures(APIView):
    """``/api/v1/systems/{id}/assignments/{id}/signatures``."""

    @extend_schema(request=SignatureInput, responses={201: AssignmentOutput}, summary="Sign an assignment")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, assignment_id: uuid.UUID) -> Response:
        """Sign as the second person; never with a token."""
        signer = signing_person(request)
        found = selectors.assignment(system_of(request, system), assignment_id)
        return _answer(assignments.sign_assignment(assignment_id=found.pk, signer=signer), status.HTTP_201_CREATED)


class AssignmentWithdrawals(APIView):
    """``/api/v1/systems/{id}/assignments/{id}/withdrawals``."""

    @extend_schema(request=None, responses={201: AssignmentOutput}, summary="Withdraw a proposed assignment")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, assignment_id: uuid.UUID) -> Response:
        """Take a proposal back that nobody has signed; its proposer, the owner or an administrator does."""
        found = selectors.assignment(system_of(request, system), assignment_id)
        by = deciding_person(request)
        return _answer(assignments.withdraw_assignment(assignment_id=found.pk, by=by), status.HTTP_201_CREATED)
