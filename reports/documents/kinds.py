"""The kinds of document, each with the function that builds its content from a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reports.documents import annex_iv
from reports.documents.content import Content
from reports.documents.snapshot import Record

BUILDERS: Mapping[str, Callable[[Record], Content]] = {"annex_iv": annex_iv.build}


def builder(kind: str) -> Callable[[Record], Content]:
    """Return the function that builds a kind, as a snapshot and :class:`Content` name it.

    Raises:
        KeyError: there is no such kind.
    """
    return BUILDERS[kind]
