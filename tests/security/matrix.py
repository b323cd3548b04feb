"""Who may do what, as data: the rules, and the rule of every address. docs/reference/permissions.md is made of it.

A rule is read from the top: the first line that fits somebody says what they are answered. Adding an address is one
line in ``ROUTES``; the test fails for an address that has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.security import (
    adoptions,
    bundles,
    datasets,
    evidence,
    legal,
    monitors,
    production,
    records,
    registers,
    signing_in,
    system_records,
    validations,
    watching,
)
from tests.security.route import Outcome, Route
from tests.security.who import (
    ANYBODY,
    BARRED,
    ELIGIBLE,
    EVERYWHERE,
    EXPORTER,
    HAS_ROLE,
    LOG_READER,
    OWN_PROPOSAL,
    OWNER,
    PEOPLE_READER,
    READER,
    REPLAYER,
    REQUEST_READER,
    REQUESTER,
    REVIEWER,
    SPEAKER,
    Who,
    everywhere,
    part,
    role,
)
from tests.security.world import ANYWHERE, STATES, Actor

OPEN = ("collecting", "in review", "changes requested")
WAIVABLE = ("in review", "approved", "suspended")
_HIDDEN, _REFUSED = (ANYBODY, "404"), (ANYBODY, "403")
_IN_REVIEW_ONLY = {"in review": "403", "": "409"}


def _act(*lines: tuple[Who, Outcome], reads: Who = READER) -> tuple[tuple[Who, Outcome], ...]:
    """An act on a thing: who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (reads, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "public": ((ANYBODY, "200"),),
    "no such address": ((ANYBODY, "404"),),
    "gate's token": ((ANYBODY, "401"),),
    **signing_in.RULES,
    "report of a browser": ((ANYBODY, "415"),),  # what the test sends is none
    # Reading
    "read": ((READER, "200"), _HIDDEN),
    "read a request": ((REQUEST_READER, "200"), _HIDDEN),
    "list": ((READER, "200"), (ANYBODY, "without")),
    "list requests": ((REQUEST_READER, "200"), (ANYBODY, "without")),
    "read a policy": ((HAS_ROLE, "200"), _HIDDEN),
    "list policies": ((HAS_ROLE, "200"), (ANYBODY, "without")),
    "read the log": ((LOG_READER, "200"), _REFUSED),
    "read the health": ((EXPORTER, "200"), _REFUSED),
    "take a list of the log": ((LOG_READER, "200+"), _REFUSED),
    "take a receipt": ((LOG_READER | part("signer", "whose act the entry is"), "200"), _REFUSED),
    "take the tiles": ((EXPORTER, "200"), _REFUSED),
    "take the bundle": ((EXPORTER, "409+"), _REFUSED),  # no notary runs here that would seal it
    # Requests and approvals
    "try a promotion": _act((role("engineer", "owner"), "200")),
    "request a promotion": _act((role("engineer", "owner"), "202+")),
    "decide": (
        (ELIGIBLE, {"in review": "302+", "": "409"}),
        (REQUEST_READER, _IN_REVIEW_ONLY),
        _HIDDEN,
    ),
    "review a check": (
        (ELIGIBLE, {"in review": "422", "": "409"}),
        (REQUEST_READER, _IN_REVIEW_ONLY),
        _HIDDEN,
    ),
    "sign a decision": ((ELIGIBLE, "409"), (REQUEST_READER, _IN_REVIEW_ONLY), _HIDDEN),
    "ask for a waiver": (
        (role("engineer", "owner"), {**dict.fromkeys(WAIVABLE, "422"), "": "409"}),
        (REQUEST_READER, {**dict.fromkeys(WAIVABLE, "403"), "": "409"}),
        _HIDDEN,
    ),
    "decide on a waiver": ((ELIGIBLE, "302+"), (REQUEST_READER, "403"), _HIDDEN),
    "sign a waiver": ((ELIGIBLE, "409"), (REQUEST_READER, "403"), _HIDDEN),
    "comment": _act((REQUEST_READER, "302+")),
    "comment over the API": _act((SPEAKER, "201+"), reads=REQUEST_READER),
    "withdraw a waiver": _act((REQUESTER, "302+")),
    "ask for a standing approval": _act((role("engineer", "owner"), "409")),
    "decide on a standing approval": ((ELIGIBLE, "302+"), (REQUEST_READER, "403"), _HIDDEN),
    "sign a standing approval": ((ELIGIBLE, "409"), (REQUEST_READER, "403"), _HIDDEN),
    "withdraw a standing approval": _act((REQUESTER, "302+")),
    "revoke a standing approval": _act((BARRED, "403"), (role("risk_officer"), "409"), reads=REQUEST_READER),
    "lift a suspension": _act(
        (BARRED, "403"), (role("risk_officer"), {"suspended": "302+", "": "409"}), reads=REQUEST_READER
    ),
    "sign a lifting": _act((BARRED, "403"), (role("risk_officer"), "409"), reads=REQUEST_READER),
    "revoke": _act(
        (BARRED, "403"),
        (role("risk_officer"), {"approved": "201+", "suspended": "201+", "": "409"}),
        reads=REQUEST_READER,
    ),
    "apply": _act((role("engineer", "owner", "risk_officer"), {"approved": "302+", "": "409"}), reads=REQUEST_READER),
    "apply over the API": _act(
        (role("engineer", "owner", "risk_officer"), {"approved": "202+", "": "409"}), reads=REQUEST_READER
    ),
    "resubmit": _act((REQUESTER, {"changes requested": "202+", "": "409"})),
    "renew": _act((role("engineer", "owner"), "409"), reads=REQUEST_READER),  # the world's approval is young
    "renew over the API": _act((role("engineer", "owner"), "409"), reads=REQUEST_READER),
    "withdraw a request": _act((REQUESTER, {**dict.fromkeys(OPEN, "200+"), "": "409"})),
    "resubmit on the page": _act((REQUESTER, {"changes requested": "302+", "": "409"})),
    "withdraw a request on the page": _act((REQUESTER, {**dict.fromkeys(OPEN, "302+"), "": "409"})),
    "close a finding": (
        (part("owner", "the finding's owner"), "turned back"),
        (role("validator", "risk_officer"), "302+"),
        (READER, "turned back"),
        _HIDDEN,
    ),
    "raise a finding": _act((role("validator", "risk_officer", "data_protection_officer", "auditor"), "302+")),
    "mend a finding": _act((part("owner", "the finding's owner"), "302+")),
    "extend a finding": _act((role("risk_officer"), "302+")),
    "hand a finding over": _act((part("owner", "the finding's owner") | role("risk_officer"), "302+")),
    **system_records.RULES,
    **validations.RULES,
    **production.RULES,
    **registers.RULES,
    **legal.RULES,
    **watching.RULES,
    **bundles.RULES,
    **adoptions.RULES,
    **datasets.RULES,
    **records.RULES,
    **evidence.RULES,
    # One's own passkeys, and places that are lent
    "own page": ((ANYBODY, "200"),),
    "have the identity provider ask anew": ((ANYBODY, "503"),),
    "own page, nothing sent": ((ANYBODY, "422"),),
    "keep or forget a view of one's own": ((ANYBODY, "302"),),
    "remove a channel": ((part("holder", "whose it is"), "302"), _HIDDEN),
    "ask for a test message": ((ANYBODY, "302"),),
    "own page, after signing in again": ((ANYBODY, "302"),),
    "confirm as an administrator": ((everywhere("administrator"), "302+"), _REFUSED),
    "end a passkey": ((part("holder", "its holder") | everywhere("administrator"), "302+"), _REFUSED),
    "end a delegation": ((part("lender", "who lends or receives it") | everywhere("administrator"), "302+"), _REFUSED),
    # People
    "read people": ((PEOPLE_READER, "200"), _REFUSED),
    "administer people": ((everywhere("administrator"), "302+"), _REFUSED),
    "read an access review": ((PEOPLE_READER | REVIEWER, "200"), _HIDDEN),
    "decide in an access review": _act((REVIEWER, "302+"), reads=PEOPLE_READER),
    "sign an access review": _act((REVIEWER, "409"), reads=PEOPLE_READER),  # of some roles nothing was said yet
    "hand an access review over": _act((everywhere("administrator"), "302+"), reads=PEOPLE_READER | REVIEWER),
    # AI systems
    "take a system in": ((everywhere("engineer", "owner", "administrator"), "201+"), _REFUSED),
    "propose a class": _act((OWNER | role("engineer", "owner"), "409")),
    "sign a class": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer", "data_protection_officer"), "201+")),
    "sign a class on the page": _act(
        (OWN_PROPOSAL, "403"), (role("validator", "risk_officer", "data_protection_officer"), "302+")
    ),
    "propose an assignment": _act((OWNER | everywhere("administrator"), "201+")),
    "sign an assignment": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer"), "201+")),
    "sign an assignment on the page": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer"), "302+")),
    "sign criteria on the page": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer"), "302+")),
    "withdraw a proposal": _act((OWN_PROPOSAL | everywhere("administrator"), "201+")),
    "withdraw a proposal on the page": _act((OWN_PROPOSAL | everywhere("administrator"), "302+")),
    # Policies
    "draft a policy": ((everywhere("policy_author"), "201+"), _REFUSED),
    "draft a policy on the page": ((everywhere("policy_author"), "302+"), _REFUSED),
    "publish a policy on the page": ((everywhere("policy_publisher"), "302+"), (HAS_ROLE, "403"), _HIDDEN),
    "check a text": ((ANYBODY, "200"),),
    "read a replay": ((EVERYWHERE, "200"), _HIDDEN),
    "list replays": ((EVERYWHERE, "200"), (ANYBODY, "without")),
    "ask for a replay": ((REPLAYER, "202"), _REFUSED),
    "ask for a replay on the page": ((REPLAYER, "302"), _REFUSED),
    "publish a policy": ((everywhere("policy_publisher"), "201+"), (HAS_ROLE, "403"), _HIDDEN),
    # Monitors and documents
    **monitors.RULES,
    "look at a file": ((ANYBODY, "422"),),
    "ask for a document": ((READER, "202"), _HIDDEN),
    "sign a declaration": ((READER, "422"), _HIDDEN),
    "ask for a document on the page": ((READER, "302"), (ANYBODY, "422")),
    # The log
    "ask for an erasure": ((LOG_READER, "302+"), _REFUSED),
}


R, W, M, B = "promotions:read", "promotions:write", "records:write", "bundles:read"
V, H = "records:read", "health:read"
P = "policies:write"
MODEL, SYSTEM, POLICY = "credit-risk", "Consumer credit scoring", "credit-high-risk"
FINDING = "The data"

# "GET review": a method and the name of an address; "*" for one that is answered alike whatever the method.
ROUTES: dict[str, Route] = {
    # Open to all
    "* healthz": Route("public", why="a supervisor asks; it says only whether the process answers"),
    "* readyz": Route("public", why="a load balancer asks; it names what the process lacks, and no address or secret"),
    "POST csp-reports": Route("report of a browser", why="browsers report what the policy blocked, with no cookie"),
    "* metrics": Route(
        "no such address", why="Prometheus asks, with a token of its own; without the setting it is none"
    ),
    **signing_in.ROUTES,
    "GET api-schema": Route("public", why="the description of the API holds no data"),
    "GET api-log-checkpoint": Route("public", why="it proves something only to those who keep it elsewhere"),
    "GET api-permits": Route(
        "public", query=f"?model={MODEL}&alias=champion", why="serving hosts have no account; a permit holds no secret"
    ),
    **production.OPEN,
    "* api/v1/": Route("no such address", why="any other address below /api/v1/"),
    # Inbox, requests, models
    "GET inbox": Route("list requests", shows=MODEL, query="?waiting=open"),
    "GET overview": Route("list requests", shows=MODEL),
    "GET finding-list": Route("list", shows=FINDING),
    "GET finding-csv": Route("list", shows=FINDING),
    "POST finding-raise": Route("raise a finding", body="raised"),
    "GET finding-detail": Route("read", "finding"),
    "POST finding-plan": Route("mend a finding", "finding", "plan"),
    "POST finding-propose": Route("mend a finding", "finding", "mended"),
    "POST finding-extend": Route("extend a finding", "finding", "extension"),
    "POST finding-hand-over": Route("hand a finding over", "finding", "hand over"),
    "POST finding-close": Route("close a finding", "finding", "closing"),
    **system_records.ROUTES,
    **validations.ROUTES,
    **production.ROUTES,
    **registers.ROUTES,
    **legal.ROUTES,
    **watching.ROUTES,
    **bundles.ROUTES,
    **adoptions.ROUTES,
    **datasets.ROUTES,
    **records.ROUTES,
    **evidence.ROUTES,
    "GET passkey-list": Route("own page"),
    "POST passkey-list": Route("own page, nothing sent"),
    "POST passkey-begin": Route("own page, nothing sent"),
    "POST passkey-confirm": Route("confirm as an administrator", "passkey", "password"),
    "POST passkey-end": Route("end a passkey", "passkey", "reason"),
    "GET person-list": Route("read people"),
    "GET person-detail": Route("read people", "person"),
    "POST person-give-role": Route("administer people", "person", "role"),
    "POST person-end-role": Route("administer people", "role of a person"),
    "POST person-deactivate": Route("administer people", "person", "deactivation"),
    "GET proposal-list": Route("read people"),
    "POST proposal-confirm": Route("administer people", "role proposal", "password"),
    "POST proposal-withdraw": Route("administer people", "role proposal"),
    "GET sso-again": Route("have the identity provider ask anew"),
    "GET mapping-list": Route("read people"),
    "POST mapping-new": Route("administer people", body="claim mapping"),
    "POST mapping-confirm": Route("administer people", "claim mapping", "password"),
    "POST mapping-end": Route("administer people", "claim mapping"),
    "GET access-review-list": Route("own page"),
    "POST access-review-open": Route("administer people", body="access review"),
    "GET access-review-detail": Route("read an access review", "access review"),
    "POST access-review-decide": Route("decide in an access review", "item of a review", "keep"),
    "POST access-review-sign": Route("sign an access review", "access review", "password"),
    "POST access-review-hand-over": Route("hand an access review over", "access review", "reviewer"),
    "GET access-review-csv": Route("read an access review", "access review"),
    "GET access-review-json": Route("read an access review", "access review"),
    "GET security": Route("own page"),
    "GET notice-list": Route("own page"),
    "GET notice-settings": Route("own page"),
    "POST notice-settings": Route("own page, nothing sent"),
    "POST notice-channel-add": Route("own page, nothing sent"),
    "POST notice-channel-remove": Route("remove a channel", "channel"),
    "POST notice-test": Route("ask for a test message"),
    "GET security-confirm": Route("own page"),
    "POST security-confirm": Route("own page, nothing sent"),
    "GET security-authenticator": Route("own page, after signing in again"),
    "POST security-authenticator": Route("own page, after signing in again"),
    "POST security-authenticator-remove": Route("own page, after signing in again"),
    "GET security-codes": Route("own page, after signing in again"),
    "POST security-codes": Route("own page, after signing in again"),
    "GET security-codes-file": Route("own page, after signing in again"),
    "POST security-codes-renew": Route("own page, after signing in again"),
    "GET delegation-list": Route("own page"),
    "POST delegation-make": Route("own page, nothing sent"),
    "POST delegation-confirm": Route("confirm as an administrator", "delegation", "password"),
    "POST delegation-end": Route("end a delegation", "delegation"),
    "GET review": Route("read a request", "approval"),
    "POST review-decide": Route("decide", "approval", "decision"),
    "POST review-sign": Route("sign a decision", "approval", "statement"),
    "POST review-ask-waiver": Route("ask for a waiver", "approval", "waiver"),
    "POST review-comment": Route("comment", "approval", "comment"),
    "GET waiver": Route("read a request", "waiver"),
    "POST waiver-decide": Route("decide on a waiver", "waiver", "decision"),
    "POST waiver-sign": Route("sign a waiver", "waiver", "statement"),
    "POST waiver-withdraw": Route("withdraw a waiver", "waiver", "reason"),
    "GET standing-approval-ask": Route("read", "model"),
    "POST standing-approval-ask": Route("ask for a standing approval", "model", "standing"),
    "GET standing-approval": Route("read a request", "standing"),
    "POST standing-approval-decide": Route("decide on a standing approval", "standing", "decision"),
    "POST standing-approval-sign": Route("sign a standing approval", "standing", "statement"),
    "POST standing-approval-withdraw": Route("withdraw a standing approval", "standing", "reason"),
    "POST standing-approval-revoke": Route("revoke a standing approval", "standing", "lift"),
    "POST review-human-review": Route("review a check", "approval", "review"),
    "GET review-progress": Route("read a request", "approval"),
    "POST review-lift": Route("lift a suspension", "approval", "lift"),
    "POST review-lift-sign": Route("sign a lifting", "approval", "statement"),
    "GET promotion-detail": Route("read a request", "promotion"),
    "POST promotion-apply": Route("apply", "promotion"),
    "POST promotion-resubmit": Route("resubmit on the page", "promotion", "reason"),
    "POST promotion-withdraw": Route("withdraw a request on the page", "promotion", "reason"),
    "POST promotion-renew": Route("renew", "promotion"),
    "POST view-save": Route("keep or forget a view of one's own", body="view"),
    "POST view-delete": Route("keep or forget a view of one's own", "view"),
    "GET model-list": Route("list", shows=MODEL),
    "GET model-detail": Route("read", "model"),
    "GET api-approval-request": Route("read a request", "approval", scope=R),
    "GET api-comments": Route("read a request", "approval", scope=R),
    "POST api-comments": Route("comment over the API", "approval", "comment", scope=W),
    "POST api-revocations": Route("revoke", "approval", "lift"),
    "GET api-promotion-requests": Route("list requests", scope=R, shows=MODEL),
    "POST api-promotion-requests": Route("request a promotion", body="promotion", scope=W),
    "POST api-promotion-checks": Route("try a promotion", body="promotion", scope=W),
    "GET api-promotion-request": Route("read a request", "promotion", scope=R),
    "POST api-promotion-applications": Route("apply over the API", "promotion", scope=W),
    "POST api-promotion-resubmissions": Route("resubmit", "promotion", "reason", scope=W),
    "POST api-promotion-renewals": Route("renew over the API", "promotion", scope=W),
    "POST api-promotion-withdrawals": Route("withdraw a request", "promotion", "reason", scope=W),
    "GET api-registered-model": Route("read", "model", scope=R),
    # AI systems
    "GET system-list": Route("list", shows=SYSTEM),
    "GET system-detail": Route("read", "system"),
    "POST classification-sign": Route("sign a class on the page", "classification", "password"),
    "POST classification-withdraw": Route("withdraw a proposal on the page", "classification"),
    "POST assignment-sign": Route("sign an assignment on the page", "assignment", "password"),
    "POST assignment-withdraw": Route("withdraw a proposal on the page", "assignment"),
    "POST criteria-sign": Route("sign criteria on the page", "criteria", "password"),
    "POST criteria-withdraw": Route("withdraw a proposal on the page", "criteria"),
    "GET api-systems": Route("list", shows=SYSTEM),
    "POST api-systems": Route("take a system in", body="system"),
    "GET api-system": Route("read", "system"),
    "POST api-classifications": Route("propose a class", "system", "answers"),
    "GET api-classification": Route("read", "classification"),
    "POST api-classification-signatures": Route("sign a class", "classification", "password"),
    "POST api-classification-withdrawals": Route("withdraw a proposal", "classification"),
    "POST api-assignments": Route("propose an assignment", "system", "assignment"),
    "GET api-assignment": Route("read", "assignment"),
    "POST api-assignment-signatures": Route("sign an assignment", "assignment", "password"),
    "POST api-assignment-withdrawals": Route("withdraw a proposal", "assignment"),
    # Policies
    "GET policy-list": Route("list policies", shows=POLICY),
    "GET policy-detail": Route("read a policy", "policy"),
    "GET policy-draft": Route("own page"),
    "POST policy-draft": Route("draft a policy on the page", body="policy"),
    "GET policy-diff": Route("read a policy", "policy"),
    "POST policy-publish": Route("publish a policy on the page", "policy", "password"),
    "GET policy-replays": Route("list replays", shows="/policy-replays/"),
    "POST policy-replay-ask": Route("ask for a replay on the page", body="replay"),
    "GET policy-replay": Route("read a replay", "replay"),
    "GET policy-replay-progress": Route("read a replay", "replay"),
    "POST api-policy-replays": Route("ask for a replay", body="replay", scope=P),
    "GET api-policy-replay": Route("read a replay", "replay", scope=P),
    "GET api-policy-schema": Route("public", why="the schema of policies is published, as the API's is"),
    "POST api-policy-checks": Route("check a text", body="policy", scope=P),
    "GET api-policies": Route("list policies", scope=P, shows=POLICY),
    "POST api-policies": Route("draft a policy", body="policy", scope=P),
    "GET api-policy": Route("read a policy", "policy", scope=P),
    "GET api-policy-diff": Route("read a policy", "policy", scope=P),
    "POST api-policy-publications": Route("publish a policy", "policy"),
    **monitors.ROUTES,
    # Documents
    "GET document-list": Route("list", shows=SYSTEM),
    "GET document-check": Route("check a text"),
    "POST document-check": Route("look at a file"),
    "POST document-build": Route("ask for a document on the page", body="document page"),
    "GET document-download": Route("read", "document"),
    "GET api-documents": Route("list", shows="consumer-credit"),
    "POST api-documents": Route("ask for a document", body="document"),
    "GET api-document-job": Route("read", "document job"),
    "GET api-document-pdf": Route("read", "document"),
    # The log
    "GET audit-log": Route("read the log"),
    "GET audit-health": Route("read the log"),
    "GET system-health": Route("read the health"),
    "GET api-health": Route("read the health", scope=H),
    "GET audit-entry": Route("read the log", "entry"),
    "GET audit-receipt": Route("take a receipt", "entry"),
    "GET audit-receipt-by-id": Route("take a receipt", "entry"),
    "POST audit-request-erasure": Route("ask for an erasure", "entry", "erasure"),
    "GET audit-search-result": Route("take a list of the log", parts=(("form", "csv"),)),
    "GET audit-bundle": Route("take the bundle", alone=True),
    "GET api-log-tile": Route("take the tiles", scope=B, parts=(("tile", "0/000.p/1"),)),
    "GET api-log-entry": Route("read the log", "entry", scope=B),
    "GET api-bundle": Route("take the bundle", scope=B, alone=True),
}

NAMES = {key.partition(" ")[2] for key in ROUTES}
NEEDS_NO_SIGN_IN = {"public", "no such address", "gate's token", "sign in", "sign out", "second step"} | {
    "single sign-on",
    "exchange a token",
    "no sign-in begun",
    "report of a browser",
}


def route_of(method: str, name: str) -> Route | None:
    """Return the line of a method of an address, None where it is not taken."""
    return ROUTES.get(f"{method} {name}") or ROUTES.get(f"* {name}")


def expected(route: Route, actor: Actor, state: str, *, is_api: bool) -> str:
    """Return what somebody must be answered."""
    if route.rule not in NEEDS_NO_SIGN_IN:
        if not actor.signed_in or (actor.scopes is not None and not is_api):
            return "401" if is_api else "login"
        if actor.scopes is not None and route.scope not in actor.scopes:
            return "403"
    outcome = next(outcome for who, outcome in RULES[route.rule] if who.fits(actor))
    return outcome if isinstance(outcome, str) else outcome.get(state, outcome[""])


def asks(route: Route, actors: Sequence[Actor]) -> Iterator[tuple[Actor, str]]:
    """Return who asks in which state: everybody in review, and where the rule tells states apart in the others too.

    A role reaches as far in each state: there those ask who have a part, and one of each role where the rule names it.
    """
    yield from ((actor, "in review") for actor in actors)
    named = {state for _, outcome in RULES[route.rule] if not isinstance(outcome, str) for state in outcome}
    for state in STATES if named else ():
        if state != "in review":
            yield from (
                (actor, state)
                for actor in actors
                if actor.parts or not actor.signed_in or (state in named and actor.where == ANYWHERE)
            )
