"""Shutting people and machines out, and letting them in again."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.test import Client

from governance.accounts import administration
from governance.accounts.models import Grant, Token, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import selectors as log
from governance.common.errors import InvalidInput
from tests.accounts.test_administration import ADMIN, OTHER, administrators, newest, run
from tests.factories import PASSWORD, a_user

__all__ = ["administrators"]
URL = "/api/v1/registered-models/nothing"


def deactivate(email: str, by: str = ADMIN, reason: str = "Left the bank") -> None:
    run("deactivate_person", email, "--reason", reason, "--by", by)


def reactivate(email: str, monkeypatch: pytest.MonkeyPatch, *, second: str = OTHER, typed: str = PASSWORD) -> list[str]:
    words = ("reactivate_person", email, "--reason", "Came back", "--by", ADMIN, "--confirmed-by", second)
    return run(*words, typed=typed, monkeypatch=monkeypatch)


def test_who_leaves_loses_roles_tokens_and_sessions_at_once_and_gets_none_of_them_back(administrators, monkeypatch):
    person = a_user(Role.ENGINEER)
    run("create_service_account", "ci@bank.example", "Pipeline", "--sponsor", person.email, "--by", ADMIN)
    made = ("create_token", "--label", "x", "--scope", "promotions:read", "--by", ADMIN)
    bearers = [
        {"Authorization": f"Bearer {run(made[0], email, *made[1:])[0]}"} for email in (person.email, "ci@bank.example")
    ]
    browser = Client()
    assert browser.login(username=person.email, password=PASSWORD)
    assert [Client().get(URL, headers=bearer).status_code for bearer in bearers] == [404, 404]

    deactivate(person.email)
    entry = newest()
    assert (entry.event, entry.actor) == ("person.deactivated", administrators[0].actor_id)
    assert b"Left" not in entry.body
    assert log.payload_of(entry.id) == {"reason": "Left the bank"}
    assert [Client().get(URL, headers=bearer).status_code for bearer in bearers] == [401, 401]
    assert not Token.objects.filter(revoked_at=None).exists()
    assert Grant.objects.get(person=person).valid_until is not None
    assert browser.get("/").status_code == 302
    with pytest.raises(CommandError, match="answers for it, is deactivated"):
        run(made[0], "ci@bank.example", *made[1:])
    with pytest.raises(CommandError, match="deactivated already"):
        deactivate(person.email)

    password = reactivate(person.email, monkeypatch)[1].rpartition(" ")[2]
    assert newest().parsed["data"]["confirmed_by"] == administrators[1].actor_id
    assert not has_role(User.objects.get(pk=person.pk), Role.ENGINEER)
    assert browser.get("/").status_code == 302
    assert not Client().login(username=person.email, password=PASSWORD)
    assert Client().login(username=person.email, password=password)


def test_only_an_administrator_with_a_reason_deactivates_and_the_last_one_stays(administrators):
    engineer = a_user(Role.ENGINEER)
    with pytest.raises(CommandError, match="is no administrator"):
        deactivate(OTHER, by=engineer.email)
    with pytest.raises(CommandError, match="Give the reason"):
        deactivate(engineer.email, reason=" ")
    deactivate(OTHER)
    with pytest.raises(CommandError, match="last administrator"):
        deactivate(ADMIN)
    assert list(User.objects.filter(is_active=False).values_list("email", flat=True)) == [OTHER]


def test_reactivation_takes_two_administrators_and_the_password_of_the_second(administrators, monkeypatch):
    person = a_user()
    with pytest.raises(CommandError, match="is active"):
        reactivate(person.email, monkeypatch)
    deactivate(person.email)
    for second in (ADMIN, a_user(Role.ENGINEER).email):
        with pytest.raises(CommandError, match="two administrators"):
            reactivate(person.email, monkeypatch, second=second)
    with pytest.raises(CommandError, match="password is not right"):
        reactivate(person.email, monkeypatch, typed="wrong")
    assert not User.objects.get(pk=person.pk).is_active


def test_what_stands_above_is_told_in_the_same_transaction(administrators, monkeypatch):
    person = a_user(Role.ENGINEER)

    def refuse(leaver: User) -> None:
        raise InvalidInput(f"told of {leaver.pk}")

    monkeypatch.setattr(administration, "_on_leave", [])
    administration.register_on_leave(refuse)
    with pytest.raises(CommandError, match=f"told of {person.pk}"):
        deactivate(person.email)
    assert has_role(person, Role.ENGINEER)
    assert User.objects.get(pk=person.pk).is_active
