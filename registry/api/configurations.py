"""What the gate protects, over HTTP: read it, propose another. A second person signs it on its page."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor
from registry import configuring, protected
from registry.models import GateConfiguration


class GateConfigurationInput(serializers.Serializer[Any]):
    """What the gate is to protect, and how."""

    protected_aliases = serializers.ListField(
        child=serializers.CharField(max_length=255), max_length=100, help_text="Names or patterns such as `prod-*`."
    )
    mode = serializers.ChoiceField(
        choices=GateConfiguration.Mode.choices, help_text="For models that no policy governs; high-risk is blocked."
    )
    registry = serializers.ChoiceField(choices=GateConfiguration.Registry.choices, default="governed")
    automatic_revert = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=1000)


class GateConfigurationOutput(serializers.Serializer[Any]):
    """A gate configuration. Number 0 is what the settings say, until two people sign another."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["in force", "proposed", "ended"])
    protected_aliases = serializers.ListField(child=serializers.CharField())
    mode = serializers.ChoiceField(choices=GateConfiguration.Mode.choices)
    registry = serializers.ChoiceField(choices=GateConfiguration.Registry.choices)
    automatic_revert = serializers.BooleanField()
    loosens = serializers.BooleanField()
    proposed_by = serializers.UUIDField(allow_null=True)
    signed_by = serializers.UUIDField(allow_null=True)
    signed_at = serializers.DateTimeField(allow_null=True)


def _as_dict(row: GateConfiguration) -> dict[str, Any]:
    state = "ended" if row.ended_at else "in force" if row.signed_at else "proposed"
    names = ("number", "protected_aliases", "mode", "registry", "automatic_revert", "loosens", "signed_at")
    people = {"proposed_by": row.proposed_by_id, "signed_by": row.signed_by_id}
    return {"state": state, **{name: getattr(row, name) for name in names}, **people}


def _by_settings() -> dict[str, Any]:
    now = protected.by_settings()
    nobody = {"proposed_by": None, "signed_by": None, "signed_at": None, "loosens": False}
    said = {"number": 0, "protected_aliases": now.protected_aliases, "mode": now.mode, "registry": now.registry}
    return {"state": "in force", **said, "automatic_revert": False, **nobody}


class GateConfigurationNow(APIView):
    """``/api/v1/gate/configuration``."""

    scope = "promotions:read"

    @extend_schema(responses=GateConfigurationOutput, summary="What the gate protects now")
    def get(self, request: Request) -> Response:
        """Return the configuration in force."""
        rows = configuring.history()
        found = _as_dict(rows[0]) if rows and rows[0].ended_at is None else _by_settings()
        return Response(GateConfigurationOutput(found).data)


class GateConfigurations(APIView):
    """``/api/v1/gate/configurations``."""

    scope = "production:write"

    @extend_schema(
        request=GateConfigurationInput,
        responses={201: GateConfigurationOutput},
        summary="Propose what the gate is to protect",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Write a configuration down; it counts once another risk officer has signed it on its page."""
        payload = GateConfigurationInput(data=request.data)
        payload.is_valid(raise_exception=True)
        row = configuring.propose(person=actor(request), **payload.validated_data)
        return Response(GateConfigurationOutput(_as_dict(row)).data, status=status.HTTP_201_CREATED)
