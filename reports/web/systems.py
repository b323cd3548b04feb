"""The AI systems: a list, the page of one, and the forms with which a second person signs a class or a model."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain, require_password
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from governance.common.paging import page_of
from governance.inventory import assignments, services
from governance.inventory import criteria as success
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from reports.web import system_matrix, system_pages

A_PAGE = 25


@page
@require_GET
def system_list(request: HttpRequest) -> HttpResponse:
    """``GET /systems``: AI systems with their class and what is live; ``?q=&ai_act_class=&tier=`` narrow the list."""
    viewer, asked = actor(request), request.GET
    chosen = {name: asked.get(name, "") for name in ("ai_act_class", "tier")}
    systems = inventory.systems_for(viewer)
    found, shown = system_matrix.narrowed(systems, words=asked.get("q", ""), **chosen)
    on_page, pager = page_of(found, asked, A_PAGE)
    context = {
        "systems": system_pages.system_rows(on_page),
        "pager": pager,
        "filters": {"q": asked.get("q", ""), **chosen},
        "shown": shown,
        "matrix": system_matrix.matrix_of(systems),
        "may_register": system_pages.may_register(viewer),
    }
    return render(request, "inventory/system_list.html", context)


@page
@require_GET
def system_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>``: one AI system, with everything that concerns it; ``?on=`` asks what binds it on a day."""
    on = request.GET.get("on", "")
    context = system_pages.system_page(_readable(request, pk), actor(request), on=on)
    return render(request, "inventory/system.html", context)


@page
@require_POST
def classification_sign(request: HttpRequest, pk: uuid.UUID, classification: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/classifications/<id>/sign``: sign as the second person; a refusal shows its sentence."""
    _belongs(request, pk, "classifications", classification)

    def sign(signer: User) -> None:
        services.sign_classification(classification_id=classification, signer=signer)

    return _signed(request, pk, classification, sign, "Signed: the class is in effect. It is in the audit log.")


@page
@require_POST
def classification_withdraw(request: HttpRequest, pk: uuid.UUID, classification: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/classifications/<id>/withdraw``: take a proposal back."""
    _belongs(request, pk, "classifications", classification)
    by = actor(request)
    return _withdrawn(request, pk, lambda: services.withdraw_classification(classification_id=classification, by=by))


@page
@require_POST
def assignment_sign(request: HttpRequest, pk: uuid.UUID, assignment: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/assignments/<id>/sign``: sign as the second person that a model serves the system."""
    _belongs(request, pk, "assignments", assignment)

    def sign(signer: User) -> None:
        assignments.sign_assignment(assignment_id=assignment, signer=signer)

    return _signed(request, pk, assignment, sign, "Signed: the model serves this system. It is in the audit log.")


@page
@require_POST
def assignment_withdraw(request: HttpRequest, pk: uuid.UUID, assignment: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/assignments/<id>/withdraw``: take a proposal back."""
    _belongs(request, pk, "assignments", assignment)
    by = actor(request)
    return _withdrawn(request, pk, lambda: assignments.withdraw_assignment(assignment_id=assignment, by=by))


@page
@require_POST
def criteria_sign(request: HttpRequest, pk: uuid.UUID, criteria: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/criteria/<id>/sign``: sign as the second person what counts as success of the system."""
    _belongs(request, pk, "criteria_proposals", criteria)

    def sign(signer: User) -> None:
        success.sign_criteria(criteria_id=criteria, signer=signer)

    return _signed(request, pk, criteria, sign, "Signed: the criteria are in effect. It is in the audit log.")


@page
@require_POST
def criteria_withdraw(request: HttpRequest, pk: uuid.UUID, criteria: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/criteria/<id>/withdraw``: take a proposal back."""
    _belongs(request, pk, "criteria_proposals", criteria)
    by = actor(request)
    return _withdrawn(request, pk, lambda: success.withdraw_criteria(criteria_id=criteria, by=by))


def _readable(request: HttpRequest, pk: uuid.UUID) -> AISystem:
    return inventory.system_for(actor(request), pk)


def _belongs(request: HttpRequest, pk: uuid.UUID, kind: str, proposal: uuid.UUID) -> None:
    ai_system = _readable(request, pk)
    if not getattr(ai_system, kind).filter(pk=proposal).exists():
        raise Unknown(f"{ai_system} has no such proposal as {proposal} among its {kind}.")


def _signed(
    request: HttpRequest, pk: uuid.UUID, proposal: uuid.UUID, sign: Callable[[User], None], said: str
) -> HttpResponse:
    """Check the password, have the service sign, and go back to the page; show it again with a refusal."""
    signer, password = actor(request), request.POST.get("password", "")
    try:
        if not password:
            raise InvalidInput("Type your password to sign.")
        require_password(signer, password)
        sign(signer)
    except DomainError as refusal:
        about_password = isinstance(refusal, SignInAgain | InvalidInput)
        errors = {"password" if about_password else "all": [refusal.detail]}
        context = system_pages.system_page(_readable(request, pk), signer, refused=proposal, errors=errors)
        forms = [
            row
            for row in (context["sign"], context["criteria_open"], *context["assignments"])
            if row and row["pk"] == proposal
        ]
        if not any(row["allowed"] for row in forms):
            # The form is not there to say it (it was signed meanwhile, or was never this person's): say it on top.
            messages.error(request, refusal.detail)
        return render(request, "inventory/system.html", context, status=refusal.status)
    messages.success(request, said)
    return redirect("system-detail", pk=pk)


def _withdrawn(request: HttpRequest, pk: uuid.UUID, withdraw: Callable[[], object]) -> HttpResponse:
    try:
        withdraw()
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = system_pages.system_page(_readable(request, pk), actor(request))
        return render(request, "inventory/system.html", context, status=refusal.status)
    messages.success(request, "Withdrawn: another can be proposed.")
    return redirect("system-detail", pk=pk)
