"""Who may go back, stop, break the glass and configure the gate: a part of the table."""

from __future__ import annotations

from tests.security import outside
from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, Who, everywhere, role

R, A = "promotions:read", "production:write"
_HIDDEN, _REFUSED = (ANYBODY, "404"), (ANYBODY, "403")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    **outside.RULES,
    "go back": _act((role("engineer", "owner", "risk_officer"), "409")),  # the world's model has no earlier version
    "stop": _act((role("owner", "risk_officer"), "202+")),
    "stop on the page": _act((role("owner", "risk_officer"), "302+")),
    "break the glass": _act((role("owner", "risk_officer"), "202+")),
    "break the glass on the page": _act((role("owner", "risk_officer"), "302+")),
    "read an alias change": ((ANYBODY, "404"),),  # none was asked for in the world
    "configure the gate": ((everywhere("administrator", "risk_officer"), "201+"), _REFUSED),
    "configure the gate on the page": ((everywhere("administrator", "risk_officer"), "302+"), _REFUSED),
    "sign the gate's configuration": ((ANYBODY, "404"),),  # none is proposed in the world
}

ROUTES: dict[str, Route] = {
    **outside.ROUTES,
    "GET api-alias-changes": Route("own page", scope=R),
    "GET api-alias-change": Route("read an alias change", scope=R, parts=(("change", "AC-999999"),)),
    "POST api-rollbacks": Route("go back", "model", "reason", scope=A),
    "POST api-stops": Route("stop", "model", "reason", scope=A),
    "POST api-broken-glasses": Route("break the glass", "model", "glass", scope=A),
    "GET api-standby-permits": Route("read", "model", scope=R),
    "GET api-gate-configuration": Route("own page", scope=R),
    "POST api-gate-configurations": Route("configure the gate", body="gate configuration", scope=A),
    "POST model-rollback": Route("go back", "model", "act"),
    "POST model-stop": Route("stop on the page", "model", "act"),
    "POST model-break-glass": Route("break the glass on the page", "model", "glass"),
    "GET gate": Route("own page"),
    "POST gate-propose": Route("configure the gate on the page", body="gate configuration on the page"),
    "POST gate-sign": Route("sign the gate's configuration", body="password", parts=(("number", 999),)),
    "POST gate-withdraw": Route("sign the gate's configuration", parts=(("number", 999),)),
}

OPEN: dict[str, Route] = {
    "GET api-revocation-list": Route("public", why="as the permits; it holds digests, states and times"),
    "GET api-model-signature": Route("public", "permit", why="as the permits; it holds names of files and digests"),
    "* api-gate-decisions": Route("gate's token", why="MLflow's plugin asks with the gate's own token"),
}
"""Addresses that need no sign-in."""
