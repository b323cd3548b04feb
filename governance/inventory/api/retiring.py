"""Retire an AI system over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import deciding_person
from governance.common.preconditions import etag, if_match
from governance.inventory import retiring
from governance.inventory.api.views import SystemOutput, locked_system_tag, system_of


class RetirementInput(serializers.Serializer[Any]):
    """Why the system is retired."""

    reason = serializers.CharField(min_length=retiring.SHORTEST, max_length=retiring.LONGEST)


class SystemRetirements(APIView):
    """``/api/v1/systems/{id}/retirements``."""

    @extend_schema(request=RetirementInput, responses={201: SystemOutput}, summary="Retire an AI system")
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Retire a system of which nothing is in use, for good; never with a token. It keeps its record."""
        payload = RetirementInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row = retiring.retire_system(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        headers = {"ETag": etag(row), "Location": f"/api/v1/systems/{row.pk}"}
        return Response(SystemOutput(row).data, status=status.HTTP_201_CREATED, headers=headers)
