"""The wire between Placet's worker and MLflow, with somebody on it who sends each apply grant a second time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

from placet.mlflow_plugin.identity import GRANT_HEADER

HOP_BY_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "content-encoding"})


@dataclass(frozen=True)
class Replay:
    """One call that carried a grant, as MLflow answered it the first and the second time."""

    path: str
    sent: bytes
    grant: str = field(repr=False)
    first: httpx.Response
    second: httpx.Response


class Wire(ThreadingHTTPServer):
    """A forwarding server on a free port of the loopback; ``mlflow_url`` is set once MLflow's port is known."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarder)
        self.mlflow_url = ""
        self.replays: list[Replay] = []
        self.client = httpx.Client(timeout=60.0, trust_env=False)

    @property
    def url(self) -> str:
        """The address to give to the worker as MLflow's."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet when a caller went away: killing callers is what these tests do."""


class _Forwarder(BaseHTTPRequestHandler):
    def _forward(self) -> None:
        wire = self.server
        assert isinstance(wire, Wire)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"
        try:
            answers = [self._send(wire, headers, body) for _ in range(2 if GRANT_HEADER in self.headers else 1)]
        except httpx.HTTPError:
            self.send_error(502, "MLflow does not answer")
            return
        if len(answers) == 2:
            wire.replays.append(Replay(self.path, body, self.headers[GRANT_HEADER], *answers))
        first = answers[0]
        self.send_response(first.status_code)
        for name, value in first.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(first.content)))
        self.end_headers()
        self.wfile.write(first.content)

    def _send(self, wire: Wire, headers: dict[str, str], body: bytes) -> httpx.Response:
        return wire.client.request(self.command, wire.mlflow_url + self.path, headers=headers, content=body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _forward  # noqa: N815 (the base class looks for these names)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@contextmanager
def wire() -> Iterator[Wire]:
    """Run a wire for the length of the block."""
    server = Wire()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="wire", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.client.close()
