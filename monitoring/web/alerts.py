"""The page of one alert, and what people do there."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.common.pages import acted, page
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
    """Have a service act on what a form of the alert's page says."""
    selectors.alert_for(actor(request), pk)  # who may not read it learns nothing by trying
    return acted(
        request,
        form,
        act,
        template="monitoring/alert.html",
        context=lambda: alert_page(actor(request), pk),
        field=lambda _: form.text,
        to=("alert-detail", pk),
    )
