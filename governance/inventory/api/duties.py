"""What binds an AI system on a day, over HTTP."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.inventory import selectors
from governance.inventory.api.views import system_of
from governance.inventory.law import as_classified
from governance.regulation.api.views import day_asked
from governance.regulation.dates import Duty, standing
from governance.regulation.register import load


class DutyOutput(serializers.Serializer[Any]):
    """One point as it stands for the system that day."""

    point = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(
        choices=["applies", "formally", "later", "undated"],
        help_text="formally: the date in the Act is reached, the first day on which it can bite is not.",
    )
    formal_on = serializers.DateField(allow_null=True)
    practical_on = serializers.DateField(allow_null=True, help_text="Only where it is later than formal_on.")
    wording = serializers.ChoiceField(choices=["in_force", "not_recorded", "earlier"])
    to_be_confirmed = serializers.BooleanField(
        help_text="Its wording is not sourced: it is named here, counts as no duty and is in nothing upcoming."
    )
    basis = serializers.CharField()


class DueOutput(serializers.Serializer[Any]):
    """Points that begin to apply on a day to come."""

    on = serializers.DateField()
    kind = serializers.ChoiceField(choices=["formal", "practical", "transition"])
    days = serializers.IntegerField(min_value=1)
    points = serializers.ListField(child=serializers.CharField())


class DutiesOutput(serializers.Serializer[Any]):
    """What binds a system on a day, by its signed classification."""

    system = serializers.SlugField()
    on = serializers.DateField()
    law_version = serializers.CharField(help_text="Of the register that was asked.")
    classified_under = serializers.CharField(
        allow_null=True, help_text="The version that the signed classification names; null before one is signed."
    )
    disclaimer = serializers.CharField()
    duties = DutyOutput(many=True)
    upcoming = DueOutput(many=True)


class Duties(APIView):
    """``/api/v1/systems/{id or slug}/duties``."""

    @extend_schema(
        responses=DutiesOutput,
        parameters=[OpenApiParameter("on", str, description="A day, 2027-12-02; today (UTC) without it.")],
        summary="What binds an AI system on a day",
    )
    def get(self, request: Request, system: str) -> Response:
        """Return the points that concern the system, each with both its dates, and what begins when."""
        found, law, on = system_of(request, system), load(), day_asked(request, "on")
        signed = selectors.classification_in_force(found)
        stands = standing(as_classified(signed, found), law, on=on) if signed else None
        return Response(
            {
                "system": found.slug,
                "on": on.isoformat(),
                "law_version": law.version,
                "classified_under": signed.law_version if signed else None,
                "disclaimer": law.regulation.disclaimer,
                "duties": [_duty(duty) for duty in stands.duties] if stands else [],
                "upcoming": [
                    {
                        "on": due.on.isoformat(),
                        "kind": due.kind,
                        "days": due.days,
                        "points": [point.id for point in due.points],
                    }
                    for due in stands.upcoming
                ]
                if stands
                else [],
            }
        )


def _duty(duty: Duty) -> dict[str, Any]:
    return {
        "point": duty.point.id,
        "title": duty.point.title,
        "state": duty.state,
        "formal_on": duty.formal.isoformat() if duty.formal else None,
        "practical_on": duty.practical.isoformat() if duty.practical else None,
        "wording": duty.wording,
        "to_be_confirmed": duty.point.to_be_confirmed,
        "basis": duty.basis,
    }
