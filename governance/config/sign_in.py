"""How people sign in: the part of the settings that django-allauth reads. Only the views that we map exist."""

from typing import Any

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_ADAPTER = "governance.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
# Sign-up is closed (AccountAdapter); allauth's check wants the fields named all the same.
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
# An administrator vouches for the address of each account that they make.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False


def user_display(user: Any) -> str:
    """Return the name under which a person is shown."""
    return str(user.name)


ACCOUNT_USER_DISPLAY = user_display

MFA_ADAPTER = "governance.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # a code of the period before or after: clocks of phones differ
MFA_TOTP_ISSUER = "Placet"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # people have no EmailAddress rows: nothing of theirs waits for verification
