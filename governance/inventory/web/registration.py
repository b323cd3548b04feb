"""The forms with which an AI system is taken in and retired."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.inventory import retiring, selectors, services

ROLES = (
    ("provider", "Provider", "Develops it, or has it developed, and puts it into service under its own name."),
    ("deployer", "Deployer", "Uses it under its own authority."),
    ("importer", "Importer", ""),
    ("distributor", "Distributor", ""),
    ("authorised_representative", "Authorised representative", ""),
    ("product_manufacturer", "Product manufacturer", ""),
)
SAID = {"slug": "short name", "purpose": "intended purpose"}
LONGEST = {"name": 120, "slug": 50, "favourable_outcome": 200, "purpose": 8000}


@page
@require_http_methods(["GET", "POST"])
def system_new(request: HttpRequest) -> HttpResponse:
    """``/systems/new``: take an AI system in; it has no class until its classification is signed."""
    by = actor(request)
    services.check_may_register(by)
    if request.method != "POST":
        return render(request, "inventory/system_new.html", _page({"owner": str(by.pk)}, []))
    chosen = [role for role in request.POST.getlist("ai_roles") if role in {value for value, _, _ in ROLES}]
    try:
        made = services.register_system(by=by, ai_roles=chosen, **_read(request.POST, chosen))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = _page(request.POST.dict(), chosen, error=refusal.detail)
        return render(request, "inventory/system_new.html", context, status=refusal.status)
    messages.success(request, "Taken in. Classify it next: nothing of it can be promoted before.")
    return redirect("system-detail", pk=made.pk)


@page
@require_POST
def system_retire(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/retire``: retire a system with a reason; a refusal shows its sentence and what was typed."""
    ai_system, by = selectors.system_for(actor(request), pk), actor(request)
    retiring.check_may_retire(ai_system, by)
    reason = request.POST.get("reason", "")
    try:
        retiring.retire_system(ai_system=ai_system, by=by, reason=reason)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = {"system": {"pk": ai_system.pk, "name": ai_system.name}, "typed": reason}
        return render(request, "inventory/system_retire.html", context, status=refusal.status)
    messages.success(request, "Retired. It keeps its record and takes no new request.")
    return redirect("system-detail", pk=ai_system.pk)


def _page(form: Mapping[str, Any], chosen: list[str], *, error: str = "") -> dict[str, Any]:
    return {
        "people": [{"pk": str(row.pk), "name": row.name} for row in _owners()],
        "roles": [
            {"value": value, "label": label, "help": text, "chosen": value in chosen} for value, label, text in ROLES
        ],
        "form": dict(form),
        "error": error,
    }


def _owners() -> list[User]:
    return people_with(Role.values)


def _read(sent: Mapping[str, Any], roles: list[str]) -> dict[str, Any]:
    """Return what was sent as the service takes it.

    Raises:
        InvalidInput: a field is empty or too long, or the owner holds no role.
    """
    texts = {name: str(sent.get(name, "")).replace("\r\n", "\n").strip() for name in LONGEST}
    texts["slug"] = texts["slug"] or slugify(texts["name"])[: LONGEST["slug"]]
    for name, most in LONGEST.items():
        said = SAID.get(name, name.replace("_", " "))
        if not texts[name]:
            raise InvalidInput(f"State the {said}.")
        if len(texts[name]) > most:
            raise InvalidInput(f"The {said} takes at most {most:,} characters.")
        if "\x00" in texts[name]:
            raise InvalidInput(f"The {said} holds a NUL character; remove it.")
    try:
        validate_slug(texts["slug"])
    except ValidationError as error:
        raise InvalidInput("The short name takes letters, digits, hyphens and underscores.") from error
    if not roles:
        raise InvalidInput("Choose at least one role of the organisation.")
    return {**texts, "owner": _owner(str(sent.get("owner", "")))}


def _owner(text: str) -> User:
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        wanted = None
    found = next((row for row in _owners() if row.pk == wanted), None)
    if found is None:
        raise InvalidInput("Choose the owner from the list.")
    return found
