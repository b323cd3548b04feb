"""Whom wrong attempts shut out is logged; who must have a second factor comes as far as the page that sets one up."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.accounts import second_factor, single_sign_on, throttle
from governance.accounts.models import User

OPEN = ("login", "logout", "csp-reports", "sso", "sso-again", "sso-callback", "sso-end", "signed-out")
GetResponse = Callable[[HttpRequest], HttpResponse]


def locks_logged(get_response: GetResponse) -> GetResponse:
    """Put into the log whom a request shut out by one wrong attempt too many, once its own transaction is over."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with throttle.locks_logged():
            return get_response(request)

    return middleware


def second_factor_first(get_response: GetResponse) -> GetResponse:
    """Send people to the security page until they have the second factor that ``PLACET_SECOND_FACTOR`` wants."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user if settings.SECOND_FACTOR != "off" else None
        if not isinstance(user, User) or _is_open(request.path) or second_factor.is_enabled(user):
            return get_response(request)
        if single_sign_on.has_second_factor(request):
            return get_response(request)
        if not second_factor.is_demanded(user):
            return get_response(request)
        if request.path.startswith("/api/"):
            return _problem()
        return redirect("security")

    return middleware


def single_sign_on_ends(get_response: GetResponse) -> GetResponse:
    """Sign out whom the identity provider signed in too long ago: what it says of them by now, only it knows."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.OIDC.issuer and isinstance(request.user, User) and single_sign_on.is_over(request):
            logout(request)
        return get_response(request)

    return middleware


def _is_open(path: str) -> bool:
    return path.startswith(reverse("security")) or path in {reverse(name) for name in OPEN}


def _problem() -> JsonResponse:
    body = {
        "type": "/problems/second-factor-first",
        "title": "Set up a second factor first",
        "status": 403,
        "detail": "Your roles need a second factor: set one up on the page Security, then call again.",
    }
    return JsonResponse(body, status=403, content_type="application/problem+json")
