"""The page of a system's record: read what is asked, answer it, review answers, take answers over."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from governance.inventory import declaring, selectors
from governance.inventory.errors import AnsweredMeanwhile
from governance.inventory.models import AISystem
from governance.inventory.web import record_pages
from governance.inventory.web.record_pages import ANSWER, SEEN, Typed
from governance.regulation import record


@page
@require_GET
def system_record_page(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/record``: every question of the record; ``show`` narrows it."""
    show = request.GET.get("show", "all")
    return render(
        request, "inventory/record.html", record_pages.record_page(_readable(request, pk), actor(request), show=show)
    )


@page
@require_POST
def record_answer(request: HttpRequest, pk: uuid.UUID, section: str) -> HttpResponse:
    """``POST /systems/<pk>/record/sections/<section>``: save what the writer changed in a section, all or nothing."""
    ai_system, by, show = _readable(request, pk), actor(request), request.POST.get("show", "all")
    typed = _typed(request.POST, section)
    declaring.check_may_declare(ai_system, by)  # first: then every later refusal can show the form again
    changed = _changed(ai_system, typed)
    try:
        made = declaring.declare(
            ai_system=ai_system,
            answers={question: row.text for question, row in changed.items()},
            seen={question: row.seen for question, row in changed.items()},
            by=by,
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = record_pages.record_page(
            ai_system,
            by,
            show=show,
            typed=typed,
            refused=(section, refusal.detail),
            meanwhile=isinstance(refusal, AnsweredMeanwhile),
        )
        return render(request, "inventory/record.html", context, status=refusal.status)
    if made:
        messages.success(request, f"Saved: {len(made)} {'answer' if len(made) == 1 else 'answers'}.")
    else:
        messages.info(request, "Nothing was changed.")
    return redirect(_back(ai_system, show) + f"#s-{section}")


@page
@require_POST
def record_review(request: HttpRequest, pk: uuid.UUID, declaration: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/record/answers/<id>/review``: accept or return an answer as the second person."""
    ai_system, by, show = _readable(request, pk), actor(request), request.POST.get("show", "all")
    row = selectors.declaration(ai_system, declaration)
    verdict, note = request.POST.get("verdict", ""), request.POST.get("note", "")
    try:
        declaring.review(declaration_id=row.pk, verdict=verdict, by=by, note=note)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = record_pages.record_page(ai_system, by, show=show, reviewed=(row.pk, note, refusal.detail))
        return render(request, "inventory/record.html", context, status=refusal.status)
    messages.success(request, "Accepted." if verdict == "accepted" else "Returned: it counts as open.")
    return redirect(_back(ai_system, show) + f"#q-{row.question}")


@page
@require_GET
def record_question(request: HttpRequest, pk: uuid.UUID, question: str) -> HttpResponse:
    """``GET /systems/<pk>/record/questions/<id>``: every answer that was given to a question."""
    try:
        context = record_pages.question_page(_readable(request, pk), question)
    except record.UnknownQuestion as error:
        raise Unknown(str(error)) from error
    return render(request, "inventory/record_question.html", context)


@page
@require_http_methods(["GET", "POST"])
def record_reuse(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/record/reuse``: the answers of ``from`` beside one's own; POST gives the chosen here too."""
    ai_system, by = _readable(request, pk), actor(request)
    sent = request.POST if request.method == "POST" else request.GET
    declaring.check_may_declare(ai_system, by)
    chosen = selectors.system_for(by, sent["from"]) if sent.get("from") else None
    if request.method != "POST":
        return render(request, "inventory/record_reuse.html", record_pages.reuse_page(ai_system, by, chosen))
    questions = sent.getlist("questions")
    try:
        if chosen is None:
            raise InvalidInput("Choose the system to take answers from.")
        if not questions:
            raise InvalidInput("Tick the answers that hold for this system too.")
        made = declaring.reuse(ai_system=ai_system, source=chosen, questions=questions, by=by)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = record_pages.reuse_page(ai_system, by, chosen, ticked=questions)
        return render(request, "inventory/record_reuse.html", context, status=refusal.status)
    messages.success(request, f"Taken over: {len(made)} {'answer' if len(made) == 1 else 'answers'}, as your own.")
    return redirect("system-record", pk=ai_system.pk)


def _readable(request: HttpRequest, pk: uuid.UUID) -> AISystem:
    return selectors.system_for(actor(request), pk)


def _back(ai_system: AISystem, show: str) -> str:
    address = reverse("system-record", args=[ai_system.pk])
    return f"{address}?show={show}" if show in record_pages.FILTERS and show != "all" else address


def _typed(sent: QueryDict, section: str) -> dict[str, Typed]:
    """Return what was sent for the questions of a section; a question that is not sent is not answered."""
    if section not in record.load().sections:
        raise Unknown(f"The record has no section {section}.")
    back = set(sent.getlist("take_back"))
    return {
        row.id: Typed(
            text="" if row.id in back else sent.get(ANSWER + row.id, ""), seen=_number(sent.get(SEEN + row.id, ""))
        )
        for row in record.load().questions.values()
        if row.section == section and ANSWER + row.id in sent
    }


def _changed(ai_system: AISystem, typed: dict[str, Typed]) -> dict[str, Typed]:
    """Return what the writer changed against what they saw: the rest of the form only repeats what it was given."""
    seen = {
        (row.question, row.number): row.text for row in ai_system.declarations.filter(question__in=typed).order_by()
    }
    return {
        question: row
        for question, row in typed.items()
        if row.text.replace("\r\n", "\n").strip() != seen.get((question, row.seen), "")
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
