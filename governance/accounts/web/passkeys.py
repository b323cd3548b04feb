"""The page of one's passkeys: enrol, end, and for administrators confirm those of others."""

import json
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from governance.accounts import passkeys
from governance.accounts.errors import PasskeyRefused
from governance.accounts.models import Passkey, User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page

SESSION = "passkey-enrolment"


class BeginForm(forms.Form):
    """A name for the new passkey, and the password that signs its holder in again."""

    label = forms.CharField(max_length=80, error_messages={"required": "Name it, such as the device it is on."})
    password = forms.CharField(strip=False, max_length=200, error_messages={"required": "Type your password."})


@page
@require_http_methods(["GET", "HEAD", "POST"])
def passkey_list(request: HttpRequest) -> HttpResponse:
    """``GET /account/passkeys``: one's own passkeys. ``POST``: keep the one that the browser has just made."""
    if request.method != "POST":
        return _page(request)
    begun = request.session.pop(SESSION, None)  # used once, whatever comes of it
    try:
        if begun is None:
            raise PasskeyRefused("The enrolment was finished or never begun. Begin again.")
        passkeys.enrol(
            person=actor(request),
            label=begun["label"],
            state=begun["state"],
            answer=answer_in(request.POST.get("credential", "")),
        )
    except DomainError as refusal:
        return _page(request, errors={"all": [refusal.detail]}, status=refusal.status)
    messages.success(request, "Enrolled. Ask an administrator to confirm it, and read the fingerprint to them.")
    return redirect("passkey-list")


@page
@require_POST
def passkey_begin(request: HttpRequest) -> HttpResponse:
    """``POST /account/passkeys/begin``: sign in again, and ask the browser for a new passkey."""
    form, person = BeginForm(request.POST), actor(request)
    if not form.is_valid():
        errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
        return _page(request, errors=errors, status=InvalidInput.status)
    try:
        options, state = passkeys.begin_enrolment(person=person, password=form.cleaned_data["password"])
    except DomainError as refusal:
        field = "password" if isinstance(refusal, SignInAgain) else "all"
        return _page(request, errors={field: [refusal.detail]}, status=refusal.status)
    label = form.cleaned_data["label"]
    request.session[SESSION] = {"label": label, "state": state}
    return render(request, "accounts/passkey_new.html", {"label": label, "options": json.dumps(options)})


@page
@require_POST
def passkey_confirm(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /account/passkeys/<pk>/confirm``: say, as an administrator, that this is its holder's passkey."""
    try:
        row = passkeys.confirm(passkey_id=pk, by=actor(request), password=request.POST.get("password", ""))
    except DomainError as refusal:
        return _page(request, errors={"all": [refusal.detail]}, status=refusal.status)
    messages.success(request, f"Confirmed: the passkey of {row.person.name} counts for requests made from now on.")
    return redirect("passkey-list")


@page
@require_POST
def passkey_end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /account/passkeys/<pk>/end``: end a passkey for good."""
    try:
        passkeys.end(passkey_id=pk, by=actor(request), reason=request.POST.get("reason", ""))
    except DomainError as refusal:
        return _page(request, errors={"all": [refusal.detail]}, status=refusal.status)
    messages.success(request, "Ended. What it signed before stays signed.")
    return redirect("passkey-list")


def answer_in(text: str) -> dict[str, Any]:
    """Read what the browser put into the field ``credential``.

    Raises:
        PasskeyRefused: it is no JSON object.
    """
    try:
        answer = json.loads(text[:100_000])
    except (ValueError, RecursionError) as error:
        raise PasskeyRefused("The browser sent no answer of an authenticator. Try again.") from error
    if not isinstance(answer, dict):
        raise PasskeyRefused("The browser sent no answer of an authenticator. Try again.")
    return answer


def _page(request: HttpRequest, *, errors: dict[str, list[str]] | None = None, status: int = 200) -> HttpResponse:
    person: User = actor(request)
    context = {
        "passkeys": [_shown(row) for row in passkeys.of(person)],
        "waiting": [_shown(row) | {"name": row.person.name} for row in passkeys.waiting(person)],
        "form": {"label": request.POST.get("label", ""), "errors": errors or {}},
    }
    return render(request, "accounts/passkeys.html", context, status=status)


def _shown(row: Passkey) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "label": row.label,
        "fingerprint": passkeys.fingerprint(row),
        "state": "ended" if row.ended_at else "confirmed" if row.confirmed_at else "waits",
        "enrolled_at": row.enrolled_at,
        "confirmed_at": row.confirmed_at,
        "confirmed_by": row.confirmed_by.name if row.confirmed_by else "",
        "ended_at": row.ended_at,
        "backup_eligible": row.backup_eligible,
    }
