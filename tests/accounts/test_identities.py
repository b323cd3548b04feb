"""Names of people in outside systems: who links them, since when they count, and what the database refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, connection, transaction

from governance.accounts import identities
from governance.accounts.errors import IdentityTaken, SecondAdministratorNeeded
from governance.accounts.models import ExternalIdentity, User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import person_by_external_identity
from governance.accounts.services import SelfGrant, SignInAgain, link_external_identity
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from tests.accounts.test_administration import ADMIN, OTHER, administrators, newest, run
from tests.accounts.test_role_rules import a_machine, refused
from tests.factories import PASSWORD, SETUP, a_user, given

__all__ = ["administrators"]
NAME = {"provider": "mlflow", "subject": "vera.n"}


def test_one_administrator_links_the_name_of_an_engineer_and_ends_it(administrators):
    person = a_user(Role.ENGINEER)
    words = ("--provider", "mlflow", "--subject", "vera.n", "--by", ADMIN)
    assert run("link_identity", person.email, *words) == [f"mlflow user vera.n is {person.email}"]
    entry = newest()
    assert (entry.event, entry.actor) == ("identity.linked", administrators[0].actor_id)
    assert b"vera" not in entry.body
    assert log.payload_of(entry.id) == {"subject": "vera.n"}
    assert person_by_external_identity("mlflow", "vera.n") == person
    assert person_by_external_identity("github", "vera.n") is None
    run("unlink_identity", *words)
    entry = newest()
    assert (entry.event, b"vera" in entry.body, log.payload_of(entry.id)) == (
        "identity.unlinked", False, {"subject": "vera.n"},
    )  # fmt: skip
    assert person_by_external_identity("mlflow", "vera.n") is None
    with pytest.raises(CommandError, match="Nobody is known"):
        run("unlink_identity", *words)


@pytest.mark.parametrize("role", sorted(DECIDING))
def test_the_name_of_somebody_who_decides_takes_two(administrators, monkeypatch, role):
    person = a_user()
    given(person, role, system_id=person.pk)  # for one system is enough
    words = ("--provider", "mlflow", "--subject", "vera.n", "--by", ADMIN)
    for command in (("link_identity", person.email, *words), ("unlink_identity", *words)):
        with pytest.raises(CommandError, match="takes two administrators"):
            run(*command)
        with pytest.raises(CommandError, match="password is not right"):
            run(*command, "--confirmed-by", OTHER, typed="wrong", monkeypatch=monkeypatch)
        run(*command, "--confirmed-by", OTHER, typed=PASSWORD, monkeypatch=monkeypatch)
        assert newest().parsed["data"]["confirmed_by"] == administrators[1].actor_id


def test_who_may_not_and_what_cannot_be_linked(administrators):
    person, (first, second) = a_user(), administrators
    for by, refusal in ((a_user(Role.ENGINEER), Forbidden), (None, Forbidden)):
        with pytest.raises(refusal):
            identities.link_identity(person=person, by=by, **NAME)
    with pytest.raises(SelfGrant):
        identities.link_identity(person=first, by=first, **NAME)
    for confirmed_by in (first, a_user(Role.ENGINEER)):  # who is named as second is asked, needed or not
        with pytest.raises(SecondAdministratorNeeded):
            identities.link_identity(person=person, by=first, confirmed_by=confirmed_by, confirmation=PASSWORD, **NAME)
    with pytest.raises(SelfGrant):
        identities.link_identity(person=second, by=first, confirmed_by=second, confirmation=PASSWORD, **NAME)
    with pytest.raises(SignInAgain):
        identities.link_identity(person=person, by=first, confirmed_by=second, confirmation="x", **NAME)
    for wrong in ({"provider": "windows"}, {"subject": " "}, {"subject": "x" * 256}):
        with pytest.raises(InvalidInput):
            identities.link_identity(person=person, by=first, **(NAME | wrong))
    machine = a_machine()
    identities.link_identity(person=machine, by=first, **NAME)
    identities.link_identity(person=machine, by=second, **NAME)  # it is its name already
    with pytest.raises(IdentityTaken):
        identities.link_identity(person=person, by=first, **NAME)
    with pytest.raises(Unknown):
        identities.unlink_identity(provider="github", subject=NAME["subject"], by=first)
    assert ExternalIdentity.objects.count() == 1


def test_a_name_that_goes_to_another_leaves_the_past_with_the_first(administrators):
    by, before, now = administrators[0], a_user(), clock.now()
    after = a_user()
    with clock.frozen(now + timedelta(days=1)):
        identities.link_identity(person=before, by=by, **NAME)
    with clock.frozen(now + timedelta(days=20)):
        identities.unlink_identity(by=by, **NAME)
    with clock.frozen(now + timedelta(days=30)):
        identities.link_identity(person=after, by=by, **NAME)

    def who(days: int) -> User | None:
        return person_by_external_identity("mlflow", "vera.n", at=now + timedelta(days=days))

    assert [who(0), who(1), who(19), who(20), who(29), who(30)] == [None, before, before, None, None, after]


@pytest.fixture
def linked(administrators) -> ExternalIdentity:
    return identities.link_identity(person=a_user(Role.ENGINEER), by=administrators[0], **NAME)


def written(row: ExternalIdentity, event: Event = Event.IDENTITY_LINKED) -> None:
    audit.append(event=event, actor=SETUP, subjects=[row], data={"made": "by a test"})


def test_the_database_keeps_one_person_a_name_and_time(linked, administrators):
    twin = ExternalIdentity(person=a_user(), valid_from=clock.now(), linked_by=administrators[1], **NAME)
    refused("one_person_per_external_identity", lambda: written(twin))
    twin.provider = "gitlab"
    with transaction.atomic():
        written(twin)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("person", a_user),
        ("subject", lambda: "other"),
        ("provider", lambda: "github"),
        ("valid_from", lambda: clock.now() - timedelta(days=99)),
        ("linked_by", lambda: None),
    ],
)
def test_the_database_lets_a_link_only_end(linked, administrators, field, value):
    setattr(linked, field, value())
    refused("identity_only_ends", lambda: written(linked))


def test_the_database_ends_a_link_once_by_an_administrator_and_keeps_it(linked, administrators):
    linked.valid_until = clock.now()
    refused("identity_by_an_administrator", lambda: written(linked, Event.IDENTITY_UNLINKED))
    linked.unlinked_by = a_user(Role.ENGINEER)
    refused("identity_by_an_administrator", lambda: written(linked, Event.IDENTITY_UNLINKED))
    linked.unlinked_by = administrators[0]
    with transaction.atomic():
        written(linked, Event.IDENTITY_UNLINKED)
    linked.valid_until = None
    refused("identity_only_ends", lambda: written(linked))

    def removed() -> None:
        audit.append(event=Event.IDENTITY_UNLINKED, actor=SETUP, deleted=[ExternalIdentity.objects.get(pk=linked.pk)])

    refused("ends_and_stays", removed)


def test_the_database_wants_two_for_who_decides_and_nobody_for_themselves(administrators):
    (first, second), officer = administrators, a_user(Role.RISK_OFFICER)

    def row(person: User, **fields: User) -> ExternalIdentity:
        return ExternalIdentity(person=person, valid_from=clock.now(), **NAME, **fields)

    refused("deciding_identity_confirmed", lambda: written(row(officer, linked_by=first)))
    refused("identity_by_an_administrator", lambda: written(row(officer)))
    refused("identity_linked_by_others", lambda: written(row(first, linked_by=first)))
    refused("identity_linked_by_others", lambda: written(row(officer, linked_by=first, link_confirmed_by=first)))
    made = row(officer, linked_by=first, link_confirmed_by=second)
    with transaction.atomic():
        written(made)
    made.valid_until, made.unlinked_by = clock.now(), first
    refused("deciding_identity_confirmed", lambda: written(made))


def test_a_change_without_its_entry_is_refused(linked):
    with pytest.raises(IntegrityError, match="accounts_externalidentity"), transaction.atomic():
        ExternalIdentity.objects.update(valid_until=clock.now(), unlinked_by=linked.linked_by)
        connection.check_constraints()


def test_set_up_links_without_an_administrator_until_there_are_two(db):
    engineer = a_user(Role.ENGINEER)
    link_external_identity(person=engineer, provider="mlflow", subject="early", linked_by=None)
    assert newest().actor == SETUP.actor_id
    a_user(Role.ADMINISTRATOR)
    a_user(Role.ADMINISTRATOR)
    late = ExternalIdentity(person=engineer, valid_from=clock.now(), **NAME)
    refused("identity_by_an_administrator", lambda: written(late))
