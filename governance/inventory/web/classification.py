"""The questionnaire that classifies an AI system, as one page that grows in the Act's order, and the proposal."""

import uuid
from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.inventory import selectors, services
from governance.inventory.models import AISystem
from governance.regulation import classification as rules
from governance.regulation import register
from governance.regulation.classified import Classified, classified
from governance.regulation.dates import applies_to
from governance.regulation.form import Question
from governance.regulation.questionnaire import questionnaire

STEPS = {
    1: "Scope",
    2: "Prohibited practices",
    3: "Products (Annex I)",
    4: "Uses (Annex III)",
    5: "Profiling",
    6: "Derogation (Article 6(3))",
    7: "Transparency (Article 50)",
    8: "General-purpose models",
}
CLASSES = dict(AISystem.AIActClass.choices)
GENERAL_PURPOSE = {
    "no": "",
    "gpai": gettext_lazy("provider of one"),
    "gpai_systemic": gettext_lazy("provider of one with systemic risk"),
}
TIERS = ("1", "2", "3", "4")
Row = dict[str, Any]
Answers = dict[str, str | list[str]]


@page
@require_http_methods(["GET", "POST"])
def classify(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/classification``: answer, see what follows, propose. Nothing is kept before it is proposed."""
    ai_system, by = selectors.system_for(actor(request), pk), actor(request)
    services.check_may_classify(ai_system, by)
    if request.method != "POST":
        signed = selectors.classification_in_force(ai_system)
        answers, tier = (dict(signed.answers), str(signed.model_tier)) if signed else ({}, "")
        placed = signed.placed_on.isoformat() if signed and signed.placed_on else ""
        return render(request, "inventory/classify.html", classify_page(ai_system, answers, tier, placed))
    answers, tier = _answers(request.POST), request.POST.get("model_tier", "")
    placed = request.POST.get("placed_on", "").strip()
    if "propose" not in request.POST:
        return render(request, "inventory/classify.html", classify_page(ai_system, answers, tier, placed))
    try:
        if tier not in TIERS:
            raise InvalidInput("Choose the model tier, from 1 (highest) to 4.")
        services.propose_classification(
            ai_system=ai_system, answers=answers, model_tier=int(tier), by=by, placed_on=_placed_on(placed)
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = classify_page(ai_system, answers, tier, placed, error=refusal.detail)
        return render(request, "inventory/classify.html", context, status=refusal.status)
    messages.success(request, "Proposed. It takes effect when a second person signs it.")
    return redirect("system-detail", pk=ai_system.pk)


def classify_page(ai_system: AISystem, answers: Answers, tier: str, placed: str = "", *, error: str = "") -> Row:
    """Return the context of inventory/classify.html: the questions up to the first step with an open one.

    Args:
        placed: the day on which the system was placed on the market or put into service, as typed; empty is not known.
    """
    shown = _shown(answers)
    asked = {question.id for question in shown}
    answers = {key: value for key, value in answers.items() if key in asked}
    try:
        trace, found = rules.follow(answers)
    except rules.AnswersInvalid as wrong:
        trace, found, error = (), None, error or str(wrong)
    try:
        placed_on = _placed_on(placed)
    except InvalidInput as wrong:
        placed_on, error = None, error or wrong.detail
    return {
        "system": {"pk": ai_system.pk, "name": ai_system.name},
        "steps": [
            {
                "number": number,
                "title": STEPS[number],
                "questions": [_question(row, answers) for row in rows],
            }
            for number, rows in groupby(shown, key=lambda row: row.step)
        ],
        "trace": [{"question": row.text, "conclusion": row.conclusion, "points": row.points} for row in trace],
        "result": _result(found, placed_on) if found else None,
        "placed_on": placed,
        "tier": tier,
        "tiers": TIERS,
        "waiting": selectors.open_classification(ai_system) is not None,
        "error": error,
        "law": register.load().as_of,
    }


def _shown(answers: Answers) -> list[Question]:
    """Return the questions that the answers call for, up to the first step that has an open one."""
    given: dict[str, str | tuple[str, ...]] = {}
    shown: list[Question] = []
    for _, rows in groupby(questionnaire(), key=lambda row: row.step):
        open_ = False
        for question in rows:
            if not question.is_asked(given):
                continue
            shown.append(question)
            value = answers.get(question.id)
            if value:
                given[question.id] = value if isinstance(value, str) else tuple(value)
            else:
                open_ = True
        if open_:
            break
    return shown


def _question(question: Question, answers: Answers) -> Row:
    value = answers.get(question.id, [])
    chosen = [value] if isinstance(value, str) else value
    return {
        "id": question.id,
        "text": question.text,
        "help": question.help,
        "kind": question.kind,
        "points": question.points if len(question.points) < 6 else (),
        "choices": [
            {"value": row.value, "label": row.label, "help": row.help, "chosen": row.value in chosen}
            for row in question.choices
        ],
    }


def _placed_on(typed: str) -> date | None:
    """Return the day that was typed, None for none.

    Raises:
        InvalidInput: it is no day.
    """
    try:
        found = parse_date(typed) if typed else None
    except ValueError:
        found = None
    if typed and found is None:
        raise InvalidInput("When it was placed on the market or put into service is a day, such as 2026-07-01.")
    return found


def _result(found: rules.Classification, placed_on: date | None) -> Row:
    """Return the class that would follow, its points and duties with both days from which they bind."""
    law, system = register.load(), classified(found, placed_on=placed_on)
    return {
        "ai_act_class": CLASSES[found.ai_act_class],
        "prohibited": found.ai_act_class == "prohibited",
        "annex_points": [{"id": row, "title": law.point(row).title} for row in found.annex_points],
        "duties": [_duty(law.point(row), system) for row in found.duties],
        "applies_from": found.applies_from,
        "roles": [row.replace("_", " ") for row in found.roles],
        "general_purpose": GENERAL_PURPOSE[found.general_purpose],
    }


def _duty(point: register.Point, system: Classified) -> Row:
    applies, transition = applies_to(point, system, register.load())
    return {
        "id": point.id,
        "title": point.title,
        "formal_on": applies.formal,
        "practical_on": applies.practical,
        "transition": {"before": transition.marketed_before, "on": transition.applies_from}
        if transition and transition.applies_from != applies.formal
        else None,
    }


def _answers(sent: QueryDict) -> Answers:
    """Return what was answered, by question; what the form does not ask is left out."""
    found: Answers = {}
    for question in questionnaire():
        allowed = {choice.value for choice in question.choices}
        values = [value for value in sent.getlist(question.id) if value in allowed]
        if values:
            found[question.id] = values[-1] if question.kind == "one" else values
    return _called_for(found)


def _called_for(answers: Mapping[str, str | list[str]]) -> Answers:
    """Leave out what the other answers no longer call for, so that only what was asked is kept."""
    asked = {question.id for question in _shown(dict(answers))}
    return {key: value for key, value in answers.items() if key in asked}
