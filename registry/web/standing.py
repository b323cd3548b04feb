"""Ask for a standing approval, decide on one, revoke one."""

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.approvals import selectors as approvals
from governance.approvals import signing
from governance.approvals.web.forms import LiftForm, errors_of, errors_of_refusal, sent
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from registry import selectors, standing
from registry.reviewing import standing_pages
from registry.web.deciding import Subject

STANDING = Subject("standing-approval", "registry/standing.html", standing_pages.standing_page)


class StandingForm(forms.Form):
    """What may differ in a retrained version, until when, how often, and why."""

    parameters = forms.CharField(required=False, max_length=20_000)
    bounds = forms.CharField(max_length=20_000, error_messages={"required": "Bound at least one figure."})
    uses = forms.IntegerField(error_messages={"required": "Say how often.", "invalid": "Write a whole number."})
    until = forms.DateField(error_messages={"required": "Say on which day it ends.", "invalid": "Write 2027-01-31."})
    reason = forms.CharField(max_length=2000, error_messages={"required": "Say why they need no new signatures."})

    def clean_parameters(self) -> dict[str, list[str]]:
        """Read lines of the form ``name = value, value``."""
        found: dict[str, list[str]] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["parameters"].splitlines())):
            name, equals, values = line.partition("=")
            allowed = [value.strip() for value in values.split(",") if value.strip()]
            if not equals or not name.strip() or not allowed:
                raise forms.ValidationError(f"Write each parameter as `name = value, value`, not `{line[:60]}`.")
            found[name.strip()] = allowed
        return found


@page
@require_http_methods(["GET", "HEAD", "POST"])
def standing_ask(request: HttpRequest, pk: uuid.UUID, alias: str) -> HttpResponse:
    """``GET, POST /models/<pk>/standing-approvals/<alias>``: ask for a standing approval of what serves."""
    person = actor(request)
    registered = selectors.models_for(person).filter(pk=pk).select_related("system__owner").first()
    if registered is None:
        raise Unknown(f"There is no registered model {pk}.")
    context = standing_pages.ask_page(registered, alias)
    if request.method != "POST":
        return render(request, "registry/standing_ask.html", context)
    form = StandingForm(request.POST)
    if not form.is_valid():
        return _refused(request, context, form, errors_of(form), InvalidInput.status)
    values = form.cleaned_data
    try:
        row = standing.request_standing_approval(
            model=str(registered),
            alias=alias,
            requester=person,
            parameters=values["parameters"],
            bounds=values["bounds"].splitlines(),
            max_uses=values["uses"],
            expires_at=datetime.combine(values["until"] + timedelta(days=1), time(), UTC),
            reason=values["reason"],
        )
    except DomainError as refusal:
        return _refused(request, context, form, {"all": [refusal.detail]}, refusal.status)
    messages.success(request, "Asked for: the standing approval waits for its signatures.")
    return redirect("standing-approval", pk=row.approval_id)


def _refused(
    request: HttpRequest, context: dict[str, Any], form: forms.Form, errors: dict[str, list[str]], status: int
) -> HttpResponse:
    messages.error(request, " ".join(sentence for sentences in errors.values() for sentence in sentences))
    shown = context | {"form": sent(form) | {"errors": errors}}
    return render(request, "registry/standing_ask.html", shown, status=status)


@page
@require_GET
def standing_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /standing-approvals/<pk>``: one, as who decides on it needs it; ``pk`` is the request that does."""
    return STANDING.detail(request, pk)


@page
@require_POST
def standing_decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /standing-approvals/<pk>/decide``: sign a verdict on it."""
    return STANDING.decide(request, pk)


@page
@require_POST
def standing_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /standing-approvals/<pk>/sign``: record a decision on it whose statement a passkey has signed."""
    return STANDING.sign(request, pk)


@page
@require_POST
def standing_withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /standing-approvals/<pk>/withdraw``: take back one that one asked for."""
    return STANDING.withdraw(request, pk, "Withdrawn: the standing approval can be asked for anew.")


@page
@require_POST
def standing_revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /standing-approvals/<pk>/revoke``: end one for good; what it granted stays granted."""
    person = actor(request)
    context = STANDING.shown(approvals.request_for(person, pk), person)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return STANDING.again(request, context, form, errors_of(form), InvalidInput.status, key="revocation")
    values = form.cleaned_data
    try:
        signing.revoke_approval(
            request_id=pk, signer=person, rationale=values["rationale"], password=values["password"]
        )
    except DomainError as refusal:
        return STANDING.again(request, context, form, errors_of_refusal(refusal), refusal.status, key="revocation")
    messages.success(request, "Revoked: it grants nothing any more.")
    return redirect("standing-approval", pk=pk)
