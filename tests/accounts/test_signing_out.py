"""Signing out: here in any case, and at the identity provider where it signed one in and says where to."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.contrib.sessions.models import Session
from joserfc import jwt

from governance.accounts.web import oidc
from governance.config.oidc import Provider
from tests.accounts.test_sign_in import is_signed_in, signing_in
from tests.accounts.test_single_sign_on import idp, in_through, server, two
from tests.factories import a_user
from tests.provider import CLIENT_ID

__all__ = ["idp", "server", "two"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning"),  # in the provider
]
STILL = b"You are still signed in at Bank ID"


def test_signing_out_ends_both_sessions_and_comes_back(idp, client):
    in_through(idp, client)
    assert client.post("/logout")["Location"] == "/signed-out"
    assert not is_signed_in(client)
    page = client.get("/signed-out").content.decode()
    assert 'content="0; url=/logout/sso"' in page
    assert "id_token" not in page
    away = client.get("/logout/sso")
    assert away.status_code == 302
    asked = parse_qs(urlsplit(away["Location"]).query)
    assert away["Location"].startswith(f"{idp.url}/oauth2/end_session?")
    assert (asked["client_id"], asked["post_logout_redirect_uri"]) == ([CLIENT_ID], ["http://testserver/signed-out"])
    claims = jwt.decode(asked["id_token_hint"][0], idp.key).claims
    assert (claims["sub"], claims["aud"]) == ("anna", [CLIENT_ID])
    answer = httpx.get(away["Location"])  # the provider's own page takes it
    assert (answer.status_code, "http://testserver/signed-out" in answer.text) == (200, True)
    assert client.get("/logout/sso")["Location"] == "/signed-out"  # what holds a token is given out once
    back = client.get("/signed-out").content
    assert b"You are signed out of Placet" in back
    assert STILL not in back
    assert not any("id_token" in str(row.get_decoded()) for row in Session.objects.all())


@pytest.mark.parametrize(
    "described",
    [
        lambda metadata: {name: value for name, value in metadata.items() if name != "end_session_endpoint"},
        lambda metadata: metadata | {"end_session_endpoint": None},
        lambda metadata: metadata | {"end_session_endpoint": "ftp://bank.example/end"},
    ],
)
def test_a_provider_that_cannot_be_told_is_said_to_keep_the_session(idp, client, described):
    idp.described = described
    oidc._client.cache_clear()
    in_through(idp, client)
    assert client.post("/logout")["Location"] == "/signed-out"
    assert not is_signed_in(client)
    page = client.get("/signed-out").content
    assert STILL in page
    assert b"http-equiv" not in page
    assert client.get("/logout/sso")["Location"] == "/signed-out"
    oidc._client.cache_clear()


def test_a_provider_that_is_down_keeps_nobody_from_signing_out(idp, client, settings):
    in_through(idp, client)
    settings.OIDC = Provider(issuer="http://localhost:1", client_id=CLIENT_ID, name="Bank ID")
    assert client.post("/logout")["Location"] == "/signed-out"
    assert not is_signed_in(client)
    assert STILL in client.get("/signed-out").content


def test_who_came_with_a_password_is_signed_out_here_and_sent_nowhere(idp, client):
    signing_in(a_user(), client)
    assert is_signed_in(client)
    assert client.post("/logout")["Location"] == "/login"
    assert not is_signed_in(client)
    assert client.get("/logout/sso")["Location"] == "/signed-out"
    page = client.get("/signed-out").content
    assert STILL not in page
    assert client.get("/logout").status_code == 405


def test_the_next_one_on_this_machine_takes_over_nothing(idp, client):
    in_through(idp, client)
    client.post("/logout")
    signing_in(a_user(), client)
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/logout/sso")["Location"] == "/signed-out"
