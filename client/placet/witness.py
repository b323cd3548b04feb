"""A witness: a small server that cosigns one log's checkpoints as long as the log only grows (C2SP tlog-witness).

Whoever runs it outside the organisation makes it impossible to show two people two histories of the log. Its state is
one file, the newest checkpoint with both signatures: what ``placet verify --checkpoint`` takes.
"""

import base64
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.cosignatures import Cosigner, cosign
from placet.verify import (
    Checkpoint,
    InvalidProof,
    InvalidSignature,
    decode64,
    parse_checkpoint,
    parse_vkey,
    verify_consistency,
)

MAX_REQUEST = 64 * 1024  # bytes; 63 proof lines and a checkpoint with many signatures are below 10 kB
_MAX_PROOF = 63
_PATIENCE_S = 10
_MALFORMED = "The request is not: old <size>, proof lines in base64, an empty line, a checkpoint."
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.answer = Answer(status, f"{why}\n")


@dataclass
class Witness:
    """One witness of one log.

    Attributes:
        name: its key's name.
        private_key: used for nothing but cosignatures.
        log_vkeys: the log's keys; several of one name are a rotation.
        state: the file with the newest checkpoint that it cosigned.
        clock: POSIX seconds.
    """

    name: str
    private_key: Ed25519PrivateKey
    log_vkeys: Sequence[str]
    state: Path
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Read the state once, so that a file which cannot be used stops the start and not the first request.

        Raises:
            ValueError: the keys are not all of one log.
            InvalidTrust: a key is malformed.
            InvalidSignature: the state file is not a checkpoint of this log.
        """
        names = {parse_vkey(key)[0] for key in self.log_vkeys}
        if len(names) != 1:
            raise ValueError(
                "A witness watches one log: give it keys of one origin, and run a second witness for another log."
            )
        (self.origin,) = names
        self.latest()

    @property
    def cosigner(self) -> Cosigner:
        """The public half, with the vkey that the log's operator needs."""
        return Cosigner(self.name, self.private_key.public_key().public_bytes_raw())

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that was cosigned; None before the first."""
        if not self.state.exists():
            return None
        return parse_checkpoint(self.state.read_bytes(), self.log_vkeys)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one ``add-checkpoint`` request; 200 only after the new state is on disk."""
        try:
            old_size, proof, note = _parse_request(body)
            checkpoint = self._signed_by_log(note)
            if old_size > checkpoint.size:
                raise _Refused(400, "The old size is larger than the checkpoint's.")  # noqa: TRY301
            with self._lock:  # compare and store are one step: two requests must not roll each other back
                return self._advance(old_size, proof, note, checkpoint)
        except _Refused as refused:
            return refused.answer

    def _signed_by_log(self, note: bytes) -> Checkpoint:
        if note.partition(b"\n")[0] != self.origin.encode():
            raise _Refused(404, f"This witness watches {self.origin} only.")
        try:
            return parse_checkpoint(note, self.log_vkeys)
        except InvalidSignature as error:
            raise _Refused(403, str(error)) from None

    def _advance(self, old_size: int, proof: list[bytes], note: bytes, new: Checkpoint) -> Answer:
        latest = self.latest()
        held = latest.size if latest else 0
        if old_size != held:
            return Answer(409, f"{held}\n", "text/x.tlog.size")
        if latest is None or not held:
            if proof:
                raise _Refused(422, "A proof from size 0 is empty.")
        elif new.size == held and new.root != latest.root:
            raise _Refused(409, f"Another root was cosigned for size {held}: this log shows two histories.")
        else:
            try:
                verify_consistency(held, new.size, latest.root, new.root, proof)
            except InvalidProof as error:
                raise _Refused(422, str(error)) from None
        line = cosign(note, name=self.name, private_key=self.private_key, timestamp=int(self.clock()))
        self._store(note + line.encode())
        return Answer(200, line)

    def _store(self, note: bytes) -> None:
        temporary = self.state.with_name(f"{self.state.name}.part")
        with temporary.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.state)
        folder = os.open(self.state.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def encode_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of an ``add-checkpoint`` request."""
    lines = "".join(f"{base64.b64encode(item).decode()}\n" for item in proof)
    return f"old {old_size}\n{lines}\n".encode() + note


def _parse_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    head, separator, note = body.partition(b"\n\n")
    try:
        first, *encoded = head.decode("ascii").split("\n")
        word, _, size = first.partition(" ")
        proof = [decode64(line) for line in encoded]
    except ValueError:
        raise _Refused(400, _MALFORMED) from None
    if not separator or word != "old" or not _SIZE.fullmatch(size) or any(len(item) != 32 for item in proof):
        raise _Refused(400, _MALFORMED)
    if len(proof) > _MAX_PROOF:
        raise _Refused(400, f"A consistency proof has at most {_MAX_PROOF} lines.")
    return int(size), proof, note


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Return an HTTP server for ``witness``, bound and not serving yet; port 0 takes any free one.

    It speaks plain HTTP and limits one read, not a whole request: towards the internet, put a proxy in front.

    Raises:
        OSError: the address cannot be bound.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path.partition("?")[0].rpartition("/")[2] != "add-checkpoint":
                self._send(Answer(404, "POST /add-checkpoint is all there is.\n"), close=True)
            elif not length.isdigit() or int(length) > MAX_REQUEST:
                self._send(Answer(400, f"Send a Content-Length of at most {MAX_REQUEST} bytes.\n"), close=True)
            else:
                self._send(witness.add_checkpoint(self.rfile.read(int(length))))

        def _send(self, answer: Answer, *, close: bool = False) -> None:
            content = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(content)))
            if close:  # the body was not read, so nothing after it can be
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content)

    return ThreadingHTTPServer((host, port), Handler)
