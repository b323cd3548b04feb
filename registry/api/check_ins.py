"""MLflow's plugin says that it is at work, and is told what is protected."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.common import clock
from registry import protected, standby, watches
from registry.api.views import _GateToken

EVERY_S = 15
_WORD = r"^[A-Za-z0-9._:+-]{1,100}$"


class CheckInInput(serializers.Serializer[Any]):
    """One process of a governed MLflow server, as it describes itself. Names are words, since they stand in the log."""

    server = serializers.RegexField(_WORD, help_text="Made at its start.")
    plugin_version = serializers.RegexField(_WORD)
    mlflow_version = serializers.RegexField(_WORD)
    store = serializers.RegexField(_WORD, help_text="The dialect.")
    workspaces = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    configuration = serializers.IntegerField(min_value=0, allow_null=True, help_text="The number last received.")
    freeze = serializers.BooleanField(help_text="Whether artifacts under review or approved are frozen.")
    identity = serializers.RegexField(_WORD, help_text="basic-auth or proxy.")


class ConfigurationOutput(serializers.Serializer[Any]):
    """What is protected."""

    number = serializers.IntegerField()
    protected_aliases = serializers.ListField(child=serializers.CharField())


class CheckInOutput(serializers.Serializer[Any]):
    """What is protected now, and when to come again."""

    configuration = ConfigurationOutput()
    notices = serializers.ListField(child=serializers.CharField(), help_text="What else Placet wants to be told of.")
    withdrawn_permits = serializers.ListField(
        child=serializers.CharField(), help_text="Permits to go back, digests, that lead to what is approved no more."
    )
    every_s = serializers.IntegerField()


NOTICES = ["run.create"]


class GateCheckIns(APIView):
    """``/api/v1/gate/check-ins``."""

    authentication_classes = [_GateToken]
    permission_classes = [AllowAny]

    @extend_schema(request=CheckInInput, responses=CheckInOutput, summary="A governed MLflow server is at work")
    def post(self, request: Request) -> Response:
        """Count one beat of the server, and answer with the protected aliases in force."""
        asked = CheckInInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        server, began = said.pop("server"), clock.rfc3339(said.pop("started_at"))
        watches.beat(source=f"plugin:{server}", details=said | {"started_at": began}, expected_every_s=EVERY_S)
        now = protected.in_force()
        configuration = {"number": now.number, "protected_aliases": list(now.protected_aliases)}
        said = {"configuration": configuration, "notices": NOTICES, "every_s": EVERY_S}
        said["withdrawn_permits"] = standby.withdrawn()
        return Response(CheckInOutput(said).data)
