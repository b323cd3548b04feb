"""The form with which somebody declares that a system is modified."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from governance.accounts.narrow import actor
from governance.common.errors import DomainError
from governance.common.pages import page
from governance.inventory import modifying, selectors
from governance.inventory.models import AISystem, Modification


@page
@require_http_methods(["GET", "POST"])
def modification_new(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``/systems/<pk>/modifications/new``: declare a modification; a refusal keeps what was typed."""
    ai_system, by = selectors.system_for(actor(request), pk), actor(request)
    modifying.check_may_modify(ai_system, by)
    if request.method != "POST":
        return render(request, "inventory/modification_new.html", form_page(ai_system, typed={}))
    sent = request.POST
    try:
        row = modifying.declare_modification(
            ai_system=ai_system,
            by=by,
            kind=sent.get("kind", ""),
            what=sent.get("what", ""),
            purpose=sent.get("purpose"),
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = form_page(ai_system, typed=sent.dict(), error=refusal.detail)
        return render(request, "inventory/modification_new.html", context, status=refusal.status)
    if row.class_before:
        messages.success(request, "Declared. The class is open again: classify the system anew.")
    else:
        messages.success(request, "Declared. It is in the audit log.")
    return redirect("system-detail", pk=ai_system.pk)


def form_page(ai_system: AISystem, *, typed: Mapping[str, str], error: str = "") -> dict[str, Any]:
    """Return the context of inventory/modification_new.html."""
    return {
        "system": {"pk": ai_system.pk, "name": ai_system.name},
        "kinds": [
            {"value": value, "label": label, "chosen": value == typed.get("kind")}
            for value, label in Modification.Kind.choices
        ],
        "form": {"purpose": ai_system.purpose, **typed},
        "signed": ai_system.get_ai_act_class_display() if ai_system.ai_act_class else "",
        "error": error,
    }
