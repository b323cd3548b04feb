"""Every address that the application answers, walked from the URL resolver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Address:
    """One pattern of the URL table.

    Attributes:
        name: the route's name; its pattern where it has none.
        pattern: as people write it, ``approvals/{pk}``.
    """

    name: str
    pattern: str

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/v1/")

    def path(self, parts: dict[str, object]) -> str:
        """Return the address with its parts filled in."""
        return "/" + re.sub(r"\{(\w+)\}", lambda found: str(parts[found[1]]), self.pattern)


def text_of(answer: HttpResponse) -> str:
    """Return what an answer says, without the token that differs each time."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", content.decode())


def addresses() -> list[Address]:
    """Return every address, in the order in which the resolver tries them."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Address]:
    for pattern in patterns:
        here = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here)
        else:
            yield Address(pattern.name or here, here)
