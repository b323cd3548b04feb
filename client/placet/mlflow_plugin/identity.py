"""Who is asking: the identity that was proved for the request being served, and the grant that the request carries."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

IDENTITY_ENV = "PLACET_IDENTITY"
SOURCES = ("basic-auth", "proxy")
GRANT_HEADER = "X-Placet-Grant"
GRANT_LIMIT = 4096
PERMIT_HEADER = "X-Placet-Permit"
REASON_HEADER = "X-Placet-Reason"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user of the MLflow server, or nobody.

    ``source`` is ``basic-auth`` or ``proxy`` with a user name, ``none`` without one.
    """

    username: str | None = None
    source: str = "none"


NOBODY = Identity()
_by_proxy: ContextVar[Identity | None] = ContextVar("placet_identity", default=None)
_native_state: ContextVar[Mapping[str, Any] | None] = ContextVar("placet_native_state", default=None)


def identity_source() -> str:
    """Return who authenticates the users of this server: ``basic-auth`` (the default) or ``proxy``.

    Raises:
        ValueError: ``PLACET_IDENTITY`` is something else.
    """
    source = os.environ.get(IDENTITY_ENV, "").strip() or SOURCES[0]
    if source not in SOURCES:
        raise ValueError(f"{IDENTITY_ENV} is {' or '.join(SOURCES)}, not {source!r}.")
    return source


def current_identity() -> Identity:
    """Return the user whom a trusted proxy named, or MLflow's authentication accepted, for the request being served.

    Of MLflow's authentication only what it sets after it has checked the password counts: on Flask's routes
    ``flask.g.mlflow_authenticated_user``, on FastAPI's own the request's state. ``request.authorization`` is what the
    caller claims, so it is never read. Outside a request (a job, a direct use of the store) there is nobody.
    """
    if (by_proxy := _by_proxy.get()) is not None:
        return by_proxy
    flask = _flask_in_request()
    if flask is not None:
        username = getattr(flask.g, "mlflow_authenticated_user", None)
    else:
        username = (_native_state.get() or {}).get("username")
    return Identity(str(username), "basic-auth") if username else NOBODY


@contextmanager
def identified(identity: Identity) -> Iterator[None]:
    """Let ``identity`` be the one of everything inside the block; for the code that has verified the proxy's secret."""
    reset = _by_proxy.set(identity)
    try:
        yield
    finally:
        _by_proxy.reset(reset)


@contextmanager
def authenticated_by(state: Mapping[str, Any]) -> Iterator[None]:
    """Inside the block, read who is asking on a FastAPI route from the request's ``state``, which MLflow fills."""
    reset = _native_state.set(state)
    try:
        yield
    finally:
        _native_state.reset(reset)


def current_grant() -> str | None:
    """Return the ``X-Placet-Grant`` header of the request being served, or ``None``.

    A value longer than 4,096 characters is no grant of ours and counts as absent.
    """
    grant = request_header(GRANT_HEADER)
    return grant if grant and len(grant) <= GRANT_LIMIT else None


def request_header(name: str) -> str | None:
    """Return a header of the request that Flask serves now, ``None`` without the header or without a request."""
    flask = _flask_in_request()
    value: str | None = flask.request.headers.get(name) if flask is not None else None
    return value


def _flask_in_request() -> Any:
    """Return the module ``flask`` while it serves a request, else ``None``."""
    try:
        import flask
    except ImportError:
        return None
    return flask if flask.has_request_context() else None
