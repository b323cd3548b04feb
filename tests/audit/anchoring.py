"""What the tests of the anchors share: a checkpoint on its way out, a sink, and small servers on loopback."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.audit.anchors.sinks import Anchored, Published
from placet.merkle import consistency_proof
from placet.notes import encode_vkey, sign_checkpoint
from placet.verify import leaf_hash, root

ORIGIN = "log.example/audit"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"log").digest())
LOG_VKEY = encode_vkey(ORIGIN, LOG_KEY.public_key())
LEAVES = [leaf_hash(bytes([n])) for n in range(20)]
SOON = timedelta(seconds=20)


def published(size: int, *, leaves: Sequence[bytes] = LEAVES, previous: int = 0) -> Published:
    """Return a signed checkpoint of a log that is not in the database."""
    here = list(leaves[:size])

    def prove_from(old: int) -> list[bytes]:
        return consistency_proof(old, here) if 0 < old < size else []

    note = sign_checkpoint(origin=ORIGIN, size=size, root=root(here), private_key=LOG_KEY)
    return Published(ORIGIN, size, root(here), note, prove_from, previous)


@dataclass
class FakeSink:
    """A sink that does as it is told, and says what it was given."""

    name: str = "folder:/fake"
    every: timedelta = timedelta(seconds=1)
    failure: Exception | None = None
    given: list[Published] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_go.set()

    def publish(self, checkpoint: Published) -> Anchored:
        self.given.append(checkpoint)
        self.entered.set()
        assert self.may_go.wait(60)
        if self.failure:
            raise self.failure
        return Anchored(f"{self.name} {checkpoint.digest}", b"proof")

    @property
    def sizes(self) -> list[int]:
        return [checkpoint.size for checkpoint in self.given]


@contextmanager
def http_server(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """Serve POSTs on loopback; ``answer`` makes status and content from the body. Yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Stay quiet."""

    with _serving(Handler) as url:
        yield url


@contextmanager
def trickling_server(*, headers_too: bool, method: str = "POST") -> Iterator[str]:
    """Serve an answer a byte at a time: each read succeeds, the whole takes longer than any test waits (15 s)."""
    closed, ends = threading.Event(), time.monotonic() + 15

    class Handler(BaseHTTPRequestHandler):
        def _trickle(self) -> None:
            head = b"HTTP/1.1 200 OK\r\nX-Padding: " + (b"" if headers_too else b"0\r\n\r\n")
            try:
                self.wfile.write(head)
                while not closed.is_set() and time.monotonic() < ends:
                    self.wfile.write(b"x")
                    time.sleep(0.02)
            except OSError:
                pass

        def log_message(self, *arguments: object) -> None:
            """Stay quiet."""

    setattr(Handler, f"do_{method}", Handler._trickle)
    with _serving(Handler) as url:
        try:
            yield url
        finally:
            closed.set()


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
