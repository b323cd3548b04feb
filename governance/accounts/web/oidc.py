"""The protocol of single sign-on: OpenID Connect's code flow with PKCE, state and nonce.

Authlib speaks it. What it is told here: one issuer, signatures by the provider's published keys only, a time limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from joserfc.errors import JoseError
from requests import RequestException

from governance.accounts.claims import values_of
from governance.accounts.errors import SignOnRefused, SignOnUnavailable

TIMEOUT_S = 10
LEEWAY_S = 60
NAME = "placet"
SIGNED_BY = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
"""Signatures that only the provider can make. None is not among them, nor what is made with the shared secret."""
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class _Client(DjangoOAuth2App):  # type: ignore[misc] # Authlib has no types
    """Authlib's client, which believes no other issuer's description."""

    def load_server_metadata(self) -> dict[str, Any]:
        """Return what the provider says of itself.

        Raises:
            SignOnRefused: it is another issuer's, lacks an address, or sends its keys in the clear.
        """
        found: dict[str, Any] = super().load_server_metadata()
        issuer = settings.OIDC.issuer
        if found.get("issuer") != issuer:
            raise SignOnRefused(f"The identity provider describes another issuer than {issuer}.")
        urls = [str(found.get(name, "")) for name in NEEDED]
        if any(urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme} for url in urls):
            raise SignOnRefused("The identity provider's addresses are missing or not encrypted.")
        offered = set(found.get("id_token_signing_alg_values_supported") or ["RS256"])
        found["id_token_signing_alg_values_supported"] = sorted(offered & SIGNED_BY)
        return found


@dataclass(frozen=True)
class Word:
    """What the provider says of somebody, and the identity token that it signed for that."""

    claims: dict[str, Any]
    id_token: str = field(repr=False)


@lru_cache(maxsize=4)
def _client(provider: Any) -> _Client:
    registry = OAuth()
    return registry.register(  # type: ignore[no-any-return]
        NAME,
        client_cls=_Client,
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        server_metadata_url=provider.issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": " ".join(provider.scopes),
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_S,
            **({} if provider.client_secret else {"token_endpoint_auth_method": "none"}),
        },
    )


def authorization_url(request: HttpRequest, *, kept: Mapping[str, str], **parameters: object) -> str:
    """Return where the provider asks who this is; what comes back is held against what the session keeps.

    Args:
        kept: what to remember until the answer comes.
        parameters: more for the provider, such as ``prompt``.

    Raises:
        SignOnUnavailable, SignOnRefused: the provider does not answer, or not as the one that was set up.
    """
    here = settings.BASE_URL + reverse("sso-callback")
    try:
        client = _client(settings.OIDC)
        made = client.create_authorization_url(here, **parameters)
    except (RequestException, ValueError) as error:
        raise SignOnUnavailable(f"{settings.OIDC.name} does not answer. Try again.") from error
    client.save_authorize_data(request, redirect_uri=here, kept=dict(kept), **made)
    return str(made["url"])


def ending_url(id_token: str) -> str:
    """Return where the provider ends the session that it began with this identity token; empty if it has no such place.

    OpenID Connect RP-Initiated Logout 1.0. A provider that does not answer ends nothing, and keeps nobody in here.
    """
    try:
        address = str(_client(settings.OIDC).load_server_metadata().get("end_session_endpoint") or "")
    except (SignOnRefused, RequestException, ValueError):
        return ""
    if urlsplit(address).scheme not in {"https", urlsplit(settings.OIDC.issuer).scheme}:
        return ""
    asked = {
        "client_id": settings.OIDC.client_id,
        "post_logout_redirect_uri": settings.BASE_URL + reverse("signed-out"),
        **({"id_token_hint": id_token} if id_token else {}),
    }
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def kept_for(request: HttpRequest) -> dict[str, str]:
    """Return what :func:`authorization_url` was to remember.

    Raises:
        SignOnRefused: no sign-in was begun in this browser with this state, or it was answered before.
    """
    client, state = _client(settings.OIDC), request.GET.get("state", "")
    data = client.framework.get_state_data(request.session, state) if state else None
    if not data:
        raise SignOnRefused("This sign-in was not begun here, was answered already, or is too old. Begin again.")
    return dict(data["kept"])


def claims_of(request: HttpRequest) -> Word:
    """Return what the provider says of whoever came back with this request, once all of it was checked.

    Raises:
        SignOnRefused: the provider says no, or its answer does not hold: signature, issuer, audience, time, nonce.
        SignOnUnavailable: it does not answer.
    """
    provider = settings.OIDC
    client = _client(provider)
    must = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "exp": {"essential": True},
        "nonce": {"essential": True},
    }
    try:
        token = client.authorize_access_token(request, claims_options=must, leeway=LEEWAY_S)
        claims = dict(token.get("userinfo") or {})
        if not claims:
            raise SignOnRefused(f"{provider.name} sent no identity.")
        return Word({**_more(client, token, claims), **claims}, str(token["id_token"]))
    except RequestException as error:
        raise SignOnUnavailable(f"{provider.name} does not answer. Try again.") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, RuntimeError) as error:
        said = getattr(error, "error", "") or type(error).__name__
        raise SignOnRefused(f"{provider.name} let nobody in, or its answer does not hold ({said}).") from error


def _more(client: _Client, token: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for what the identity token leaves out, as some providers do; never for what it says itself."""
    complete = "email" in claims and values_of(claims, settings.OIDC.groups_claim)
    if complete or "userinfo_endpoint" not in client.load_server_metadata():
        return {}
    found = dict(client.userinfo(token=token))
    if found.get("sub") != claims["sub"]:
        raise SignOnRefused(f"{settings.OIDC.name} describes somebody else than it signed in.")
    return found
