"""The pages of a system's risk file: the list with its matrix, one risk, and the forms that write and decide."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError
from governance.common.pages import page
from governance.inventory import declaring, risks, selectors
from governance.inventory.models import AISystem, Risk
from governance.inventory.web import risk_pages
from governance.inventory.web.risk_forms import chosen, read


@page
@require_GET
def risk_list(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/risks``: the risk file."""
    return render(request, "inventory/risks.html", risk_pages.list_page(_readable(request, pk), actor(request)))


@page
@require_GET
def risk_detail(request: HttpRequest, pk: uuid.UUID, risk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/risks/<risk>``: one risk with everything that was done to it."""
    row = risks.risk_of(_readable(request, pk), risk)
    return render(request, "inventory/risk.html", risk_pages.risk_page(row, actor(request)))


@page
@require_http_methods(["GET", "POST"])
def risk_new(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/risks/new``: write a risk down."""
    ai_system, by = _readable(request, pk), actor(request)
    declaring.check_may_declare(ai_system, by)

    def write(values: Mapping[str, Any]) -> Risk:
        return risks.open_risk(ai_system=ai_system, by=by, **values)

    return _written(request, ai_system, None, write)


@page
@require_http_methods(["GET", "POST"])
def risk_change(request: HttpRequest, pk: uuid.UUID, risk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/risks/<risk>/change``: change a risk, unless another changed it since it was read."""
    ai_system, by = _readable(request, pk), actor(request)
    row = risks.risk_of(ai_system, risk)
    declaring.check_may_declare(ai_system, by)

    def write(values: Mapping[str, Any]) -> Risk:
        seen = request.POST.get("log_entry", str(row.log_entry))
        return risks.change_risk(risk_id=row.pk, by=by, seen=seen, **values)

    return _written(request, ai_system, row, write)


@page
@require_POST
def risk_accept(request: HttpRequest, pk: uuid.UUID, risk: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/risks/<risk>/accept``: accept what remains as the second person."""
    accept = partial(risks.accept_risk, seen=request.POST.get("log_entry", ""))
    return _decided(request, pk, risk, accept, "Accepted: the residual risk. It is in the audit log.")


@page
@require_POST
def risk_close(request: HttpRequest, pk: uuid.UUID, risk: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/risks/<risk>/close``: close a risk that no longer exists."""
    return _decided(request, pk, risk, risks.close_risk, "Closed. It stays in the file.")


def _readable(request: HttpRequest, pk: uuid.UUID) -> AISystem:
    return selectors.system_for(actor(request), pk)


def _written(
    request: HttpRequest, ai_system: AISystem, row: Risk | None, write: Callable[[Mapping[str, Any]], Risk]
) -> HttpResponse:
    """Show the form, or keep what was sent; a refusal shows it again with what was typed."""
    if request.method != "POST":
        return render(request, "inventory/risk_form.html", risk_pages.form_page(ai_system, row))
    try:
        kept = write(read(request.POST, ai_system))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = risk_pages.form_page(
            ai_system, row, typed=request.POST.dict(), chosen=chosen(request.POST), error=refusal.detail
        )
        return render(request, "inventory/risk_form.html", context, status=refusal.status)
    messages.success(request, "Saved. It is in the audit log.")
    return redirect("risk-detail", pk=ai_system.pk, risk=kept.pk)


def _decided(request: HttpRequest, pk: uuid.UUID, risk: uuid.UUID, act: Callable[..., Risk], said: str) -> HttpResponse:
    ai_system, by = _readable(request, pk), actor(request)
    row = risks.risk_of(ai_system, risk)
    reason = request.POST.get("reason", "")
    try:
        act(risk_id=row.pk, by=by, reason=reason)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = risk_pages.risk_page(risks.risk_of(ai_system, risk), by, typed=reason)  # as it is by now
        return render(request, "inventory/risk.html", context, status=refusal.status)
    messages.success(request, said)
    return redirect("risk-detail", pk=pk, risk=row.pk)
