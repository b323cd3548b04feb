"""A real OpenID provider on a port of its own, and a way to make it lie.

The provider is oidc-provider-mock: its own pages, codes, tokens and clients. Before it stands a gateway that does what
it leaves out (it checks PKCE and says ``auth_time``) and, where a test asks for it, forges what it answers.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwk, jwt
from oidc_provider_mock import app
from werkzeug.serving import make_server

Claims = dict[str, Any]
CLIENT_ID = "placet"


class LyingProvider:
    """The provider, and what the next token is to say."""

    def __init__(self) -> None:
        self.inside = app(require_nonce=True)
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "gateway", "use": "sig", "alg": "RS256"})
        self.other_key = jwk.RSAKey.generate_key(2048, {"kid": "gateway", "use": "sig", "alg": "RS256"})
        self.url = ""
        self.told: Callable[[Claims], Claims] = lambda claims: claims
        self.signed: Callable[[Claims], str] = self.sign
        self.described: Callable[[Claims], Claims] = lambda metadata: metadata
        self.asked: dict[str, list[str]] = {}
        self.challenges: dict[str, str] = {}
        self.wrong_verifiers = 0

    def sign(self, claims: Claims) -> str:
        """Return the claims as a token that the provider's published key signed."""
        return jwt.encode({"alg": "RS256", "kid": "gateway"}, claims, self.key)

    def sign_with_another_key(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": "gateway"}, claims, self.other_key)

    def sign_with_the_secret(self, claims: Claims) -> str:
        secret = jwk.OctKey.import_key(b"a secret of both, thirty-two bytes long")
        return jwt.encode({"alg": "HS256", "kid": "gateway"}, claims, secret)

    def unsigned(self, claims: Claims) -> str:
        parts = ({"alg": "none", "kid": "gateway"}, claims)
        return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."

    def knows(self, sub: str, **claims: Any) -> None:
        """Let the provider know somebody."""
        body = {"email": f"{sub}@bank.example", "email_verified": True, "name": f"Person {sub}", **claims}
        httpx.put(f"{self.url}/users/{sub}", json=body).raise_for_status()

    def answers(self, address: str, sub: str, **form: str) -> str:
        """Sign in at the provider as a browser would, and return where it sends the browser back to."""
        self.asked = parse_qs(urlsplit(address).query)
        answer = httpx.post(address, data=form or {"sub": sub})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/jwks":
            return _json({"keys": [self.key.as_dict(private=False)]}, start_response)
        if path == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(body)
            form = parse_qs(body.decode())
            verifier = form.get("code_verifier", [""])[0]
            digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if self.challenges.get(form["code"][0]) != digest:
                self.wrong_verifiers += 1
                return _json({"error": "invalid_grant"}, start_response, "400 Bad Request")
        status: list[Any] = []
        answer = b"".join(self.inside(environ, lambda *said: status.extend(said)))  # type: ignore[arg-type]
        if path == "/oauth2/token" and status[0].startswith("200"):
            token = json.loads(answer)
            claims = json.loads(_payload(token["id_token"]))
            token["id_token"] = self.signed(self.told({**claims, "auth_time": int(time.time())}))
            return _json(token, start_response)
        if path == "/.well-known/openid-configuration":
            return _json(self.described(json.loads(answer)), start_response)
        location = dict(status[1]).get("Location", "")
        if path == "/oauth2/authorize" and "code=" in location:
            asked = parse_qs(environ["QUERY_STRING"])
            assert asked.get("code_challenge_method") == ["S256"]
            self.challenges[parse_qs(urlsplit(location).query)["code"][0]] = asked["code_challenge"][0]
        start_response(status[0], status[1])
        return [answer]


def _payload(token: str) -> bytes:
    part = token.split(".")[1]
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json(body: Any, start_response: Any, status: str = "200 OK") -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


@contextmanager
def running() -> Iterator[LyingProvider]:
    """Run the provider for the length of the block."""
    provider = LyingProvider()
    server = make_server("localhost", 0, provider, threaded=True)
    provider.url = f"http://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


__all__ = ["CLIENT_ID", "LyingProvider", "running"]
