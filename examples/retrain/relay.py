"""Take Placet's retraining events, and start a run of Airflow or a workflow of GitHub Actions for each.

    python examples/retrain/relay.py --secret-file hook.secret --airflow http://127.0.0.1:8080 --dag train_credit_risk
    python examples/retrain/relay.py --secret-file hook.secret --github bank/credit-risk

Standard library only. Each event is checked (signature, age), acted on once, and answered once the pipeline has it:
what fails is answered 502, so that Placet sends it again. Put it behind TLS. Tokens come from the environment:
``AIRFLOW_TOKEN``, ``GITHUB_TOKEN``.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

OLDEST_S = 300
LARGEST = 100_000
Start = Callable[[dict[str, Any]], None]


class Refused(Exception):
    """The event is not Placet's, or is old."""


def verified(headers: Mapping[str, str], body: bytes, secret: str, *, now: float | None = None) -> dict[str, Any]:
    """Return the event of a request, once its signature and age are checked.

    Args:
        headers: by lower-case name.
        secret: ``whsec_`` and base64.
    Raises:
        Refused: it was signed with another secret, changed on its way, or sent more than five minutes ago.
    Source: Standard Webhooks 1.0.0.
    """
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs((time.time() if now is None else now) - int(at)) > OLDEST_S:
        raise Refused("The event is old, or says no time.")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, f"{name}.{at}.".encode() + body, sha256).digest()).decode()
    given = [part.removeprefix("v1,") for part in headers.get("webhook-signature", "").split()]
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise Refused("The signature is not that of this body.")
    event: dict[str, Any] = json.loads(body)
    return event


def airflow(url: str, dag: str, token: str) -> Start:
    """Start a run of a DAG with the event's data as its conf; its id is the event's, so a second changes nothing."""

    def start(event: dict[str, Any]) -> None:
        body = {"dag_run_id": f"placet-{event['id']}", "logical_date": event["time"], "conf": event["data"]}
        _post(f"{url.rstrip('/')}/api/v2/dags/{dag}/dagRuns", body, token, fine={409})  # 409: this run is there

    return start


def github(repository: str, token: str, api: str = "https://api.github.com") -> Start:
    """Dispatch ``placet-model-drifted`` to a repository, with the event's data as ``client_payload``."""

    def start(event: dict[str, Any]) -> None:
        payload = {key: event["data"][key] for key in ("alert", "alert_url", "model", "version", "alias", "evidence")}
        body = {"event_type": "placet-model-drifted", "client_payload": payload}  # ten keys at most
        _post(f"{api}/repos/{repository}/dispatches", body, token)

    return start


def _post(url: str, body: dict[str, Any], token: str, *, fine: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    request = urllib.request.Request(  # noqa: S310 (the operator's own address)
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=15):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        if error.code not in fine:
            raise


def server(address: tuple[str, int], secret: str, start: Start) -> ThreadingHTTPServer:
    """Return a server that calls ``start`` once for each event; call ``serve_forever`` on it."""
    known: set[str] = set()
    one_at_a_time = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if not 0 < length <= LARGEST:
                return self._answer(413)
            body = self.rfile.read(length)
            try:
                event = verified({name.lower(): value for name, value in self.headers.items()}, body, secret)
                with one_at_a_time:
                    if event["id"] not in known:
                        start(event)
                        known.add(event["id"])
            except Refused as refusal:
                print(refusal, file=sys.stderr)
                return self._answer(401)
            except Exception as error:  # noqa: BLE001 - whatever the pipeline says: it does not have the event, and gets it again
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                return self._answer(502)
            return self._answer(202)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing of each request: the pipeline has its own log."""

    return ThreadingHTTPServer(address, Handler)


def main() -> None:
    """Relay until stopped."""
    parser = argparse.ArgumentParser(description="Relay Placet's retraining events.")
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1:8088")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--airflow", help="address of Airflow's API server")
    where.add_argument("--github", help="owner/repository")
    parser.add_argument("--dag", help="with --airflow")
    options = parser.parse_args()
    if options.airflow and not options.dag:
        parser.error("--airflow needs --dag")
    token = os.environ["AIRFLOW_TOKEN" if options.airflow else "GITHUB_TOKEN"]
    start = airflow(options.airflow, options.dag, token) if options.airflow else github(options.github, token)
    host, _, port = options.listen.rpartition(":")
    server((host, int(port)), options.secret_file.read_text().strip(), start).serve_forever()


if __name__ == "__main__":
    main()
