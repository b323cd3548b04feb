"""A run's own token for one of Placet's: which is believed, once, and that every other is told the same."""

from __future__ import annotations

import hmac
import json
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache

from governance.accounts import administration, exchange, issuer_keys, workloads
from governance.accounts.models import Token
from governance.accounts.workload_tokens import LONGEST
from governance.audit import selectors as log
from tests.accounts.issuer import AUDIENCE, Issuer, running
from tests.accounts.test_role_rules import two
from tests.accounts.test_workloads import MAIN, confirmed, proposed

__all__ = ["two"]
pytestmark = pytest.mark.django_db(transaction=True)
HERE = "/api/v1/token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    issuer_keys.forget()
    cache.clear()
    with running() as made:
        settings.WORKLOAD_HOSTS = [made.url.removeprefix("http://")]
        yield made
    issuer_keys.forget()


@pytest.fixture
def trust(two, issuer):
    return confirmed(two, issuer=issuer.url, audience=AUDIENCE, claims=MAIN, scopes=["promotions:write", "health:read"])


def ask(client: Any, token: str, **more: str) -> Any:
    body = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token}
    form = urlencode(body | {"subject_token_type": JWT} | more)
    return client.post(HERE, form, content_type="application/x-www-form-urlencoded")


@pytest.fixture
def told(client, caplog) -> Callable[[str], str]:
    """Ask with a token that is refused, and return the reason in the server's log."""

    def ask_and_read(token: str, **more: str) -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "governance.accounts.exchange"):
            answer = ask(client, token, **more)
        assert (answer.status_code, answer.json()["detail"]) == (403, exchange.REFUSED), answer.content
        assert not Token.objects.exclude(workload=None).filter(exchanged="").exists()
        assert token not in caplog.text
        return caplog.text

    return ask_and_read


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_trusted_run_gets_a_token_of_the_account_for_minutes(client, issuer, trust, alg):
    shown = issuer.token(alg=alg)
    answer = ask(client, shown)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said | {"access_token": ""} == {
        "access_token": "",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "health:read promotions:write",
    }
    assert answer["Cache-Control"] == "no-store"
    row = Token.objects.get()
    assert (row.holder, row.workload, (row.expires_at - row.made_at).total_seconds()) == (trust.account, trust, 900)
    headers = {"Authorization": f"Bearer {said['access_token']}"}
    assert client.get("/api/v1/promotion-requests", headers=headers).status_code == 200
    entry = log.as_entry(log.entries()[0])
    assert (entry.event, entry.actor) == ("token.exchanged", trust.account.actor_id)
    assert entry.parsed["data"]["run"] == {
        "repository": "bank/credit", "ref": "refs/heads/main", "sha": "a" * 40, "run_id": "77",
    }  # fmt: skip
    text = str(entry.parsed)
    assert "ms-ndiaye" not in text  # a person: only in what can be erased
    assert shown not in text
    assert said["access_token"] not in text


def test_fewer_scopes_may_be_asked_for_and_no_more(client, issuer, trust, told):
    assert ask(client, issuer.token(), scope="health:read").json()["scope"] == "health:read"
    assert "more scopes" in told(issuer.token(), scope="health:read policies:write")


def test_json_is_taken_as_well(client, issuer, trust):
    body = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": issuer.token()}
    answer = client.post(HERE, body | {"subject_token_type": JWT}, content_type="application/json")
    assert answer.status_code == 200


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(issuer: Issuer, alg: str = "none") -> str:
    return ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "rsa"}, issuer.claims())) + "."


def _by_public_key(issuer: Issuer) -> str:
    said = _unsigned(issuer, "HS256").rstrip(".")
    return f"{said}.{_encoded(hmac.digest(issuer.rsa.as_pem(private=False), said.encode(), 'sha256'))}"


NOW = time.time
REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "unsigned": (_unsigned, "not signed with RS256 or ES256"),
    "HS256 with the public key": (_by_public_key, "not signed with RS256 or ES256"),
    "another key under the same id": (lambda i: i.token(key=i.stranger), "signature does not hold"),
    "another issuer": (lambda i: i.token(iss="https://elsewhere.example"), "nobody here trusts its issuer"),
    "another audience": (lambda i: i.token(aud="https://github.com/bank"), "0 workload identities"),
    "a second audience": (lambda i: i.token(aud=[AUDIENCE, "other"]), "0 workload identities"),
    "expired": (lambda i: i.token(exp=int(NOW()) - 60), "it has ended"),
    "no end": (lambda i: i.token(exp=None), "when it ends"),
    "not begun": (lambda i: i.token(nbf=int(NOW()) + 300), "it has not begun"),
    "made in the future": (lambda i: i.token(iat=int(NOW()) + 300), "it has not begun"),
    "a long life": (lambda i: i.token(exp=int(NOW()) + 90_000), "longer than a day"),
    "another repository": (lambda i: i.token(repository="bank/credit2"), "0 workload identities"),
    "a pull request": (lambda i: i.token(ref="refs/pull/7/merge"), "0 workload identities"),
    "a claim of another kind": (lambda i: i.token(ref=["refs/heads/main"]), "0 workload identities"),
    "very long": (lambda i: i.token(padding="x" * LONGEST), "more than 16,384"),
    "no key id": (lambda i: i.token(header={"kid": None}), "does not name its key"),
    "an unknown key id": (lambda i: i.token(header={"kid": "gone"}), "no such key"),
    "no token": (lambda i: "placet_something", "no signed token"),
    "a key for another algorithm": (lambda i: i.token(header={"kid": "ec"}), "not for this kind"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_believed_is_told_the_same_and_the_log_says_why(issuer, trust, told, case):
    made, why = REFUSED[case]
    assert why in told(made(issuer))
    assert not Token.objects.exists()


def test_a_token_counts_once(client, issuer, trust, told):
    token = issuer.token()
    assert ask(client, token).status_code == 200
    assert "it was exchanged before" in told(token)
    assert Token.objects.count() == 1


def test_two_that_fit_are_one_too_many(client, two, issuer, trust, told):
    other = confirmed(two, issuer=issuer.url, audience=AUDIENCE, claims={"repository": "bank/credit"})
    assert "2 workload identities fit" in told(issuer.token())
    workloads.end_workload(workload_id=other.pk, by=two[0])
    assert ask(client, issuer.token()).status_code == 200


def test_an_end_ends_the_tokens_too(client, two, issuer, trust, told):
    headers = {"Authorization": f"Bearer {ask(client, issuer.token()).json()['access_token']}"}
    workloads.end_workload(workload_id=trust.pk, by=two[0])
    assert client.get("/api/v1/promotion-requests", headers=headers).status_code == 401
    assert "nobody here trusts its issuer" in told(issuer.token())


def test_what_waits_for_a_second_administrator_gives_nothing(two, issuer, told):
    proposed(two, issuer=issuer.url, audience=AUDIENCE)
    assert "nobody here trusts its issuer" in told(issuer.token())
    assert issuer.asked == 0


@pytest.mark.parametrize("leaver", ["account", "sponsor"])
def test_a_deactivated_account_gets_none(two, issuer, trust, told, leaver):
    person = trust.account if leaver == "account" else trust.account.sponsor
    administration.deactivate_person(person=person, by=two[0], reason="Left")
    assert "nobody here trusts its issuer" in told(issuer.token())


def test_an_account_that_is_shut_out_otherwise_gets_none(issuer, trust, told):
    type(trust.account).objects.filter(pk=trust.account.pk).update(is_active=False)
    assert "is deactivated" in told(issuer.token())


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("redirect", "answered 302"),
        ("a megabyte", "more than 262,144 bytes"),
        ("endless", "nothing whole in"),
        ("keys elsewhere", "lie at another server"),
        ("another issuer", "describes another one"),
    ],
)
def test_an_issuer_that_misbehaves_is_left_after_a_while(issuer, trust, told, monkeypatch, way, why):
    monkeypatch.setattr(issuer_keys, "SECONDS", 0.5)
    issuer.way = way
    begun = time.monotonic()
    assert why in told(issuer.token())
    assert time.monotonic() - begun < 5


def test_a_private_server_must_be_allowed_by_name(issuer, trust, told, settings):
    settings.WORKLOAD_HOSTS = []
    assert "PLACET_WORKLOAD_HOSTS does not allow it" in told(issuer.token())
    assert issuer.asked == 0


def test_an_unknown_key_has_the_keys_fetched_once_a_minute(client, issuer, trust, told, monkeypatch):
    assert ask(client, issuer.token()).status_code == 200
    for _ in range(3):
        told(issuer.token(header={"kid": "new"}))
    assert issuer.asked == 1
    issuer.keys.append(issuer.rsa.as_dict(private=False) | {"kid": "new"})
    monkeypatch.setattr(issuer_keys, "AGAIN_AFTER_S", 0)
    assert ask(client, issuer.token(header={"kid": "new"})).status_code == 200
    assert issuer.asked == 2


def test_too_many_from_one_address_wait(client, settings, issuer, trust):
    settings.SIGN_IN_LIMITS = {**settings.SIGN_IN_LIMITS, "token": (2, 60)}
    assert [ask(client, "no token").status_code for _ in range(3)] == [403, 403, 429]
    assert ask(client, issuer.token()).status_code == 200  # a good one is never held up


@pytest.mark.parametrize("field", ["grant_type", "subject_token_type"])
def test_another_kind_of_exchange_is_no_input(client, issuer, trust, field):
    answer = ask(client, issuer.token(), **{field: "urn:ietf:params:oauth:token-type:saml2"})
    assert answer.status_code == 422
    assert field in str(answer.json()["errors"])
