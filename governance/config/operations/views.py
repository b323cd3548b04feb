"""The page *System health*."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.config.operations import asking, judging
from governance.config.operations.facts import Facts
from governance.config.operations.states import LIMITS, Part, State

READ_HEALTH = "operations.read_health"
READERS = "An auditor, risk officer or administrator of the whole deployment sees how the system is doing."
LOOKS = {State.GOOD: ("ok", "check"), State.WARN: ("warn", "warning"), State.UNKNOWN: ("neutral", "question")}


@login_required
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Show each part of the installation: how it is, since when, what that means and what to do."""
    if not request.user.has_perm(READ_HEALTH):
        raise PermissionDenied(READERS)
    response = render(request, "operations/health.html", context(asking.facts()))
    response["Cache-Control"] = "no-store"
    return response


def context(found: Facts) -> dict[str, Any]:
    """Return the context of operations/health.html for what is known of the installation."""
    parts = judging.judged(found)
    return {
        "now": found.now,
        "worst": judging.worst(parts),
        "parts": [_row(part) for part in parts],
        "counts": [(state, n) for state in reversed(State) if (n := sum(part.state == state for part in parts))],
        "limits": [(name.replace("-", " "), limit) for name, limit in LIMITS.items()],
    }


def _row(part: Part) -> dict[str, Any]:
    tone, icon = LOOKS.get(part.state, ("bad", "alert"))
    return {"part": part, "tone": tone, "icon": icon}
