"""A mail server and a receiver of web hooks that really answer, and reading on in the log."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller

from governance.audit.integration import integrate
from governance.notices.tasks import deliver_notices, make_notices
from tests.healthy_mlflow import healthy_mlflow
from tests.roles import as_role

KEY = "a key of the tests, for notices"


@dataclass
class Mailbox:
    """What the mail server took, and what it answers: ``refuse`` is said instead of taking a message."""

    taken: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    refuse: str = ""

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.refuse:
            return self.refuse
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        self.to += envelope.rcpt_tos
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for message in self.taken]


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """A real mail server on this machine, to which Placet's messages go."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.BASE_URL = "https://placet.bank.example"
    yield box
    server.stop()


def free_port() -> int:
    """Return a port that nobody listens on; the mail server can't choose one by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Hook:
    """A receiver of web hooks: what it was sent, and the status that it answers."""

    port: int = 0
    taken: list[dict] = field(default_factory=list)
    status: int = 200
    location: str = ""


@pytest.fixture
def hook(settings) -> Iterator[Hook]:
    """A real receiver on this machine, allowed by name as a deployment allows its own."""
    box = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.taken.append({"path": self.path, **json.loads(body)})
            self.send_response(box.status)
            if box.location:
                self.send_header("Location", box.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    settings.NOTICE_KEY, settings.NOTICE_SCHEMES = KEY, ["json", "jsons", "slack"]
    settings.NOTICE_HOSTS = [f"127.0.0.1:{box.port}"]
    yield box
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def mlflow_address() -> Iterator[str]:
    """A server that answers MLflow's health check."""
    with healthy_mlflow() as address:
        yield address


@pytest.fixture
def cast(transactional_db, mlflow_address, settings):
    """Everybody with a part in a promotion, on real commits: another role places the entries."""
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast()


@pytest.fixture
def told() -> Callable[[], int]:
    """Let the notary place what was written, then run the two tasks; return how many messages were sent."""

    def run() -> int:
        placed()
        make_notices()
        return deliver_notices()

    return run


def placed() -> None:
    """Let the notary place what was written."""
    with as_role("notary"):
        while integrate():
            pass
