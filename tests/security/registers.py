"""Who may do what with waivers, standing approvals, findings and delegations over the API: a part of the table."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, REQUESTER, Who, part, role

R, W, F = "promotions:read", "promotions:write", "findings:read"
MODEL, FINDING = "credit-risk", "The data"
_HIDDEN = (ANYBODY, "404")
_OWNER = part("owner", "the finding's owner")
_LENDER = part("lender", "who lends or receives it")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "withdraw over the API what one asked for": _act((REQUESTER, "200+")),
    "raise a finding over the API": _act(
        (role("validator", "risk_officer", "data_protection_officer", "auditor"), "201+")
    ),
    "mend a finding over the API": _act((_OWNER, "201+")),
    "extend a finding over the API": _act((role("risk_officer"), "201+")),
    "hand a finding over by the API": _act((_OWNER | role("risk_officer"), "201+")),
    "read a delegation": ((_LENDER, "200"), _HIDDEN),
    "end a delegation over the API": ((_LENDER, "201+"), _HIDDEN),
}

ROUTES: dict[str, Route] = {
    "POST api-request-waivers": Route("ask for a waiver", "approval", "waiver over the API", scope=W),
    "GET api-waivers": Route("list requests", scope=R, shows=MODEL),
    "GET api-waiver": Route("read a request", "waiver", scope=R),
    "POST api-waiver-withdrawals": Route("withdraw over the API what one asked for", "waiver", "reason", scope=W),
    "GET api-standing-approvals": Route("list requests", scope=R, shows=MODEL),
    "POST api-standing-approvals": Route("ask for a standing approval", body="standing over the API", scope=W),
    "GET api-standing-approval": Route("read a request", "standing", scope=R),
    "POST api-standing-approval-withdrawals": Route(
        "withdraw over the API what one asked for", "standing", "reason", scope=W
    ),
    "GET api-findings": Route("list", scope=F, shows=FINDING),
    "POST api-findings": Route("raise a finding over the API", body="raised"),
    "GET api-finding": Route("read", "finding", scope=F),
    "POST api-finding-plans": Route("mend a finding over the API", "finding", "plan"),
    "POST api-finding-closure-proposals": Route("mend a finding over the API", "finding", "resolution"),
    "POST api-finding-extensions": Route("extend a finding over the API", "finding", "extension over the API"),
    "POST api-finding-hand-overs": Route("hand a finding over by the API", "finding", "hand over by the API"),
    "GET api-delegations": Route("own page"),
    "POST api-delegations": Route("own page, nothing sent"),
    "GET api-delegation": Route("read a delegation", "delegation"),
    "POST api-delegation-endings": Route("end a delegation over the API", "delegation"),
}
