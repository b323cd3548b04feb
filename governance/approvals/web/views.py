"""The inbox."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.approvals import inbox
from governance.common.pages import page


@page
@require_GET
def inbox_list(request: HttpRequest) -> HttpResponse:
    """``GET /``: what waits for the reader."""
    return render(request, "approvals/inbox.html", inbox.inbox_page(actor(request), request.GET.dict()))
