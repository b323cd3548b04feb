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
_READS_REQUESTS = _ANSWERS | role("auditor")
_SENDS = OWNER | role("owner", "data_protection_officer")
_REVIEWS = role("validator", "risk_officer", "data_protection_officer")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


def _of_person(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """An act on what a person asked: who may, then who reads it, then those for whom it does not exist."""
    return (*lines, (_READS_REQUESTS, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "propose criteria": _act((OWNER | role("engineer", "owner"), "409")),  # others wait already
    "sign criteria": _act((OWN_PROPOSAL, "403"), (role("validator", "risk_officer"), "201+")),
    "pin data": _act((role("validator"), "201")),
    "answer for a system": _act((_ANSWERS, "201+")),
    "take answers from the same system": _act((_ANSWERS, "422")),
    "answer on the page": _act((_ANSWERS, "302+")),
    "read what may be taken over": _act((_ANSWERS, "200")),
    "take answers from the same system on the page": _act((_ANSWERS, "422")),
    "review an answer on the page": _act((_AUTHOR, "403"), (_REVIEWS, "302+")),
    "open the form of a risk": _act((_ANSWERS, "200")),
    "write a risk on the page": _act((_ANSWERS, "302+")),
    "accept a risk on the page": _act((OWNER, "403"), (role("validator", "risk_officer"), "302+")),
    "close a risk on the page": _act((OWNER | role("risk_officer"), "302+")),
    "open the form of a letter": _act((_ANSWERS, "200")),
    "record a letter on the page": _act((_ANSWERS, "302+")),
    "read a person's request": ((_READS_REQUESTS, "200"), _HIDDEN),
    "answer a person's request on the page": _of_person((_ANSWERS, "302+")),
    "send an answer to a person on the page": _of_person((_SENDS, "302+")),
    "erase a person's request on the page": _of_person((role("data_protection_officer"), "302+")),
    "record a letter": _act((_ANSWERS, "201+")),
    "answer a person's request": _of_person((_ANSWERS, "201+")),
    "send an answer to a person": _of_person((_SENDS, "201+")),
    "erase a person's request": _of_person((role("data_protection_officer"), "201+")),
    "open the form of a modification": _act((_ANSWERS, "200")),
    "declare a modification on the page": _act((_ANSWERS, "302+")),
    "declare a modification": _act((_ANSWERS, "201+")),
    "open the questionnaire": _act((OWNER | role("engineer", "owner"), "200")),
    "propose a class on the page": _act((OWNER | role("engineer", "owner"), "409")),  # one waits in this world
    "open the form of a system": ((everywhere("engineer", "owner", "administrator"), "200"), (ANYBODY, "403")),
    "take a system in on the page": ((everywhere("engineer", "owner", "administrator"), "302+"), (ANYBODY, "403")),
    "retire a system in use": _act((OWNER | role("risk_officer") | everywhere("administrator"), "409")),
    "write a risk": _act((_ANSWERS, "201+")),
    "accept a risk": _act((OWNER, "403"), (role("validator", "risk_officer"), "201+")),
    "close a risk": _act((OWNER | role("risk_officer"), "201+")),
    "review an answer": _act((_AUTHOR, "403"), (_REVIEWS, "201+")),
}

ROUTES: dict[str, Route] = {
    "POST system-retire": Route("retire a system in use", "system", "reason"),
    "POST api-system-retirements": Route("retire a system in use", "system", "reason"),
    "GET system-new": Route("open the form of a system"),
    "POST system-new": Route("take a system in on the page", body="system on the page"),
    "GET system-classify": Route("open the questionnaire", "system"),
    "POST system-classify": Route("propose a class on the page", "system", "answers on the page"),
    "GET modification-new": Route("open the form of a modification", "system"),
    "POST modification-new": Route("declare a modification on the page", "system", "modification"),
    "GET api-modifications": Route("read", "system"),
    "POST api-modifications": Route("declare a modification", "system", "modification"),
    "GET api-modification": Route("read", "modification"),
    "GET risk-list": Route("read", "system"),
    "GET risk-detail": Route("read", "risk"),
    "GET risk-new": Route("open the form of a risk", "system"),
    "POST risk-new": Route("write a risk on the page", "system", "risk"),
    "GET risk-change": Route("open the form of a risk", "risk"),
    "POST risk-change": Route("write a risk on the page", "risk", "risk"),
    "POST risk-accept": Route("accept a risk on the page", "risk", "reason"),
    "POST risk-close": Route("close a risk on the page", "risk", "reason"),
    "GET api-risks": Route("read", "system"),
    "POST api-risks": Route("write a risk", "system", "risk"),
    "GET api-risk": Route("read", "risk"),
    "POST api-risk-changes": Route("write a risk", "risk", "risk"),
    "POST api-risk-acceptances": Route("accept a risk", "risk", "reason"),
    "POST api-risk-closings": Route("close a risk", "risk", "reason"),
    "GET correspondence-list": Route("read", "system"),
    "GET correspondence-detail": Route("read a person's request", "letter"),
    "GET correspondence-new": Route("open the form of a letter", "system"),
    "POST correspondence-new": Route("record a letter on the page", "system", "letter"),
    "POST correspondence-answer": Route("answer a person's request on the page", "letter", "answered letter"),
    "POST correspondence-send": Route("send an answer to a person on the page", "letter", "sent letter"),
    "POST correspondence-withdraw": Route("send an answer to a person on the page", "letter", "reason"),
    "POST correspondence-erase": Route("erase a person's request on the page", "settled letter", "reason"),
    "GET api-correspondence": Route("read", "system"),
    "POST api-correspondence": Route("record a letter", "system", "letter"),
    "GET api-correspondence-detail": Route("read a person's request", "letter"),
    "POST api-correspondence-answers": Route("answer a person's request", "letter", "answered letter"),
    "POST api-correspondence-dispatches": Route("send an answer to a person", "letter", "sent letter"),
    "POST api-correspondence-withdrawals": Route("send an answer to a person", "letter", "reason"),
    "POST api-correspondence-erasures": Route("erase a person's request", "settled letter", "reason"),
    "GET system-record": Route("read", "system"),
    "POST system-record-answer": Route(
        "answer on the page", "system", "record answers on the page", parts=(("section", "description"),)
    ),
    "GET system-record-question": Route("read", "system", parts=(("question", "hardware"),)),
    "GET system-record-reuse": Route("read what may be taken over", "system"),
    "POST system-record-reuse": Route("take answers from the same system on the page", "system", "reuse on the page"),
    "POST system-record-review": Route("review an answer on the page", "answer of a record", "record review"),
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
