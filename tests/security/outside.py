"""Who may record what no MLflow holds, say what is built on it, and state its use: a part of the table."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, REQUEST_READER, Who, role

R, W = "promotions:read", "promotions:write"
_HIDDEN = (ANYBODY, "404")
_MAKERS = role("engineer", "owner")


def _act(outcome: Outcome, who: Who = _MAKERS, reads: Who = READER) -> tuple[tuple[Who, Outcome], ...]:
    return ((who, outcome), (reads, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "record a version": _act("201+"),
    "record a version on the page": _act("302+"),
    "give a version its data": _act("422"),  # no file comes with it
    "say what a version is built on": _act("201+"),
    "say what a version is built on, on the page": _act("302+"),
    "withdraw a base": _act("200+"),
    "withdraw a base on the page": _act("302+"),
    # the world's requests are about what MLflow holds, of which nobody states anything
    "request a use": _act("409"),
    "state a use": _act("409", role("engineer", "owner", "risk_officer"), REQUEST_READER),
}

ROUTES: dict[str, Route] = {
    "GET api-recorded-versions": Route("list", shows="outside_mlflow:", scope=R),
    "POST api-recorded-versions": Route("record a version", body="recorded", scope=W),
    "POST api-evaluation-data": Route("give a version its data", body="evaluation data", scope=W),
    "GET model-record": Route("own page"),
    "POST model-record": Route("record a version on the page", body="recorded on the page"),
    "GET api-bases": Route("list", shows="outside_mlflow:", scope=R),
    "POST api-bases": Route("say what a version is built on", body="base", scope=W),
    "GET api-base": Route("read", "base", scope=R),
    "POST api-base-withdrawals": Route("withdraw a base", "base", scope=W),
    "POST model-base": Route("say what a version is built on, on the page", "model", "base"),
    "POST base-withdraw": Route("withdraw a base on the page", "base"),
    "POST model-request": Route("request a use", "model", "use request"),
    "POST api-use-statements": Route("state a use", "promotion", "use", scope=W),
    "POST promotion-use": Route("state a use", "promotion", "use"),
}
