"""The pages of a system's notices and requests: the list, one of them, and the forms that record, send and erase."""

import uuid
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.inventory import correspondence as letters
from governance.inventory import declaring, selectors
from governance.inventory.models import AISystem, Correspondence
from governance.inventory.web import correspondence_pages as pages

_TEXTS = ("kind", "reference", "text", "decision", "due_basis")


@page
@require_GET
def correspondence_list(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/correspondence?kind=&state=``: notices and requests, the newest first."""
    context = pages.list_page(
        _readable(request, pk),
        actor(request),
        kind=request.GET.get("kind", ""),
        state=request.GET.get("state", ""),
    )
    return render(request, "inventory/correspondence_list.html", context)


@page
@require_GET
def correspondence_detail(request: HttpRequest, pk: uuid.UUID, correspondence: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/correspondence/<id>``: one of them with everything that was done to it."""
    row = letters.correspondence_for(_readable(request, pk), correspondence, actor(request))
    return render(request, "inventory/correspondence.html", pages.one_page(row, actor(request)))


@page
@require_http_methods(["GET", "POST"])
def correspondence_new(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/correspondence/new``: record a notice or a request; a refusal keeps what was typed."""
    ai_system, by = _readable(request, pk), actor(request)
    declaring.check_may_declare(ai_system, by)
    if request.method != "POST":
        context = pages.form_page(ai_system, typed={"kind": request.GET.get("kind", "")})
        return render(request, "inventory/correspondence_new.html", context)
    sent = request.POST
    try:
        row = letters.record_correspondence(
            ai_system=ai_system,
            by=by,
            received_on=_day(sent, "received_on"),
            due_on=_day(sent, "due_on"),
            **{name: sent.get(name, "").strip() for name in _TEXTS},
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = pages.form_page(ai_system, typed=sent.dict(), error=refusal.detail)
        return render(request, "inventory/correspondence_new.html", context, status=refusal.status)
    messages.success(request, "Recorded. It is in the audit log.")
    return redirect("correspondence-detail", pk=ai_system.pk, correspondence=row.pk)


@page
@require_POST
def correspondence_answer(request: HttpRequest, pk: uuid.UUID, correspondence: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/correspondence/<id>/answer``: write what a request is answered; nothing is sent by it."""

    def read(sent: Mapping[str, Any]) -> dict[str, Any]:
        return {"answer": sent.get("answer", ""), "seen": sent.get("log_entry", "")}

    said = "Written. Draw the letter, send it, then record that."
    return _done(request, pk, correspondence, letters.answer_correspondence, read, said)


@page
@require_POST
def correspondence_send(request: HttpRequest, pk: uuid.UUID, correspondence: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/correspondence/<id>/send``: record that the notice or the answer was sent."""

    def read(sent: Mapping[str, Any]) -> dict[str, Any]:
        sent_on = _day(sent, "sent_on")
        if sent_on is None:
            raise InvalidInput("Name the day on which it was sent.")
        return {"sent_on": sent_on, "answer": sent.get("answer", ""), "seen": sent.get("log_entry", "")}

    return _done(request, pk, correspondence, letters.send_correspondence, read, "Recorded as sent.")


@page
@require_POST
def correspondence_withdraw(request: HttpRequest, pk: uuid.UUID, correspondence: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/correspondence/<id>/withdraw``: close one that is not sent."""
    return _done(request, pk, correspondence, letters.withdraw_correspondence, _reason, "Withdrawn. It stays listed.")


@page
@require_POST
def correspondence_erase(request: HttpRequest, pk: uuid.UUID, correspondence: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/correspondence/<id>/erase``: take out what could say who somebody is."""
    return _done(
        request, pk, correspondence, letters.erase_correspondence, _reason, "Erased. That is in the audit log."
    )


def _readable(request: HttpRequest, pk: uuid.UUID) -> AISystem:
    return selectors.system_for(actor(request), pk)


def _reason(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason": sent.get("reason", "")}


def _done(
    request: HttpRequest,
    pk: uuid.UUID,
    correspondence: uuid.UUID,
    act: Callable[..., Correspondence],
    read: Callable[[Mapping[str, Any]], dict[str, Any]],
    said: str,
) -> HttpResponse:
    """Do it, and go back to the page; a refusal shows it again with what was typed."""
    ai_system, by = _readable(request, pk), actor(request)
    row = letters.correspondence_for(ai_system, correspondence, by)
    try:
        act(correspondence_id=row.pk, by=by, **read(request.POST))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        row = letters.correspondence_for(ai_system, correspondence, by)  # as it is by now
        context = pages.one_page(row, by, typed=request.POST.dict())
        return render(request, "inventory/correspondence.html", context, status=refusal.status)
    messages.success(request, said)
    return redirect("correspondence-detail", pk=pk, correspondence=row.pk)


def _day(sent: Mapping[str, Any], name: str) -> date | None:
    text = sent.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"“{text[:20]}” is no day; write it as 2026-11-23.") from None
