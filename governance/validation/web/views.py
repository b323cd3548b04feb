"""The pages of validations and of the calendar."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain
from governance.approvals import selectors as approvals
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from governance.validation import calendar, selectors, services, signing
from governance.validation.ics import as_ics
from governance.validation.models import OPEN, ValidationTest
from governance.validation.pages import calendar_page, system_asked, validations_page, workspace_page
from governance.validation.report_file import LARGEST, report_response
from governance.validation.web.forms import (
    AbandonForm,
    FindingForm,
    IndependenceForm,
    PlanForm,
    ReportForm,
    SignForm,
    TestForm,
    UploadForm,
)

Act = Callable[[Mapping[str, Any]], str]


@page
@require_GET
def validation_list(request: HttpRequest) -> HttpResponse:
    """``GET /validations``: the validations that one may read."""
    return render(request, "validation/validations.html", validations_page(actor(request), request.GET.dict()))


@page
@require_POST
def validation_open(request: HttpRequest) -> HttpResponse:
    """``POST /validations/open``: take on the validation of what a request is about."""
    person = actor(request)
    try:
        approval = approvals.request_for(person, uuid.UUID(request.POST.get("approval", "")))
    except ValueError:
        raise Unknown("Say which request's version is validated.") from None
    made = services.open_validation(approval_id=approval.pk, validator=person)
    messages.success(request, f"{made} is yours. State the plan and declare your independence; then the work begins.")
    return redirect("validation-detail", made.pk)


@page
@require_GET
def validation_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /validations/<pk>``: the workspace while it is open, the report once it is settled."""
    person = actor(request)
    validation = selectors.validation_for(person, pk)
    template = "workspace" if validation.state in OPEN else "report"
    return render(request, f"validation/{template}.html", workspace_page(person, validation))


@page
@require_POST
def validation_plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/plan``: state what is validated, how, and what is not."""

    def act(values: Mapping[str, Any]) -> str:
        services.state_plan(validation_id=pk, by=actor(request), **values)
        return "The plan is in the log."

    return _acted(request, pk, "plan", PlanForm(request.POST), act)


@page
@require_POST
def validation_independence(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/independence``: declare it."""

    def act(values: Mapping[str, Any]) -> str:
        services.declare_independence(validation_id=pk, by=actor(request), **values)
        return "Declared; it is part of what you sign."

    return _acted(request, pk, "independence", IndependenceForm(request.POST), act)


@page
@require_POST
def validation_begin(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/begin``: begin the work."""

    def act(values: Mapping[str, Any]) -> str:
        services.begin(validation_id=pk, by=actor(request))
        return "The work has begun."

    return _acted(request, pk, "begin", forms.Form(request.POST), act)


@page
@require_POST
def validation_test_add(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/tests``: add a test or a challenger."""

    def act(values: Mapping[str, Any]) -> str:
        given = dict(values)
        services.add_test(validation_id=pk, by=actor(request), evidence_id=given.pop("evidence"), **given)
        return "Added."

    form = "challenger" if request.POST.get("kind") == ValidationTest.Kind.CHALLENGER else "test"
    return _acted(request, pk, form, TestForm(request.POST), act)


@page
@require_POST
def validation_test_remove(request: HttpRequest, pk: uuid.UUID, test: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/tests/<test>/remove``: take it out again."""

    def act(values: Mapping[str, Any]) -> str:
        services.remove_test(validation_id=pk, by=actor(request), test_id=test)
        return "Taken out; that it was there stays in the log."

    return _acted(request, pk, "test", forms.Form(request.POST), act)


@page
@require_POST
def validation_finding(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/findings``: raise a finding."""

    def act(values: Mapping[str, Any]) -> str:
        services.raise_finding(validation_id=pk, by=actor(request), **values)
        return "In the register of findings, with the system's owner."

    return _acted(request, pk, "finding", FindingForm(request.POST), act)


@page
@require_POST
def validation_report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/report``: write what was found, the limitations and the opinion."""

    def act(values: Mapping[str, Any]) -> str:
        services.write_report(validation_id=pk, by=actor(request), **values)
        return "Written. It counts once you sign."

    return _acted(request, pk, "report", ReportForm(request.POST), act)


@page
@require_POST
def validation_upload(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/file``: keep a PDF with it."""

    def act(values: Mapping[str, Any]) -> str:
        services.upload_report(validation_id=pk, by=actor(request), content=values["report"].read(LARGEST + 1))
        return "Kept by its digest, which is part of what you sign."

    return _acted(request, pk, "file", UploadForm(request.POST, request.FILES), act)


@page
@require_GET
def validation_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /validations/<pk>/report.pdf``: the uploaded report, as a download."""
    validation = selectors.validation_for(actor(request), pk)
    if not validation.report_digest:
        raise Unknown(f"{validation} has no uploaded report.")
    return report_response(validation.report_digest, f"{str(validation).lower()}-report.pdf")


@page
@require_POST
def validation_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/signature``: sign what was shown."""

    def act(values: Mapping[str, Any]) -> str:
        signing.sign_validation(validation_id=pk, by=actor(request), **values)
        return "Signed. It is evidence about the version, and does not change any more."

    return _acted(request, pk, "sign", SignForm(request.POST), act)


@page
@require_POST
def validation_abandon(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /validations/<pk>/abandonment``: give it up."""

    def act(values: Mapping[str, Any]) -> str:
        services.abandon(validation_id=pk, by=actor(request), **values)
        return "Given up; another validation can begin."

    return _acted(request, pk, "abandon", AbandonForm(request.POST), act)


@page
@require_GET
def validation_calendar(request: HttpRequest) -> HttpResponse:
    """``GET /validations/calendar``: what is due to be validated again, and when."""
    return render(request, "validation/calendar.html", calendar_page(actor(request), request.GET.dict()))


@page
@require_GET
def validation_ics(request: HttpRequest) -> HttpResponse:
    """``GET /validations/calendar.ics``: the same for a calendar program."""
    rows = calendar.due_validations(actor(request), system_id=system_asked(request.GET.dict()))
    headers = {"Content-Disposition": 'attachment; filename="revalidations.ics"'}
    return HttpResponse(as_ics(rows), content_type="text/calendar; charset=utf-8", headers=headers)


ANCHORS = {"begin": "plan", "test": "tests", "challenger": "challengers", "file": "report", "abandon": "sign"}


def _acted(request: HttpRequest, pk: uuid.UUID, name: str, form: forms.Form, act: Act) -> HttpResponse:
    """Have a service act on what a form says; a refusal shows the page again with its sentence and what was typed."""
    person = actor(request)
    selectors.validation_for(person, pk)  # who may not read it learns nothing by trying
    try:
        if not form.is_valid():
            raise InvalidInput(" ".join(str(error) for found in form.errors.values() for error in found))
        said = act(form.cleaned_data)
    except DomainError as refusal:
        where = "password" if isinstance(refusal, SignInAgain) else name
        validation = selectors.validation_for(person, pk)  # as it stands now, which may be settled
        typed = {key: value for key, value in request.POST.items() if key not in ("password", "csrfmiddlewaretoken")}
        context = workspace_page(person, validation, form=typed | {"of": name}, errors={where: [refusal.detail]})
        template = "workspace" if validation.state in OPEN else "report"
        messages.error(request, refusal.detail)
        return render(request, f"validation/{template}.html", context, status=refusal.status)
    messages.success(request, said)
    return redirect(f"{reverse('validation-detail', args=[pk])}#{ANCHORS.get(name, name)}")
