"""Signing in and out: a part of the table in ``matrix``."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, Who

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "sign in": (
        (Who("who is signed in already", lambda actor: bool(actor.session) and actor.signed_in), "302"),
        (ANYBODY, "200"),
    ),
    "single sign-on": ((ANYBODY, "503"),),  # no provider runs here that would answer
    "no sign-in begun": ((ANYBODY, "403"),),
    "exchange a token": ((ANYBODY, "403"),),  # nobody here trusts an issuer
    "sign out": ((ANYBODY, "302"),),
    "second step": ((ANYBODY, "302"),),
}

ROUTES: dict[str, Route] = {
    "GET login": Route("sign in", why="to sign in"),
    "POST login": Route("sign in", why="to sign in"),
    "PUT login": Route("sign in", why="Django's own view takes it for a POST"),
    "GET account_login": Route("sign in", why="the same page, under the name that allauth looks up"),
    "POST account_login": Route("sign in", why="as above"),
    "PUT account_login": Route("sign in", why="as above"),
    "* second-factor": Route("second step", why="the second step of a sign-in; without the first it leads to that"),
    "* mfa_authenticate": Route("second step", why="the same page, under the name that allauth looks up"),
    "GET sso": Route("single sign-on", why="begins a sign-in at the identity provider"),
    "GET sso-callback": Route(
        "no sign-in begun", why="where the identity provider sends back to; nothing was begun here"
    ),
    "POST api-token-exchange": Route(
        "exchange a token", body="exchange", why="a run of a pipeline shows its own token here, and has no other yet"
    ),
    "POST logout": Route("sign out", why="signs out whoever was signed in"),
    "GET signed-out": Route("public", why="what follows a sign-out; it names nobody"),
    "GET sso-end": Route("sign out", why="goes on to the identity provider after a sign-out; without one, nowhere"),
}
