"""Signing in through a real OpenID provider, and every answer of it that must not be believed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from governance.accounts import administration, mappings, presence, second_factor, single_sign_on
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_of
from governance.accounts.services import BY_PROVIDER, SignInAgain, require_password
from governance.approvals import signing
from governance.approvals.errors import NotEligible
from governance.approvals.models import State
from governance.config.oidc import Provider
from tests.accounts.app_codes import SECRET, code
from tests.accounts.test_role_rules import two
from tests.accounts.test_sign_in import is_signed_in, signing_in
from tests.factories import PASSWORD, REASON, Cast, a_user, approve, state_of
from tests.healthy_mlflow import healthy_mlflow
from tests.provider import CLIENT_ID, LyingProvider, running

__all__ = ["two"]
SOME = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning"),  # in the provider
]


@pytest.fixture(scope="module")
def server() -> Iterator[LyingProvider]:
    with running() as provider:
        yield provider


@pytest.fixture
def cast(db: None, settings: Any) -> Iterator[Cast]:
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield Cast()


@pytest.fixture
def idp(server: LyingProvider, settings: Any, two: tuple[User, User]) -> LyingProvider:
    settings.BASE_URL = "http://testserver"
    settings.OIDC = Provider(issuer=server.url, client_id=CLIENT_ID, client_secret="a secret of both", name="Bank ID")
    server.told, server.signed, server.wrong_verifiers = (lambda claims: claims), server.sign, 0
    server.described = lambda metadata: metadata
    mapping = mappings.map_claim(claim="groups", value="risk", role=Role.RISK_OFFICER, by=two[0])
    mappings.confirm_mapping(mapping_id=mapping.pk, by=two[1], password=PASSWORD)
    mappings.map_claim(claim="groups", value="ml", role=Role.ENGINEER, by=two[0])
    server.knows("anna", groups=["risk"])
    return server


def back(idp: LyingProvider, client: Client, sub: str = "anna", start: str = "/login/sso") -> str:
    """Begin here, sign in there, and return with which address the browser comes back."""
    begun = client.get(start)
    assert begun.status_code == 302, begun.content.decode()
    location = urlsplit(idp.answers(begun["Location"], sub))
    return f"{location.path}?{location.query}"


def in_through(idp: LyingProvider, client: Client, sub: str = "anna", start: str = "/login/sso") -> Any:
    return client.get(back(idp, client, sub, start))


def test_a_person_signs_in_with_what_their_claims_give(idp, client):
    answer = in_through(idp, client, start="/login/sso?next=/people")
    assert (answer.status_code, answer["Location"]) == (302, "/people")
    assert is_signed_in(client)
    assert roles_of(User.objects.get(email="anna@bank.example")) == {"risk_officer"}
    assert idp.asked["scope"] == ["openid profile email"]
    assert {"state", "nonce", "code_challenge"} <= idp.asked.keys()
    assert idp.asked["redirect_uri"] == ["http://testserver/login/sso/callback"]


def test_the_sign_in_page_has_the_button_only_where_there_is_a_provider(idp, client, settings):
    assert b"Sign in with Bank ID" in client.get("/login").content
    settings.OIDC = Provider()
    assert b"Bank ID" not in client.get("/login").content
    for path in ("/login/sso", "/login/sso/callback"):
        assert client.get(path).status_code == 404


def _said(**more: Any) -> Any:
    return lambda claims: {**claims, **more}


LIES = {
    "another issuer": (_said(iss="https://evil.example"), None),
    "another audience": (_said(aud="another client"), None),
    "another audience beside": (_said(aud=[CLIENT_ID, "x"], azp="x"), None),
    "expired": (lambda claims: {**claims, "exp": int(time.time()) - 600}, None),
    "from the future": (lambda claims: {**claims, "nbf": int(time.time()) + 600}, None),
    "another nonce": (_said(nonce="another"), None),
    "no nonce": (lambda claims: {key: value for key, value in claims.items() if key != "nonce"}, None),
    "no expiry": (lambda claims: {key: value for key, value in claims.items() if key != "exp"}, None),
    "no subject": (lambda claims: {key: value for key, value in claims.items() if key != "sub"}, None),
    "unsigned": (_said(), "unsigned"),
    "another key": (_said(), "sign_with_another_key"),
    "the shared secret": (_said(), "sign_with_the_secret"),
    "no token": (_said(), "no_token"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_believed(idp, client, lie):
    idp.told, how = LIES[lie]
    if how:
        idp.signed = getattr(idp, how, lambda claims: "not.a.token")
    answer = in_through(idp, client)
    assert answer.status_code == 403, answer.content.decode()
    assert b"did not let you in" in answer.content
    assert not is_signed_in(client)
    assert not User.objects.filter(email="anna@bank.example").exists()


def test_a_state_is_the_browsers_own_and_counts_once(idp, client):
    address = back(idp, client)
    assert Client().get(address).status_code == 403  # another browser: a sign-in slipped to somebody
    assert client.get(address.replace("state=", "state=x")).status_code == 403
    assert client.get("/login/sso/callback?code=x").status_code == 403
    assert client.get(address).status_code == 302
    assert client.get(address).status_code == 403


def test_a_code_is_bound_to_who_began_by_pkce(idp, client):
    stolen = back(idp, Client()).split("code=")[1].split("&")[0]
    own = back(idp, client)
    own_code = own.split("code=")[1].split("&")[0]
    assert client.get(own.replace(own_code, stolen)).status_code == 403
    assert idp.wrong_verifiers == 1
    assert not is_signed_in(client)


def test_the_provider_may_say_no_or_be_down_or_another(idp, client, settings):
    begun = client.get("/login/sso")
    location = urlsplit(idp.answers(begun["Location"], "anna", action="deny"))
    assert client.get(f"{location.path}?{location.query}").status_code == 403
    settings.OIDC = Provider(issuer="http://localhost:1", client_id=CLIENT_ID)
    assert client.get("/login/sso").status_code == 503
    settings.OIDC = Provider(issuer=f"{idp.url}/", client_id=CLIENT_ID)  # spelt otherwise: another issuer
    assert client.get("/login/sso").status_code == 403


def test_nobody_comes_in_through_a_deactivated_account_or_keeps_a_session(idp, client, two):
    in_through(idp, client)
    person = User.objects.get(email="anna@bank.example")
    administration.deactivate_person(person=person, by=two[0], reason="Left.")
    assert not is_signed_in(client)
    answer = in_through(idp, client)
    assert answer.status_code == 403
    assert b"closed" in answer.content


def test_a_session_ends_so_that_claims_are_read_anew(idp, client, settings):
    in_through(idp, client)
    session = client.session
    session["single_sign_on"] = {**session["single_sign_on"], "at": time.time() - 8 * 3600 - 1}
    session.save()
    assert not is_signed_in(client)


def test_the_providers_second_factor_counts_only_if_settings_say_so(idp, client, settings):
    settings.SECOND_FACTOR = "everyone"
    in_through(idp, client)
    assert client.get("/")["Location"] == "/security"
    idp.told = _said(amr=["pwd", "otp"])
    in_through(idp, client)
    assert client.get("/")["Location"] == "/security"
    settings.OIDC = Provider(**{**settings.OIDC.__dict__, "second_factor": frozenset({"otp"})})
    in_through(idp, client)
    assert is_signed_in(client)
    person = User.objects.get(email="anna@bank.example")
    second_factor.enable(user=person, secret=SECRET, code=code(periods=-1))
    assert in_through(idp, Client())["Location"] == "/"
    idp.told = _said()
    other = Client()
    assert in_through(idp, other)["Location"] == "/login/second-factor"
    assert not is_signed_in(other)


def test_a_mark_of_single_sign_on_is_nobody_elses(idp, client, settings):
    settings.SECOND_FACTOR = "everyone"
    settings.OIDC = Provider(**{**settings.OIDC.__dict__, "second_factor": frozenset({"otp"})})
    idp.told = _said(amr=["otp"])
    in_through(idp, client)
    client.post("/logout")
    signing_in(a_user(), client)
    assert client.get("/")["Location"] == "/security"


def test_with_emergency_accounts_named_no_other_password_lets_in(idp, client, settings):
    usual, emergency = a_user(), a_user()
    settings.BREAK_GLASS = frozenset({emergency.email})
    signing_in(usual, client)
    assert not is_signed_in(client)
    signing_in(emergency, client)
    assert is_signed_in(client)
    with pytest.raises(SignInAgain, match="Bank ID"):
        require_password(usual, PASSWORD)


def test_a_person_is_asked_anew_for_each_signature(idp, client):
    in_through(idp, client)
    person = User.objects.get(email="anna@bank.example")
    page = client.get("/security/confirm").content.decode()
    assert 'href="/login/sso/again?next=%2Fsecurity%2Fconfirm"' in page
    answer = in_through(idp, client, start="/login/sso/again?next=/security/confirm")
    assert (answer.status_code, answer["Location"]) == (302, "/security/confirm")
    assert (idp.asked["prompt"], idp.asked["max_age"]) == (["login"], ["0"])
    proof = client.session["single_sign_on_proof"]["proof"]
    assert f'value="{proof}"' in client.get("/security/confirm").content.decode()
    with pytest.raises(SignInAgain):
        require_password(a_user(), proof)
    stranger = User.objects.create_user("stranger@bank.example", None, name="Stranger")
    with pytest.raises(SignInAgain):
        require_password(stranger, proof)
    assert require_password(person, proof) == BY_PROVIDER
    with pytest.raises(SignInAgain):
        require_password(person, proof)
    assert proof not in client.get("/security/confirm").content.decode()
    for wrong in ("", "x", PASSWORD, "sso:"):
        with pytest.raises(SignInAgain):
            require_password(person, wrong)


@pytest.mark.parametrize(
    ("sent_to", "back_to"),
    [
        (f"/approvals/{SOME}/decide", f"/approvals/{SOME}"),
        (f"/account/passkeys/{SOME}/confirm", "/account/passkeys"),
        (f"/role-proposals/{SOME}/confirmation", "/role-proposals"),
        (f"/findings/{SOME}/extension", f"/findings/{SOME}"),
    ],
)
def test_a_form_that_was_refused_leads_back_to_its_page(idp, rf, sent_to, back_to):
    request = rf.post(sent_to)
    request.user, request.session = User.objects.create_user("p@bank.example", None, name="P"), {}
    assert single_sign_on.asked_anew(request) == {"name": "Bank ID", "here": back_to}


def test_an_old_sign_in_or_another_persons_confirms_nothing(idp, client):
    in_through(idp, client)
    for told in (
        _said(auth_time=int(time.time()) - 3600),
        _said(auth_time=None),
        _said(auth_time="now"),
        lambda claims: {key: value for key, value in claims.items() if key != "auth_time"},
    ):
        idp.told = told
        assert in_through(idp, client, start="/login/sso/again").status_code == 403
        assert "single_sign_on_proof" not in client.session
    idp.told = _said()
    idp.knows("berta", groups=["ml"])
    assert in_through(idp, client, "berta", "/login/sso/again").status_code == 403
    assert "single_sign_on_proof" not in client.session
    assert is_signed_in(client)


def test_a_proof_ends_after_five_minutes(idp, client, monkeypatch):
    monkeypatch.setattr(presence, "LIVES", timedelta(seconds=1))
    person = User.objects.create_user("p@bank.example", None, name="P")
    proof, _ = presence.prove(person)
    until = time.monotonic() + 30
    while presence.is_good(person, proof) and time.monotonic() < until:
        time.sleep(0.05)
    assert not presence.spend(person, proof)


def test_a_role_from_a_claim_opens_nothing_that_was_asked_before(idp, client, cast):
    before = cast.allowed().approval
    approve(before, cast.validator)
    in_through(idp, client)
    person = User.objects.get(email="anna@bank.example")
    assert "risk_officer" in roles_of(person)
    proof, _ = presence.prove(person)
    words = {"approver": person, "verdict": "approve", "rationale": REASON, "password": proof}
    with pytest.raises(NotEligible):
        signing.record_decision(request_id=before.pk, **words)
    after = cast.allowed().approval
    approve(after, cast.validator)
    decision = signing.record_decision(request_id=after.pk, **words)
    assert (decision.signature_kind, state_of(after)) == ("re-authentication (oidc)", State.APPROVED)
    with pytest.raises(NotEligible):
        approve(before, person)
