"""The findings register, one finding, and what people do with it."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain
from governance.approvals import findings, register, remediation, selectors
from governance.approvals.errors import FindingDateRefused
from governance.approvals.models import Finding
from governance.approvals.web.forms import (
    CloseFindingForm,
    ExtendFindingForm,
    FindingForm,
    HandOverForm,
    PlanForm,
    ProposeClosureForm,
    RaiseFindingForm,
    errors_of,
)
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import acted, page
from governance.inventory import selectors as inventory


@page
@require_GET
def finding_list(request: HttpRequest) -> HttpResponse:
    """``GET /findings``: the register."""
    return render(request, "approvals/findings.html", register.register_page(actor(request), request.GET.dict()))


@page
@require_GET
def finding_csv(request: HttpRequest) -> StreamingHttpResponse:
    """``GET /findings.csv``: the register, filtered as the page is, for a spreadsheet."""
    lines = register.csv_lines(actor(request), request.GET.dict())
    headers = {"Content-Disposition": 'attachment; filename="findings.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


@page
@require_POST
def finding_raise(request: HttpRequest) -> HttpResponse:
    """``POST /findings``: put something into the register."""
    form, person = RaiseFindingForm(request.POST), actor(request)
    try:
        if not form.is_valid():
            raise InvalidInput(_sentences(form))
        values = form.cleaned_data
        finding = remediation.raise_finding(
            system=inventory.system_for(person, values["system"]),
            title=values["title"],
            description=values["description"],
            severity=values["severity"],
            source=values["source"],
            by=person,
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        typed = request.POST.dict() | {"errors": errors_of(form) or {_field(refusal, form): [refusal.detail]}}
        context = register.register_page(person, {}) | {"form": typed}
        return render(request, "approvals/findings.html", context, status=refusal.status)
    messages.success(request, "In the register. Its owner is told what is expected, and by when.")
    return redirect("finding-detail", pk=finding.pk)


@page
@require_GET
def finding_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /findings/<pk>``: one finding and what was done about it."""
    return render(request, "approvals/finding.html", register.finding_page(actor(request), pk))


@page
@require_POST
def finding_plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/plan``: say how it will be mended."""

    def act(values: Mapping[str, Any]) -> str:
        remediation.state_plan(finding_id=pk, by=actor(request), plan=values["plan"], plan_due=values["plan_due"])
        return "The plan is in the log."

    return _acted(request, pk, PlanForm(request.POST), act)


@page
@require_POST
def finding_propose(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/closure``: say that it is mended, for somebody else to close."""

    def act(values: Mapping[str, Any]) -> str:
        evidence = values["evidence"]
        remediation.propose_closure(finding_id=pk, by=actor(request), how=values["mended"], evidence_id=evidence)
        return "Said. Somebody else looks at it and closes it."

    return _acted(request, pk, ProposeClosureForm(request.POST), act)


@page
@require_POST
def finding_extend(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/extension``: give it more time."""

    def act(values: Mapping[str, Any]) -> str:
        remediation.extend(
            finding_id=pk,
            by=actor(request),
            due_on=values["due_on"],
            reason=values["extension_reason"],
            password=values["password"],
        )
        return "Extended; the log says why."

    return _acted(request, pk, ExtendFindingForm(request.POST), act)


@page
@require_POST
def finding_hand_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/owner``: give it another owner."""

    def act(values: Mapping[str, Any]) -> str:
        to = User.objects.filter(pk=values["owner"]).first()
        if to is None:
            raise Unknown("There is no such person.")
        remediation.hand_over(finding_id=pk, by=actor(request), to=to, reason=values["owner_reason"])
        return f"{to.name} owns it now."

    return _acted(request, pk, HandOverForm(request.POST), act)


@page
@require_POST
def close_finding(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /findings/<pk>/close``: close a finding that one does not own, and go back to where it was shown."""
    form = CloseFindingForm(request.POST)
    target = request.POST.get("next", "")
    back = target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "inbox"
    if not form.is_valid():
        messages.error(request, _sentences(form))
        return redirect(back)
    try:
        finding: Finding = findings.close_finding(
            finding_id=pk,
            closer=actor(request),
            how=form.cleaned_data["how"].strip(),
            password=form.cleaned_data["password"],
        )
    except Unknown:
        raise  # there is no page to go back to with it
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return redirect(back)
    messages.success(request, f"Closed: {finding.title}")
    return redirect(back)


def _acted(
    request: HttpRequest, pk: uuid.UUID, form: FindingForm, act: Callable[[Mapping[str, Any]], str]
) -> HttpResponse:
    """Have a service act on what a form of the finding's page says."""
    selectors.finding_for(actor(request), pk)  # who may not read it learns nothing by trying
    return acted(
        request,
        form,
        act,
        template="approvals/finding.html",
        context=lambda: register.finding_page(actor(request), pk),
        field=lambda refusal: _field(refusal, form),
        to=("finding-detail", pk),
    )


def _field(refusal: DomainError, form: FindingForm) -> str:
    """Return of what a service's refusal is the error: of the password, of the day or of what was written."""
    if isinstance(refusal, SignInAgain):
        return "password"
    return form.day if isinstance(refusal, FindingDateRefused) else form.text


def _sentences(form: Form) -> str:
    return " ".join(sentence for found in errors_of(form).values() for sentence in found)
