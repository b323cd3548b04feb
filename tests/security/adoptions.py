"""Who may do what with adoptions: a part of the table."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, EVERYWHERE, Who, everywhere

R, P = "promotions:read", "production:write"
_HIDDEN, _REFUSED = (ANYBODY, "404"), (ANYBODY, "403")
_PROPOSES = everywhere("administrator", "risk_officer")

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "read an adoption": ((EVERYWHERE, "200"), _HIDDEN),
    "list adoptions": ((EVERYWHERE, "200"), (ANYBODY, "without")),
    "look what could be adopted": ((_PROPOSES, "200"), _REFUSED),
    # nothing of what was proposed is in MLflow here, so a signature is held against the state
    "sign an adoption": ((everywhere("risk_officer"), "409"), (EVERYWHERE, "403"), _HIDDEN),
    "withdraw an adoption": ((_PROPOSES, "302+"), (EVERYWHERE, "403"), _HIDDEN),
    "withdraw an adoption over the API": ((_PROPOSES, "200+"), (EVERYWHERE, "403"), _HIDDEN),
}

ROUTES: dict[str, Route] = {
    "GET adoption-list": Route("list adoptions", shows="AD-1"),
    "GET adoption": Route("read an adoption", "adoption"),
    "POST adoption-sign": Route("sign an adoption", "adoption", "password"),
    "POST adoption-withdraw": Route("withdraw an adoption", "adoption"),
    "GET api-adoptions": Route("list adoptions", shows="/adoptions/1", scope=R),
    "POST api-adoptions": Route("look what could be adopted", body="adoption", scope=P),
    "GET api-adoption": Route("read an adoption", "adoption", scope=R),
    "POST api-adoption-withdrawals": Route("withdraw an adoption over the API", "adoption", scope=P),
}
