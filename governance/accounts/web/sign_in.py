"""Sign in: the password, then the second factor of those who have one."""

from typing import Any

from allauth.account.internal.decorators import login_stage_required
from allauth.account.views import LoginView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from governance.accounts import second_factor
from governance.accounts.web.forms import CodeForm, SignInForm
from governance.common.errors import DomainError

UNPROCESSABLE = 422


class SignIn(LoginView):  # type: ignore[misc] # allauth has no types
    """``/login``: e-mail address and password."""

    form_class = SignInForm
    template_name = "registration/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "next": context.get("redirect_field_value") or ""}


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="login")  # type: ignore[untyped-decorator]
def second_step(request: HttpRequest) -> HttpResponse:
    """``/login/second-factor``: a code of the app or a recovery code, after the right password."""
    stage = request._login_stage  # type: ignore[attr-defined]
    user = stage.login.user
    if not user.is_active:
        return redirect("login")
    errors: list[str] = []
    if request.method == "POST":
        form = CodeForm(request.POST)
        try:
            if form.is_valid():
                used = second_factor.use_code(user=user, code=form.cleaned_data["code"])
                post_authentication(request, used)
                return stage.exit()  # type: ignore[no-any-return]
            errors = ["Type the six digits that your authenticator app shows, or a recovery code."]
        except DomainError as refusal:
            errors = [refusal.detail]
    return render(request, "accounts/second_factor.html", {"errors": errors}, status=UNPROCESSABLE if errors else 200)
