"""The legal register over HTTP: its points, one of them, and the timeline."""

from datetime import date
from typing import Any

from django.utils.dateparse import parse_date
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.common.pagination import lists, paged_sequence
from governance.regulation.crosswalk import crosswalk
from governance.regulation.dates import timeline
from governance.regulation.register import Point, UnknownPoint, load
from governance.regulation.search import LEVELS, ROLES, STATUSES, Query, search
from governance.regulation.sources import Act

CHOICES = {"role": ROLES, "status": STATUSES, "autofill": LEVELS}
FILTERS = ("q", "group", *CHOICES, "applies_on")


class DatesOutput(serializers.Serializer[Any]):
    """When a point applies to systems that are high-risk by one route; other points have one date for both."""

    formal_on = serializers.DateField(allow_null=True, help_text="In the Act; null is not settled.")
    practical_on = serializers.DateField(allow_null=True, help_text="The first day on which it can bite, if later.")


class ProvisionOutput(serializers.Serializer[Any]):
    """A provision of an act of the Union."""

    act = serializers.CharField()
    celex = serializers.CharField()
    eli = serializers.URLField()
    provision = serializers.CharField(help_text="Such as Art 9(2)(a).")


class SourceOutput(ProvisionOutput):
    """Where a point stands, which does not say that its paraphrase was made from there."""

    changed_by = ProvisionOutput(allow_null=True, help_text="What inserted, amended or deleted it; null: nothing did.")


class PointOutput(serializers.Serializer[Any]):
    """One point of the Act, in paraphrase."""

    id = serializers.CharField()
    title = serializers.CharField()
    requirement = serializers.CharField(help_text="In paraphrase; empty where it is to be confirmed.")
    to_be_confirmed = serializers.BooleanField()
    source = SourceOutput()  # type: ignore[assignment]
    group = serializers.CharField(help_text="The article or annex.")
    group_title = serializers.CharField()
    applies_to = serializers.ChoiceField(choices=["both", "deployer", "provider"])
    autofill = serializers.ChoiceField(choices=list(LEVELS))
    status = serializers.ChoiceField(choices=["inserted", "amended", "deleted"], allow_null=True)
    valid_from = serializers.DateField(allow_null=True, help_text="When the wording became law; null: not recorded.")
    valid_to = serializers.DateField(allow_null=True)
    annex_iii = DatesOutput()
    annex_i = DatesOutput()
    note = serializers.CharField(allow_blank=True)


class MappingOutput(serializers.Serializer[Any]):
    """A control of another framework that asks for the same, and what Placet holds for it."""

    framework = serializers.CharField()
    control = serializers.CharField()
    evidence = serializers.ListField(child=serializers.CharField())
    decisions = serializers.ListField(child=serializers.CharField())
    declarations = serializers.ListField(child=serializers.CharField())
    log = serializers.ListField(child=serializers.CharField())
    why = serializers.CharField()


class PointDetailOutput(PointOutput):
    """One point with its crosswalk, and the law that it is of."""

    crosswalk = MappingOutput(many=True)
    law_version = serializers.CharField()
    disclaimer = serializers.CharField()


class StepOutput(serializers.Serializer[Any]):
    """One milestone of the Act as seen from the day asked for."""

    on = serializers.DateField()
    what = serializers.CharField()
    basis = serializers.CharField()
    origin = serializers.CharField()
    passage = serializers.ChoiceField(choices=["past", "next", "later"])
    days = serializers.IntegerField(help_text="To it; negative for what is past.")


class TimelineOutput(serializers.Serializer[Any]):
    """The entry into application of the Act."""

    on = serializers.DateField()
    law_version = serializers.CharField()
    disclaimer = serializers.CharField()
    steps = StepOutput(many=True)


class Points(APIView):
    """``/api/v1/register/points``."""

    @lists(PointOutput, summary="Search the points of the AI Act, in the order of the Act", filters=FILTERS)
    def get(self, request: Request) -> Response:
        """Return the points that the filters find."""
        found = search(load(), _query(request))
        return paged_sequence(request, found, as_json=lambda page: [point_json(point) for point in page])


class PointDetail(APIView):
    """``/api/v1/register/points/{id}``."""

    @extend_schema(responses=PointDetailOutput, summary="One point of the AI Act with its crosswalk")
    def get(self, request: Request, point_id: str) -> Response:
        """Return a point by its exact id, such as ``Art 26.6``."""
        law = load()
        try:
            point = law.point(point_id)
        except UnknownPoint as unknown:
            raise Unknown(str(unknown)) from None
        rows = [
            {
                "framework": row.framework,
                "control": row.control,
                "evidence": row.holds.evidence,
                "decisions": row.holds.decisions,
                "declarations": row.holds.declarations,
                "log": row.holds.log,
                "why": row.why,
            }
            for row in crosswalk().for_point(point.id)
        ]
        said = {"crosswalk": rows, "law_version": law.version, "disclaimer": law.regulation.disclaimer}
        return Response(point_json(point) | said)


class Timeline(APIView):
    """``/api/v1/register/timeline``."""

    @extend_schema(
        responses=TimelineOutput,
        parameters=[OpenApiParameter("on", str, description="A day, 2027-12-02; today (UTC) without it.")],
        summary="When the AI Act applies: milestones, what is past and what is next",
    )
    def get(self, request: Request) -> Response:
        """Return the milestones in order of time."""
        law, on = load(), day_asked(request, "on")
        steps = [
            {
                "on": step.milestone.on.isoformat(),
                "what": step.milestone.what,
                "basis": step.milestone.basis,
                "origin": step.milestone.origin,
                "passage": step.passage,
                "days": step.days,
            }
            for step in timeline(law, on=on)
        ]
        return Response(
            {
                "on": on.isoformat(),
                "law_version": law.version,
                "disclaimer": law.regulation.disclaimer,
                "steps": steps,
            }
        )


def point_json(point: Point) -> dict[str, Any]:
    """Return a point as the API writes it."""
    law = load()
    by_route = {
        "annex_iii": law.applies_from(point.id, route="annex_iii"),
        "annex_i": law.applies_from(point.id, route="annex_i"),
    }
    return {
        "id": point.id,
        "title": point.title,
        "requirement": point.requirement,
        "to_be_confirmed": point.to_be_confirmed,
        "source": source_json(point),
        "group": point.group,
        "group_title": point.group_title,
        "applies_to": point.applies_to,
        "autofill": point.autofill,
        "status": point.status,
        "valid_from": _iso(point.valid_from),
        "valid_to": _iso(point.valid_to),
        **{
            route: {"formal_on": _iso(found.formal), "practical_on": _iso(found.practical)}
            for route, found in by_route.items()
        },
        "note": by_route["annex_iii"].note or "",
    }


def source_json(point: Point) -> dict[str, Any] | None:
    """Return where a point stands; None only for a point of a register that was made before points named it."""
    source = point.source
    if source is None:
        return None
    changed = _provision(source.changed_by, source.changed_at) if source.changed_by else None
    return _provision(source.act, source.at) | {"changed_by": changed}


def _provision(act: Act, provision: str) -> dict[str, str]:
    return {"act": act.number, "celex": act.celex, "eli": act.eli, "provision": provision}


def day_asked(request: Request, name: str) -> date:
    """Return the day that a parameter names; today without it.

    Raises:
        InvalidInput: it is no day.
    """
    text = request.query_params.get(name, "")
    return _day(name, text) if text else clock.now().date()


def _day(name: str, text: str) -> date:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(f"{name} is a day, such as 2027-12-02.")
    return found


def _query(request: Request) -> Query:
    given = {name: request.query_params.get(name, "") for name in FILTERS}
    for name, allowed in CHOICES.items():
        if given[name] and given[name] not in allowed:
            raise InvalidInput(f"{name} is one of: {', '.join(allowed)}.")
    return Query(
        text=given["q"][:200],
        group=given["group"],
        role=given["role"],
        status=given["status"],
        autofill=given["autofill"],
        applies_on=_day("applies_on", given["applies_on"]) if given["applies_on"] else None,
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
