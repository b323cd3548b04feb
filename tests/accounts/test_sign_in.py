"""Signing in: the password, then a code of the app or a recovery code; and what a person changes about it."""

import json
import re
import time
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, override_settings

from governance.accounts import second_factor
from governance.accounts.errors import NoSecondFactor, SecondFactorSet, SecondFactorUnreadable, WrongCode
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden
from tests.accounts.app_codes import SECRET, code
from tests.factories import PASSWORD, a_user

pytestmark = pytest.mark.django_db


def signing_in(person: User, client: Client, password: str = PASSWORD, **more: str):
    return client.post("/login", {"username": person.email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def logged() -> list[dict[str, Any]]:
    return [json.loads(bytes(entry.body)) for entry in Entry.objects.order_by("seq")]


def events() -> list[str]:
    return [entry["event"] for entry in logged() if entry["event"].startswith(("second_factor", "recovery"))]


@pytest.fixture
def person() -> User:
    return a_user()


@pytest.fixture
def guarded(person: User) -> User:
    """A person with an authenticator app."""
    second_factor.enable(user=person, secret=SECRET, code=code(periods=-1))
    return person


def confirmed(person: User) -> Client:
    """A browser whose person typed the password on the confirmation page."""
    client = Client()
    client.force_login(person)
    answer = client.post("/security/confirm", {"password": PASSWORD, "code": code(), "next": "/security"})
    assert answer.status_code == 302
    return client


def test_the_password_signs_in_and_leads_where_one_wanted_to_go(person, client):
    answer = signing_in(person, client, next="/models")
    assert (answer.status_code, answer["Location"]) == (302, "/models")
    assert is_signed_in(client)


def test_an_address_elsewhere_is_not_followed(person, client):
    assert signing_in(person, client, next="https://evil.example/")["Location"] == "/"


def test_a_wrong_password_an_unknown_address_and_a_deactivated_account_are_told_the_same(person, client):
    gone, nobody = a_user(is_active=False), User(email="nobody@bank.example")
    answers = [signing_in(person, client, "wrong"), signing_in(gone, client), signing_in(nobody, client)]
    said = {re.search(r'role="alert".*?<p>(.*?)</p>', answer.content.decode(), re.DOTALL)[1] for answer in answers}
    assert len(said) == 1
    assert not is_signed_in(client)


def test_a_machine_has_no_password_to_sign_in_with(person, client):
    machine = User.objects.create_user("ci@bank.example", None, name="CI", sponsor=person)
    signing_in(machine, client, "!")
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/signup/",
        "/signup",
        "/password/reset/",
        "/email/",
        "/accounts/login/",
        "/login/code",
    ],
)
def test_of_allauths_addresses_only_ours_exist(path, client):
    assert client.get(path).status_code == 404


def test_a_person_with_an_app_is_not_signed_in_before_the_code(guarded, client):
    assert signing_in(guarded, client)["Location"] == "/login/second-factor"
    assert not is_signed_in(client)
    assert client.post("/login/second-factor", {"code": "000000"}).status_code == 403
    assert client.post("/login/second-factor", {"id": "no code at all"}).status_code == 422
    assert not is_signed_in(client)
    assert client.post("/login/second-factor", {"code": code()}).status_code == 302
    assert is_signed_in(client)


def test_who_is_half_way_in_may_start_over_as_somebody_else(guarded, client):
    signing_in(guarded, client)
    assert client.get("/login")["Location"] == "/login/second-factor"
    client.post("/logout")
    assert client.get("/login/second-factor")["Location"] == "/login"
    assert signing_in(a_user(), client)["Location"] == "/"
    assert is_signed_in(client)


def test_the_second_step_opens_to_nobody_without_the_first(client):
    assert client.get("/login/second-factor")["Location"] == "/login"


def test_who_is_deactivated_between_the_steps_stays_out(guarded, client):
    signing_in(guarded, client)
    User.objects.filter(pk=guarded.pk).update(is_active=False)
    client.post("/login/second-factor", {"code": code()})
    assert not is_signed_in(client)


def test_a_code_is_taken_once_and_none_older_than_the_last(guarded):
    used = code()
    second_factor.use_code(user=guarded, code=used)
    for spent in (used, code(periods=-1)):
        with pytest.raises(WrongCode):
            second_factor.use_code(user=guarded, code=spent)
    second_factor.use_code(user=guarded, code=code(periods=1))


def test_a_recovery_code_signs_in_once_and_the_log_says_so(guarded, client):
    spare = second_factor.codes_to_show(guarded)[3]
    signing_in(guarded, client)
    client.post("/login/second-factor", {"code": spare})
    assert is_signed_in(client)
    assert second_factor.codes_left(guarded) == 9
    assert events()[-1] == "recovery_codes.used"
    with pytest.raises(WrongCode):
        second_factor.use_code(user=guarded, code=spare)


def test_a_database_tells_no_secret(guarded):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        kept = " ".join(row[0] for row in cursor.fetchall())
    assert SECRET not in kept
    assert json.dumps(second_factor.codes_to_show(guarded))[1:-1].split(", ")[0].strip('"') not in kept
    with override_settings(SECRET_KEY="another"), pytest.raises(SecondFactorUnreadable):
        second_factor.use_code(user=guarded, code=code())


def test_setting_up_and_removing_the_app_in_the_browser(person, client):
    client.force_login(person)
    assert client.get("/security/authenticator")["Location"].startswith("/security/confirm?next=")
    assert client.post("/security/confirm", {"password": "wrong"}).status_code == 422
    assert client.get("/security/authenticator").status_code == 302
    client.post("/security/confirm", {"password": PASSWORD})
    page = client.get("/security/authenticator").content.decode()
    secret = re.search(r'<dd class="x-mono">\s*([A-Z2-7 ]+?)\s*</dd>', page)[1].replace(" ", "")
    assert secret not in json.dumps(dict(client.session))
    assert client.post("/security/authenticator", {"code": "12"}).status_code == 422
    assert not second_factor.is_enabled(person)
    assert client.post("/security/authenticator", {"code": code(secret)})["Location"] == "/security/recovery-codes"
    shown = re.findall(r"<li>(\d+)</li>", client.get("/security/recovery-codes").content.decode())
    assert len(shown) == 10
    assert client.get("/security/recovery-codes.txt").content.decode().split()[-10:] == shown
    client.post("/security/recovery-codes")
    assert client.get("/security/recovery-codes").status_code == 302
    assert client.get("/security/recovery-codes.txt").status_code == 302
    client.post("/security/authenticator/removal")
    assert not Authenticator.objects.exists()
    assert events() == ["second_factor.enabled", "recovery_codes.generated", "second_factor.disabled"]


def test_removing_the_app_needs_password_and_code_anew(guarded, client):
    client.force_login(guarded)
    assert client.post("/security/authenticator/removal")["Location"].startswith("/security/confirm")
    assert client.post("/security/confirm", {"password": PASSWORD}).status_code == 422
    client.post("/security/authenticator/removal")
    assert second_factor.is_enabled(guarded)
    confirmed(guarded).post("/security/authenticator/removal")
    assert not second_factor.is_enabled(guarded)


def test_a_confirmation_ends_after_five_minutes_and_leads_nowhere_else(person, client, monkeypatch):
    client.force_login(person)
    answer = client.post("/security/confirm", {"password": PASSWORD, "next": "//evil.example/"})
    assert answer["Location"] == "/security"
    assert client.get("/security/authenticator").status_code == 200
    later = time.time() + 301
    monkeypatch.setattr("governance.accounts.web.security.time.time", lambda: later)
    assert client.get("/security/authenticator").status_code == 302


def test_recovery_codes_are_shown_for_ten_minutes_and_new_ones_end_the_old(guarded):
    old = second_factor.codes_to_show(guarded)
    with clock.frozen(clock.now() + timedelta(minutes=11)):
        assert second_factor.codes_to_show(guarded) == []
    second_factor.renew_codes(user=guarded)
    assert not set(old) & set(second_factor.codes_to_show(guarded))
    with pytest.raises(WrongCode):
        second_factor.use_code(user=guarded, code=old[0])


def test_there_is_one_app_and_codes_only_beside_it(person):
    with pytest.raises(NoSecondFactor):
        second_factor.renew_codes(user=person)
    with pytest.raises(NoSecondFactor):
        second_factor.use_code(user=person, code="123456")
    with pytest.raises(WrongCode):
        second_factor.enable(user=person, secret=SECRET, code="000000")
    second_factor.enable(user=person, secret=SECRET, code=code())
    with pytest.raises(SecondFactorSet):
        second_factor.enable(user=person, secret=SECRET, code=code())


def test_another_administrator_ends_the_app_of_who_lost_it(guarded, capsys):
    administrator = a_user(Role.ADMINISTRATOR)
    for by in (guarded, a_user(Role.RISK_OFFICER)):
        with pytest.raises(Forbidden):
            second_factor.reset(user=guarded, by=by)
    call_command("reset_second_factor", guarded.email, by=administrator.email)
    assert "password alone" in capsys.readouterr().out
    assert not second_factor.is_enabled(guarded)
    assert logged()[-1]["actor"] == administrator.actor_id
    with pytest.raises(CommandError, match="no authenticator"):
        call_command("reset_second_factor", guarded.email, by=administrator.email)


@pytest.mark.parametrize(
    ("policy", "role", "stopped"),
    [
        ("off", Role.RISK_OFFICER, False),
        ("deciders", Role.ENGINEER, False),
        ("deciders", Role.RISK_OFFICER, True),
        ("deciders", Role.ADMINISTRATOR, True),
        ("everyone", Role.ENGINEER, True),
    ],
)
def test_who_must_have_a_second_factor_comes_no_further_than_the_security_page(policy, role, stopped, client):
    person = a_user(role)
    client.force_login(person)
    with override_settings(SECOND_FACTOR=policy):
        assert (client.get("/models").get("Location") == "/security") is stopped
        assert (client.get("/api/v1/promotion-requests").status_code == 403) is stopped
        assert client.get("/security").status_code == 200
        assert client.get("/security/authenticator")["Location"].startswith("/security/confirm")
        second_factor.enable(user=person, secret=SECRET, code=code())
        assert client.get("/models").status_code != 302
        assert client.get("/api/v1/promotion-requests").status_code == 200
    assert unescape(client.get("/security").content.decode()).count("You sign in with your password and a code") == 1
