"""Roles proposed by one administrator and confirmed by another, each at their own sign-in."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction

from governance.accounts import administration, proposals
from governance.accounts.errors import (
    PersonInactive,
    ProposalOpen,
    ProposalSettled,
    RoleHeld,
    RolesExclude,
    SecondAdministratorNeeded,
)
from governance.accounts.models import Grant, GrantProposal, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import SelfGrant, SignInAgain
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from tests.accounts.test_role_rules import a_machine, refused, two
from tests.factories import PASSWORD, SETUP, a_user, given

__all__ = ["two"]
pytestmark = pytest.mark.django_db(transaction=True)


def newest(count: int) -> list[log.LogEntry]:
    """The last entries, oldest of them first."""
    return [log.as_entry(entry) for entry in reversed(log.entries()[:count])]


def propose(two: tuple[User, User], role: Role = Role.VALIDATOR, **fields: object) -> GrantProposal:
    return proposals.propose_role(**({"person": a_user(), "role": role, "by": two[0]} | fields))


def test_the_second_administrator_confirms_and_the_role_counts_from_then(two):
    until, system = clock.now() + timedelta(days=40), a_user().pk
    proposal = propose(two, Role.RISK_OFFICER, valid_until=until, system_id=system)
    assert not has_role(proposal.person, Role.RISK_OFFICER, system_id=system)
    assert [row.pk for row in proposals.waiting()] == [proposal.pk]
    (entry,) = newest(1)
    assert (entry.event, entry.actor) == ("role.proposed", two[0].actor_id)
    with clock.frozen(clock.now() + timedelta(days=2)) as confirmed_at:
        grant = proposals.confirm_role(proposal_id=proposal.pk, by=two[1], password=PASSWORD)
        assert has_role(proposal.person, Role.RISK_OFFICER, system_id=system)
    assert (grant.valid_from, grant.valid_until, grant.granted_by, grant.confirmed_by) == (confirmed_at, until, *two)
    granted, confirmed = newest(2)
    assert [(entry.event, entry.actor) for entry in (granted, confirmed)] == [
        ("role.granted", two[1].actor_id), ("role.confirmed", two[1].actor_id),
    ]  # fmt: skip
    assert (granted.parsed["data"]["granted_by"], granted.parsed["data"]["confirmed_by"]) == (
        two[0].actor_id, two[1].actor_id,
    )  # fmt: skip
    assert confirmed.parsed["data"]["grant"] == str(grant.pk)
    assert proposals.waiting() == []


def test_who_may_neither_propose_nor_confirm(two):
    first, second = two
    for by, refusal in ((a_user(Role.ENGINEER), Forbidden), (a_machine(), Forbidden)):
        with pytest.raises(refusal):
            propose(two, by=by)
    with pytest.raises(SelfGrant):
        propose(two, Role.POLICY_PUBLISHER, person=first)
    with pytest.raises(SecondAdministratorNeeded):
        propose(two, Role.POLICY_PUBLISHER, person=second)  # nobody is left to confirm it
    third = a_user(Role.ADMINISTRATOR)
    proposal = propose(two, Role.POLICY_PUBLISHER, person=second)
    for by, says in (
        (first, "You proposed it"),
        (second, "of their own"),
        (a_user(Role.RISK_OFFICER), "An administrator confirms"),
    ):
        with pytest.raises(Forbidden, match=says):
            proposals.confirm_role(proposal_id=proposal.pk, by=by, password=PASSWORD)
    with pytest.raises(SignInAgain):
        proposals.confirm_role(proposal_id=proposal.pk, by=third, password="wrong")
    assert not has_role(second, Role.POLICY_PUBLISHER)
    proposals.confirm_role(proposal_id=proposal.pk, by=third, password=PASSWORD)
    with pytest.raises(ProposalSettled):
        proposals.confirm_role(proposal_id=proposal.pk, by=third, password=PASSWORD)
    with pytest.raises(Unknown):
        proposals.confirm_role(proposal_id=third.pk, by=third, password=PASSWORD)


def test_what_cannot_be_proposed(two):
    with pytest.raises(InvalidInput, match="One administrator gives"):
        propose(two, Role.ENGINEER)
    with pytest.raises(InvalidInput, match="must lie ahead"):
        propose(two, valid_until=clock.now() - timedelta(days=1))
    with pytest.raises(Forbidden, match="never decide"):
        propose(two, person=a_machine())
    with pytest.raises(RolesExclude):
        propose(two, person=two[1])
    with pytest.raises(RoleHeld):
        propose(two, person=a_user(Role.VALIDATOR))
    proposal = propose(two)
    with pytest.raises(ProposalOpen):
        propose(two, person=proposal.person, by=two[1])
    propose(two, person=proposal.person, system_id=two[0].pk)  # for one system is another role
    leaver = a_user()
    User.objects.filter(pk=leaver.pk).update(is_active=False)
    with pytest.raises(PersonInactive):
        propose(two, person=leaver)
    administration.take_role(person=two[1], role=Role.ADMINISTRATOR, by=two[0])
    with pytest.raises(SecondAdministratorNeeded):
        propose(two)


def test_what_changed_meanwhile_is_seen_at_the_confirmation(two):
    def confirm(proposal: GrantProposal) -> None:
        proposals.confirm_role(proposal_id=proposal.pk, by=two[1], password=PASSWORD)

    given_meanwhile, left, administers, old, ended = (propose(two) for _ in range(5))
    given(given_meanwhile.person, Role.VALIDATOR)
    with pytest.raises(RoleHeld):
        confirm(given_meanwhile)
    administration.deactivate_person(person=left.person, by=two[0], reason="Left.")
    with pytest.raises(PersonInactive):
        confirm(left)
    given(administers.person, Role.ADMINISTRATOR)
    with pytest.raises(RolesExclude):
        confirm(administers)
    with clock.frozen(clock.now() + proposals.OPEN_FOR):
        assert proposals.waiting() == []
        with pytest.raises(ProposalSettled, match="in time"):
            confirm(old)
    administration.take_role(person=two[0], role=Role.ADMINISTRATOR, by=two[1])
    with pytest.raises(ProposalSettled, match="administers no more"):
        confirm(ended)
    assert not Grant.objects.filter(role=Role.VALIDATOR, confirmed_by=two[1], granted_by=two[0]).exclude(
        person=given_meanwhile.person
    )


def test_a_proposal_is_withdrawn_or_declined_once_and_can_be_made_anew(two):
    proposal = propose(two)
    with pytest.raises(Forbidden):
        proposals.withdraw_proposal(proposal_id=proposal.pk, by=proposal.person)
    proposals.withdraw_proposal(proposal_id=proposal.pk, by=two[1])
    (entry,) = newest(1)
    assert (entry.event, entry.actor) == ("role.proposal_withdrawn", two[1].actor_id)
    with pytest.raises(ProposalSettled):
        proposals.withdraw_proposal(proposal_id=proposal.pk, by=two[0])
    with pytest.raises(ProposalSettled):
        proposals.confirm_role(proposal_id=proposal.pk, by=two[1], password=PASSWORD)
    propose(two, person=proposal.person)


def test_two_who_confirm_at_once_give_one_role(two):
    third, proposal = a_user(Role.ADMINISTRATOR), propose(two)
    start, outcomes = threading.Barrier(2), []

    def confirm(by: User) -> None:
        try:
            start.wait(timeout=10)
            proposals.confirm_role(proposal_id=proposal.pk, by=by, password=PASSWORD)
            outcomes.append("given")
        except Exception as refusal:  # noqa: BLE001 (which refusal, is what is asserted)
            outcomes.append(type(refusal).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=confirm, args=(by,)) for by in (two[1], third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(outcomes) == ["ProposalSettled", "given"]
    assert Grant.objects.filter(person=proposal.person).count() == 1


def written(row: GrantProposal) -> None:
    audit.append(event=Event.ROLE_PROPOSED, actor=SETUP, subjects=[row], data={"made": "by a test"})


def test_the_database_takes_no_other_grant_for_a_proposal_nor_changes_it(two):
    proposal, now = propose(two), clock.now()
    other = given(a_user(), Role.VALIDATOR)
    for grant in (other, given(proposal.person, Role.POLICY_AUTHOR)):
        row = GrantProposal.objects.get(pk=proposal.pk)
        row.grant, row.settled_by, row.settled_at = grant, two[1], now
        refused("proposal_becomes_what_it_says", lambda row=row: written(row))
    for field, value in (("role", Role.RISK_OFFICER), ("person", a_user()), ("proposed_by", two[1])):
        row = GrantProposal.objects.get(pk=proposal.pk)
        setattr(row, field, value)
        refused("proposal_settles_once", lambda row=row: written(row))
    proposals.withdraw_proposal(proposal_id=proposal.pk, by=two[1])
    row = GrantProposal.objects.get(pk=proposal.pk)
    row.settled_by = row.settled_at = None
    refused("proposal_settles_once", lambda: written(row))

    def removed() -> None:
        audit.append(event=Event.ROLE_PROPOSED, actor=SETUP, deleted=[GrantProposal.objects.get(pk=proposal.pk)])

    refused("proposal_settles_once", removed)


def test_the_database_knows_who_may_propose_and_that_another_confirms(two):
    person, now = a_user(), clock.now()
    own = GrantProposal(person=person, role=Role.VALIDATOR, proposed_by=person, proposed_at=now)
    refused("nobody_proposes_their_own_role", lambda: written(own))
    made = GrantProposal(person=person, role=Role.VALIDATOR, proposed_by=two[0], proposed_at=now)
    made.settled_by, made.settled_at = two[1], now
    refused("proposal_settles_once", lambda: written(made))
    proposal = propose(two)
    with transaction.atomic():
        twin = GrantProposal(person=proposal.person, role=proposal.role, proposed_by=two[1], proposed_at=now)
        refused("one_open_proposal_per_role", lambda: written(twin))
    grant = given(proposal.person, Role.VALIDATOR)
    proposal.grant, proposal.settled_at = grant, grant.valid_from
    for by in (two[0], proposal.person):  # a constraint says the same; PostgreSQL asks the trigger first
        proposal.settled_by = by
        refused("proposal_becomes_what_it_says", lambda: written(proposal))
