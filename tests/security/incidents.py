"""Who may do what with serious incidents, on the pages and over the API: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, KEEPER, READER, Who, part, role

INCIDENT = "One district was refused alike"
S = "incidents:read"
_HIDDEN = (ANYBODY, "404")
_REPORTER = role("owner", "risk_officer")
_OWNER = part("owner", "the incident's owner")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "keep an incident": _act((KEEPER, "302+")),
    "keep an incident over the API": _act((KEEPER, "201+")),
    "hand an incident on": _act((_REPORTER, "302+")),
    "hand an incident on over the API": _act((_REPORTER, "201+")),
    "report an incident": _act((_REPORTER, "302+")),
    "report an incident over the API": _act((_REPORTER, "201+")),
    "close an incident": _act((_OWNER, "403"), (_REPORTER, "302+")),
    "close an incident over the API": _act((_OWNER, "403"), (_REPORTER, "201+")),
}

KEPT, KEPT_BY_API = "keep an incident", "keep an incident over the API"
ROUTES: dict[str, Route] = {
    "GET incident-list": Route("list", shows=INCIDENT),
    "GET incident-new": Route("own page"),
    "POST incident-new": Route(KEPT, body="incident on the page"),
    "GET incident-detail": Route("read", "incident"),
    "GET incident-draft": Route("read", "incident"),
    "GET incident-draft-json": Route("read", "incident"),
    "POST incident-facts": Route(KEPT, "incident", "incident facts"),
    "POST incident-times": Route(KEPT, "incident", "incident times"),
    "POST incident-note": Route(KEPT, "incident", "incident note"),
    "POST incident-task": Route(KEPT, "incident", "incident task"),
    "POST incident-task-done": Route(KEPT, "task of an incident"),
    "POST incident-report": Route("report an incident", "incident", "incident report"),
    "POST incident-owner": Route("hand an incident on", "incident", "incident owner"),
    "POST incident-close": Route("close an incident", "incident without tasks", "incident closing"),
    "GET api-incidents": Route("list", scope=S, shows=INCIDENT),
    "POST api-incidents": Route(KEPT_BY_API, body="incident"),
    "GET api-incident": Route("read", "incident", scope=S),
    "GET api-incident-draft": Route("read", "incident", scope=S),
    "POST api-incident-facts": Route(KEPT_BY_API, "incident", "incident facts over the API"),
    "POST api-incident-times": Route(KEPT_BY_API, "incident", "incident times over the API"),
    "POST api-incident-notes": Route(KEPT_BY_API, "incident", "comment"),
    "POST api-incident-tasks": Route(KEPT_BY_API, "incident", "incident task over the API"),
    "POST api-incident-task-completions": Route(KEPT_BY_API, "task of an incident"),
    "POST api-incident-reports": Route("report an incident over the API", "incident", "incident report over the API"),
    "POST api-incident-hand-overs": Route(
        "hand an incident on over the API", "incident", "incident owner over the API"
    ),
    "POST api-incident-closures": Route(
        "close an incident over the API", "incident without tasks", "incident closing over the API"
    ),
}
