"""Closes the two parts of an MLflow server that run commands or jobs beside the registry store, holding its secrets.

MLflow's assistant has a tool that runs commands on the server's machine, for everybody who reaches the server from that
machine, and jobs are handed the database's address. With either, the gate could be walked around from behind. Both are
FastAPI's own routes; under gunicorn and waitress they are not there.
"""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CLOSED = ("/mlflow/assistant", "/ajax-api/3.0/jobs")
SENTENCE = (
    "Placet closes MLflow's assistant and jobs on a governed server: they hold the registry's database address. "
    "Run them on a server that has no production models."
)


class ClosedRoutes:
    """ASGI middleware: answers 403 for the assistant's routes and the jobs'."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass on every other request; the path is the decoded one that the router compares, too."""
        if scope["type"] != "http" or not any(closed in scope["path"].lower() for closed in CLOSED):
            await self._app(scope, receive, send)
            return
        body = json.dumps({"error_code": "PERMISSION_DENIED", "message": SENTENCE}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})
