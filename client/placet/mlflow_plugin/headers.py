"""Sends an apply grant, or a permit, along with MLflow client calls; MLflow loads the provider in every client process.

Nothing of MLflow is imported here: its registry of header providers asks only for the two methods, and Placet's own web
process must be able to use ``granted`` without paying for the import.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from placet.mlflow_plugin.identity import GRANT_HEADER, GRANT_LIMIT, PERMIT_HEADER

_grant: ContextVar[str | None] = ContextVar("placet_grant", default=None)
_permit: ContextVar[str | None] = ContextVar("placet_permit", default=None)


@contextmanager
def granted(token: str) -> Iterator[None]:
    """Send ``token`` as ``X-Placet-Grant`` with every MLflow client call made inside the ``with`` block.

    The grant belongs to the current thread or task alone and ends with the block, also on an exception.

    Raises:
        ValueError: the token is empty, longer than 4,096 characters, or holds anything but visible ASCII.
    """
    if not token or len(token) > GRANT_LIMIT or not all("!" <= character <= "~" for character in token):
        raise ValueError("A grant is 1 to 4,096 visible ASCII characters; pass the token as Placet issued it.")
    reset = _grant.set(token)
    try:
        yield
    finally:
        _grant.reset(reset)


@contextmanager
def shown(permit: Mapping[str, Any]) -> Iterator[None]:
    """Send a signed rollback or stop permit as ``X-Placet-Permit`` with every MLflow client call inside the block.

    The server looks at it only while it can't ask Placet. Otherwise like ``granted``.
    """
    reset = _permit.set(base64.b64encode(json.dumps(permit).encode()).decode())
    try:
        yield
    finally:
        _permit.reset(reset)


class PlacetHeaderProvider:
    """MLflow's ``RequestHeaderProvider`` for both (entry point ``mlflow.request_header_provider``)."""

    def in_context(self) -> bool:
        """Tell MLflow whether there is a grant or a permit to send."""
        return bool(self.request_headers())

    def request_headers(self) -> dict[str, str]:
        """Return the grant and the permit as headers, or nothing."""
        sent = {GRANT_HEADER: _grant.get(), PERMIT_HEADER: _permit.get()}
        return {name: value for name, value in sent.items() if value is not None}
