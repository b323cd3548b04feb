"""A small log with its keys, and the bundle that it makes."""

import dataclasses
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.bundle import GovernedRow, Payload, write_bundle
from placet.canonical import canonical_json
from placet.merkle import inclusion_proof
from placet.notes import encode_vkey, sign_checkpoint
from placet.receipts import encode_receipt
from placet.verify import commitment, leaf_hash, root
from tests.client.served_model import permitted, served  # noqa: F401  # fixtures

ORIGIN = "bank.example/audit/1"


def digest_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass
class LogUnderTest:
    """A log under test: append, then bundle."""

    key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    permit_key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
    bodies: list[bytes] = field(default_factory=list)
    payloads: dict[int, Payload] = field(default_factory=dict)
    governed: dict[tuple[str, str], GovernedRow] = field(default_factory=dict)
    anchored: list[bytes] = field(default_factory=list)
    pending: int = 0
    origin: str = ORIGIN
    timestamps: list[tuple[int, bytes]] = field(default_factory=list)
    created_at: str = "2026-11-24T00:00:00.000000Z"

    @property
    def vkey(self) -> str:
        return encode_vkey(self.origin, self.key.public_key())

    @property
    def policy(self) -> str:
        permit = encode_vkey(f"{ORIGIN}/permit", self.permit_key.public_key())
        return f"# keys of the bank\nlog {self.vkey}\npermit {permit}\n"

    def append(
        self, event: str = "promotion.requested", *, row: str | None = None, payload: str | None = None, **fields: Any
    ) -> str:
        """Append an entry; ``row`` makes it the newest entry about one governed row. Returns its id."""
        index = len(self.bodies)
        entry_id = str(uuid.UUID(int=index + 1))
        salt = hashlib.sha256(b"salt %d" % index).digest()
        subjects: list[dict[str, Any]] = []
        if row is not None:
            after = digest_of(f"{row} as of entry {index}")
            before = (
                self.governed[("approvals_decision", row)].digest
                if ("approvals_decision", row) in self.governed
                else None
            )
            subjects = [{"table": "approvals_decision", "key": row, "before": before, "after": after}]
            self.governed[("approvals_decision", row)] = GovernedRow("approvals_decision", row, entry_id, after)
        entry = {
            "v": 1,
            "log": self.origin,
            "id": entry_id,
            "event": event,
            "at": f"2026-11-23T18:{index // 60 % 60:02d}:{index % 60:02d}.000000Z",
            "actor": "person:" + str(uuid.UUID(int=99)),
            "subjects": subjects,
            "data": {"verdict": "approve"},
            "payload": commitment(salt, payload.encode()) if payload is not None else None,
        } | fields
        self.bodies.append(canonical_json(entry))
        if payload is not None:
            self.payloads[index] = Payload(index, salt, payload)
        return entry_id

    def checkpoint(self, size: int | None = None, *, bodies: list[bytes] | None = None) -> bytes:
        leaves = [leaf_hash(b) for b in (self.bodies if bodies is None else bodies)[:size]]
        return sign_checkpoint(origin=self.origin, size=len(leaves), root=root(leaves), private_key=self.key)

    def anchor(self) -> bytes:
        self.anchored.append(self.checkpoint())
        return self.anchored[-1]

    def seal(self, manifest: bytes, **fields: Any) -> bytes:
        """Append an entry about a manifest (to a copy of the log), and return its receipt."""
        after = dataclasses.replace(self, bodies=list(self.bodies))
        data = {"manifest": f"sha256:{hashlib.sha256(manifest).hexdigest()}"}
        after.append(fields.pop("event", "bundle.exported"), **({"data": data} | fields))
        leaves = [leaf_hash(body) for body in after.bodies]
        at = len(leaves) - 1
        proof = inclusion_proof(at, leaves)
        return encode_receipt(index=at, proof=proof, checkpoint_note=after.checkpoint(), extra=after.bodies[-1])

    def bundle(self, path: Path, **overrides: Any) -> Path:
        fields: dict[str, Any] = {
            "origin": self.origin,
            "checkpoint_note": self.checkpoint(),
            "anchored": self.anchored,
            "timestamps": self.timestamps,
            "entries": self.bodies,
            "payloads": [self.payloads[i] for i in sorted(self.payloads)],
            "governed": [self.governed[k] for k in sorted(self.governed)],
            "pending": self.pending,
            "created_at": self.created_at,
            "seal": self.seal,
        }
        return write_bundle(path, **(fields | overrides))


def a_small_log(entries: int = 7) -> LogUnderTest:
    """Anchored after three entries, with payloads, governed rows and a row that changed twice."""
    log = LogUnderTest()
    for i in range(entries):
        log.append(
            row=f"row-{i % 5}" if i % 2 == 0 else None, payload=f"rationale {i} of a person" if i % 3 == 0 else None
        )
        if i == 2:
            log.anchor()
    return log


@pytest.fixture
def log() -> LogUnderTest:
    return a_small_log()


@pytest.fixture(scope="session")
def make_log():
    return a_small_log


@pytest.fixture
def empty_log() -> LogUnderTest:
    return LogUnderTest()


@pytest.fixture
def messages():
    """The report's findings as one text, for assertions that read."""
    return lambda report: "\n".join(json.dumps(vars(f), default=str) for f in report.findings)


class Api:
    """An HTTP server on loopback that answers as the test says and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.asked: list[dict[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(b"")

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def answer(self, body: bytes) -> None:
                path, _, query = self.path.partition("?")
                about = {"method": self.command, "path": path, "query": query, "body": body}
                if path != "/api/v1/gate/check-ins":  # of a plugin that another test left running on this worker
                    api.asked.append(about | {"headers": dict(self.headers)})
                queue = api.answers.get((self.command, path)) or [(404, {"title": "Not found", "status": 404})]
                status, value = queue.pop(0) if len(queue) > 1 else queue[0]
                raw = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                kind = "application/problem+json" if status >= 400 else "application/json"
                self.send_header("Content-Type", "application/zip" if isinstance(value, bytes) else kind)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def says(self, method: str, path: str, *answers: Any, status: int = 200) -> None:
        """Answer with each value in turn, then with the last one again."""
        self.answers[method, path] = [(status, a) for a in answers]


@pytest.fixture
def api(monkeypatch) -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("PLACET_URL", api.url)
    monkeypatch.setenv("PLACET_TOKEN", "secret-token")
    yield api
    api.server.shutdown()
    api.server.server_close()
    thread.join()
