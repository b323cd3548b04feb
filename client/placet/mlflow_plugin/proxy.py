"""Identity from a proxy in front of the server that signs people in (OAuth2 Proxy, Authelia, an ingress with OIDC).

A header is only text that anybody can send. It counts when the request also carries a secret that the proxy and this
server share, and without that secret nothing is answered but ``/health``: so what did not come through the proxy cannot
speak for anybody, and cannot read either. Both kinds of servers are covered: under uvicorn an ASGI middleware stands
before MLflow's own FastAPI routes as well as its Flask ones, under gunicorn and waitress a WSGI one.
"""

import hmac
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from placet.mlflow_plugin.identity import NOBODY, Identity, authenticated_by, identified

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.types import ASGIApp, Receive, Scope, Send

IDENTITY_HEADER_ENV = "PLACET_IDENTITY_HEADER"
DEFAULT_IDENTITY_HEADER = "X-Forwarded-User"
SECRET_ENV = "PLACET_PROXY_SECRET"  # noqa: S105  (the name of a variable)
SECRET_HEADER = "X-Placet-Proxy-Secret"  # noqa: S105  (the name of a header)
SECRET_MINIMUM = 32
USERNAME_LIMIT = 255
NOT_BY_PROXY = (
    "This MLflow server answers only what comes through its authenticating proxy. Use the proxy's address; whoever "
    f"runs it must make it send {SECRET_HEADER}, and nobody else."
)
UNCLEAR_NAME = (
    "The proxy must name one user, in one header of up to 255 printable characters without a comma. Make it replace "
    "what the client sent."
)


class Refused(Exception):
    """The request is answered 403; the message says why."""


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """How this server knows its proxy: the header that carries the user name, and the shared secret."""

    header: str
    secret: bytes

    def identity(self, *, secrets: Sequence[bytes], names: Sequence[bytes]) -> Identity:
        """Return the user whom the proxy named, nobody if it named none.

        Args:
            secrets, names: the values of the secret's header and of the identity's, one item for each time it was sent.

        Raises:
            Refused: the secret is not ours, or it is not clear who is meant.
        """
        if len(secrets) != 1 or not hmac.compare_digest(secrets[0], self.secret):
            raise Refused(NOT_BY_PROXY)
        if not any(names):
            return NOBODY
        try:
            username = names[0].decode().strip()
        except UnicodeDecodeError:
            raise Refused(UNCLEAR_NAME) from None
        if len(names) > 1 or "," in username or not username.isprintable() or not 0 < len(username) <= USERNAME_LIMIT:
            raise Refused(UNCLEAR_NAME)
        return Identity(username, "proxy")


def trusted_proxy() -> TrustedProxy:
    """Return the proxy that the settings describe.

    Raises:
        ValueError: ``PLACET_PROXY_SECRET`` or ``PLACET_IDENTITY_HEADER`` is missing or unusable.
    """
    header = os.environ.get(IDENTITY_HEADER_ENV, "").strip() or DEFAULT_IDENTITY_HEADER
    if not re.fullmatch("[A-Za-z0-9-]+", header) or header.lower() == SECRET_HEADER.lower():
        raise ValueError(f"{IDENTITY_HEADER_ENV} is the name of a header, such as {DEFAULT_IDENTITY_HEADER}.")
    secret = os.environ.get(SECRET_ENV, "").strip()
    if len(secret) < SECRET_MINIMUM or not all("!" <= character <= "~" for character in secret):
        raise ValueError(f"{SECRET_ENV} needs {SECRET_MINIMUM} or more visible ASCII characters, chosen at random.")
    return TrustedProxy(header, secret.encode())


class ProxyIdentity:
    """ASGI middleware: lets through what the proxy sent, with the identity it named."""

    def __init__(self, app: "ASGIApp", *, proxy: TrustedProxy, open_path: str) -> None:
        self._app, self._proxy, self._open_path = app, proxy, open_path

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 403 (a web socket is closed) unless the request came through the proxy."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] == self._open_path):
            await self._app(scope, receive, send)
            return
        try:
            identity = self._proxy.identity(secrets=_sent(scope, SECRET_HEADER), names=_sent(scope, self._proxy.header))
        except Refused as refusal:
            await _refuse(scope, send, str(refusal))
            return
        with identified(identity):
            await self._app(scope, receive, send)


class ProxyIdentityWsgi:
    """The same for a WSGI server."""

    def __init__(self, app: "WSGIApplication", *, proxy: TrustedProxy, open_path: str) -> None:
        self._app, self._proxy, self._open_path = app, proxy, open_path

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer 403 unless the request came through the proxy."""
        if environ.get("PATH_INFO") == self._open_path:
            return self._app(environ, start_response)
        try:
            identity = self._proxy.identity(
                secrets=_sent_wsgi(environ, SECRET_HEADER), names=_sent_wsgi(environ, self._proxy.header)
            )
        except Refused as refusal:
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [_body(str(refusal))]
        with identified(identity):
            return self._app(environ, start_response)


class AuthenticatedScope:
    """ASGI middleware: lets the code behind FastAPI's own routes see whom MLflow's basic-auth accepted."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, with its state in reach of ``current_identity``."""
        state: dict[str, Any] = scope.setdefault("state", {})
        with authenticated_by(state):
            await self._app(scope, receive, send)


def _sent(scope: "Scope", name: str) -> list[bytes]:
    wanted = name.lower().encode()
    return [value for key, value in scope["headers"] if key.lower() == wanted]


def _sent_wsgi(environ: "WSGIEnvironment", name: str) -> list[bytes]:
    value = environ.get("HTTP_" + name.upper().replace("-", "_"))
    return [] if value is None else [value.encode("latin-1")]


def _body(sentence: str) -> bytes:
    return json.dumps({"error_code": "PERMISSION_DENIED", "message": sentence}).encode()


async def _refuse(scope: "Scope", send: "Callable[[Any], Any]", sentence: str) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _body(sentence)})
