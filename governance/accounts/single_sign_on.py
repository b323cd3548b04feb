"""What a session keeps of single sign-on: whose it is, since when, and a proof that its person was just asked anew."""

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from rest_framework.request import Request

from governance.accounts import presence
from governance.accounts.models import User

_SIGNED_ON, _PROOF, _ENDING = "single_sign_on", "single_sign_on_proof", "single_sign_on_ending"


def remember(request: HttpRequest, person: User, *, second_factor: bool, id_token: str = "") -> None:
    """Write into the session that the provider signed this person in, and whether with a second factor that counts.

    Args:
        id_token: what the provider signed; it is shown to it again when the person signs out.
    """
    request.session[_SIGNED_ON] = {
        "person": str(person.pk),
        "at": time.time(),
        "second_factor": second_factor,
        "id_token": id_token,
    }


def signed_on_with(request: HttpRequest) -> str | None:
    """Return the identity token of a session that the provider began, empty if it kept none; None for any other."""
    found = _of(request, _SIGNED_ON)
    return str(found.get("id_token", "")) if found else None


def keep_ending(request: HttpRequest, address: str) -> None:
    """Keep, in the session of nobody that follows a sign-out, where the provider ends its own; empty if it can't."""
    request.session[_ENDING] = address


def ending(request: HttpRequest) -> str | None:
    """Return what :func:`keep_ending` kept; None where nobody who had signed on signed out."""
    found = request.session.get(_ENDING)
    return found if isinstance(found, str) else None


def take_ending(request: HttpRequest) -> str:
    """Return where the provider ends its session, once: the address holds the identity token."""
    found = ending(request) or ""
    if found:
        request.session.flush()
    return found


def is_over(request: HttpRequest) -> bool:
    """Return whether a sign-in through the provider is so old that it has to say again who this is."""
    found = _of(request, _SIGNED_ON)
    return bool(found) and time.time() - found["at"] >= settings.OIDC.session_hours * 3600


def has_second_factor(request: HttpRequest) -> bool:
    """Return whether the provider asked for a second factor, of this very person, and that counts here."""
    return bool(_of(request, _SIGNED_ON).get("second_factor"))


def keep_proof(request: HttpRequest, person: User, proof: str, until: datetime) -> None:
    """Keep a proof for the next form that signs."""
    request.session[_PROOF] = {"person": str(person.pk), "proof": proof, "until": until.isoformat()}


def kept_proof(request: HttpRequest | Request) -> str:
    """Return the proof that the session keeps of the person who is signed in, spent or not; empty without one."""
    return str(_of(request, _PROOF).get("proof", ""))


def asked_anew(request: HttpRequest) -> dict[str, Any] | None:
    """Return what forms show in place of a password: the provider's name, and the proof while it is good."""
    user = request.user
    if not isinstance(user, User) or not presence.is_by_provider(user):
        return None
    found, said = _of(request, _PROOF), {"name": settings.OIDC.name, "here": _page(request)}
    if found and presence.is_good(user, found["proof"]):
        return {**said, "proof": found["proof"], "until": datetime.fromisoformat(found["until"])}
    return said


def _page(request: HttpRequest) -> str:
    """Return the page to come back to.

    A form that was refused is shown again at the address that took it, which most often takes nothing else: then it is
    the nearest page above.
    """
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    above = request.path
    while above := above.rpartition("/")[0]:
        try:
            resolve(above)
        except Resolver404:
            continue
        return above
    return "/"


def _of(request: HttpRequest | Request, key: str) -> dict[str, Any]:
    """Return what the session keeps of the person who is signed in, and of nobody else."""
    found = request.session.get(key)
    return found if isinstance(found, dict) and found.get("person") == str(request.user.pk) else {}
