"""The forms of signing in."""

from allauth.account.forms import LoginForm
from django import forms


class SignInForm(LoginForm):  # type: ignore[misc] # allauth has no types
    """E-mail address and password, under the names that password managers and the demo's people fill in."""

    def add_prefix(self, field_name: str) -> str:
        return str(super().add_prefix("username" if field_name == "login" else field_name))


class CodeForm(forms.Form):
    """One code: of the authenticator app, or a recovery code."""

    code = forms.CharField(max_length=32)


class ConfirmForm(forms.Form):
    """The password, and a code where the person has a second factor."""

    password = forms.CharField(max_length=4096, strip=False)
    code = forms.CharField(max_length=32, required=False)
