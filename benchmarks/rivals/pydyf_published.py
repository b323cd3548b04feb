"""The library that writes PDFs, as published: import this before :mod:`reports.documents.pdf`, which changes it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pydyf

_PUBLISHED = pydyf.Stream.data, pydyf.PDF.page_references


@contextmanager
def published() -> Iterator[None]:
    """Take back what our own writer changed in it, for as long as this is open."""
    ours = pydyf.Stream.data, pydyf.PDF.page_references
    pydyf.Stream.data, pydyf.PDF.page_references = _PUBLISHED
    try:
        yield
    finally:
        pydyf.Stream.data, pydyf.PDF.page_references = ours
