"""Who opens monitors, sends records, and deals with alerts: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, KEEPER, MACHINE, READER, Who, role

READ, WRITE = "records:read", "records:write"
MODEL = "credit-risk"


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    return (*lines, (READER, "403"), (ANYBODY, "404"))


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "open a monitor": _act((KEEPER, "409")),
    "change a monitor": _act((role("owner", "risk_officer"), "200+")),
    "measure a window": _act((KEEPER | MACHINE, "422")),
    "handle an alert": _act((KEEPER, "201+")),
    "handle an alert on the page": _act((KEEPER, "302+")),
    "mute an alert": _act((role("owner", "risk_officer"), "201+")),
    "mute an alert on the page": _act((role("owner", "risk_officer"), "302+")),
}
ROUTES: dict[str, Route] = {
    "GET monitor-list": Route("list", shows=MODEL),
    "GET monitor-detail": Route("read", "monitor"),
    "GET monitor-evidently": Route("read", "run"),
    "GET monitor-live": Route("read", "monitor"),
    "GET api-monitors": Route("list", scope=READ, shows=MODEL),
    "POST api-monitors": Route("open a monitor", body="monitor", scope=WRITE),
    "GET api-monitor": Route("read", "monitor", scope=READ),
    "PATCH api-monitor": Route("change a monitor", "monitor", "monitor change"),
    "GET api-drift-runs": Route("read", "monitor", scope=READ),
    "POST api-drift-runs": Route("measure a window", "monitor", "window", scope=WRITE),
    "GET api-drift-run": Route("read", "run", scope=READ),
    "GET api-alert": Route("read", "alert", scope=READ),
    "POST api-alert-acknowledgements": Route("handle an alert", "alert"),
    "POST api-alert-resolutions": Route("handle an alert", "alert", "resolution"),
    "POST api-alert-mutes": Route("mute an alert", "alert", "mute"),
    "GET alert-detail": Route("read", "alert page"),
    "POST alert-acknowledge": Route("handle an alert on the page", "alert page"),
    "POST alert-mute": Route("mute an alert on the page", "alert page", "mute on the page"),
    "POST alert-resolve": Route("handle an alert on the page", "alert page", "resolution"),
}
