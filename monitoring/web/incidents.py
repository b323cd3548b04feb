"""The pages of serious incidents: the list, the form that writes one down, and one with its clocks."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain
from governance.common import clock
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from governance.inventory import selectors as inventory
from monitoring.incidents import checks, facts, report, selectors, services
from monitoring.incidents.errors import IncidentChanged
from monitoring.incidents.models import Incident
from monitoring.selectors import alert_for
from monitoring.web import incident_pages as shown
from monitoring.web.incident_forms import (
    CloseForm,
    FactsForm,
    HandOverForm,
    IncidentForm,
    NoteForm,
    OpenForm,
    ReportForm,
    TaskForm,
    TimesForm,
    brought_up,
    changed_times,
    changed_words,
    errors_of,
    not_in_this_minute,
)
from registry.models import ModelVersion

Values = Mapping[str, Any]


@page
@require_safe
def incident_list(request: HttpRequest) -> HttpResponse:
    """``GET /incidents``: unreported ones first, the next due day on top."""
    return render(request, "monitoring/incidents.html", shown.list_page(actor(request), request.GET.dict()))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def incident_new(request: HttpRequest) -> HttpResponse:
    """``/incidents/new``: write an incident down, of a system or from an alert."""
    person = actor(request)
    if request.method != "POST":
        return render(request, "monitoring/incident_new.html", shown.new_page(person, request.GET.dict()))
    form = OpenForm(request.POST)
    context = shown.new_page(person, request.POST.dict())  # who may not write one down learns nothing by trying
    try:
        if not form.is_valid():
            raise InvalidInput(_sentences(form))
        made = _opened(person, form)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        typed = _typed(request) | {"errors": errors_of(form) or _at(refusal, form)}
        return render(request, "monitoring/incident_new.html", context | {"form": typed}, status=refusal.status)
    messages.success(request, f"{made} is written down. Its clocks run from the time of awareness.")
    return redirect("incident-detail", pk=made.pk)


def _opened(person: User, form: OpenForm) -> Incident:
    values = form.cleaned_data
    return services.open_incident(
        system=inventory.system_for(person, values["system"]),
        title=values["title"],
        what_happened=values["what_happened"],
        persons=values["persons"],
        by=person,
        aware_at=values["aware_at"],
        equivalent_law_note=values["equivalent_law_note"],
        version=_version(values["version"]),
        alert=alert_for(person, values["alert"]) if values["alert"] else None,
        times={name: values.get(name) for name in checks.TIMES},
        facts=form.stated(),
    )


def _version(pk: uuid.UUID | None) -> ModelVersion | None:
    return ModelVersion.objects.select_related("model").filter(pk=pk).first() if pk else None


@page
@require_safe
def incident_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /incidents/<pk>``: one incident, its clocks and what was done about it."""
    return render(request, "monitoring/incident.html", shown.incident_page(actor(request), pk))


@page
@require_safe
def incident_markdown(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /incidents/<pk>/draft.md``: the draft of a report, to take away."""
    incident = selectors.incident_for(actor(request), pk)
    return _download(report.as_markdown(facts.draft_of(incident)), f"{incident}-draft.md", "text/markdown")


@page
@require_safe
def incident_json(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /incidents/<pk>/draft.json``: the same as data."""
    incident = selectors.incident_for(actor(request), pk)
    content = json.dumps(report.as_json(facts.draft_of(incident)), ensure_ascii=False, indent=2)
    return _download(content, f"{incident}-draft.json", "application/json")


@page
@require_POST
def incident_facts(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/facts``: state facts anew."""

    form = FactsForm(request.POST)

    def act(values: Values) -> str:
        services.change_facts(
            incident_id=pk,
            by=actor(request),
            why=values["facts_why"],
            facts=form.stated() | ({"version": _version(values["version"])} if "version" in form.data else {}),
            words=changed_words(selectors.incident_for(actor(request), pk), dict(values)),
            seen=values["log_entry"],
        )
        return "Stated anew; the log keeps what was said before."

    return _acted(request, pk, form, act)


@page
@require_POST
def incident_times(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/times``: put times right."""

    def act(values: Values) -> str:
        times = changed_times(selectors.incident_for(actor(request), pk), dict(values))
        # Compared outside the lock with what may no longer be: then the service finds that it was not what was seen.
        services.change_times(
            incident_id=pk, by=actor(request), why=values["times_why"], times=times, seen=values["log_entry"]
        )
        return "The times are put right; the log says what they were, and why."

    return _acted(request, pk, TimesForm(request.POST), act)


@page
@require_POST
def incident_note(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/notes``: note something."""

    def act(values: Values) -> str:
        services.add_note(incident_id=pk, by=actor(request), text=values["note"])
        return "Noted."

    return _acted(request, pk, NoteForm(request.POST), act)


@page
@require_POST
def incident_task(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/tasks``: give somebody something to do."""

    def act(values: Values) -> str:
        owner = User.objects.filter(pk=values["task_owner"]).first()
        if owner is None:
            raise InvalidInput("There is no such person.")
        services.add_task(
            incident_id=pk, by=actor(request), text=values["task"], owner=owner, due_on=values["task_due_on"]
        )
        return f"{owner.name} has it."

    return _acted(request, pk, TaskForm(request.POST), act)


@page
@require_POST
def incident_task_done(request: HttpRequest, pk: uuid.UUID, task: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/tasks/<task>/done``: say that a task is done."""

    def act(values: Values) -> str:
        services.finish_task(incident_id=pk, task_id=task, by=actor(request))
        return "Done."

    return _acted(request, pk, IncidentForm(request.POST), act)


@page
@require_POST
def incident_report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/reports``: record that a report was sent."""

    def act(values: Values) -> str:
        services.record_report(
            incident_id=pk,
            by=actor(request),
            authority=values["authority"],
            reference=values["reference"],
            reported_at=not_in_this_minute(values["sent_at"], clock.now()),
            remarks=values["remarks"],
        )
        return "The report is on record. Placet sent nothing."

    return _acted(request, pk, ReportForm(request.POST), act)


@page
@require_POST
def incident_owner(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/owner``: hand the incident over to another person."""

    def act(values: Values) -> str:
        owner = User.objects.filter(pk=values["owner"]).first()
        if owner is None:
            raise InvalidInput("There is no such person.")
        services.hand_over(incident_id=pk, by=actor(request), owner=owner, why=values["owner_why"])
        return f"{owner.name} has the incident."

    return _acted(request, pk, HandOverForm(request.POST), act)


@page
@require_POST
def incident_close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/close``: close an incident that one does not own, signed."""

    def act(values: Values) -> str:
        services.close_incident(
            incident_id=pk,
            closer=actor(request),
            how=values["how"],
            ending=values["ending"],
            reference=values["ending_reference"],
            password=values["password"],
            seen=values["log_entry"],
        )
        return "The incident is closed."

    return _acted(request, pk, CloseForm(request.POST), act)


def _acted(request: HttpRequest, pk: uuid.UUID, form: IncidentForm, act: Callable[[Values], str]) -> HttpResponse:
    """Have a service act on what a form says; a refusal shows the page again with its sentence and what was typed."""
    selectors.incident_for(actor(request), pk)  # who may not read it learns nothing by trying
    try:
        if not form.is_valid():
            raise InvalidInput(_sentences(form))
        said = act(form.cleaned_data)
    except Unknown:
        raise
    except DomainError as refusal:
        context = shown.incident_page(actor(request), pk)
        messages.error(request, refusal.detail)
        typed = _typed(request)
        if isinstance(refusal, IncidentChanged):
            typed |= brought_up(typed, selectors.incident_for(actor(request), pk))
        typed |= {"log_entry": context["form"]["log_entry"], "errors": errors_of(form) or _at(refusal, form)}
        # What a form does not show keeps its present value; what it shows and was emptied is empty.
        return render(
            request, "monitoring/incident.html", context | {"form": context["form"] | typed}, status=refusal.status
        )
    messages.success(request, said)
    return redirect("incident-detail", pk=pk)


def _typed(request: HttpRequest) -> dict[str, Any]:
    """Return what was typed, but for the password; several ticks of one name as a list."""
    typed: dict[str, Any] = {name: value for name, value in request.POST.items() if name != "password"}
    if "facts_why" in typed or "title" in typed:
        # Boxes that are not ticked are not sent.
        typed |= {name: request.POST.getlist(name) for name in ("harms", "member_states")}
        typed["widespread"] = "widespread" in request.POST
    return typed


def _at(refusal: DomainError, form: IncidentForm) -> dict[str, list[str]]:
    """Return a service's refusal as the error of the password, of the time or of what was written."""
    name = "password" if isinstance(refusal, SignInAgain) else str(refusal.extra.get("field", form.text))
    name = "sent_at" if name == "reported_at" and isinstance(form, ReportForm) else name
    return {name: [refusal.detail]}


def _sentences(form: IncidentForm) -> str:
    return " ".join(sentence for found in errors_of(form).values() for sentence in found)


def _download(content: str, name: str, kind: str) -> HttpResponse:
    headers = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(content, headers=headers)
