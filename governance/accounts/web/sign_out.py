"""Sign out here, and at the identity provider where that signed one in and lets itself be told."""

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from governance.accounts import single_sign_on
from governance.accounts.web import oidc


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """``POST /logout``: end the session here, in any case; whom the provider signed in, it is asked to sign out too."""
    id_token = single_sign_on.signed_on_with(request) if settings.OIDC.issuer else None
    logout(request)
    if id_token is None:
        return redirect("login")
    single_sign_on.keep_ending(request, oidc.ending_url(id_token))
    return redirect("signed-out")


@never_cache
@require_GET
def signed_out(request: HttpRequest) -> HttpResponse:
    """``GET /signed-out``: what was ended and what was not; also where the provider sends people back to.

    The page leads on to the provider by itself. A redirect can't: the policy of our pages lets no form end elsewhere.
    """
    address = single_sign_on.ending(request)
    context = {"name": settings.OIDC.name if address is not None else "", "leads_on": bool(address)}
    return render(request, "accounts/signed_out.html", context)


@never_cache
@require_GET
def end_at_provider(request: HttpRequest) -> HttpResponse:
    """``GET /logout/sso``: go to the provider with what it needs to know the session, once."""
    return redirect(single_sign_on.take_ending(request) or "signed-out")
