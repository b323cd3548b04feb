"""The identity provider of single sign-on, from the environment."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from governance.config import environment as env

HERE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Provider:
    """An OpenID provider and what is believed of it; without an issuer there is none."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    email_domains: frozenset[str] = frozenset()
    email_verified_claim: str = "email_verified"
    second_factor: frozenset[str] = frozenset()
    session_hours: int = 8
    role_days: int = 30


def provider_from_environment() -> Provider:
    """Return what ``PLACET_OIDC_*`` say; refuse what would not be safe, and name the variable."""
    issuer = env.text("PLACET_OIDC_ISSUER", "").strip()
    if not issuer:
        return Provider()
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in HERE):
        raise ImproperlyConfigured("PLACET_OIDC_ISSUER: give the issuer as the provider spells it, with https://.")
    if "#" in issuer or "?" in issuer or len(issuer) > 200:
        raise ImproperlyConfigured("PLACET_OIDC_ISSUER: an issuer has neither ? nor #, and at most 200 characters.")
    return Provider(
        issuer=issuer,
        client_id=env.text("PLACET_OIDC_CLIENT_ID"),
        client_secret=env.secret("PLACET_OIDC_CLIENT_SECRET", ""),
        name=env.text("PLACET_OIDC_NAME", Provider.name),
        scopes=tuple(dict.fromkeys(["openid", *env.text("PLACET_OIDC_SCOPES", "profile email").split()])),
        groups_claim=env.text("PLACET_OIDC_GROUPS_CLAIM", Provider.groups_claim),
        email_domains=frozenset(word.lower().lstrip("@") for word in env.words("PLACET_OIDC_EMAIL_DOMAINS")),
        email_verified_claim=env.text("PLACET_OIDC_EMAIL_VERIFIED_CLAIM", Provider.email_verified_claim),
        second_factor=frozenset(env.words("PLACET_OIDC_SECOND_FACTOR")),
        session_hours=env.whole("PLACET_OIDC_SESSION_HOURS", Provider.session_hours, least=1),
        role_days=env.whole("PLACET_OIDC_ROLE_DAYS", Provider.role_days, least=1),
    )
