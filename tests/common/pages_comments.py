"""Sample contexts of the pages with comments, renewals, and what is there in case it goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, UID, a_digest, ago, request, review


def comments(*, errors: bool = False) -> dict[str, Any]:
    """A thread: of a person kept from signing, of a machine, one that was erased; perhaps after a refused form."""
    base = {
        "pk": UID,
        "name": "ML engineer",
        "was": "requester, trained this version, engineer",
        "at": ago(days=2),
        "text": "The holiday weeks are in the window.\n\nA second paragraph with <b>no markup</b>.",
        "erased_by": "",
        "erased_at": None,
        "mentions": ["Validator", "Risk officer"],
        "index": 12,
        "entry": UID,
        "own": True,
    }
    gone = {"text": None, "erased_by": "Privacy officer", "erased_at": NOW - timedelta(hours=3), "own": False}
    refused = {
        "text": "What of the holidays?",
        "mentions": "Nobody",
        "errors": {"mentions": ["Nobody who may read this request is called Nobody."], "text": ["Write something."]},
    }
    return {
        "rows": [
            base,
            base | {"pk": UID[:-1] + "0", "name": "Pipeline", "was": "service account, engineer", "mentions": []}
            | {"text": "Trained again: " + "run-9f8e7d6c" * 12, "index": None, "own": False},
            base | gone | {"pk": UID[:-1] + "1", "name": "Validator", "was": "validator"},
        ],
        "names": ["Model owner", "Risk officer", "Validator"],
        "longest": 4000,
        "form": refused if errors else {},
    }  # fmt: skip


def plans(there: str = "yes") -> dict[str, Any]:
    """One monitor, and a version to go back to whose files are there, are gone, or were not looked for."""
    monitor = {"pk": UID, "name": "credit-risk weekly", "value": 0.31, "limit": 0.2, "series": [], "outcome": "drift"}
    back = {"version": 1, "digest": a_digest("v1"), "reference": "PR-12", "url": "#", "state": "approved"}
    seen = {"there": there, "looked_at": None if there == "unknown" else ago(minutes=9)}
    return {"monitors": [monitor], "rollback": back | {"until": NOW + timedelta(days=90)} | seen}


RENEWS = {"reference": "PR-12", "pk": UID, "until": NOW + timedelta(days=9), "state": "approved"}
RENEWAL = {"until": NOW + timedelta(days=9), "allowed": True, "refusal": "", "opened": None}
FAR = "credit-risk/2 for alias champion can be renewed from 3 March 2027 on; until then it stands as it is."

COMMENTS = {
    "review-renewal": ("registry/review.html", lambda: review() | {"plans": plans(), "renews": RENEWS}),
    "review-plans-gone": ("registry/review.html", lambda: review() | {"plans": plans("no")}),
    "review-plans-none": (
        "registry/review.html",
        lambda: review(allowed=False) | {"plans": {"monitors": [], "rollback": None}},
    ),
    "request-renew": ("registry/request.html", lambda: request() | {"renewal": RENEWAL}),
    "request-renew-early": (
        "registry/request.html",
        lambda: request() | {"renewal": RENEWAL | {"allowed": False, "refusal": FAR}},
    ),
    "request-renewed": (
        "registry/request.html",
        lambda: request() | {"renewal": RENEWAL | {"allowed": False, "opened": {"reference": "PR-21", "pk": UID}}},
    ),
    "review-comments": ("registry/review.html", lambda: review() | {"comments": comments()}),
    "review-comments-none": (
        "registry/review.html",
        lambda: review(allowed=False) | {"comments": comments() | {"rows": [], "names": []}},
    ),
    "request-comments": ("registry/request.html", lambda: request() | {"comments": comments(errors=True)}),
}
