"""Who may take the papers of a promotion, an AI system or a period away: a part of the table in ``matrix``."""

from __future__ import annotations

from reports.bundles.access import TAKERS
from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, EXPORTER, READER, Who, part, role

B = "bundles:read"
_HIDDEN = (ANYBODY, "404")
_TAKER = role(*sorted(TAKERS)) | EXPORTER
_TAKER_SOMEWHERE = (
    Who("an auditor, a risk officer or an owner of whatever system", lambda actor: actor.role in TAKERS) | EXPORTER
)
_ASKER = part("owner", "who asked for it, and may still ask")

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "see the page of bundles": ((_TAKER_SOMEWHERE, "200"), (ANYBODY, "403")),
    "ask for a bundle on the page": ((_TAKER, "302"), (_TAKER_SOMEWHERE, "404"), (ANYBODY, "403")),
    "ask for a bundle": ((_TAKER, "202"), (READER, "403"), _HIDDEN),
    "take a bundle that one asked for": ((_ASKER, "200"), _HIDDEN),
}

ROUTES: dict[str, Route] = {
    "GET bundle-list": Route("see the page of bundles"),
    "GET bundle-making": Route("see the page of bundles"),
    "POST bundle-ask": Route("ask for a bundle on the page", body="bundle page"),
    "GET bundle-download": Route("take a bundle that one asked for", "bundle"),
    "GET api-bundles": Route("own page", scope=B),
    "POST api-bundles": Route("ask for a bundle", body="bundle", scope=B),
    "GET api-bundle-job": Route("take a bundle that one asked for", "bundle", scope=B),
    "GET api-bundle-file": Route("take a bundle that one asked for", "bundle", scope=B),
}
