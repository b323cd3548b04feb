"""The page of one alert, and what people do there."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from monitoring import alerts, selectors
from monitoring.web.alert_page import alert_page
from monitoring.web.forms import AcknowledgeForm, AlertForm, MuteForm, ResolveForm


@page
@require_GET
def alert_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /alerts/<pk>``: what set it off, what it did, and what people did about it."""
    return render(request, "monitoring/alert.html", alert_page(actor(request), pk))


@page
@require_POST
def alert_acknowledge(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /alerts/<pk>/acknowledgement``: take it in hand."""

    def act(values: Mapping[str, Any]) -> str:
        del values
        alerts.acknowledge_alert(alert_id=pk, person=actor(request))
        return "You have it in hand; the log says so."

    return _acted(request, pk, AcknowledgeForm(request.POST), act)


@page
@require_POST
def alert_mute(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /alerts/<pk>/mute``: let it be quiet to the end of a day, in UTC."""

    def act(values: Mapping[str, Any]) -> str:
        until = datetime.combine(values["until"], time.max, UTC)
        alerts.mute_alert(alert_id=pk, person=actor(request), until=until, why=values["why"])
        return "Muted; the log says why."

    return _acted(request, pk, MuteForm(request.POST), act)


@page
@require_POST
def alert_resolve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /alerts/<pk>/resolution``: say what was found and done."""

    def act(values: Mapping[str, Any]) -> str:
        alerts.resolve_alert(alert_id=pk, person=actor(request), how=values["how"])
        return "Resolved. The next window that drifts opens a new alert."

    return _acted(request, pk, ResolveForm(request.POST), act)


def _acted(
    request: HttpRequest, pk: uuid.UUID, form: AlertForm, act: Callable[[Mapping[str, Any]], str]
) -> HttpResponse:
    """Have a service act on what a form says; a refusal shows the page again with its sentence and what was typed."""
    selectors.alert_for(actor(request), pk)  # who may not read it learns nothing by trying
    errors: dict[str, list[str]] = {}
    try:
        if not form.is_valid():
            errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
            raise InvalidInput(" ".join(sentence for found in errors.values() for sentence in found))
        said = act(form.cleaned_data)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        typed = {**request.POST.dict(), "errors": errors or {form.text: [refusal.detail]}}
        context = alert_page(actor(request), pk) | {"form": typed}
        return render(request, "monitoring/alert.html", context, status=refusal.status)
    messages.success(request, said)
    return redirect("alert-detail", pk=pk)
