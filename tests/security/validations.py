"""Who may do what with validations: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, VALIDATES, Who, part, role

R = "promotions:read"
MODEL = "credit-risk"
_HIDDEN = (ANYBODY, "404")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "begin a validation": _act((part("trainer", "the trainer"), "403"), (role("validator"), "302+")),
    "work on a validation": _act((VALIDATES, "302+")),
    "begin the work, which has begun": _act((VALIDATES, "302")),
    "upload a report, nothing sent": ((READER, "422"), _HIDDEN),
    "sign a validation that has changed": _act((VALIDATES, "409")),
    "give a validation up": _act((part("trainer", "the trainer"), "403"), (role("validator"), "302+")),
}

ROUTES: dict[str, Route] = {
    "GET validation-list": Route("list", shows=MODEL, query="?show=all"),
    "POST validation-open": Route("begin a validation", body="validation"),
    "GET validation-calendar": Route("own page"),
    "GET validation-ics": Route("own page"),
    "GET validation-detail": Route("read", "validation"),
    "POST validation-plan": Route("work on a validation", "validation", "validation plan"),
    "POST validation-independence": Route("work on a validation", "validation", "declaration"),
    "POST validation-begin": Route("begin the work, which has begun", "validation"),
    "POST validation-test-add": Route("work on a validation", "validation", "test"),
    "POST validation-test-remove": Route("work on a validation", "test of a validation"),
    "POST validation-finding": Route("work on a validation", "validation", "validation finding"),
    "POST validation-report": Route("work on a validation", "validation", "validation report"),
    "POST validation-upload": Route("upload a report, nothing sent", "validation"),
    "GET validation-file": Route("read", "validation"),
    "POST validation-sign": Route("sign a validation that has changed", "validation", "validation signature"),
    "POST validation-abandon": Route("give a validation up", "validation", "reason"),
    "GET api-validations": Route("list", scope=R, shows=MODEL),
    "GET api-validation": Route("read", "validation", scope=R),
}
