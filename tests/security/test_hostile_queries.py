"""What stands behind the question mark of a page's address is somebody's input: it narrows, or is refused in words.

The API's parameters are Schemathesis' part.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.proving import PROVE, some
from tests.security.reading import readings
from tests.security.test_permission_matrix import Asker, quiet_gc, world

__all__ = ["quiet_gc", "world"]

NAMES = (
    *("action", "actor", "after", "ai_act_class", "alert", "alias", "at", "cursor", "event", "format", "framework"),
    *("from", "group", "kind", "law", "limit", "model", "name", "on", "only", "order", "page", "q", "role", "show"),
    *("signed", "since", "sort", "state", "status", "system", "tier", "to", "type", "until", "verdict", "version"),
    *("waiting", "when"),
)
HOSTILE = some(["\0", "9" * 400, "\ud800", "'\"<script>", "\u202e%"], 2)
ANSWERED = {200, 204, 400, 404, 409, 422}
"""204: of what is being made, nothing stopped."""


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
def test_no_page_breaks_over_what_it_is_asked(world: Any) -> None:
    """All names at once, and the words that are searched for; `make prove` sends each name by itself as well."""
    client, wrong, asked = Asker(raise_request_exception=False), [], 0
    sets = [NAMES, ("q",), *([(name,) for name in NAMES] if PROVE else ())]
    for reading in readings(world):
        if reading.path.startswith("/api/"):
            continue
        client.cookies.clear()
        client.cookies["sessionid"] = reading.actor.session
        for value in HOSTILE:
            for names in sets:
                sent = value.encode("utf-8", "surrogatepass").decode("latin-1")
                answer = client.get(reading.path.partition("?")[0], dict.fromkeys(names, sent))
                answer.close()
                asked += 1
                if answer.status_code not in ANSWERED:
                    wrong.append(f"{reading.name} answers {answer.status_code} to {value[:9]!r} for {names[:3]}")
    assert wrong == []
    assert asked > 300
