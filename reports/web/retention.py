"""The pages of retention: the table, open to every signed-in person, legal holds, and the days of one AI system."""

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts import holds
from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.approvals.web.forms import Errors, errors_of, errors_of_refusal, sent
from governance.common.errors import DomainError
from governance.common.pages import page
from governance.common.paging import page_of
from governance.inventory import selectors as inventory
from reports.retention import disposing, selectors, systems
from reports.web import retention_pages

SYSTEMS_SHOWN = 50


class HoldForm(forms.Form):
    """What is to be held, and why."""

    kind = forms.ChoiceField(choices=holds.Kind.choices)
    key = forms.CharField(max_length=80, error_messages={"required": "Give the id of the object."})
    reason = forms.CharField(
        min_length=holds.SHORTEST, max_length=holds.LONGEST, error_messages={"required": "Say why; the log keeps it."}
    )


class LiftForm(forms.Form):
    """Why a hold is lifted."""

    reason = HoldForm.base_fields["reason"]


class DisposalForm(forms.Form):
    """What is disposed of, why, and the password that signs it."""

    row = forms.ChoiceField(choices=[(name, name) for name in (disposing.EVIDENCE, disposing.DOCUMENTS)])
    reason = forms.CharField(
        min_length=20,
        max_length=disposing.LONGEST_REASON,
        error_messages={
            "required": "Say why, in at least 20 characters.",
            "min_length": "Say why, in at least 20 characters.",
        },
    )
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


@page
@require_GET
def retention_table(request: HttpRequest) -> HttpResponse:
    """``GET /retention``: what is kept, on which ground, how long, and what ends it; holds and systems in reach."""
    return _table(request, actor(request))


@page
@require_POST
def hold_set(request: HttpRequest) -> HttpResponse:
    """``POST /retention/holds``: put something under a legal hold."""
    person, form = actor(request), HoldForm(request.POST)
    if not form.is_valid():
        return _table(request, person, form=form, errors=errors_of(form), status=422)
    try:
        hold = holds.set_hold(by=person, **form.cleaned_data)
    except DomainError as refusal:
        return _table(request, person, form=form, errors=errors_of_refusal(refusal), status=refusal.status)
    messages.success(request, f"Held: nothing deletes {holds.found(hold).title} until the hold is lifted.")
    return redirect("retention")


@page
@require_POST
def hold_lift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /retention/holds/<pk>/lift``: lift a legal hold."""
    person, form = actor(request), LiftForm(request.POST)
    hold = holds.hold_for(person, pk)
    errors: Errors
    if form.is_valid():
        try:
            holds.lift_hold(hold_id=hold.pk, by=person, reason=form.cleaned_data["reason"])
        except DomainError as refusal:
            errors, status = errors_of_refusal(refusal, text_field="reason"), refusal.status
        else:
            messages.success(
                request, "Lifted. What is past its time goes with the next run of the job that deletes it."
            )
            return redirect("retention")
    else:
        errors, status = errors_of(form), 422
    return _table(request, person, lifting=(hold.pk, errors), status=status)


@page
@require_GET
def system_retention(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/retention``: until when each kind of the system's records has to be kept."""
    person = actor(request)
    system = inventory.system_for(person, pk)
    return render(request, "reports/system_retention.html", retention_pages.system_page(system, person))


@page
@require_POST
def system_dispose(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/retention/dispose``: remove the files of records whose last day has passed."""
    person, form = actor(request), DisposalForm(request.POST)
    system = inventory.system_for(person, pk)
    errors: Errors
    if form.is_valid():
        try:
            disposal = disposing.dispose(system=system, by=person, **form.cleaned_data)
        except DomainError as refusal:
            errors, status = errors_of_refusal(refusal, text_field="reason"), refusal.status
        else:
            messages.success(request, f"Disposed of: {disposal.files} files. The log says so, and the rows stay.")
            return redirect("system-retention", pk=system.pk)
    else:
        errors, status = errors_of(form), 422
    context = retention_pages.system_page(system, person, sent={**sent(form), "errors": errors})
    return render(request, "reports/system_retention.html", context, status=status)


def _table(
    request: HttpRequest,
    person: User,
    *,
    form: forms.Form | None = None,
    errors: Errors | None = None,
    lifting: tuple[uuid.UUID, Errors] | None = None,
    status: int = 200,
) -> HttpResponse:
    figures = selectors.may_read_figures(person)
    shown, pager = page_of(systems.systems_for(person), request.GET, SYSTEMS_SHOWN)
    context = retention_pages.table_page(
        selectors.held(with_figures=figures),
        figures=figures,
        held=holds.holds_for(person),
        shown=shown,
        pager=pager,
        person=person,
    )
    context["form"] = {**(sent(form) if form else {}), "errors": errors or {}}
    context["lifting"] = {"pk": lifting[0], "errors": lifting[1]} if lifting else {}
    return render(request, "reports/retention.html", context, status=status)
