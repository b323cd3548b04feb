"""Bodies as a client sends them over a socket: declared too large, really too large, in chunks, cut off."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ingest_servers import Servers
from monitor_world import World, a_frame, lines_of

from monitoring.body import MAX_BYTES
from monitoring.models import RecordBatch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PIECE = b"x" * (1024 * 1024)
FIVE_GB = 5 * 10**9
IN_FLIGHT = 32 * 1024 * 1024
"""What the buffers of both ends may hold beside what was read."""


@pytest.fixture
def web(monitor: Any, tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path, "redis://127.0.0.1:1/0")
    made.start("web")
    try:
        made.answers()
        yield made
    finally:
        made.kill("web")


class Call:
    """One POST of records, byte by byte in our hands."""

    def __init__(self, web: Servers, world: World, monitor: Any, *headers: str, batch: str = "b") -> None:
        self.link = socket.create_connection(("127.0.0.1", web.port), 60)
        head = (
            f"POST /api/v1/monitors/{monitor.pk}/records?batch={batch} HTTP/1.1",
            f"Host: 127.0.0.1:{web.port}",
            f"Authorization: Bearer {world.token}",
            "Content-Type: application/x-ndjson",
            "Connection: close",
            *headers,
        )
        self.link.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        self.sent = 0

    def chunk(self, data: bytes) -> None:
        self.link.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def pour(self, total: int, *, chunked: bool) -> None:
        """Send up to ``total`` bytes, until the other end has had enough."""
        try:
            while self.sent < total:
                self.chunk(PIECE) if chunked else self.link.sendall(PIECE)
                self.sent += len(PIECE)
        except OSError:
            return

    def answer(self) -> tuple[int, dict[str, Any]]:
        received = b""
        try:
            while piece := self.link.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass  # what was not read of the body resets the connection; the answer came before
        self.link.close()
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def test_a_body_that_says_it_is_too_large_is_refused_unread(web: Servers, world: World, monitor: Any) -> None:
    call = Call(web, world, monitor, f"Content-Length: {FIVE_GB}")
    status, problem = call.answer()
    assert (status, problem["type"]) == (413, "/problems/too-many-records")
    assert f"{FIVE_GB:,} bytes" in problem["detail"]


def test_a_body_without_a_length_is_read_up_to_the_limit_and_refused(web: Servers, world: World, monitor: Any) -> None:
    call = Call(web, world, monitor, "Transfer-Encoding: chunked")
    call.pour(FIVE_GB, chunked=True)
    assert MAX_BYTES <= call.sent < MAX_BYTES + IN_FLIGHT
    try:
        status, problem = call.answer()
    except (IndexError, ValueError):
        return  # the reset overtook the answer
    assert (status, problem["type"]) == (413, "/problems/too-many-records")


def test_a_body_in_chunks_is_a_batch_like_any_other(web: Servers, world: World, monitor: Any) -> None:
    body = gzip.compress(lines_of(a_frame(40, seed=2)))
    call = Call(web, world, monitor, "Transfer-Encoding: chunked", "Content-Encoding: gzip", "Idempotency-Key: k")
    for place in range(0, len(body), 100):
        call.chunk(body[place : place + 100])
    call.chunk(b"")
    status, answer = call.answer()
    assert (status, answer["rows"]) == (201, 40)
    again = Call(web, world, monitor, f"Content-Length: {len(body)}", "Content-Encoding: gzip", "Idempotency-Key: k")
    again.link.sendall(body)
    assert again.answer() == (201, answer), "the same key and body give the same answer, however they were framed"
    assert RecordBatch.objects.get().rows == 40


def test_a_body_that_is_cut_off_is_no_batch(web: Servers, world: World, monitor: Any) -> None:
    body = lines_of(a_frame(40, seed=2))
    for headers in ((f"Content-Length: {len(body)}",), ("Transfer-Encoding: chunked",)):
        call = Call(web, world, monitor, *headers)
        half = body[: body.index(b"\n", len(body) // 2)]
        call.chunk(half) if "chunked" in headers[0] else call.link.sendall(half)
        call.link.shutdown(socket.SHUT_WR)
        try:
            status, _ = call.answer()
        except (IndexError, ValueError):
            continue  # the server hung up, as the client did
        assert status >= 400
    assert not RecordBatch.objects.exists()
