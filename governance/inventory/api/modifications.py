"""That an AI system is modified, over HTTP: declare it, read what was declared."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import deciding_person
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match
from governance.inventory import modifying, selectors
from governance.inventory.api.views import answered, locked_system_tag, system_of
from governance.inventory.models import Modification
from governance.inventory.texts import LONGEST


class ModificationOutput(serializers.ModelSerializer[Modification]):
    """One modification of a system."""

    declared_by = serializers.CharField(source="declared_by.name")

    class Meta:
        model = Modification
        fields = ["id", "number", "kind", "what", "purpose_before", "class_before", "declared_by", "declared_at"]


class ModificationInput(serializers.Serializer[Any]):
    """What is changed."""

    kind = serializers.ChoiceField(choices=Modification.Kind.choices)
    what = serializers.CharField(min_length=modifying.SHORTEST, max_length=LONGEST)
    purpose = serializers.CharField(
        max_length=LONGEST,
        required=False,
        help_text="The intended purpose from now on; left out where it stays.",
    )


class Modifications(APIView):
    """``/api/v1/systems/{id}/modifications``."""

    @lists(ModificationOutput, summary="List the modifications of a system, newest first")
    def get(self, request: Request, system: str) -> Response:
        """Return what was declared since the system was taken in."""
        rows = modifying.modifications_of(system_of(request, system))
        return paged(
            request, rows, newest_by="declared_at", as_json=lambda page: ModificationOutput(page, many=True).data
        )

    @extend_schema(
        request=ModificationInput, responses={201: ModificationOutput}, summary="Declare that a system is modified"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Open the signed class again: nothing is promoted until it is proposed anew and a second person signs."""
        payload = ModificationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row = modifying.declare_modification(
            ai_system=system_of(request, system), by=deciding_person(request), **payload.validated_data
        )
        return answered(row, ModificationOutput(row), status.HTTP_201_CREATED)


class ModificationDetail(APIView):
    """``/api/v1/systems/{id}/modifications/{id}``."""

    @extend_schema(responses=ModificationOutput, summary="One modification of a system")
    def get(self, request: Request, system: str, modification_id: uuid.UUID) -> Response:
        """Return a modification with its ETag."""
        row = selectors.modification(system_of(request, system), modification_id)
        return answered(row, ModificationOutput(row), status.HTTP_200_OK)
