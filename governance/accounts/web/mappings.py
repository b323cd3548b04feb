"""The page on which administrators say what claims of the identity provider give."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts import mapping_reading, mappings, people_reading
from governance.accounts.narrow import actor
from governance.accounts.roles import GRAVE, Role
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page


class MappingForm(forms.Form):
    """A claim, what it must hold, and the role that it gives."""

    claim = forms.CharField(max_length=100, error_messages={"required": "Name the claim."})
    value = forms.CharField(max_length=200, error_messages={"required": "Say what the claim must hold."})
    role = forms.ChoiceField(choices=Role.choices, error_messages={"required": "Choose a role."})
    system = forms.UUIDField(required=False)
    days = forms.IntegerField(required=False, min_value=1, max_value=mappings.MOST_DAYS)


@page
@require_GET
def mapping_list(request: HttpRequest) -> HttpResponse:
    """``GET /claim-mappings``: what claims give, what waits to be confirmed, and what they gave once."""
    return render(request, "accounts/mappings.html", mapping_reading.mappings_page(actor(request)))


@page
@require_POST
def mapping_new(request: HttpRequest) -> HttpResponse:
    """``POST /claim-mappings/new``: map a claim to a role; a grave one waits for another administrator."""
    by = actor(request)
    people_reading.check_may_read(by)
    form = MappingForm(request.POST)
    if not form.is_valid():
        errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
        return _again(request, InvalidInput.status, errors)
    said: dict[str, Any] = form.cleaned_data
    role = Role(said["role"])
    try:
        mappings.map_claim(
            claim=said["claim"], value=said["value"], role=role, by=by, system_id=said["system"], days=said["days"]
        )
    except DomainError as refusal:
        return _again(request, refusal.status, {"all": [refusal.detail]})
    waits = "It counts once another administrator has confirmed it." if role in GRAVE else "It counts at sign-ins now."
    messages.success(request, f"Written. {waits}")
    return redirect("mapping-list")


@page
@require_POST
def mapping_confirm(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /claim-mappings/<pk>/confirmation``: let a claim give a grave role, as the second administrator."""
    by = actor(request)
    people_reading.check_may_read(by)
    try:
        mappings.confirm_mapping(mapping_id=pk, by=by, password=request.POST.get("password", ""))
    except Unknown:
        raise
    except DomainError as refusal:
        return _again(request, refusal.status, {str(pk): [refusal.detail]})
    messages.success(request, "Confirmed. It counts at sign-ins from now on.")
    return redirect("mapping-list")


@page
@require_POST
def mapping_end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /claim-mappings/<pk>/end``: end a mapping, and the roles that it gave."""
    by = actor(request)
    people_reading.check_may_read(by)
    try:
        mappings.end_mapping(mapping_id=pk, by=by)
    except Unknown:
        raise
    except DomainError as refusal:
        return _again(request, refusal.status, {str(pk): [refusal.detail]})
    messages.success(request, "Ended, and with it the roles that it gave.")
    return redirect("mapping-list")


def _again(request: HttpRequest, status: int, errors: dict[str, list[str]]) -> HttpResponse:
    values = {name: request.POST.get(name, "") for name in MappingForm.base_fields}
    context = mapping_reading.mappings_page(actor(request), values=values, errors=errors)
    return render(request, "accounts/mappings.html", context, status=status)
