"""Single sign-on: out to the identity provider, and back with its word."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from redis.exceptions import RedisError

from governance.accounts import presence, provisioning, single_sign_on
from governance.accounts.claims import has_second_factor
from governance.accounts.errors import SignInUnavailable, SignOnRefused
from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.selectors import person_by_external_identity
from governance.accounts.web import oidc
from governance.accounts.web.security import own
from governance.common.errors import DomainError

SIGN_IN, AGAIN = "sign in", "again"
CLOCKS_DIFFER_S = 60


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    """``GET /login/sso``: ask the identity provider who this is."""
    _check_set_up()
    try:
        return redirect(oidc.authorization_url(request, kept={"what": SIGN_IN, "next": _next(request)}))
    except DomainError as refusal:
        return _refused(request, refusal)


@own
@require_GET
def again(request: HttpRequest) -> HttpResponse:
    """``GET /login/sso/again``: have the provider ask a signed-in person anew, for one signature."""
    _check_set_up()
    kept = {"what": AGAIN, "next": _next(request), "person": str(actor(request).pk), "since": str(time.time())}
    try:
        return redirect(oidc.authorization_url(request, kept=kept, prompt="login", max_age=0))
    except DomainError as refusal:
        return _refused(request, refusal)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """``GET /login/sso/callback``: what the provider answers."""
    _check_set_up()
    try:
        kept = oidc.kept_for(request)
        said = oidc.claims_of(request)
        if kept["what"] == AGAIN:
            return _confirmed(request, kept, said.claims)
        return _signed_in(request, kept, said)
    except DomainError as refusal:
        return _refused(request, refusal)
    except RedisError:
        return _refused(request, SignInUnavailable("Nobody can sign in, because the cache does not answer. Try again."))


def _signed_in(request: HttpRequest, kept: dict[str, str], said: oidc.Word) -> HttpResponse:
    person = provisioning.admit(said.claims)
    given = has_second_factor(said.claims, settings.OIDC.second_factor)
    logout(request)  # whoever was signed in here, nothing of theirs stays
    single_sign_on.remember(request, person, second_factor=given, id_token=said.id_token)
    request.second_factor_given = given  # type: ignore[attr-defined]
    login = Login(
        user=person,
        email_verification=app_settings.EmailVerificationMethod.NONE,
        redirect_url=kept["next"] or reverse("inbox"),
    )
    return perform_login(request, login)  # type: ignore[no-any-return]


def _confirmed(request: HttpRequest, kept: dict[str, str], claims: dict[str, Any]) -> HttpResponse:
    """Keep the provider's word that the signed-in person is present.

    Raises:
        SignOnRefused: it is about somebody else, or about an earlier sign-in.
    """
    person = request.user
    named = person_by_external_identity(provisioning.OIDC, provisioning.identity_of(claims))
    if not isinstance(person, User) or str(person.pk) != kept["person"] or named is None or named.pk != person.pk:
        raise SignOnRefused(f"{settings.OIDC.name} signed in somebody else than you. Nothing was confirmed.")
    asked_at = claims.get("auth_time")
    if type(asked_at) is not int or asked_at < float(kept["since"]) - CLOCKS_DIFFER_S:
        raise SignOnRefused(f"{settings.OIDC.name} did not ask you anew, or does not say so. Nothing was confirmed.")
    proof, until = presence.prove(person)
    single_sign_on.keep_proof(request, person, proof, until)
    return redirect(kept["next"] or reverse("inbox"))


def _check_set_up() -> None:
    if not settings.OIDC.issuer:
        raise Http404("There is no single sign-on here.")


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else ""


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    context = {"detail": refusal.detail, "name": settings.OIDC.name}
    return render(request, "accounts/sso_refused.html", context, status=refusal.status)
