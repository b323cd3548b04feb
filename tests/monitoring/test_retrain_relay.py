"""The example relay: it takes what Placet signed, once, and what a pipeline refused it asks for again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from threading import Thread

import httpx
import pytest

from examples.retrain import relay
from monitoring.retraining.event import body_of, event_of, headers_of

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def signed(name="one", secret=SECRET, now=None):
    at = now or datetime.now(UTC)
    event = event_of(call_id=name, source="https://placet", subject="m/2", at=at, data={"alert": "AL-1"})
    return headers_of(event, secret, now=at), body_of(event)


@pytest.fixture
def served():
    started, refusing = [], []

    def start(event):
        if refusing:
            raise OSError(refusing.pop())
        started.append(event["id"])

    server = relay.server(("127.0.0.1", 0), SECRET, start)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", started, refusing
    server.shutdown()
    server.server_close()


def sent(address, headers, body):
    return httpx.post(address, headers=headers, content=body).status_code


def test_an_event_starts_one_run_however_often_it_is_sent(served):
    address, started, refusing = served
    refusing.append("the pipeline is down")
    assert sent(address, *signed()) == 502
    assert [sent(address, *signed()), sent(address, *signed())] == [202, 202]
    assert started == ["one"]


def test_what_placet_did_not_sign_or_signed_long_ago_starts_nothing(served):
    address, started, _ = served
    headers, body = signed()
    assert sent(address, headers, body.replace(b"AL-1", b"AL-2")) == 401
    assert sent(address, *signed(secret="whsec_" + base64.b64encode(bytes(32)).decode())) == 401
    assert sent(address, *signed(now=datetime(2026, 1, 1, tzinfo=UTC))) == 401
    assert sent(address, {}, body) == 401
    assert started == []


@pytest.mark.parametrize(("answer", "fine"), [(200, True), (409, True), (500, False)])
def test_airflow_gets_the_alert_as_conf_and_a_run_id_that_is_the_events(answer, fine):
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    got = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, self.headers["authorization"], json.loads(body)))
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    start = relay.airflow(f"http://127.0.0.1:{server.server_port}", "train", "token")
    event = json.loads(signed()[1])
    if fine:
        start(event)
    else:
        with pytest.raises(OSError, match="500"):
            start(event)
    server.shutdown()
    server.server_close()
    ((path, authorization, body),) = got
    assert (path, authorization) == ("/api/v2/dags/train/dagRuns", "Bearer token")
    assert (body["dag_run_id"], body["conf"]["alert"]) == ("placet-one", "AL-1")
