"""The overview of model risk."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.common.pages import page
from reports.web import overview_pages


@page
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """``GET /overview``: what a head of risk looks at first, and the steps to a first promotion until there is one."""
    return render(request, "reports/overview.html", overview_pages.overview_page(actor(request)))
