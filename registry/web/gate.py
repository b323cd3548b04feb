"""The page of the gate: propose what it protects, sign it as the second person, take a proposal back."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals.web.forms import Errors, errors_of, errors_of_refusal, sent
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from registry import configuring
from registry.models import GateConfiguration
from registry.reviewing.gate_pages import gate_page


class ConfigurationForm(forms.Form):
    """What the gate is to protect; the service judges it."""

    protected_aliases = forms.CharField(max_length=4000, error_messages={"required": "Name at least one alias."})
    mode = forms.ChoiceField(choices=GateConfiguration.Mode.choices)
    registry = forms.ChoiceField(choices=GateConfiguration.Registry.choices)
    automatic_revert = forms.BooleanField(required=False)
    reason = forms.CharField(
        min_length=10,
        max_length=1000,
        error_messages={
            "required": "Say why, in at least 10 characters.",
            "min_length": "Say why, in at least 10 characters.",
        },
    )


class PasswordForm(forms.Form):
    """The password that signs."""

    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


@page
@require_GET
def gate_detail(request: HttpRequest) -> HttpResponse:
    """``GET /gate``: what the gate protects and how, who said so, what it let through."""
    return render(request, "registry/gate.html", gate_page(actor(request)))


@page
@require_POST
def gate_propose(request: HttpRequest) -> HttpResponse:
    """``POST /gate/configurations``: propose another configuration; a second person signs it."""
    form = ConfigurationForm(request.POST)
    if not form.is_valid():
        return _again(request, errors_of(form), InvalidInput.status, sent(form))
    values: dict[str, Any] = form.cleaned_data
    aliases = values.pop("protected_aliases").replace("\n", ",").split(",")
    try:
        row = configuring.propose(protected_aliases=aliases, person=actor(request), **values)
    except DomainError as refusal:
        errors = errors_of_refusal(refusal, text_field="reason")
        return _again(request, errors, refusal.status, sent(form), said=refusal.detail)
    messages.success(request, f"Proposed: {row} counts once another risk officer has signed it.")
    return redirect("gate")


@page
@require_POST
def gate_sign(request: HttpRequest, number: int) -> HttpResponse:
    """``POST /gate/configurations/<number>/sign``: put a proposed configuration in force."""
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return _again(request, errors_of(form), InvalidInput.status)
    try:
        row = configuring.sign(number=number, person=actor(request), password=form.cleaned_data["password"])
    except DomainError as refusal:
        return _again(request, errors_of_refusal(refusal), refusal.status, said=refusal.detail)
    messages.success(request, f"Signed: {row} is in force; MLflow has it within a quarter of a minute.")
    return redirect("gate")


@page
@require_POST
def gate_withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """``POST /gate/configurations/<number>/withdraw``: take a proposed configuration back."""
    try:
        configuring.withdraw(number=number, person=actor(request))
    except DomainError as refusal:
        return _again(request, {"all": [refusal.detail]}, refusal.status, said=refusal.detail)
    messages.success(request, "Withdrawn. The gate stays as it is.")
    return redirect("gate")


def _again(
    request: HttpRequest, errors: Errors, status: int, values: dict[str, Any] | None = None, *, said: str = ""
) -> HttpResponse:
    """Show the page again with what was refused and what was typed."""
    context = gate_page(actor(request))
    context["form"] = {**context["form"], **(values or {}), "errors": errors}
    messages.error(request, said or " ".join(sentence for found in errors.values() for sentence in found))
    return render(request, "registry/gate.html", context, status=status)
