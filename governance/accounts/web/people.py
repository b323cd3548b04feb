"""The pages about people: who is known here, what each may do, and roles that wait for a second administrator."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts import administration, people_reading, proposals, services
from governance.accounts.errors import RoleNotHeld
from governance.accounts.models import Grant, User
from governance.accounts.narrow import actor
from governance.accounts.roles import Role
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page

Errors = dict[str, list[str]]


class RoleForm(forms.Form):
    """A role, for which system, and its last day."""

    role = forms.ChoiceField(choices=Role.choices, error_messages={"required": "Choose a role."})
    system = forms.UUIDField(required=False)
    until = forms.DateField(required=False, error_messages={"invalid": "Write the day as 2027-06-30."})


@page
@require_GET
def person_list(request: HttpRequest) -> HttpResponse:
    """``GET /people``: who is known here, and with which roles."""
    return render(request, "accounts/people.html", people_reading.people_page(actor(request), request.GET.dict()))


@page
@require_GET
def person_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /people/<pk>``: one person's roles, tokens, names elsewhere and service accounts."""
    return render(request, "accounts/person.html", people_reading.person_page(actor(request), pk))


@page
@require_POST
def person_give_role(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /people/<pk>/roles``: give a role; one that takes two administrators is proposed."""
    by = actor(request)
    people_reading.check_may_read(by)
    person, form = _person(pk), RoleForm(request.POST)
    if not form.is_valid():
        errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
        return _again(request, pk, InvalidInput.status, errors)
    role, until = Role(form.cleaned_data["role"]), form.cleaned_data["until"]
    words: dict[str, Any] = {
        "person": person,
        "role": role,
        "by": by,
        "system_id": form.cleaned_data["system"],
        "valid_until": _end_of(until) if until else None,
    }
    try:
        if role in administration.GRAVE:
            proposals.propose_role(**words)
            messages.success(request, "Proposed. The role counts once another administrator has confirmed it.")
        else:
            administration.give_role(**words)
            messages.success(request, f"{person.name} is {role.label.lower()} from now on.")
    except DomainError as refusal:
        return _again(request, pk, refusal.status, {"all": [refusal.detail]})
    return redirect("person-detail", pk)


@page
@require_POST
def person_end_role(request: HttpRequest, pk: uuid.UUID, grant: uuid.UUID) -> HttpResponse:
    """``POST /people/<pk>/roles/<grant>/end``: end a role now."""
    by = actor(request)
    people_reading.check_may_read(by)
    held = Grant.objects.filter(pk=grant, person_id=pk).select_related("person").first()
    try:
        if held is None:
            raise RoleNotHeld("There is no such role.")
        role = Role(held.role)
        administration.take_role(person=held.person, role=role, by=by, system_id=held.system_id)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return _again(request, pk, refusal.status, {})
    messages.success(request, f"{held.person.name} is {role.label.lower()} no more, in open requests too.")
    return redirect("person-detail", pk)


@page
@require_POST
def person_deactivate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /people/<pk>/deactivate``: shut an account out at once, with the administrator's own password."""
    by = actor(request)
    people_reading.check_may_read(by)
    person = _person(pk)
    try:
        services.require_password(by, request.POST.get("password", ""))
        administration.deactivate_person(person=person, by=by, reason=request.POST.get("reason", ""))
    except DomainError as refusal:
        field = "password" if isinstance(refusal, services.SignInAgain) else "deactivate"
        return _again(request, pk, refusal.status, {field: [refusal.detail]})
    messages.success(request, f"{person.name} is shut out: roles, tokens and sessions ended.")
    return redirect("person-detail", pk)


@page
@require_GET
def proposal_list(request: HttpRequest) -> HttpResponse:
    """``GET /role-proposals``: roles that wait for their second administrator."""
    return render(request, "accounts/proposals.html", people_reading.waiting_page(actor(request)))


@page
@require_POST
def proposal_confirm(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /role-proposals/<pk>/confirm``: give the role, as the second administrator."""
    by = actor(request)
    people_reading.check_may_read(by)
    try:
        grant = proposals.confirm_role(proposal_id=pk, by=by, password=request.POST.get("password", ""))
    except Unknown:
        raise
    except DomainError as refusal:
        context = people_reading.waiting_page(by, errors={str(pk): [refusal.detail]})
        return render(request, "accounts/proposals.html", context, status=refusal.status)
    messages.success(request, f"Confirmed: {grant.person.name} is {Role(grant.role).label.lower()} from now on.")
    return redirect("proposal-list")


@page
@require_POST
def proposal_withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /role-proposals/<pk>/withdraw``: take the proposal back, or decline it."""
    by = actor(request)
    people_reading.check_may_read(by)
    try:
        proposals.withdraw_proposal(proposal_id=pk, by=by)
    except Unknown:
        raise
    except DomainError as refusal:
        context = people_reading.waiting_page(by, errors={str(pk): [refusal.detail]})
        return render(request, "accounts/proposals.html", context, status=refusal.status)
    messages.success(request, "Withdrawn. Nothing was given.")
    return redirect("proposal-list")


def _person(pk: uuid.UUID) -> User:
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise Unknown(f"There is no person {pk}.")
    return person


def _end_of(day: date) -> datetime:
    """Return the end of a day in UTC: the last day is part of the role."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _again(request: HttpRequest, pk: uuid.UUID, status: int, errors: Errors) -> HttpResponse:
    values = {name: request.POST.get(name, "") for name in ("role", "system", "until", "reason")}
    context = people_reading.person_page(actor(request), pk, values=values, errors=errors)
    return render(request, "accounts/person.html", context, status=status)
