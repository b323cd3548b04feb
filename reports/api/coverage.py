"""Coverage over HTTP: what is held under each duty of a system or control of a framework, and by article over systems.

That something is held says that it is there, never that it meets the point.
"""

from collections.abc import Sequence
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import actor
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged_sequence
from governance.inventory import selectors as inventory
from governance.inventory.api.views import system_of
from governance.inventory.models import AISystem
from governance.regulation.register import Framework
from reports.coverage import COLUMNS, STATES, WHOLES, Line, Share
from reports.covering import ACT, WHENS, When, lines_of, offered, shares_of

_FRAMEWORK = OpenApiParameter(
    "framework", str, description="Controls of a framework of the crosswalk; without it the points of the Act."
)
_WHEN = OpenApiParameter(
    "when", str, enum=list(WHENS), description="Points that apply now, as without it, or all that apply now or later."
)
_GROUP = OpenApiParameter("group", str, description="Points of one article or annex, such as Art 9.")
_STATE = OpenApiParameter("state", str, enum=list(WHOLES), description="Lines whose whole is this.")


class CoverageCellOutput(serializers.Serializer[Any]):
    """What is held for one point or control in one place."""

    column = serializers.ChoiceField(choices=list(COLUMNS))
    state = serializers.ChoiceField(
        choices=list(STATES),
        help_text="part: some of what is asked for; stale: all of it, and some of an earlier version or overdue.",
    )
    asked = serializers.IntegerField(help_text="How many things are asked for there.")
    held = serializers.IntegerField(help_text="Of how many of them anything is held.")
    count = serializers.IntegerField(help_text="Rows that are held.")
    newest_at = serializers.DateTimeField(allow_null=True)
    absent = serializers.ListField(
        child=serializers.CharField(),
        help_text="What is not held: types of evidence, log events, questions of the record, kinds of document.",
    )


class CoverageLineOutput(serializers.Serializer[Any]):
    """One point of the Act, or one control of a framework."""

    id = serializers.CharField()
    title = serializers.CharField()
    group = serializers.CharField(allow_blank=True, help_text="The article or annex; empty of a control.")
    whole = serializers.ChoiceField(
        choices=list(WHOLES),
        help_text="unserved: nothing that Placet keeps serves it; to_be_confirmed: its wording is not sourced yet.",
    )
    cells = CoverageCellOutput(many=True)


class ArticleCoverageOutput(serializers.Serializer[Any]):
    """Of the points of one article that bind a system: for how many anything is held."""

    group = serializers.CharField(help_text="The article or annex.")
    points = serializers.IntegerField()
    served = serializers.IntegerField(help_text="Points that something could be held for.")
    held = serializers.IntegerField(help_text="Points that something is held for.")
    whole = serializers.IntegerField(help_text="Points that everything asked for is held for.")


class SystemCoverageOutput(serializers.Serializer[Any]):
    """One AI system by article."""

    system = serializers.SlugField()
    name = serializers.CharField()
    classified = serializers.BooleanField(help_text="Before that nobody can say which points bind it.")
    articles = ArticleCoverageOutput(many=True)


class SystemCoverage(APIView):
    """``/api/v1/systems/{id or slug}/coverage``."""

    @lists(
        CoverageLineOutput,
        summary="What is held for each duty of a system, or each control of a framework",
        filters=(_FRAMEWORK, _WHEN, _GROUP, _STATE),
    )
    def get(self, request: Request, system: str) -> Response:
        """Return the lines of a system today, in the order of the Act or of the framework; none before its class."""
        asked = request.query_params
        lines = lines_of(
            system_of(request, system), picked=_framework(request), when=_when(request), today=clock.now().date()
        )
        group, state = asked.get("group", ""), asked.get("state", "")
        if state and state not in WHOLES:
            raise InvalidInput(f"state is one of {', '.join(WHOLES)}.")
        shown = [line for line in lines if group in {"", line.group} and state in {"", line.whole}]
        return paged_sequence(request, shown, as_json=lambda page: [_line(line) for line in page])


class CoverageMap(APIView):
    """``/api/v1/system-coverage``."""

    @lists(
        SystemCoverageOutput,
        summary="For how many points of each article something is held, by AI system",
        filters=(_WHEN,),
    )
    def get(self, request: Request) -> Response:
        """Return the AI systems in reach, by name, each with the articles that bind it today."""
        when = _when(request)

        def as_json(page: Sequence[AISystem]) -> list[dict[str, Any]]:
            shares = shares_of(page, when=when, today=clock.now().date())
            return [_system(row, shares[row.pk]) for row in page]

        systems = inventory.systems_for(actor(request)).order_by("name", "pk")
        return paged_sequence(request, list(systems), as_json=as_json)


def _framework(request: Request) -> Framework | None:
    named = request.query_params.get("framework", ACT)
    if named in {"", ACT}:
        return None
    known = {row.id: row for row in offered()}
    if named not in known:
        raise InvalidInput(f"framework is one of {', '.join([ACT, *known])}.")
    return known[named]


def _when(request: Request) -> When:
    when = request.query_params.get("when") or "now"
    if when not in WHENS:
        raise InvalidInput(f"when is one of {', '.join(WHENS)}.")
    return cast(When, when)


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "title": line.title,
        "group": line.group,
        "whole": line.whole,
        "cells": [
            {
                "column": column,
                "state": cell.state,
                "asked": cell.asked,
                "held": cell.held,
                "count": cell.count,
                "newest_at": clock.rfc3339(cell.newest) if cell.newest else None,
                "absent": list(cell.absent),
            }
            for column, cell in line.cells.items()
        ],
    }


def _system(row: AISystem, shares: dict[str, Share] | None) -> dict[str, Any]:
    return {
        "system": row.slug,
        "name": row.name,
        "classified": shares is not None,
        "articles": [
            {
                "group": group,
                "points": share.points,
                "served": share.served,
                "held": share.held,
                "whole": share.whole,
            }
            for group, share in (shares or {}).items()
        ],
    }
