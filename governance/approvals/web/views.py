"""The inbox with its saved views."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals import inbox, listing, saved_views
from governance.approvals.errors import ViewNotSaved
from governance.common.pages import page


@page
@require_GET
def inbox_list(request: HttpRequest) -> HttpResponse:
    """``GET /``: what waits for the reader."""
    return render(request, "approvals/inbox.html", inbox.inbox_page(actor(request), request.GET.dict()))


@page
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """``POST /inbox/views``: keep what the inbox shows under a name, and show it."""
    viewer = actor(request)
    wanted = listing.asked(viewer, request.POST.dict())
    try:
        view = saved_views.save_view(person=viewer, name=request.POST.get("name", ""), wanted=wanted)
    except ViewNotSaved as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, f"Saved as {view.name}.")
    return redirect(f"{reverse('inbox')}?{wanted.address()}")


@page
@require_POST
def delete_view(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /inbox/views/<pk>/delete``: forget one of one's own saved views."""
    saved_views.delete_view(person=actor(request), view_id=pk)
    return redirect("inbox")
