"""The inbox with its saved views, and the closing of findings."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals import findings, inbox, listing, saved_views
from governance.approvals.errors import ViewNotSaved
from governance.approvals.web.forms import CloseFindingForm, errors_of
from governance.common.errors import DomainError, Unknown
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


@page
@require_POST
def close_finding(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/close``: close a finding that one does not own, and go back to where it was shown."""
    form = CloseFindingForm(request.POST)
    target = request.POST.get("next", "")
    back = target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "inbox"
    if not form.is_valid():
        messages.error(request, " ".join(sentence for errors in errors_of(form).values() for sentence in errors))
        return redirect(back)
    try:
        finding = findings.close_finding(
            finding_id=pk,
            closer=actor(request),
            how=form.cleaned_data["how"].strip(),
            password=form.cleaned_data["password"],
        )
    except Unknown:
        raise  # there is no page to go back to with it
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return redirect(back)
    messages.success(request, f"Closed: {finding.title}")
    return redirect(back)
