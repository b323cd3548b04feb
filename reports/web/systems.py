"""The AI systems: a list, the page of one, and the form with which a second person signs its classification."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain, require_password
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from governance.inventory import selectors as inventory
from governance.inventory import services
from reports.web import system_pages


@page
@require_GET
def system_list(request: HttpRequest) -> HttpResponse:
    """``GET /systems``: every AI system with its class and what is live."""
    return render(request, "inventory/system_list.html", {"systems": system_pages.system_rows(actor(request))})


@page
@require_GET
def system_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>``: one AI system, with everything that concerns it."""
    return render(request, "inventory/system.html", system_pages.system_page(inventory.system(pk), actor(request)))


@page
@require_POST
def classification_sign(request: HttpRequest, pk: uuid.UUID, classification: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/classifications/<id>/sign``: sign as the second person; a refusal shows its sentence."""
    signer, ai_system = actor(request), inventory.system(pk)
    if not ai_system.classifications.filter(pk=classification).exists():
        raise Unknown(f"{ai_system} has no classification {classification}.")
    try:
        _sign(classification, request)
    except DomainError as refusal:
        about_password = isinstance(refusal, SignInAgain | InvalidInput)
        errors = {"password" if about_password else "all": [refusal.detail]}
        context = system_pages.system_page(inventory.system(pk), signer, errors=errors)
        if not (context["sign"] and context["sign"]["allowed"]):
            # The form is not there to say it (it was signed meanwhile, or was never this person's): say it on top.
            messages.error(request, refusal.detail)
        return render(request, "inventory/system.html", context, status=refusal.status)
    messages.success(request, "Signed: the class is in effect. It is in the audit log.")
    return redirect("system-detail", pk=pk)


def _sign(classification_id: uuid.UUID, request: HttpRequest) -> None:
    signer, password = actor(request), request.POST.get("password", "")
    if not password:
        raise InvalidInput("Type your password to sign.")
    require_password(signer, password)
    services.sign_classification(classification_id=classification_id, signer=signer)
