"""A training pipeline's hook, as the demo plays it: it checks each event and keeps it."""

from __future__ import annotations

import base64
import secrets
from threading import Thread
from typing import Any, Self

from examples.retrain.relay import server


class Receiver:
    """Listens on this machine alone, on a port that is free, until the block is left.

    Attributes:
        events: what came with a good signature, each once.
        host: ``host:port``, for the setting that lets Placet's worker call it.
        secret: with which events are to be signed.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._server = server(("127.0.0.1", 0), self.secret, self.events.append)
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
