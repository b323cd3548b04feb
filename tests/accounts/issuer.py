"""An issuer of workload tokens on a port of its own, and ways in which it lies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwk, jwt

AUDIENCE = "https://placet.bank.example"


class Issuer:
    """It signs for runs. ``keys`` is what it publishes, ``way`` how it answers for them."""

    def __init__(self) -> None:
        self.rsa = jwk.RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.ec = jwk.ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
        self.stranger = jwk.RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.keys = [self.rsa.as_dict(private=False), self.ec.as_dict(private=False)]
        self.way, self.url, self.asked = "", "", 0
        self.number = 0

    def claims(self, **more: Any) -> dict[str, Any]:
        """What GitHub says of a run on the main branch; a claim of None is left out."""
        self.number += 1
        now = int(time.time())
        said = {
            "iss": self.url, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "jti": str(self.number),
            "sub": "repo:bank/credit:ref:refs/heads/main", "repository": "bank/credit", "ref": "refs/heads/main",
            "sha": "a" * 40, "run_id": "77", "actor": "ms-ndiaye", "event_name": "push",
        }  # fmt: skip
        return {name: value for name, value in (said | more).items() if value is not None}

    def token(self, *, key: Any = None, alg: str = "RS256", header: dict[str, Any] | None = None, **more: Any) -> str:
        with_key = key or (self.ec if alg == "ES256" else self.rsa)
        head = {"alg": alg, "kid": "ec" if alg == "ES256" else "rsa", **(header or {})}
        return jwt.encode(
            {name: value for name, value in head.items() if value}, self.claims(**more), with_key, algorithms=[alg]
        )


@contextmanager
def running() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/openid-configuration"):
                at = "http://127.0.0.2:9" if issuer.way == "keys elsewhere" else issuer.url
                said = "https://other.example" if issuer.way == "another issuer" else issuer.url
                return self._say({"issuer": said, "jwks_uri": f"{at}/keys"})
            issuer.asked += 1
            if issuer.way == "redirect":
                self.send_response(302)
                self.send_header("Location", f"{issuer.url}/elsewhere")
                self.end_headers()
                return None
            if issuer.way == "endless":
                return self._drip()
            padding = "x" * 1_000_000 if issuer.way == "a megabyte" else ""
            return self._say({"keys": issuer.keys, "padding": padding})

        def _say(self, what: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(what).encode())

        def _drip(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield issuer
    server.shutdown()
    server.server_close()
    thread.join()
