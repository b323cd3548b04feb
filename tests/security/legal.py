"""Who reads the legal register: a part of the table. What it says is the law, so everybody who is signed in may."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, Who, role

HOLDER = role("risk_officer", "data_protection_officer", "administrator")
DISPOSER = role("risk_officer", "data_protection_officer")
_AUDITOR, _HIDDEN = role("auditor"), (ANYBODY, "404")
RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "read the legal register": ((ANYBODY, "200"),),
    "read a legal hold": ((HOLDER | _AUDITOR, "200"), _HIDDEN),
    "set a legal hold": ((HOLDER, "201+"), (READER, "403"), _HIDDEN),
    "set a legal hold on the page": ((HOLDER, "302+"), (READER, "403"), _HIDDEN),
    "lift a legal hold": ((HOLDER, "201+"), (_AUDITOR, "403"), _HIDDEN),
    "lift a legal hold on the page": ((HOLDER, "302+"), (_AUDITOR, "403"), _HIDDEN),
    "dispose of records": ((DISPOSER, "409"), (READER, "403"), _HIDDEN),  # the world's system is in use
}

_READ = "read the legal register"
_POINT = (("point_id", "Art 9.1"),)
_FRAMEWORK = (("framework_id", "iso-42001"),)

ROUTES: dict[str, Route] = {
    "GET register": Route(_READ),
    "GET register-point": Route(_READ, parts=_POINT),
    "GET register-timeline": Route(_READ),
    "GET register-crosswalk": Route(_READ, parts=_FRAMEWORK),
    "GET register-statement": Route(_READ, parts=(*_FRAMEWORK, ("form", "csv"))),
    "GET register-changes": Route(_READ),
    "GET retention": Route(_READ),
    "POST hold-set": Route("set a legal hold on the page", body="hold on the page"),
    "POST hold-lift": Route("lift a legal hold on the page", "hold", "reason"),
    "GET system-retention": Route("read", "system"),
    "POST system-dispose": Route("dispose of records", "system", "disposal"),
    "GET api-retention": Route(_READ),
    "GET api-system-retention": Route("read", "system"),
    "POST api-system-disposals": Route("dispose of records", "system", "disposal"),
    "GET api-legal-holds": Route("own page"),
    "POST api-legal-holds": Route("set a legal hold", body="hold"),
    "GET api-legal-hold": Route("read a legal hold", "hold"),
    "POST api-legal-hold-lifts": Route("lift a legal hold", "hold", "reason"),
    "GET api-register-points": Route(_READ),
    "GET api-register-point": Route(_READ, parts=_POINT),
    "GET api-register-timeline": Route(_READ),
    "GET api-system-duties": Route("read", "system"),
}
