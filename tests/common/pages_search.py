"""Sample contexts of the search: many kinds, nothing found, nothing asked."""

from __future__ import annotations

from typing import Any

from reports.web.search_pages import KINDS, MOST, Group, Hit
from tests.common.samples import UID

LONG = "A finding whose title is as long as a title gets when everything that is wrong has to stand in it at once"


def _found() -> dict[str, Any]:
    said = {
        "systems": [("Consumer credit scoring", "High-risk"), ("Credit limits", "not classified")],
        "models": [("credit-risk", "Consumer credit scoring"), ("team-a/credit-limit", "no AI system")],
        "requests": [("credit-risk v3", "PR-12, waits for the validators, Consumer credit scoring")] * MOST,
        "findings": [(LONG, "high, due on 2026-11-30")],
        "people": [("Model owner", "owner@bank.example")],
        "law": [("Art 86.1", "Right to an explanation of a decision on credit")],
        "entries": [("Promotion requested: credit-risk, version 3, alias champion", "entry 412, 21 November 2026")],
    }
    groups = [
        Group(kind, str(KINDS[kind][0]), tuple(Hit(title, about, f"/{UID}") for title, about in hits), "/more")
        for kind, hits in said.items()
    ]
    return {"q": "credit", "groups": groups, "most": MOST}


SEARCH: dict[str, tuple[str, Any]] = {
    "search": ("reports/search.html", _found),
    "search-nothing": ("reports/search.html", lambda: {"q": "<b>nothing</b>", "groups": [], "most": MOST}),
    "search-unasked": ("reports/search.html", lambda: {"q": "", "groups": [], "most": MOST}),
}
