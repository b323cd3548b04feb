"""WeasyPrint and the library that it writes with, as published: import this before what changes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydyf
from weasyprint.text import line_break

_PLACES: tuple[tuple[Any, str], ...] = (
    (pydyf.Stream, "data"),
    (pydyf.PDF, "page_references"),
    (line_break, "Layout"),
)


def _found() -> list[Any]:
    return [getattr(where, name) for where, name in _PLACES]


_PUBLISHED = _found()


@contextmanager
def published() -> Iterator[None]:
    """Take back what :mod:`reports.documents` changed in them, for as long as this is open."""
    ours = _found()
    _set(_PUBLISHED)
    try:
        yield
    finally:
        _set(ours)


def _set(values: list[Any]) -> None:
    for (where, name), value in zip(_PLACES, values, strict=True):
        setattr(where, name, value)
