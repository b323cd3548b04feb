"""Wrong passwords, codes and tokens are counted where no rollback reaches, and end in a lock that the log holds."""

import json
from datetime import timedelta
from threading import Thread

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import Client

from governance.accounts import second_factor, throttle
from governance.accounts.errors import SignInUnavailable, TooManyAttempts
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden
from governance.config import environment
from tests.accounts.test_sign_in import SECRET, code, is_signed_in, signing_in
from tests.factories import PASSWORD, a_user

pytestmark = pytest.mark.django_db
NOWHERE = "redis://127.0.0.1:1/0"


def locks() -> list[dict]:
    entries = [json.loads(bytes(entry.body)) for entry in Entry.objects.order_by("seq")]
    return [entry for entry in entries if entry["event"].startswith("person.")]


def test_the_fifth_wrong_password_shuts_the_person_out_and_is_logged_once(client):
    person = a_user()
    answers = [signing_in(person, client, "wrong") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 3
    assert 0 < int(answers[-1]["Retry-After"]) <= 301
    assert "Try again at" in answers[-1].content.decode()
    assert signing_in(person, client).status_code == 429
    assert not is_signed_in(client)
    assert [(entry["event"], entry["data"]["person"], entry["data"]["failures"]) for entry in locks()] == [
        ("person.locked", person.actor_id, 5)
    ]
    with clock.frozen(clock.now() + timedelta(seconds=301)):
        assert signing_in(person, client).status_code == 302


def test_an_address_that_nobody_has_is_shut_out_alike_and_not_logged(client):
    nobody = User(email="nobody@bank.example")
    assert [signing_in(nobody, client, "wrong").status_code for _ in range(6)] == [200] * 4 + [429] * 2
    assert locks() == []


def test_others_sign_in_while_one_is_shut_out_however_the_address_is_written(client):
    person, other = a_user(), a_user()
    for spelling in (person.email, person.email.upper(), f" {person.email}", person.email, person.email):
        client.post("/login", {"username": spelling, "password": "wrong"})
    assert signing_in(person, client).status_code == 429
    assert signing_in(other, client).status_code == 302


def test_the_right_password_alone_does_not_let_codes_be_guessed_for_ever():
    person = a_user()
    second_factor.enable(user=person, secret=SECRET, code=code(periods=-1))
    statuses = []
    for _ in range(3):
        client = Client()
        signing_in(person, client)
        statuses += [client.post("/login/second-factor", {"code": "000000"}).status_code for _ in range(2)]
    assert statuses[:5] == [403] * 4 + [429]
    assert [entry["event"] for entry in locks()] == ["person.locked"]


def test_a_full_sign_in_begins_the_count_anew(client):
    person = a_user()
    for _ in range(3):
        for _ in range(4):
            signing_in(person, client, "wrong")
        assert signing_in(person, client).status_code == 302
        client.post("/logout")


def test_the_confirmation_page_counts_too(client):
    person = a_user()
    client.force_login(person)
    statuses = [client.post("/security/confirm", {"password": "wrong"}).status_code for _ in range(6)]
    assert statuses == [422] * 4 + [429] * 2
    assert client.post("/security/confirm", {"password": PASSWORD}).status_code == 429


def test_a_count_outlives_the_transaction_that_the_refusal_rolls_back():
    person = a_user()
    for _ in range(4):
        with pytest.raises(RuntimeError), transaction.atomic():
            throttle.count_failure(person)
            raise RuntimeError
    with pytest.raises(TooManyAttempts) as refusal, throttle.locks_logged(), transaction.atomic():
        throttle.count_failure(person)
    assert refusal.value.extra["retry_after"] > 0
    assert [entry["event"] for entry in locks()] == ["person.locked"]
    with pytest.raises(TooManyAttempts):
        throttle.check_not_locked(person)


def test_attempts_at_once_are_each_counted():
    person = a_user()
    refused = []

    def fail() -> None:
        try:
            throttle.count_failure(person)
        except TooManyAttempts:
            refused.append(1)
        finally:
            connections.close_all()

    threads = [Thread(target=fail) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def test_another_administrator_unlocks(client, capsys):
    person, administrator = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)
    for _ in range(5):
        signing_in(person, client, "wrong")
    with pytest.raises(Forbidden):
        throttle.unlock(user=person, by=person)
    with pytest.raises(CommandError, match="administrator"):
        call_command("unlock_person", person.email, by=a_user(Role.OWNER).email)
    call_command("unlock_person", person.email, by=administrator.email)
    assert "may try again" in capsys.readouterr().out
    assert signing_in(person, client).status_code == 302
    assert [entry["event"] for entry in locks()] == ["person.locked", "person.unlocked"]


def test_a_network_address_that_tries_many_accounts_is_held_up(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/60s/ip"}
    answers = [signing_in(a_user(), client, "wrong") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "network address" in answers[-1].content.decode()


def test_a_header_names_another_address_only_behind_a_proxy_of_ours(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/60s/ip"}

    def attempt(forwarded: str) -> int:
        data = {"username": a_user().email, "password": "wrong"}
        return client.post("/login", data, headers={"X-Forwarded-For": forwarded}).status_code

    assert [attempt("192.0.2.1"), attempt("192.0.2.2")] == [200, 429]
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert [attempt("192.0.2.1"), attempt("192.0.2.2"), attempt("192.0.2.2")] == [200, 200, 429]
    assert attempt("198.51.100.9, 192.0.2.2") == 429
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 3  # more than there are: everybody counts as the nearest
    assert attempt("192.0.2.7") == 429


def test_guessing_tokens_is_held_up_and_a_good_token_never(client, settings):
    settings.SIGN_IN_LIMITS = {**settings.SIGN_IN_LIMITS, "token": (3, 60)}
    token = create_token(holder=a_user(Role.ENGINEER), label="ci", scopes=["promotions:write"])

    def call(secret: str):
        return client.get("/api/v1/promotion-requests", headers={"Authorization": f"Bearer {secret}"})

    answers = [call(f"placet_guess{number}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1]["Retry-After"] == "60"
    assert call(token).status_code == 200


def test_a_cache_that_is_down_is_said_in_a_sentence_and_opens_nothing(client, settings):
    person, token = a_user(), create_token(holder=a_user(Role.ENGINEER), label="ci", scopes=["promotions:write"])
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": NOWHERE}}
    answer = signing_in(person, client)
    assert answer.status_code == 503
    assert "cache does not answer" in answer.content.decode()
    assert not is_signed_in(client)
    client.force_login(person)
    answer = client.post("/security/confirm", {"password": PASSWORD})
    assert (answer.status_code, "cache does not answer" in answer.content.decode()) == (503, True)
    for ask in (throttle.check_not_locked, throttle.count_failure, throttle.forget_failures):
        with pytest.raises(SignInUnavailable):
            ask(person)
    machine = Client()
    for secret, status in ((token, 200), ("placet_guess", 401)):
        call = machine.get("/api/v1/promotion-requests", headers={"Authorization": f"Bearer {secret}"})
        assert call.status_code == status


def test_nothing_in_the_cache_tells_an_address():
    person = a_user()
    throttle.count_failure(person)
    keys = cache._cache.get_client(None).keys(f"{cache.key_prefix}*")
    assert keys
    assert not [key for key in keys if person.email.encode() in key]


def test_limits_are_read_over_the_defaults_and_refused_by_name(monkeypatch):
    defaults = {"account": (5, 300), "address": (30, 60)}
    monkeypatch.setenv("PLACET_SIGN_IN_LIMITS", "account=9/60")
    assert environment.limits("PLACET_SIGN_IN_LIMITS", defaults) == {"account": (9, 60), "address": (30, 60)}
    for wrong in ("account=0/60", "account=5", "nobody=5/60", "account=5/5m"):
        monkeypatch.setenv("PLACET_SIGN_IN_LIMITS", wrong)
        with pytest.raises(ImproperlyConfigured, match="PLACET_SIGN_IN_LIMITS holds"):
            environment.limits("PLACET_SIGN_IN_LIMITS", defaults)
