"""Which roles the database refuses, whoever asks: each rule by a raw row with the entry that the log's guard wants."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from governance.accounts import administration, administrators
from governance.accounts.errors import PersonInactive, RolesExclude
from governance.accounts.models import Grant, User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError
from tests.factories import PASSWORD, SETUP, a_user, given

pytestmark = pytest.mark.django_db(transaction=True)


def written(*rows: Grant) -> None:
    with transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=SETUP, subjects=rows, data={"made": "by a test"})


def refused(rule: str, act: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError) as problem, transaction.atomic():
        act()
    assert problem.value.__cause__.diag.constraint_name == rule


def a_grant(person: User, role: str, **fields: Any) -> Grant:
    values = {"valid_from": clock.now()} | fields
    if role == Role.AUDITOR:
        values.setdefault("valid_until", clock.now() + timedelta(days=9))
    return Grant(person=person, role=role, **values)


@pytest.fixture
def two() -> tuple[User, User]:
    return a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)


def a_machine() -> User:
    return a_user(sponsor=a_user())


def test_an_auditor_s_access_ends():
    person = a_user()
    refused("auditor_access_ends", lambda: written(a_grant(person, Role.AUDITOR, valid_until=None)))
    written(a_grant(person, Role.AUDITOR))


@pytest.mark.parametrize("role", sorted(DECIDING))
def test_administrators_do_not_decide_at_one_time(two, role):
    person, now = a_user(), clock.now()
    words = {"granted_by": two[0], "confirmed_by": two[1]}
    written(a_grant(person, role, valid_until=now + timedelta(days=9), **words))
    refused("administrators_do_not_decide", lambda: written(a_grant(person, Role.ADMINISTRATOR, **words)))
    words = {"granted_by": two[1], "confirmed_by": a_user(Role.ADMINISTRATOR)}
    until = clock.now() + timedelta(hours=1)  # be it for an hour, and for one system
    brief = a_grant(two[0], role, valid_until=until, system_id=two[0].pk, **words)
    refused("administrators_do_not_decide", lambda: written(brief))
    with pytest.raises(RolesExclude, match=r"administrator; end that role"):
        given(two[0], role)
    with pytest.raises(RolesExclude, match="Nobody administers people and decides"):
        given(person, Role.ADMINISTRATOR)
    with clock.frozen(now + timedelta(days=10)):
        given(person, Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", sorted(set(Role) - administration.GRAVE))
def test_other_roles_go_with_an_administrator_s_and_take_one_word(two, role):
    person = a_user()
    written(a_grant(person, role, granted_by=two[0]))
    given(two[1], role, valid_until=clock.now() + timedelta(days=1))


@pytest.mark.parametrize("role", sorted(administration.GRAVE))
def test_a_role_that_decides_is_the_word_of_two_other_administrators(two, role):
    person, engineer = a_user(), a_user(Role.ENGINEER)
    for fields in ({}, {"granted_by": two[0]}):
        refused("deciding_role_confirmed", lambda fields=fields: written(a_grant(person, role, **fields)))
    for fields in (
        {"granted_by": two[0], "confirmed_by": engineer},
        {"granted_by": engineer, "confirmed_by": two[0]},
    ):
        refused("role_given_by_administrators", lambda fields=fields: written(a_grant(person, role, **fields)))
    for fields in (
        {"granted_by": two[0], "confirmed_by": two[0]},
        {"confirmed_by": two[0]},
    ):
        row = a_grant(person, role, **fields)
        refused("grant_confirmed_by_a_second_person", lambda row=row: written(row))
    for first, second in (two, two[::-1]):
        row = a_grant(two[0], Role.POLICY_PUBLISHER, granted_by=first, confirmed_by=second)
        with pytest.raises(IntegrityError, match=r"nobody_grants_to_oneself|confirmed_by_a_second_person"):
            written(row)
    written(a_grant(person, role, granted_by=two[0], confirmed_by=two[1]))


def test_set_up_ends_with_the_second_administrator_and_does_not_come_back():
    first = a_user(Role.ADMINISTRATOR)
    written(a_grant(a_user(), Role.VALIDATOR))  # so the demo is made, which has one administrator
    second = a_user(Role.ADMINISTRATOR)
    refused("deciding_role_confirmed", lambda: written(a_grant(a_user(), Role.VALIDATOR)))
    administration.take_role(person=second, role=Role.ADMINISTRATOR, by=first)
    refused("deciding_role_confirmed", lambda: written(a_grant(a_user(), Role.VALIDATOR)))
    person = a_user()
    administration.give_role(person=person, role=Role.ADMINISTRATOR, by=first)
    assert has_role(person, Role.ADMINISTRATOR)
    refused("deciding_role_confirmed", lambda: written(a_grant(a_user(), Role.ADMINISTRATOR, granted_by=first)))


def test_an_administrator_s_word_counts_while_they_are_one(two):
    third = a_user(Role.ADMINISTRATOR)
    User.objects.filter(pk=third.pk).update(is_active=False)
    administration.take_role(person=two[1], role=Role.ADMINISTRATOR, by=two[0])
    for second in (third, two[1]):
        row = a_grant(a_user(), Role.VALIDATOR, granted_by=two[0], confirmed_by=second)
        refused("role_given_by_administrators", lambda row=row: written(row))


@pytest.mark.parametrize("role", sorted(administration.GRAVE))
def test_a_service_account_decides_nothing(two, role):
    machine = a_machine()
    row = a_grant(machine, role, granted_by=two[0], confirmed_by=two[1])
    refused("service_accounts_do_not_decide", lambda: written(row))
    written(a_grant(machine, Role.ENGINEER, granted_by=two[0]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("person", a_user),
        ("role", lambda: Role.RISK_OFFICER),
        ("system_id", lambda: None),
        ("granted_by", lambda: None),
        ("valid_from", lambda: clock.now() - timedelta(days=99)),
        ("valid_until", lambda: clock.now() + timedelta(days=99)),
        ("valid_until", lambda: None),
    ],
)
def test_a_grant_only_ends(two, field, value):
    until = clock.now() + timedelta(days=9)
    grant = given(a_user(), Role.ENGINEER, system_id=two[0].pk, valid_until=until)
    setattr(grant, field, value())
    refused("grant_only_ends", lambda: written(grant))
    grant.refresh_from_db()
    grant.valid_until = until - timedelta(days=1)
    written(grant)


def test_a_grant_is_not_removed(two):
    grant = given(a_user(), Role.ENGINEER)

    def removed() -> None:
        audit.append(event=Event.ROLE_REVOKED, actor=SETUP, deleted=[grant], data={"made": "by a test"})

    refused("grant_only_ends", removed)


def test_a_person_answers_for_a_service_account():
    machine, person = a_machine(), a_user()
    refused("sponsor_is_a_person", lambda: a_user(sponsor=machine))
    refused("sponsor_is_a_person", lambda: User.objects.filter(pk=machine.pk).update(sponsor=machine))
    refused("person_or_machine_stays", lambda: User.objects.filter(pk=machine.pk).update(sponsor=None))
    refused("person_or_machine_stays", lambda: User.objects.filter(pk=person.pk).update(sponsor=a_user()))
    User.objects.filter(pk=machine.pk).update(sponsor=person)

    def before_its_sponsor() -> None:  # the foreign key alone would wait until the commit
        User.objects.create(email="a@bank.example", name="A", sponsor_id=before.pk)
        before.save()

    before = User(email="b@bank.example", name="B", sponsor=machine)
    refused("sponsor_is_a_person", before_its_sponsor)


def test_who_is_deactivated_gets_no_role(two):
    person = a_user()
    User.objects.filter(pk=person.pk).update(is_active=False)
    with pytest.raises(PersonInactive):
        administration.give_role(person=person, role=Role.ENGINEER, by=two[0])


@pytest.mark.parametrize("attempt", range(5))
def test_two_administrators_who_take_each_other_s_role_at_once_leave_one(two, attempt):
    start, outcomes = threading.Barrier(2), []

    def take(by: User, person: User) -> None:
        try:
            start.wait(timeout=10)
            administration.take_role(person=person, role=Role.ADMINISTRATOR, by=by)
            outcomes.append("taken")
        except Exception as refusal:  # noqa: BLE001 (which refusal, is what is asserted)
            outcomes.append(type(refusal).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=pair) for pair in (two, two[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(outcomes) in (["InvalidInput", "taken"], ["Forbidden", "taken"])
    assert len(administrators.known()) == 1


def test_one_end_of_the_race_waits_for_the_other(two):
    """The second revocation finds the administrators locked; what it reads afterwards is what the first one left."""
    result: list[str] = []

    def take() -> None:
        try:
            administration.take_role(person=two[0], role=Role.ADMINISTRATOR, by=two[1])
        except DomainError as refusal:
            result.append(str(refusal))
        finally:
            connections.close_all()

    thread = threading.Thread(target=take)
    with transaction.atomic():
        administration.take_role(person=two[1], role=Role.ADMINISTRATOR, by=two[0])
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive(), "it did not wait"
    thread.join(timeout=20)
    assert result == [f"{two[1]} is no administrator."]


def test_a_service_gives_what_the_database_takes(two):
    person = a_user()
    administration.give_role(
        person=person, role=Role.RISK_OFFICER, by=two[0], confirmed_by=two[1], confirmation=PASSWORD
    )
    assert has_role(person, Role.RISK_OFFICER)
