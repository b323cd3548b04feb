"""A real HTTP server in the place of Placet's decision endpoint: it answers as told and remembers each question."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Question = dict[str, Any]
Answer = tuple[int, str, bytes]
TOKEN = "gate-token-of-the-tests"


def verdict(word: object, /, **more: object) -> Answer:
    """Return a well-formed answer with ``word`` as its verdict."""
    return 200, "application/json", json.dumps({"verdict": word, **more}).encode()


CHECK_INS = "/api/v1/gate/check-ins"
DEFAULT_ALIASES = ["champion", "canary", "production", "prod"]


def configured(number: object, aliases: object, **more: object) -> Answer:
    """Return an answer to a check-in."""
    said = {"configuration": {"number": number, "protected_aliases": aliases}, **more}
    return 200, "application/json", json.dumps(said).encode()


BLOCK = verdict("BLOCK", detail="There is no approval for it.", link="http://placet.example/requests/7")
ALLOW = verdict("ALLOW")


@dataclass(frozen=True)
class Request:
    """One question as it came: the path, the headers, the port of its sender and the parsed body."""

    path: str
    headers: dict[str, str]
    port: int
    question: Question


class DecisionServer:
    """Answers the gate's calls on a port of 127.0.0.1 that stays the same while it is down.

    Decisions are ``questions``, check-ins are ``check_ins``; ``answer`` and ``configuration`` are what they get.
    """

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.requests: list[Request] = []
        self.answer: Callable[[Question], Answer] = lambda _question: BLOCK
        self.check_ins: list[dict[str, Any]] = []
        self.configuration: Answer = configured(1, DEFAULT_ALIASES, every_s=15)
        self.byte_pause_s: float | None = None
        self.trickles_from = "body"
        self._open: set[socket.socket] = set()
        self._port = 0
        self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def reset(self) -> None:
        """Refuse everything, at once, and forget the questions."""
        self.questions.clear()
        self.requests.clear()
        self.answer = lambda _question: BLOCK
        self.byte_pause_s = None
        self.trickles_from = "body"

    def requests_about(self, name: str) -> list[Request]:
        """Return the requests so far about this model; those about an earlier test's may still be arriving."""
        return [request for request in self.requests if request.question["subject"]["name"] == name]

    def ports_of(self, name: str) -> set[int]:
        """Return the ports that questions about this model came from: one for each connection that carried some."""
        return {request.port for request in self.requests_about(name)}

    def asked(self, action: str) -> list[Question]:
        """Return the questions so far about ``action``."""
        return [question for question in self.questions if question["action"] == action]

    def wait_for(self, action: str, *, name: str, timeout_s: float = 10) -> Question:
        """Return the first question about ``action`` on this model, or fail after ``timeout_s``.

        A notice of an earlier test's model may arrive late, so the name must be given.
        """
        ends_at = time.monotonic() + timeout_s
        while time.monotonic() < ends_at:
            if asked := [question for question in self.asked(action) if question["subject"]["name"] == name]:
                return asked[0]
            time.sleep(0.02)
        raise AssertionError(f"nobody asked about {action}; asked were {[q['action'] for q in self.questions]}")

    def wait_for_check_in(self, *, after: int = 0, timeout_s: float = 20) -> dict[str, Any]:
        """Return the next check-in after the first ``after`` ones, or fail after ``timeout_s``."""
        ends_at = time.monotonic() + timeout_s
        while time.monotonic() < ends_at:
            if len(self.check_ins) > after:
                return self.check_ins[after]
            time.sleep(0.02)
        raise AssertionError("nobody checked in")

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nothing listens, and open connections are cut."""
        self.stop()
        try:
            yield
        finally:
            self._start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _start(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server._open.add(self.connection)

            def finish(self) -> None:
                server._open.discard(self.connection)
                with suppress(OSError):
                    super().finish()

            def handle(self) -> None:
                with suppress(OSError):
                    super().handle()

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == CHECK_INS:
                    server.check_ins.append({**question, "token": self.headers["Authorization"]})
                    self._reply(*server.configuration)
                    return
                server.requests.append(Request(self.path, dict(self.headers), self.client_address[1], question))
                server.questions.append(question)
                self._reply(*server.answer(question))

            def _reply(self, status: int, content_type: str, body: bytes) -> None:
                head = (
                    f"HTTP/1.1 {status} Answer\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode()
                pause_s = server.byte_pause_s  # as it was when the answer began
                if pause_s is None:
                    self.wfile.write(head + body)  # in one write, as gunicorn does
                    return
                at_once, slowly = (b"", head + body) if server.trickles_from == "head" else (head, body)
                self.wfile.write(at_once)
                for byte in slowly:
                    self.wfile.write(bytes([byte]))
                    time.sleep(pause_s)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
