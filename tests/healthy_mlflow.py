"""A loopback server that answers MLflow's health check, which is all that requesting a promotion asks of the tracking
server, and has no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/health" or self.path.partition("?")[0].endswith("/search")
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def healthy_mlflow() -> Iterator[str]:
    """Yield the address of a server whose health check answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Health)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
