"""The index of requests: whatever path a change takes, it follows, and nobody but the database writes it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from governance.accounts.roles import Role
from governance.approvals import selectors, services
from governance.approvals.models import ApprovalRequest, RequestIndex, State
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.policy.selectors import document_of
from tests.approvals.slow_reading import assert_index_holds, indexed
from tests.factories import SETUP, a_user, approve, given


def test_the_index_follows_a_request_through_its_stages(cast):
    made = cast.promotion()
    found = indexed(made.approval_id)
    assert (found["state"], found["open_stage"], found["open_to"], found["due_at"]) == ("collecting", "", set(), None)
    request = cast.allowed(number=2).approval
    found = indexed(request.pk)
    assert (found["open_stage"], found["open_roles"], found["outcome"]) == ("validation", ["validator"], "ALLOW")
    assert cast.validator.pk in found["open_to"]
    assert found["due_at"] == request.review_opened_at + document_of(cast.policy).approval.decide_within
    approve(request, cast.validator)
    found = indexed(request.pk)
    assert (found["open_stage"], found["open_to"]) == ("risk", {cast.officer.pk})
    approve(request, cast.officer)
    found = indexed(request.pk)
    assert (found["state"], found["open_to"], found["due_at"]) == ("approved", set(), None)
    assert found["settled_at"]
    assert found["decided_in"] < timedelta(minutes=5)
    for pk in (made.approval_id, request.pk):
        for person in (cast.validator, cast.officer, cast.owner):
            assert_index_holds(pk, person)


def test_a_role_that_ended_or_came_late_leaves_nothing_waiting_at_once(cast):
    request = cast.allowed().approval
    late = a_user(Role.VALIDATOR)
    assert [selectors.waiting_count(person) for person in (cast.validator, late)] == [1, 0]
    with clock.frozen(clock.now() + timedelta(seconds=5)):
        grant = cast.validator.grants.get()
        with transaction.atomic():
            grant.valid_until = clock.now()
            audit.append(event=Event.ROLE_REVOKED, actor=SETUP, subjects=[grant], data={"made": "by a test"})
        assert selectors.waiting_count(cast.validator) == 0
        given(cast.validator, Role.VALIDATOR)
        assert selectors.waiting_count(cast.validator) == 0
    assert_index_holds(request.pk, cast.validator)


def test_a_role_for_another_system_gives_no_request(cast):
    elsewhere = a_user()
    given(elsewhere, Role.VALIDATOR, system_id=cast.policy.pk)
    here = a_user()
    given(here, Role.VALIDATOR, system_id=cast.system.pk)
    cast.allowed()
    assert [selectors.waiting_count(person) for person in (elsewhere, here)] == [0, 1]


def test_the_index_follows_sql_by_hand_and_takes_none_itself(cast):
    request = cast.allowed().approval
    with transaction.atomic():  # without a log entry, so never to be committed
        connection.cursor().execute("UPDATE approvals_approvalrequest SET state = 'withdrawn', settled_at = now()")
        assert (indexed(request.pk)["state"], indexed(request.pk)["open_to"]) == ("withdrawn", set())
        transaction.set_rollback(True)
    for statement in (
        "UPDATE approvals_requestindex SET open_to = '{}'",
        "DELETE FROM approvals_requestindex",
        "INSERT INTO approvals_requestindex SELECT * FROM approvals_requestindex",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    assert RequestIndex.objects.filter(pk=request.pk).exists()


def test_requests_expire_when_their_own_policy_says_so(cast):
    request = cast.allowed().approval
    due = indexed(request.pk)["due_at"]
    with clock.frozen(due):
        assert services.expire_undecided() == 0
    with clock.frozen(due + timedelta(seconds=1)):
        assert services.expire_undecided() == 1
    assert ApprovalRequest.objects.get(pk=request.pk).state == State.EXPIRED
    assert_index_holds(request.pk, cast.validator)


def test_how_long_people_have_is_copied_and_does_not_change(cast):
    request = cast.allowed().approval
    assert request.decide_within == document_of(cast.policy).approval.decide_within
    with pytest.raises(Exception, match="does not change"), transaction.atomic():
        connection.cursor().execute("UPDATE approvals_approvalrequest SET decide_within = interval '1 year'")
