"""Who may do what with the record of an AI system, its criteria and its data: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, OWN_PROPOSAL, OWNER, READER, Who, everywhere, part, role

_HIDDEN = (ANYBODY, "404")
_AUTHOR = part("owner", "who gave the answer")
_ANSWERS = (
    OWNER
    | role("engineer", "owner", "validator", "risk_officer", "data_protection_officer")
    | everywhere("administrator")
)
_REVIEWS = role("validator", "risk_officer", "data_protection_officer")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "propose criteria": _act((OWNER | role("engineer", "owner"), "409")),  # others wait already
    "sign criteria": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer"), "201+")),
    "pin data": _act((role("validator"), "201")),
    "answer for a system": _act((_ANSWERS, "201+")),
    "take answers from the same system": _act((_ANSWERS, "422")),
    "review an answer": _act((_AUTHOR, "403"), (_REVIEWS, "201+")),
}

ROUTES: dict[str, Route] = {
    "POST api-criteria": Route("propose criteria", "system", "criteria"),
    "GET api-criteria-detail": Route("read", "criteria"),
    "POST api-criteria-signatures": Route("sign criteria", "criteria", "password"),
    "POST api-criteria-withdrawals": Route("withdraw a proposal", "criteria"),
    "POST api-dataset-pins": Route("pin data", "system", "pin"),
    "GET api-record": Route("read", "system"),
    "POST api-declarations": Route("answer for a system", "system", "record answers"),
    "POST api-declaration-reuses": Route("take answers from the same system", "system", "reuse"),
    "GET api-declaration": Route("read", "answer of a record"),
    "POST api-declaration-reviews": Route("review an answer", "answer of a record", "record review"),
}
