"""Who reads the legal register: a part of the table. What it says is the law, so everybody who is signed in may."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, Who

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {"read the legal register": ((ANYBODY, "200"),)}

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
    "GET api-register-points": Route(_READ),
    "GET api-register-point": Route(_READ, parts=_POINT),
    "GET api-register-timeline": Route(_READ),
    "GET api-system-duties": Route("read", "system"),
}
