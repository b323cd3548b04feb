"""Coverage: what is held under each duty of a system or control of a framework, and under each article over all."""

import uuid
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.common.pages import page
from governance.inventory import selectors as inventory
from reports.web import coverage_pages

CSV = "text/csv; charset=utf-8"


@page
@require_GET
def system_coverage(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/coverage?framework=&when=``: points or controls by what is held for each."""
    ai_system = inventory.system_for(actor(request), pk)
    return render(request, "reports/coverage.html", coverage_pages.coverage_page(ai_system, request.GET))


@page
@require_GET
def system_coverage_csv(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/coverage.csv``: the same table, with the same filters, as a file."""
    ai_system = inventory.system_for(actor(request), pk)
    return _csv(f"{ai_system.slug}-coverage", coverage_pages.coverage_csv(ai_system, request.GET))


@page
@require_GET
def coverage_map(request: HttpRequest) -> HttpResponse:
    """``GET /coverage``: articles by system, for whoever answers for many."""
    return render(request, "reports/coverage_map.html", coverage_pages.map_page(actor(request), request.GET))


@page
@require_GET
def coverage_map_csv(request: HttpRequest) -> HttpResponse:
    """``GET /coverage.csv``: the same map as a file."""
    return _csv("coverage", coverage_pages.map_csv(actor(request), request.GET))


def _csv(name: str, lines: Iterable[str]) -> HttpResponse:
    return HttpResponse(
        "".join(lines),
        content_type=CSV,
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff"},
    )
