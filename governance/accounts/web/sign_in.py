"""Sign in: the password, then the second factor of those who have one."""

from typing import Any

from allauth.account.internal.decorators import login_stage_required
from allauth.account.views import LoginView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from redis.exceptions import RedisError

from governance.accounts import second_factor, throttle
from governance.accounts.errors import SignInUnavailable, WrongCode
from governance.accounts.models import User
from governance.accounts.web.forms import CodeForm, SignInForm
from governance.common.errors import DomainError
from governance.common.pages import with_retry

UNPROCESSABLE = 422


class SignIn(LoginView):  # type: ignore[misc] # allauth has no types
    """``/login``: e-mail address and password."""

    form_class = SignInForm
    template_name = "registration/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer what is refused, and a cache that does not count, with the form and the sentence."""
        try:
            try:
                return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]
            except RedisError as error:
                raise SignInUnavailable("Nobody can sign in, because the cache does not answer. Try again.") from error
        except DomainError as refusal:
            context = {**_single_sign_on(), "errors": [refusal.detail], "next": request.POST.get("next", "")}
            return with_retry(render(request, self.template_name, context, status=refusal.status), refusal)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, **_single_sign_on(), "next": context.get("redirect_field_value") or ""}


def _single_sign_on() -> dict[str, Any]:
    name = settings.OIDC.name if settings.OIDC.issuer else ""
    return {"sso_name": name, "emergency_only": bool(name and settings.BREAK_GLASS)}


def _use_code(user: User, code: str) -> Authenticator:
    throttle.check_not_locked(user)
    try:
        return second_factor.use_code(user=user, code=code)
    except WrongCode:
        throttle.count_failure(user)
        raise


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="login")  # type: ignore[untyped-decorator]
def second_step(request: HttpRequest) -> HttpResponse:
    """``/login/second-factor``: a code of the app or a recovery code, after the right password."""
    stage = request._login_stage  # type: ignore[attr-defined]
    user = stage.login.user
    if not user.is_active:
        return redirect("login")
    errors, status = [], 200
    if request.method == "POST":
        form = CodeForm(request.POST)
        try:
            if form.is_valid():
                used = _use_code(user, form.cleaned_data["code"])
                post_authentication(request, used)
                return stage.exit()  # type: ignore[no-any-return]
            errors, status = ["Type the six digits that your app shows, or a recovery code."], UNPROCESSABLE
        except DomainError as refusal:
            errors, status = [refusal.detail], refusal.status
    return render(request, "accounts/second_factor.html", {"errors": errors}, status=status)
