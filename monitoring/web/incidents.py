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
from monitoring.incidents import facts, report, selectors, services
from monitoring.incidents.models import Incident
from monitoring.selectors import alert_for
from monitoring.web import incident_pages as shown
from monitoring.web.incident_forms import (
    CloseForm,
    FactsForm,
    IncidentForm,
    NoteForm,
    OpenForm,
    ReportForm,
    TaskForm,
    TimesForm,
    changed_times,
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
        made = _opened(person, form.cleaned_data)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        typed = {**request.POST.dict(), "errors": errors_of(form) or _at(refusal, form)}
        return render(request, "monitoring/incident_new.html", context | {"form": typed}, status=refusal.status)
    messages.success(request, f"{made} is written down. Its clocks run from the time of awareness.")
    return redirect("incident-detail", pk=made.pk)


def _opened(person: User, values: Values) -> Incident:
    version = values["version"] and ModelVersion.objects.select_related("model").filter(pk=values["version"]).first()
    return services.open_incident(
        system=inventory.system_for(person, values["system"]),
        title=values["title"],
        what_happened=values["what_happened"],
        persons=values["persons"],
        by=person,
        aware_at=values["aware_at"],
        version=version or None,
        alert=alert_for(person, values["alert"]) if values["alert"] else None,
        times={name: values.get(name) for name in services.TIMES},
        facts={name: values[name] for name in services.FACTS},
    )


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

    def act(values: Values) -> str:
        stated = {name: values[name] for name in services.FACTS}
        services.change_facts(incident_id=pk, by=actor(request), why=values["facts_why"], facts=stated)
        return "Stated anew; the log keeps what was said before."

    return _acted(request, pk, FactsForm(request.POST), act)


@page
@require_POST
def incident_times(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/times``: put times right."""

    def act(values: Values) -> str:
        times = changed_times(selectors.incident_for(actor(request), pk), dict(values))
        services.change_times(incident_id=pk, by=actor(request), why=values["times_why"], times=times)
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
def incident_close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /incidents/<pk>/close``: close an incident that one does not own, signed."""

    def act(values: Values) -> str:
        services.close_incident(
            incident_id=pk,
            closer=actor(request),
            how=values["how"],
            not_serious=values["not_serious"],
            password=values["password"],
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
        typed: dict[str, Any] = {name: value for name, value in request.POST.items() if name != "password"}
        typed["errors"] = errors_of(form) or _at(refusal, form)
        return render(
            request, "monitoring/incident.html", context | {"form": context["form"] | typed}, status=refusal.status
        )
    messages.success(request, said)
    return redirect("incident-detail", pk=pk)


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
