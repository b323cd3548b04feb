"""A person's own security page: the second factor and its recovery codes. Each change asks for the password anew."""

import time
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts import sealing, second_factor, throttle
from governance.accounts.errors import WrongCode
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain, require_password
from governance.accounts.web.forms import CodeForm, ConfirmForm
from governance.accounts.web.qr import qr_path
from governance.common.errors import DomainError
from governance.common.pages import View, page

CONFIRMED_FOR_S = 300
UNPROCESSABLE = 422
_CONFIRMED, _SECRET = "confirmed_at", "totp_secret"


def confirmed(view: View) -> View:
    """Ask for the password anew, unless the person typed it on the confirmation page within five minutes."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if 0 <= time.time() - request.session.get(_CONFIRMED, 0) < CONFIRMED_FOR_S:
            return view(request, *args, **kwargs)
        after = request.path if request.method == "GET" else reverse("security")
        return redirect(f"{reverse('security-confirm')}?{urlencode({'next': after})}")

    return wrapped


def own(view: View) -> View:
    """Open a page to its signed-in person alone, and keep it out of every cache."""
    return page(never_cache(view))


@own
@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """``/security``: what protects the account."""
    user = actor(request)
    enabled_at = second_factor.enabled_at(user)
    context = {
        "enabled_at": enabled_at,
        "codes_left": second_factor.codes_left(user) if enabled_at else 0,
        "demanded": second_factor.is_demanded(user),
    }
    return render(request, "accounts/security.html", context)


@own
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "code")
def confirm(request: HttpRequest) -> HttpResponse:
    """``/security/confirm``: the password, and a code of those who have a second factor."""
    user = actor(request)
    after = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(after, allowed_hosts=None):
        after = reverse("security")
    with_code, errors = second_factor.is_enabled(user), []
    if request.method == "POST":
        form = ConfirmForm(request.POST)
        form.is_valid()
        try:
            require_password(user, form.cleaned_data.get("password", ""))
            if with_code:
                second_factor.use_code(user=user, code=form.cleaned_data.get("code", ""))
        except SignInAgain as refusal:  # counted there
            errors = [refusal.detail]
        except WrongCode as refusal:
            errors = [refusal.detail]
            throttle.count_failure(user)
        else:
            throttle.forget_failures(user)
            request.session[_CONFIRMED] = time.time()
            return redirect(after)
    context = {"with_code": with_code, "errors": errors, "next": after}
    return render(request, "accounts/confirm.html", context, status=UNPROCESSABLE if errors else 200)


@own
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed
def authenticator(request: HttpRequest) -> HttpResponse:
    """``/security/authenticator``: bind an authenticator app by its QR code."""
    user = actor(request)
    if second_factor.is_enabled(user):
        return redirect("security")
    if _SECRET not in request.session:
        request.session[_SECRET] = sealing.seal(generate_totp_secret())
    secret, errors = sealing.unseal(request.session[_SECRET]), []
    if request.method == "POST":
        form = CodeForm(request.POST)
        try:
            code = form.cleaned_data["code"] if form.is_valid() else ""
            second_factor.enable(user=user, secret=secret, code=code)
        except DomainError as refusal:
            errors = [refusal.detail]
        else:
            del request.session[_SECRET]
            return redirect("security-codes")
    size, path = qr_path(get_adapter().build_totp_url(user, secret))
    spaced = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    context = {"qr_size": size, "qr_path": path, "secret": spaced, "errors": errors}
    return render(request, "accounts/authenticator.html", context, status=UNPROCESSABLE if errors else 200)


@own
@require_POST
@confirmed
def remove_authenticator(request: HttpRequest) -> HttpResponse:
    """``POST /security/authenticator/removal``: sign in with the password alone again."""
    user = actor(request)
    second_factor.disable(user=user, by=user)
    return redirect("security")


@own
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """``/security/recovery-codes``: the codes, until they are put away (POST); ten minutes at most."""
    user = actor(request)
    if request.method == "POST":
        second_factor.put_codes_away(user)
        return redirect("security")
    codes = second_factor.codes_to_show(user)
    return render(request, "accounts/recovery_codes.html", {"codes": codes}) if codes else redirect("security")


@own
@require_GET
@confirmed
def recovery_codes_file(request: HttpRequest) -> HttpResponse:
    """``/security/recovery-codes.txt``: the same as a file, while they are shown."""
    codes = second_factor.codes_to_show(actor(request))
    if not codes:
        return redirect("security")
    text = "Placet recovery codes. Each works once.\n\n" + "\n".join(codes) + "\n"
    name = {"Content-Disposition": 'attachment; filename="placet-recovery-codes.txt"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=name)


@own
@require_POST
@confirmed
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """``POST /security/recovery-codes/renewal``: new codes; the old ones end."""
    second_factor.renew_codes(user=actor(request))
    return redirect("security-codes")
