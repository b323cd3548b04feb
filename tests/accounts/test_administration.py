"""Making people, giving roles and making tokens from the command line: who may, and what the log says of it."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from governance.accounts.models import Grant, Token, User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import has_role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from tests.factories import PASSWORD, SETUP, a_system, a_user

ADMIN, OTHER = "ada@bank.example", "olu@bank.example"


def run(*words: str, typed: str = "", monkeypatch: pytest.MonkeyPatch | None = None) -> list[str]:
    """Run a command and return the lines that it prints; ``typed`` comes on standard input."""
    output = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    call_command(*words, stdout=output)
    return output.getvalue().splitlines()


def newest() -> log.LogEntry:
    return log.as_entry(log.entries()[0])


@pytest.fixture
def administrators(db) -> tuple[User, User]:
    """Two administrators, made as a deployment makes them."""
    for email, name in ((ADMIN, "Ada"), (OTHER, "Olu")):
        by = [] if email == ADMIN else ["--by", ADMIN]
        run("create_person", email, name, *by)
        run("grant_role", email, "administrator", *by)
        person = User.objects.get(email=email)
        person.set_password(PASSWORD)
        person.save()
    return User.objects.get(email=ADMIN), User.objects.get(email=OTHER)


def test_the_first_administrator_is_made_by_set_up_and_from_then_on_somebody_must_be_named(db):
    run("create_person", ADMIN, "Ada")
    run("grant_role", ADMIN, "administrator")
    assert newest().actor == SETUP.actor_id
    for command in (("create_person", OTHER, "Olu"), ("grant_role", ADMIN, "engineer")):
        with pytest.raises(CommandError, match="say which of them does it"):
            run(*command)
    with pytest.raises(CommandError, match="make a second administrator first"):
        run("create_person", OTHER, "Olu", "--by", ADMIN)
        run("grant_role", OTHER, "validator", "--by", ADMIN)
    assert not has_role(User.objects.get(email=OTHER), Role.VALIDATOR)


def test_a_person_is_made_with_a_first_password_that_signs_in_and_their_name_is_erasable(administrators):
    lines = run("create_person", "vera@bank.example", "Vera", "--by", ADMIN)
    password = lines[1].rpartition(" ")[2]
    assert Client().login(username="vera@bank.example", password=password)
    entry = newest()
    assert (entry.event, entry.actor) == ("person.created", administrators[0].actor_id)
    assert b"vera" not in entry.body.lower()
    assert log.payload_of(entry.id) == {"name": "Vera", "email": "vera@bank.example"}
    assert password not in str(log.payload_of(entry.id))


def test_a_password_can_be_given_and_must_be_strong(administrators, monkeypatch):
    words = ("create_person", "vera@bank.example", "Vera", "--password-stdin", "--by", ADMIN)
    with pytest.raises(CommandError, match="too short"):
        run(*words, typed="short", monkeypatch=monkeypatch)
    assert len(run(*words, typed="a long enough sentence", monkeypatch=monkeypatch)) == 1
    assert Client().login(username="vera@bank.example", password="a long enough sentence")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create_person", ADMIN.upper(), "Ada", "--by", ADMIN), "known here already"),
        (("create_person", "nonsense", "N", "--by", ADMIN), "no e-mail address"),
        (("create_person", "n@bank.example", " ", "--by", ADMIN), "Give the name"),
        (("create_person", "n@bank.example", "N", "--by", "nobody@bank.example"), "Nobody active"),
        (("grant_role", OTHER, "king", "--by", ADMIN), "There is no role king"),
        (("grant_role", OTHER, "engineer", "--system", "nothing", "--by", ADMIN), "There is no AI system nothing"),
        (("grant_role", OTHER, "engineer", "--until", "soon", "--by", ADMIN), "soon is no date"),
        (("grant_role", OTHER, "engineer", "--until", "2020-01-01", "--by", ADMIN), "must lie ahead"),
        (("grant_role", OTHER, "auditor", "--by", ADMIN), "always has an end"),
        (("grant_role", ADMIN, "engineer", "--by", ADMIN), "themselves"),
        (("grant_role", OTHER, "administrator", "--by", ADMIN), "already"),
        (("revoke_role", OTHER, "validator", "--by", ADMIN), "is not validator"),
        (("revoke_role", OTHER, "administrator"), "--by"),
        (("create_token", OTHER, "--label", "x", "--scope", "everything", "--by", ADMIN), "Unknown scopes"),
        (("create_token", OTHER, "--label", "x", "--scope", "records:write", "--days", "0", "--by", ADMIN), "between"),
        (("create_token", OTHER, "--label", " ", "--scope", "records:write", "--by", ADMIN), "label"),
        (("revoke_token", OTHER, "--label", "x", "--by", ADMIN), "no token"),
    ],
)
def test_each_mistake_ends_with_its_sentence_and_changes_nothing(administrators, words, says):
    before = (User.objects.count(), Grant.objects.count(), Token.objects.count())
    with pytest.raises(CommandError, match=says):
        run(*words)
    assert (User.objects.count(), Grant.objects.count(), Token.objects.count()) == before


def test_who_is_no_administrator_administers_nothing(administrators):
    engineer = a_user(Role.ENGINEER)
    for words in (
        ("create_person", "n@bank.example", "N"),
        ("grant_role", OTHER, "engineer"),
        ("revoke_role", OTHER, "administrator"),
        ("create_service_account", "ci@bank.example", "CI", "--sponsor", OTHER),
        ("create_token", OTHER, "--label", "x", "--scope", "records:write"),
    ):
        with pytest.raises(CommandError, match="is no administrator"):
            run(*words, "--by", engineer.email)


@pytest.mark.parametrize("role", sorted({*DECIDING, Role.ADMINISTRATOR, Role.POLICY_PUBLISHER}))
def test_a_role_that_decides_takes_two_administrators_and_the_password_of_the_second(administrators, monkeypatch, role):
    person = a_user()
    words = ("grant_role", person.email, role, "--by", ADMIN)
    engineer = a_user(Role.ENGINEER)
    with pytest.raises(CommandError, match="two administrators"):
        run(*words)
    for second, says in ((ADMIN, "two administrators"), (engineer.email, "two administrators")):
        with pytest.raises(CommandError, match=says):
            run(*words, "--confirmed-by", second, typed=PASSWORD, monkeypatch=monkeypatch)
    with pytest.raises(CommandError, match="password is not right"):
        run(*words, "--confirmed-by", OTHER, typed="wrong", monkeypatch=monkeypatch)
    assert not has_role(person, role)
    run(*words, "--confirmed-by", OTHER, typed=PASSWORD, monkeypatch=monkeypatch)
    assert has_role(person, role)
    entry, (first, second) = newest(), administrators
    assert (entry.event, entry.actor) == ("role.granted", first.actor_id)
    assert entry.parsed["data"]["confirmed_by"] == second.actor_id


def test_nobody_confirms_their_own_role_and_the_database_knows_that_too(administrators, monkeypatch):
    with pytest.raises(CommandError, match="about themselves"):
        run(
            "grant_role", OTHER, "policy_publisher", "--by", ADMIN, "--confirmed-by", OTHER,
            typed=PASSWORD, monkeypatch=monkeypatch,
        )  # fmt: skip
    first, second = administrators
    for confirmer in (first, second):
        row = Grant(person=second, role=Role.ENGINEER, granted_by=first, confirmed_by=confirmer, valid_from=clock.now())
        with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
            audit.append(event=Event.ROLE_GRANTED, actor=first, subjects=[row])


def test_a_role_may_be_for_one_system_and_end(administrators):
    person, system = a_user(), a_system()
    until = (clock.now() + timedelta(days=9)).date().isoformat()
    run("grant_role", person.email, "engineer", "--system", system.slug, "--until", until, "--by", ADMIN)
    assert has_role(person, Role.ENGINEER, system_id=system.pk)
    assert not has_role(person, Role.ENGINEER)
    with clock.frozen(clock.now() + timedelta(days=10)):
        assert not has_role(person, Role.ENGINEER, system_id=system.pk)
    with pytest.raises(CommandError, match="is not engineer"):
        run("revoke_role", person.email, "engineer", "--by", ADMIN)
    run("revoke_role", person.email, "engineer", "--system", str(system.pk), "--by", ADMIN)
    assert not has_role(person, Role.ENGINEER, system_id=system.pk)
    assert (newest().event, newest().parsed["data"]["role"]) == ("role.revoked", "engineer")


def test_the_last_administrator_stays(administrators):
    run("revoke_role", OTHER, "administrator", "--by", ADMIN)
    with pytest.raises(CommandError, match="last administrator"):
        run("revoke_role", ADMIN, "administrator", "--by", ADMIN)


def test_a_service_account_has_a_sponsor_and_no_password_and_never_decides(administrators, monkeypatch):
    run("create_service_account", "ci@bank.example", "Credit pipeline", "--sponsor", OTHER, "--by", ADMIN)
    account = User.objects.get(email="ci@bank.example")
    assert (account.is_service, account.sponsor, account.has_usable_password()) == (True, administrators[1], False)
    assert newest().parsed["data"] == {"service": account.actor_id, "sponsor": administrators[1].actor_id}
    run("grant_role", account.email, "engineer", "--by", ADMIN)
    with pytest.raises(CommandError, match="never decide"):
        run(
            "grant_role", account.email, "validator", "--by", ADMIN, "--confirmed-by", OTHER,
            typed=PASSWORD, monkeypatch=monkeypatch,
        )  # fmt: skip
    with pytest.raises(CommandError, match="no active person"):
        run("create_service_account", "cd@bank.example", "CD", "--sponsor", account.email, "--by", ADMIN)


def test_a_token_is_printed_once_works_within_its_scopes_and_ends_when_it_is_revoked(administrators):
    run("create_service_account", "ci@bank.example", "Credit pipeline", "--sponsor", OTHER, "--by", ADMIN)
    made = ("create_token", "ci@bank.example", "--label", "ci", "--scope", "promotions:read", "--scope", "bundles:read")
    (token,) = run(*made, "--by", ADMIN)
    entry = newest()
    assert (entry.event, entry.actor) == ("token.created", administrators[0].actor_id)
    assert entry.parsed["data"]["scopes"] == ["bundles:read", "promotions:read"]
    assert token.encode() not in entry.body
    assert Token.objects.get().digest != token
    with pytest.raises(CommandError, match="choose another label"):
        run(*made, "--by", ADMIN)
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/registered-models/nothing", headers=headers).status_code == 404
    assert Client().get("/api/v1/systems", headers=headers).status_code == 403
    run("revoke_token", "ci@bank.example", "--label", "ci", "--by", ADMIN)
    assert newest().event == "token.revoked"
    refused = Client().get("/api/v1/registered-models/nothing", headers=headers)
    assert (refused.status_code, "create_token" in refused.json()["detail"]) == (401, True)
