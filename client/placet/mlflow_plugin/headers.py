"""Sends an apply grant along with MLflow client calls; MLflow loads the provider in every client process.

Nothing of MLflow is imported here: its registry of header providers asks only for the two methods, and Placet's own web
process must be able to use ``granted`` without paying for the import.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from placet.mlflow_plugin.identity import GRANT_HEADER, GRANT_LIMIT

_grant: ContextVar[str | None] = ContextVar("placet_grant", default=None)


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


class PlacetHeaderProvider:
    """MLflow's ``RequestHeaderProvider`` for the grant in force (entry point ``mlflow.request_header_provider``)."""

    def in_context(self) -> bool:
        """Tell MLflow whether there is a grant to send."""
        return _grant.get() is not None

    def request_headers(self) -> dict[str, str]:
        """Return the grant as a header, or nothing."""
        grant = _grant.get()
        return {} if grant is None else {GRANT_HEADER: grant}
