"""One JSON POST with a deadline for all of it: name lookup, connecting, sending, and every byte that comes back.

A socket timeout limits one read, not the sum of them, so a server that sends a byte a second would hold the caller for
as long as it likes. Here the exchange runs in a small pool and the caller waits for it at most the deadline; whoever
overruns has the socket shut under it, which frees the thread too. Each thread of the pool keeps its connection alive.
Proxies from the environment are never used: a decision must not travel through a third party.
"""

import http.client
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from os import getpid
from socket import SHUT_RDWR
from urllib.parse import urlsplit

POOL_SIZE = 16
BODY_LIMIT = 65_536

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered. ``body`` is whole: an answer above 65,536 bytes raises instead."""

    status: int
    content_type: str
    body: bytes


def check_url(url: str) -> None:
    """Check that ``url`` is one that ``post_json`` can call.

    Raises:
        ValueError: it is not ``http://host…`` or ``https://host…``, or it carries a user name, query or fragment.
    """
    parts = urlsplit(url)
    unwanted = parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or unwanted:
        raise ValueError(f"{url!r} is not an address like http://localhost:8000.")
    _ = parts.port  # raises ValueError for a port that is no number


def post_json(url: str, *, body: bytes, token: str, deadline_s: float) -> Reply:
    """Post ``body`` to ``url`` and return the answer, or raise within ``deadline_s`` seconds.

    Raises:
        TimeoutError: there was no complete answer by then.
        OSError, http.client.HTTPException: no connection, or not HTTP.
        ValueError: the address is not a web address, or the answer is above 65,536 bytes.
    """
    check_url(url)
    exchange = _Exchange(url, body=body, token=token, deadline_s=deadline_s)
    future = _pool(getpid()).submit(exchange.run)
    try:
        return future.result(timeout=deadline_s)
    except TimeoutError:
        future.cancel()
        exchange.abort()
        raise


@lru_cache(maxsize=1)
def _pool(_pid: int) -> ThreadPoolExecutor:
    """Return this process's pool; a forked worker has another pid and so starts its own."""
    return ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="placet-gate")


class _Exchange:
    """One request and its answer, run in a pool thread and abortable from the caller's."""

    def __init__(self, url: str, *, body: bytes, token: str, deadline_s: float) -> None:
        self._parts = urlsplit(url)
        self._body = body
        self._token = token
        self._ends_at = time.monotonic() + deadline_s
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def run(self) -> Reply:
        reused = self._attach()
        try:
            try:
                return self._send()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The server may close an idle connection just as we use it. Only then, once, and on a fresh one.
                if not reused or self._aborted:
                    raise
                self._drop()
                self._attach()
                return self._send()
        except BaseException:
            self._drop()
            raise

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            sock = self._connection and self._connection.sock
            if sock:
                with suppress(OSError):
                    sock.shutdown(SHUT_RDWR)

    def _attach(self) -> bool:
        """Take this thread's open connection to the host, or make one. Returns whether it was open already."""
        key = (self._parts.scheme, self._parts.netloc)
        held: tuple[tuple[str, str], http.client.HTTPConnection] | None = getattr(_local, "held", None)
        if held is None or held[0] != key:
            self._drop()
            held = (key, self._new_connection())
            _local.held = held
        with self._lock:
            self._connection = held[1]
        return held[1].sock is not None

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port)

    def _send(self) -> Reply:
        connection = self._connection
        if connection is None:
            raise http.client.NotConnected
        connection.timeout = self._remaining()
        if connection.sock is None:
            connection.connect()
        with self._lock:
            if self._aborted:  # the caller has refused already: do not let a late request use up a grant
                raise TimeoutError("The deadline passed before the question was sent.")
            connection.sock.settimeout(self._remaining())
        connection.request(
            "POST",
            self._parts.path or "/",
            body=self._body,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "placet-mlflow-plugin",
            },
        )
        response = connection.getresponse()
        body = response.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise ValueError(f"The answer is longer than {BODY_LIMIT} bytes.")
        return Reply(response.status, response.headers.get_content_type(), body)

    def _remaining(self) -> float:
        remaining = self._ends_at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("The deadline passed.")
        return remaining

    def _drop(self) -> None:
        held = getattr(_local, "held", None)
        _local.held = None
        with self._lock:
            self._connection = None
        if held is not None:
            held[1].close()
