"""What can be said of the pages of a case: each entry is told of on one, and no link leads elsewhere."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from placet.case_files import INDEX, MANIFEST, entry_name

_LINK = re.compile(rb'href="([^"#]{1,300})"')


class Box(Protocol):
    """Where members are read from; ``placet.case.Members``."""

    def __contains__(self, name: str) -> bool: ...
    def read(self, name: str) -> bytes: ...
    def under(self, folder: str) -> list[str]: ...


class Found(Protocol):
    """Where findings go; ``placet.case.Findings``."""

    def add(self, part: str, message: str, *, file: str | None = None, index: int | None = None) -> None: ...
    def about(self, file: str, part: str = "integrity", index: int | None = None) -> AbstractContextManager[None]: ...


def check_pages(box: Box, entries: Mapping[int, Any], left_out: Collection[str], found: Found) -> None:
    """Check that the pages tell of every entry, and lead nowhere but to files of the case.

    What their words say, nothing proves: the log names the digest of each page, by the manifest.
    """
    linked = set[str]()
    for page in [INDEX, *box.under("requests")]:
        with found.about(page):
            here = {*_links(page, box.read(page))}
            linked |= here
            odd = sorted(link for link in here if link not in box and link not in left_out and link != MANIFEST)
            if odd:
                raise ValueError(f"it leads to {odd[0][:200]}, which is no file of the case")
    untold = sorted(index for index in entries if entry_name(index) not in linked)
    for index in untold:
        found.add("integrity", f"{INDEX}: no page tells of entry {index}.", file=INDEX, index=index)


def _links(page: str, content: bytes) -> Iterator[str]:
    folder = posixpath.dirname(page)
    for link in _LINK.findall(content):
        yield posixpath.normpath(posixpath.join(folder, link.decode()))
