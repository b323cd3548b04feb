"""The page of the installation's health: on a good day, and with a part in each state."""

from __future__ import annotations

from typing import Any

from governance.config.operations.facts import Facts, Unasked
from governance.config.operations.views import context
from tests.operations.parts import a_gate, a_log, a_place, ago, facts


def health(found: Facts) -> dict[str, Any]:
    """Return the context for an installation of which this is known, as somebody sees it who reads the log, too."""
    return context(found) | {"may_read_log": True}


BAD_DAY = facts(
    broker=Unasked("The broker (REDIS_URL) does not answer, so nobody knows who works."),
    log=a_log(sinks=[a_place(), a_place(name="witness", failing_since=ago(hours=2), error="The witness is silent.")]),
    mlflow=a_gate(is_up=False),
)

OPERATIONS = {
    "system-health": ("operations/health.html", lambda: health(BAD_DAY)),
    "system-health-well": ("operations/health.html", lambda: health(facts())),
}
