"""Who may read what was watched, and who may wake it: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security import incidents
from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, EXPORTER, Who

R, B = "promotions:read", "bundles:read"
PERIOD = "?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "read the coverage": ((EXPORTER, "200"), (ANYBODY, "403")),
    "take the population": ((EXPORTER, "200+"), (ANYBODY, "403")),
    **incidents.RULES,
}

ROUTES: dict[str, Route] = {
    "* api-gate-check-ins": Route("gate's token", why="MLflow's plugin says so, with the gate's own token"),
    "* api-gate-webhooks": Route("gate's token", why="MLflow sends here, and signs with a secret of its own"),
    "GET api-production": Route("read", "model", scope=R),
    "GET api-coverage": Route("read the coverage", scope=B, query=PERIOD),
    "GET api-change-population": Route("take the population", scope=B, query=PERIOD),
    **incidents.ROUTES,
}
