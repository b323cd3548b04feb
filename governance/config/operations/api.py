"""``GET /api/v1/health``: what the page *System health* says, for programs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.common.errors import Forbidden
from governance.config.operations import asking, judging
from governance.config.operations.states import State
from governance.config.operations.views import READ_HEALTH, READERS

CHOICES = [(str(state), str(state)) for state in State]


class PartOutput(serializers.Serializer[Any]):
    """One part of the installation, judged."""

    key = serializers.CharField(help_text="Stable, such as notary, worker:evidence, anchors:folder.")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=CHOICES)
    value = serializers.CharField(help_text="What was found.")
    since = serializers.DateTimeField(
        allow_null=True, help_text="Since when it is so, where that is known; of what works, its last sign."
    )
    means = serializers.CharField(help_text="What that means for people.")
    do = serializers.CharField(help_text="What to do; empty where all is well.")
    guide = serializers.CharField(help_text="The chapter of Placet's documentation about it.")


class HealthOutput(serializers.Serializer[Any]):
    """How the installation is doing at one moment."""

    at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=CHOICES, help_text="Of the worst part.")
    parts = PartOutput(many=True)


class Health(APIView):
    """``/api/v1/health``."""

    scope = "health:read"

    @extend_schema(responses=HealthOutput, summary="How each part of the installation is doing")
    def get(self, request: Request) -> Response:
        """Return every part, the worst first; ``unknown`` is what could not be asked, and never a guess."""
        if not request.user.has_perm(READ_HEALTH):
            raise Forbidden(READERS)
        facts = asking.facts()
        parts = judging.judged(facts)
        said = {"at": facts.now, "state": judging.worst(parts), "parts": parts}
        return Response(HealthOutput(said).data, headers={"Cache-Control": "no-store"})
