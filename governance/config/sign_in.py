"""How people sign in: the part of the settings that django-allauth reads. Only the views that we map exist."""

from typing import Any

from governance.config import environment as env
from governance.config.oidc import provider_from_environment

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_ADAPTER = "governance.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
# Sign-up is closed (AccountAdapter); allauth's check wants the fields named all the same.
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
# An administrator vouches for the address of each account that they make.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False

# How often what is wrong, in how many seconds. By account and by token: governance.accounts.throttle.
SIGN_IN_LIMITS = env.limits("PLACET_SIGN_IN_LIMITS", {"account": (5, 300), "address": (30, 60), "token": (60, 60)})
ACCOUNT_RATE_LIMITS = {"login": "{}/{}s/ip".format(*SIGN_IN_LIMITS["address"]), "login_failed": None}
# How many proxies of ours stand before the web process; X-Forwarded-For is believed of them alone.
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("PLACET_TRUSTED_PROXIES", 0)

# Single sign-on: governance.accounts.web.sso.
OIDC = provider_from_environment()
# With single sign-on and addresses here, nobody else's password lets anybody in.
BREAK_GLASS = frozenset(address.lower() for address in env.words("PLACET_BREAK_GLASS"))


def user_display(user: Any) -> str:
    """Return the name under which a person is shown."""
    return str(user.name)


ACCOUNT_USER_DISPLAY = user_display

MFA_ADAPTER = "governance.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # a code of the period before or after: clocks of phones differ
MFA_TOTP_ISSUER = "Placet"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # people have no EmailAddress rows: nothing of theirs waits for verification
