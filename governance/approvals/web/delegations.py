"""The delegations of a person: made, confirmed by an administrator, ended."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.roles import DECIDING, Role
from governance.approvals import delegations
from governance.approvals.delegation_page import delegations_page
from governance.approvals.web.forms import Errors, errors_of, sent
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.inventory.models import AISystem


class DelegationForm(forms.Form):
    """Who signs in one's place, in which role, for which system, from when until when, and why."""

    to = forms.ModelChoiceField(
        User.objects.filter(is_active=True, sponsor__isnull=True), error_messages={"required": "Choose a person."}
    )
    role = forms.ChoiceField(choices=[("", "each"), *((role, role) for role in sorted(DECIDING))], required=False)
    system = forms.ModelChoiceField(AISystem.objects.all(), required=False)
    valid_from = forms.DateField(required=False)
    valid_until = forms.DateField(error_messages={"required": "Say on which day it ends."})
    reason = forms.CharField(max_length=1000, error_messages={"required": "Say why somebody else signs for you."})


@page
@require_GET
def delegation_list(request: HttpRequest) -> HttpResponse:
    """``GET /delegations``: what one lends and signs for others."""
    return render(request, "approvals/delegations.html", delegations_page(actor(request)))


@page
@require_POST
def delegation_make(request: HttpRequest) -> HttpResponse:
    """``POST /delegations/make``: ask that somebody may sign in one's place."""
    form = DelegationForm(request.POST)
    if not form.is_valid():
        return _again(request, InvalidInput.status, values=sent(form), errors=errors_of(form))
    values = form.cleaned_data
    try:
        delegations.delegate(
            delegator=actor(request),
            to=values["to"],
            reason=values["reason"],
            role=Role(values["role"]) if values["role"] else None,
            ai_system=values["system"],
            valid_from=_midnight(values["valid_from"]) if values["valid_from"] else None,
            valid_until=_midnight(values["valid_until"] + timedelta(days=1)),
        )
    except DomainError as refusal:
        return _again(request, refusal.status, values=sent(form), errors={"all": [refusal.detail]})
    messages.success(request, "Made. It lends your place once an administrator has confirmed it.")
    return redirect("delegation-list")


@page
@require_POST
def delegation_confirm(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /delegations/<pk>/confirm``: put it in force, as an administrator."""
    try:
        delegations.confirm_delegation(
            delegation_id=pk, administrator=actor(request), password=request.POST.get("password", "")
        )
    except DomainError as refusal:
        return _refused(request, refusal)
    messages.success(request, "Confirmed: it counts in requests that are made from now on.")
    return redirect("delegation-list")


@page
@require_POST
def delegation_end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /delegations/<pk>/end``: end it at once."""
    try:
        delegations.end_delegation(delegation_id=pk, by=actor(request))
    except DomainError as refusal:
        return _refused(request, refusal)
    messages.success(request, "Ended, in requests that are open too.")
    return redirect("delegation-list")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    messages.error(request, refusal.detail)
    return _again(request, refusal.status)


def _again(
    request: HttpRequest, status: int, *, values: dict[str, Any] | None = None, errors: Errors | None = None
) -> HttpResponse:
    context = delegations_page(actor(request), values=values, errors=errors)
    return render(request, "approvals/delegations.html", context, status=status)
