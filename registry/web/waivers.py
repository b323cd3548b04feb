"""Ask for the waiver of a failed check, and decide on one."""

import uuid
from datetime import UTC, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals import waivers
from governance.approvals.web.forms import Errors, errors_of, sent
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from registry.reviewing import review, waiver
from registry.web import views
from registry.web.deciding import Subject

WAIVER = Subject("waiver", "registry/waiver.html", waiver.waiver_page)


class WaiverForm(forms.Form):
    """Which failed check may stand, until which day, and why."""

    check = forms.CharField(max_length=120, error_messages={"required": "Choose a check."})
    until = forms.DateField(error_messages={"required": "Say on which day it ends."})
    reason = forms.CharField(max_length=2000, error_messages={"required": "Say why the failed check may stand."})


@page
@require_POST
def review_ask_waiver(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/waivers``: ask that a failed check may stand for a time."""
    views.approval_of(request, pk)  # who may not read it learns nothing by asking
    form = WaiverForm(request.POST)
    if not form.is_valid():
        return _refused(request, pk, form, errors_of(form), InvalidInput.status)
    values = form.cleaned_data
    try:
        made = waivers.request_waiver(
            request_id=pk,
            check_id=values["check"],
            requester=actor(request),
            reason=values["reason"],
            expires_at=datetime.combine(values["until"] + timedelta(days=1), time(), UTC),
        )
    except DomainError as refusal:
        return _refused(request, pk, form, {"all": [refusal.detail]}, refusal.status)
    messages.success(request, "Asked for: the waiver waits for its signatures.")
    return redirect("waiver", pk=made.approval_id)


@page
@require_GET
def waiver_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /waivers/<pk>``: a waiver as who decides on it needs it; ``pk`` is the request that does."""
    return WAIVER.detail(request, pk)


@page
@require_POST
def waiver_decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /waivers/<pk>/decide``: sign a verdict on it."""
    return WAIVER.decide(request, pk)


@page
@require_POST
def waiver_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /waivers/<pk>/sign``: record a decision on it whose statement a passkey has signed."""
    return WAIVER.sign(request, pk)


@page
@require_POST
def waiver_withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /waivers/<pk>/withdraw``: take back a waiver that one asked for; it can be asked for anew."""
    return WAIVER.withdraw(request, pk, "Withdrawn: the waiver can be asked for anew.")


def _refused(request: HttpRequest, pk: uuid.UUID, form: forms.Form, errors: Errors, status: int) -> HttpResponse:
    context = review.review_page(views.approval_of(request, pk), actor(request))
    shown = (context["waivers"] or {}) | {"form": sent(form) | {"errors": errors}}
    messages.error(request, " ".join(sentence for sentences in errors.values() for sentence in sentences))
    return render(request, "registry/review.html", context | {"waivers": shown}, status=status)
