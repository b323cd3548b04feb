"""One page of a long list, and the way to the pages beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator


def page_of(rows: Any, asked: Mapping[str, str], size: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the rows of the page that ``?page=`` asks for, and what components/_pager.html shows under them.

    Args:
        rows: a list or a query in its order.
        asked: the query of the address; no page, or nonsense, is the first.
        size: how many rows a page has.

    Returns: the rows; and ``shown``, ``total``, ``newer`` and ``older``, of which the last two are the addresses of the
        pages beside this one, with what else was asked, or empty.
    """
    page = Paginator(rows, size).get_page(asked.get("page", ""))
    kept = {name: value for name, value in asked.items() if name != "page" and value}

    def address(number: int) -> str:
        return f"?{urlencode(kept | {'page': number})}"

    found = list(page.object_list)
    return found, {
        "shown": len(found),
        "total": page.paginator.count,
        "newer": address(page.previous_page_number()) if page.has_previous() else "",
        "older": address(page.next_page_number()) if page.has_next() else "",
    }
