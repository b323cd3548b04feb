"""The press of this process: every document that a worker draws goes through one child of it."""

from functools import cache

from django.conf import settings

from reports.documents.content import Content
from reports.documents.press import Press, Said
from reports.documents.snapshot import Record


@cache
def press() -> Press:
    """Return the one press, with the limit that the settings name."""
    return Press(time_limit_s=settings.DOCUMENT_TIMEOUT_S)


def render(content: Content, snapshot: Record, said: Said | None = None) -> bytes:
    """Return a document as PDF; see :meth:`reports.documents.press.Press.render`."""
    return press().render(content, snapshot, said)


def libraries() -> dict[str, str]:
    """Return the versions that decide the bytes of a document."""
    return press().libraries()


def close() -> None:
    """End the child, with the worker."""
    if press.cache_info().currsize:
        press().close()
