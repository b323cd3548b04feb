"""Models that no MLflow holds, on pages: record a version, request its use, state that it is in use, say its bases."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.approvals.web.forms import errors_of, sent
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.evidence.tasks import enqueue
from governance.inventory import selectors as inventory
from placet.mlflow_plugin.protection import fold
from registry import bases, descriptions, outside, promotions, protected, recording
from registry.models import BuildsOn, RegisteredModel
from registry.reviewing import model_pages, outside_pages, requester
from registry.web.views import model_of, promotion_of

_SAY = {"required": "This is needed."}
LONGEST_RESTRICTION = 200


class RecordForm(forms.Form):
    """What is written down of a version that no MLflow holds."""

    system = forms.CharField(max_length=80, error_messages={"required": "Choose the AI system that uses it."})
    name = forms.CharField(max_length=100, error_messages=_SAY)
    supplier = forms.CharField(max_length=200, error_messages=_SAY)
    product = forms.CharField(max_length=200, error_messages=_SAY)
    version = forms.CharField(max_length=100, error_messages=_SAY)
    licence = forms.CharField(max_length=200, required=False)
    runs = forms.ChoiceField(choices=list(descriptions.RUNS.items()), error_messages={"required": "Choose one."})
    where = forms.CharField(max_length=300, required=False)
    summary = forms.CharField(max_length=2000, required=False)
    pins = forms.CharField(max_length=20_000, required=False)


class UseForm(forms.Form):
    """Since when, and where."""

    since = forms.DateField(error_messages={"required": "Give a day.", "invalid": "Write the day as 2027-01-31."})
    statement = forms.CharField(
        max_length=1000, error_messages={"required": "Say where it is used, and by which unit."}
    )


class BaseForm(forms.Form):
    """Which version is built on which other one."""

    version = forms.IntegerField(min_value=1, error_messages={"required": "Choose a version."})
    base_model = forms.CharField(max_length=256, error_messages={"required": "Name the model below."})
    base_version = forms.IntegerField(min_value=1, error_messages={"required": "Give its version."})
    kind = forms.ChoiceField(choices=BuildsOn.Kind.choices, error_messages={"required": "Choose a kind."})


class RequestForm(forms.Form):
    """Which version is to be used, and what for."""

    version = forms.IntegerField(min_value=1, error_messages={"required": "Choose a version."})
    use_restrictions = forms.CharField(max_length=2000, required=False)


@page
@require_http_methods(["GET", "POST"])
def model_record(request: HttpRequest) -> HttpResponse:
    """``GET``/``POST /models/record``: the form, asked by ``?kind=``; write a version down."""
    person = actor(request)
    if request.method == "GET":
        kind, name = request.GET.get("kind", ""), request.GET.get("name", "")
        context = outside_pages.record_page(person, kind=kind, form={"name": name})
        return render(request, "registry/record.html", context)
    form, kind = RecordForm(request.POST), request.POST.get("kind", "")
    errors, status = errors_of(form), InvalidInput.status
    if form.is_valid():
        values = dict(form.cleaned_data)
        try:
            ai_system = inventory.system_for(person, values.pop("system"))
            made = recording.record_version(
                recorder=person, ai_system=ai_system, kind=kind, **values | {"pins": pins_of(values["pins"])}
            )
        except DomainError as refusal:
            errors, status = {"all": [refusal.detail]}, refusal.status
        else:
            messages.success(request, f"Recorded as {made}; its digest is in the log.")
            return redirect("model-detail", pk=made.model_id)
    context = outside_pages.record_page(person, kind=kind, form=sent(form), errors=errors)
    return render(request, "registry/record.html", context, status=status)


def pins_of(text: str) -> list[dict[str, str]]:
    """Return what pins a version from its lines: ``file model.xlsx sha256:…``.

    Raises:
        InvalidInput: a line has not these three parts.
    """
    pins = []
    for line in filter(None, map(str.strip, text.splitlines())):
        what, _, rest = line.partition(" ")
        name, _, digest = rest.strip().rpartition(" ")
        if not name:
            raise InvalidInput(f"{line[:80]!r} has not the three parts: file or document, its name, its digest.")
        pins.append({"what": what, "name": name.strip(), "digest": digest})
    return pins


@page
@require_POST
def model_request(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /models/<pk>/request``: ask that a recorded version may be used."""
    registered, person, form = model_of(request, pk), actor(request), RequestForm(request.POST)
    errors, status = errors_of(form), InvalidInput.status
    if form.is_valid():
        try:
            outside.check_may_request(registered, person)
            restrictions = restrictions_of(form.cleaned_data["use_restrictions"])
            promotion, jobs = promotions.request_promotion(
                model=str(registered),
                version=form.cleaned_data["version"],
                alias=fold(protected.IN_USE),
                requester=person,
                use_restrictions=restrictions,
            )
        except DomainError as refusal:
            errors, status = {"all": [refusal.detail]}, refusal.status
        else:
            enqueue(jobs)
            messages.success(request, "Requested. Reviewers are asked once the evidence is complete.")
            return redirect("promotion-detail", pk=promotion.pk)
    return _model_again(request, registered, {"uid": "request-use", "errors": errors, **sent(form)}, status)


def restrictions_of(text: str) -> list[str]:
    """Return use restrictions, one a line.

    Raises:
        InvalidInput: one is longer than a request keeps.
    """
    lines = list(filter(None, map(str.strip, text.splitlines())))
    if long := next((line for line in lines if len(line) > LONGEST_RESTRICTION), ""):
        raise InvalidInput(f"A use restriction is at most {LONGEST_RESTRICTION} characters; {long[:40]!r}… is longer.")
    return lines


@page
@require_POST
def model_base(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /models/<pk>/bases``: say what one of its versions is built on."""
    registered, form = model_of(request, pk), BaseForm(request.POST)
    errors, status = errors_of(form), InvalidInput.status
    if form.is_valid():
        try:
            word = bases.state_base(model=str(registered), person=actor(request), **form.cleaned_data)
        except DomainError as refusal:
            errors, status = {"all": [refusal.detail]}, refusal.status
        else:
            messages.success(request, f"In the log: {word.version} builds on {word.base}.")
            return redirect("model-detail", pk=pk)
    return _model_again(request, registered, {"uid": "base", "errors": errors, **sent(form)}, status)


@page
@require_POST
def base_withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /bases/<pk>/withdraw``: take back that a version is built on another one."""
    model_id = bases.word_for(actor(request), pk).version.model_id
    try:
        bases.withdraw_base(word_id=pk, person=actor(request))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return _model_again(request, model_of(request, model_id), {}, refusal.status)
    messages.success(request, "Withdrawn; the log keeps that it was said.")
    return redirect("model-detail", pk=model_id)


@page
@require_POST
def promotion_use(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /promotions/<pk>/use``: state that what was approved is in use since a day."""
    promotion, person, form = promotion_of(request, pk), actor(request), UseForm(request.POST)
    errors, status = errors_of(form), InvalidInput.status
    if form.is_valid():
        try:
            change = outside.state_in_use(promotion_id=pk, person=person, **form.cleaned_data)
        except DomainError as refusal:
            errors, status = {"all": [refusal.detail]}, refusal.status
        else:
            messages.success(request, f"{change} is in the log: in use, on your word.")
            return redirect("promotion-detail", pk=pk)
    context = requester.request_page(promotion, person)
    if context["use"]:
        context["use"] |= {**sent(form), "errors": errors}
    messages.error(request, " ".join(said for rows in errors.values() for said in rows))
    return render(request, "registry/request.html", context, status=status)


def _model_again(request: HttpRequest, registered: RegisteredModel, form: dict[str, Any], status: int) -> HttpResponse:
    context = model_pages.model_page(registered, actor(request))
    for said in form.get("errors", {}).values():
        messages.error(request, " ".join(said))
    return render(request, "registry/model.html", context | {"form": form}, status=status)
