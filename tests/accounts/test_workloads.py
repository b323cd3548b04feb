"""Whose runs act as a service account: two administrators say so, and the database holds them to it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from governance.accounts import administration, workloads
from governance.accounts.errors import SecondAdministratorNeeded, WorkloadOpen, WorkloadSettled
from governance.accounts.models import User, WorkloadIdentity
from governance.accounts.services import SelfGrant, SignInAgain
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from tests.accounts.test_role_rules import a_machine, refused, two
from tests.factories import PASSWORD, a_user

__all__ = ["two"]
pytestmark = pytest.mark.django_db(transaction=True)
GITHUB = "https://token.actions.githubusercontent.com"
MAIN = {"repository": "bank/credit", "ref": "refs/heads/main"}


def proposed(two: tuple[User, User], **fields: Any) -> WorkloadIdentity:
    words: dict[str, Any] = {"issuer": GITHUB, "audience": "placet", "claims": MAIN, "scopes": ["promotions:write"]}
    words |= {"by": two[0]} | fields
    if "account" not in words:
        words["account"] = a_machine()
    return workloads.trust_workload(**words)


def confirmed(two: tuple[User, User], **fields: Any) -> WorkloadIdentity:
    row = proposed(two, **fields)
    return workloads.confirm_workload(workload_id=row.pk, by=two[1], password=PASSWORD)


def test_it_counts_from_the_second_administrator_until_one_ends_it_and_each_is_logged(two):
    row = proposed(two)
    assert not workloads.counting().exists()
    workloads.confirm_workload(workload_id=row.pk, by=two[1], password=PASSWORD)
    assert workloads.counting().get() == row
    workloads.end_workload(workload_id=row.pk, by=two[1])
    assert not workloads.counting().exists()
    entries = [log.as_entry(entry) for entry in reversed(log.entries()[:3])]
    assert [(entry.event, entry.actor) for entry in entries] == [
        ("workload.proposed", two[0].actor_id),
        ("workload.confirmed", two[1].actor_id),
        ("workload.ended", two[1].actor_id),
    ]
    assert entries[0].parsed["data"]["claims"] == MAIN
    with pytest.raises(WorkloadSettled):
        workloads.end_workload(workload_id=row.pk, by=two[1])


def test_nobody_confirms_alone_or_without_the_password_or_too_late(two):
    row = proposed(two)
    for by, refusal in ((two[0], Forbidden), (a_user(), Forbidden), (row.account, Forbidden)):
        with pytest.raises(refusal):
            workloads.confirm_workload(workload_id=row.pk, by=by, password=PASSWORD)
    with pytest.raises(SignInAgain):
        workloads.confirm_workload(workload_id=row.pk, by=two[1], password="wrong")
    with clock.frozen(clock.now() + workloads.OPEN_FOR + timedelta(seconds=1)), pytest.raises(WorkloadSettled):
        workloads.confirm_workload(workload_id=row.pk, by=two[1], password=PASSWORD)
    with pytest.raises(Unknown):
        workloads.end_workload(workload_id=two[0].pk, by=two[0])


def test_who_answers_for_the_account_neither_proposes_nor_confirms(two):
    with pytest.raises(SelfGrant):
        proposed(two, account=a_user(sponsor=two[0]))
    with pytest.raises(SecondAdministratorNeeded):
        proposed(two, account=a_user(sponsor=two[1]))
    a_user("administrator")
    row = proposed(two, account=a_user(sponsor=two[1]))
    with pytest.raises(Forbidden, match="You answer for the account"):
        workloads.confirm_workload(workload_id=row.pk, by=two[1], password=PASSWORD)


@pytest.mark.parametrize(
    "fields",
    [
        {"claims": {"ref": "refs/heads/main"}},  # anybody's main branch
        {"claims": {}},
        {"claims": {"repository": "bank/*"}},
        {"claims": {"repository": ""}},
        {"issuer": "http://git.bank.example"},
        {"issuer": "https://"},
        {"issuer": "https://user@git.bank.example"},
        {"audience": " "},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"seconds": 59},
        {"seconds": 901},
    ],
)
def test_what_would_trust_too_much_is_refused(two, fields):
    with pytest.raises(InvalidInput):
        proposed(two, **fields)


def test_a_person_or_a_machine_that_left_is_trusted_with_nothing(two):
    with pytest.raises(InvalidInput, match="no active service account"):
        proposed(two, account=a_user())
    with pytest.raises(Forbidden):
        proposed(two, by=a_user())


def test_the_same_runs_act_as_one_account(two):
    proposed(two)
    with pytest.raises(WorkloadOpen):
        proposed(two)


@pytest.mark.parametrize("leaver", ["account", "sponsor"])
def test_it_ends_with_the_account_or_who_answers_for_it_and_does_not_come_back(two, leaver):
    row = confirmed(two)
    person = row.account if leaver == "account" else row.account.sponsor
    administration.deactivate_person(person=person, by=two[0], reason="Left")
    administration.reactivate_person(
        person=User.objects.get(pk=person.pk), by=two[0], confirmed_by=two[1], confirmation=PASSWORD, reason="Back"
    )
    row.refresh_from_db()
    assert (row.ended_by, workloads.counting().exists()) == (two[0], False)


def _written(row: WorkloadIdentity) -> None:
    audit.append(event=Event.WORKLOAD_PROPOSED, actor=row.made_by, subjects=[row], data={"made": "by a test"})


def test_the_database_keeps_the_same_rules(two):
    row, now = confirmed(two), clock.now()
    words = {"issuer": GITHUB, "audience": "x", "claims": MAIN, "scopes": [], "seconds": 60, "made_at": now}
    words |= {"account": row.account, "made_by": two[0]}
    for rule, fields in (
        ("workload_of_a_service_account", {"account": a_user()}),
        ("workload_of_a_service_account", {"account": a_user(sponsor=two[0])}),
        ("workload_by_administrators", {"made_by": a_user()}),
        ("workload_stays_as_made", {"confirmed_by": two[1], "confirmed_at": now}),
        ("workload_identity_says_whose_run", {"claims": {"ref": "x"}}),
        ("workload_token_lives_minutes", {"seconds": 901}),
    ):
        made = WorkloadIdentity(**(words | fields))
        refused(rule, lambda made=made: _written(made))
    for change in ("scopes = '[\"policies:write\"]'", 'claims = \'{"sub": "x"}\'', "seconds = 61"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE accounts_workloadidentity SET {change} WHERE id = %s", [row.pk])


def test_the_commands_propose_list_confirm_and_end(two, monkeypatch):
    machine, out = a_machine(), StringIO()
    words = [machine.email, "--issuer", GITHUB, "--claim", "repository=bank/credit", "--scope", "promotions:write"]
    with pytest.raises(CommandError, match="Name each claim once"):
        call_command("trust_workload", *words, "--claim", "repository=x", "--by", two[0].email)
    with pytest.raises(CommandError, match="is no claim"):
        call_command("trust_workload", *words, "--claim", "repository", "--by", two[0].email)
    call_command("trust_workload", *words, "--by", two[0].email, stdout=out)
    row = WorkloadIdentity.objects.get()
    assert out.getvalue().startswith(str(row.pk))
    monkeypatch.setattr("sys.stdin", StringIO(PASSWORD + "\n"))
    call_command("confirm_workload", str(row.pk), "--by", two[1].email, stdout=out)
    call_command("confirm_workload", stdout=out)
    assert f"counts  {machine.email}  {GITHUB} (repository=bank/credit)" in out.getvalue()
    call_command("end_workload", str(row.pk), "--by", two[0].email, stdout=out)
    call_command("confirm_workload", stdout=out)
    assert out.getvalue().endswith("nobody's runs act as a service account\n")
