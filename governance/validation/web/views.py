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
from governance.common.pages import View, page
from governance.validation import calendar, selectors, services, signing
from governance.validation.ics import as_ics
from governance.validation.models import OPEN, Validation, ValidationTest
from governance.validation.pages import calendar_page, system_asked, validations_page, workspace_page
from governance.validation.report_file import report_response
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

CHALLENGER = ValidationTest.Kind.CHALLENGER
Service = Callable[..., object]
Errors = Mapping[str, Mapping[str, list[str]]]
ANCHORS = {"begin": "plan", "test": "tests", "challenger": "challengers", "file": "report", "abandon": "sign"}


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
    return _workspace(request, validation)


def _act(name: str, form: type[forms.Form], service: Service, said: str) -> View:
    """Return the view of one act of the validator: a service does what a form says, and the page says that it is done.

    Args:
        name: of the form on the page; a test that is set against another model is a challenger.
        service: takes ``validation_id``, ``by``, the form's values, and the id of what the address names besides.
    """

    @page
    @require_POST
    def act(request: HttpRequest, pk: uuid.UUID, **named: uuid.UUID) -> HttpResponse:
        person, sent = actor(request), form(request.POST, request.FILES)
        shown = CHALLENGER if name == "test" and request.POST.get("kind") == CHALLENGER else name
        selectors.validation_for(person, pk)  # who may not read it learns nothing by trying
        if not sent.is_valid():
            return _refused(request, pk, shown, InvalidInput("Nothing was kept: mend what is marked below."), sent)
        about = {f"{what}_id": which for what, which in named.items()}
        try:
            service(validation_id=pk, by=person, **sent.cleaned_data, **about)
        except DomainError as refusal:
            return _refused(request, pk, shown, refusal, sent)
        messages.success(request, said)
        return redirect(f"{reverse('validation-detail', args=[pk])}#{ANCHORS.get(shown, shown)}")

    act.__doc__ = f"``POST`` of the form {name}: {service.__doc__ or ''}".partition("\n")[0]
    return act


validation_plan = _act("plan", PlanForm, services.state_plan, "The plan is in the log.")
validation_independence = _act(
    "independence", IndependenceForm, services.declare_independence, "Declared; it is part of what you sign."
)
validation_begin = _act("begin", forms.Form, services.begin, "The work has begun.")
validation_test_add = _act("test", TestForm, services.add_test, "Added.")
validation_test_remove = _act(
    "test", forms.Form, services.remove_test, "Taken out; that it was there stays in the log."
)
validation_finding = _act(
    "finding", FindingForm, services.raise_finding, "In the register of findings, with the system's owner."
)
validation_report = _act("report", ReportForm, services.write_report, "Written. It counts once you sign.")
validation_upload = _act(
    "file", UploadForm, services.upload_report, "Kept by its digest, which is part of what you sign."
)
validation_sign = _act(
    "sign",
    SignForm,
    signing.sign_validation,
    "Signed. It is evidence about the version, and does not change any more.",
)
validation_abandon = _act("abandon", AbandonForm, services.abandon, "Given up; another validation can begin.")


@page
@require_GET
def validation_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /validations/<pk>/report.pdf``: the uploaded report, as a download."""
    validation = selectors.validation_for(actor(request), pk)
    if not validation.report_digest:
        raise Unknown(f"{validation} has no uploaded report.")
    return report_response(validation.report_digest, f"{str(validation).lower()}-report.pdf")


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


def _workspace(
    request: HttpRequest,
    validation: Validation,
    *,
    status: int = 200,
    typed: Mapping[str, Any] | None = None,
    fields: Errors | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> HttpResponse:
    """Show a validation: the workspace while it is open, each form with what stands or was typed; else the report."""
    context = workspace_page(actor(request), validation, errors=errors)
    template = "workspace" if validation.state in OPEN else "report"
    context["fields"] = fields or {}
    context["said"] = context["written"] | dict(typed or {})
    return render(request, f"validation/{template}.html", context, status=status)


def _refused(request: HttpRequest, pk: uuid.UUID, name: str, refusal: DomainError, form: forms.Form) -> HttpResponse:
    """Show the page again, with what was typed, and each refusal at the field or the form that it is about."""
    fields = {field: [str(error) for error in found] for field, found in form.errors.items()}
    errors = {} if fields else {name: [refusal.detail]}
    if isinstance(refusal, SignInAgain) or "password" in fields:
        errors = {"password": fields.pop("password", [refusal.detail])}
    if "report" in fields:  # the one field of the upload
        errors = {name: fields.pop("report")}
    messages.error(request, refusal.detail)
    typed = {key: value for key, value in request.POST.items() if key not in ("password", "csrfmiddlewaretoken")}
    validation = selectors.validation_for(actor(request), pk)  # as it stands now, which may be settled
    return _workspace(
        request, validation, status=refusal.status, typed={name: typed}, errors=errors, fields={name: fields}
    )
