"""What was watched, and what changed, in a period: for auditors, risk officers and administrators."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import actor
from governance.common.errors import Forbidden, InvalidInput
from registry import coverage, population

PERIOD = [
    OpenApiParameter("from", OpenApiTypes.DATETIME, required=True, description="RFC 3339; a part of the period."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, required=True, description="RFC 3339; no part of it."),
]
MOST = 1_000_000


class PopulationInput(serializers.Serializer[Any]):
    """How it is taken."""

    format = serializers.ChoiceField(choices=["json", "csv"], required=False, default="json")
    sample = serializers.IntegerField(required=False, min_value=1, max_value=MOST, default=None)
    seed = serializers.CharField(required=False, max_length=200, default=None)

    def get_fields(self) -> dict[str, Any]:
        """Add the period, whose first name is a word of Python's."""
        period = {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}
        return super().get_fields() | period

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A period has a length; a sample is drawn by a seed."""
        if attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError("`from` must be before `to`.")
        if (attrs["sample"] is None) != (attrs["seed"] is None):
            raise serializers.ValidationError("Give both sample and seed, or neither.")
        return attrs


class _Csv(BaseRenderer):
    """Lets DRF's own reading of ``format`` accept csv; the lines are written by the view."""

    media_type, format = "text/csv", "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Write a problem as JSON: only what went well is CSV."""
        return bytes(JSONRenderer().render(data, accepted_media_type, renderer_context))


def _asked(request: Request) -> dict[str, Any]:
    """Return what is asked for, by somebody who may ask.

    Raises:
        Forbidden: the person is no auditor, risk officer or administrator of the whole installation.
        InvalidInput: no period.
    """
    if not request.user.has_perm("audit.export_bundle"):
        raise Forbidden("An auditor, risk officer or administrator reads what was watched and what changed.")
    given = PopulationInput(data=request.query_params)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class Coverage(APIView):
    """``/api/v1/coverage``."""

    scope = "bundles:read"

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=PERIOD, summary="Who watched MLflow in a period")
    def get(self, request: Request) -> Response:
        """Return spans and gaps of plugin and reconciler, deviations, grants, and what nobody can know."""
        asked = _asked(request)
        return Response(coverage.statement(asked["from"], asked["to"]))


class ChangePopulation(APIView):
    """``/api/v1/change-population``."""

    scope = "bundles:read"
    renderer_classes = [JSONRenderer, _Csv]

    @extend_schema(
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.STR},
        parameters=[
            *PERIOD,
            OpenApiParameter("format", str, enum=["json", "csv"]),
            OpenApiParameter("sample", int, description="Only so many, chosen by the seed."),
            OpenApiParameter("seed", str),
        ],
        summary="Every change of a protected alias in a period, and every attempt",
    )
    def get(self, request: Request) -> HttpResponse:
        """Return the population, or a sample of it, and write into the log that it was taken."""
        asked = _asked(request)
        found = population.draw(asked["from"], asked["to"])
        if len(found.items) > MOST:
            raise InvalidInput(f"The period holds more than {MOST:,} changes; ask for a shorter one.")
        seed = asked["seed"]
        chosen = list(found.items) if seed is None else population.sample(found.items, asked["sample"], seed)
        population.record(found, taken=len(chosen), seed=seed, form=asked["format"], actor=actor(request))
        if asked["format"] == "csv":
            return HttpResponse(
                population.csv_lines(chosen),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": 'attachment; filename="placet-change-population.csv"'},
            )
        return Response(found.as_json(chosen, seed=seed))
