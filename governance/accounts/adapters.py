"""What we ask of django-allauth: no sign-up, no notices of its own, secrets that no copy of the database tells."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from governance.accounts import presence, sealing, throttle
from governance.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """People are made by administrators, and shown their state by our own pages."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return who the password belongs to; a deactivated account is as unknown as one that never was."""
        email = str(credentials.get("email") or "")
        throttle.check_address_not_locked(email)
        user = super().authenticate(request, **credentials) if presence.may_use_password(email) else None
        if isinstance(user, User) and user.is_active:
            return user
        throttle.count_address_failure(email, User.objects.filter(email__iexact=email).first())
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in who gave all that was asked for, and forget what was wrong before."""
        throttle.forget_failures(user)
        super().login(request, user)

    def reauthenticate(self, user: User, password: str) -> bool:
        """Return whether the password is the person's. allauth would look for an EmailAddress row; there is none."""
        return user.is_active and user.check_password(password)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return who calls, by network address. A header that can't be right is no reason to answer nobody."""
        try:
            return str(super().get_client_ip(request))
        except (ImproperlyConfigured, PermissionDenied):
            return request.META.get("REMOTE_ADDR") or "unknown"

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the page that follows shows what happened."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Send nothing: the web process has no mail server; the log holds each change."""


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no types
    """Keeps the secrets of second factors sealed in the database, and asks for none that was given elsewhere."""

    def is_mfa_enabled(self, user: User, types: Any = None) -> bool:
        """Return whether to ask for a second factor: not where the identity provider has, and that counts here."""
        given = context.request is not None and getattr(context.request, "second_factor_given", False)
        return not given and bool(super().is_mfa_enabled(user, types))

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)
