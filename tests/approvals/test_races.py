"""Several people, or a person and the clock, act on one request in the same moment: each ending is one that may be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from governance.accounts.roles import Role
from governance.approvals import services
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import DomainError
from tests.factories import Cast, a_policy_text, a_user, approve, state_of
from tests.proving import count

pytestmark = pytest.mark.django_db(transaction=True)
TWO_OFFICERS = a_policy_text(
    ("{name: risk, roles: [risk_officer], quorum: 1}", "{name: risk, roles: [risk_officer], quorum: 2}")
)


def at_once(*acts: Callable[[], Any]) -> list[bool]:
    """Do all of it in the same moment, each in a thread with a connection of its own; tell which were let through."""
    barrier, let = Barrier(len(acts)), [False] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            act()
            let[place] = True
        except DomainError:
            pass
        finally:
            connection.close()

    threads = [Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return let


def endings(approval: ApprovalRequest) -> list[str]:
    """What the log says became of the request, in order."""
    said = [entry.parsed for entry in log.entries_about_request(approval.pk)]
    return [
        entry["data"].get("to", "approved")
        for entry in said
        if entry["event"] in {"approval.approved", "approval.state_changed"}
    ]


@pytest.fixture
def two_officers(transactional_db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(TWO_OFFICERS)


def test_of_six_approvers_with_a_quorum_of_two_exactly_two_decide(two_officers):
    """200 rounds under ``make prove``."""
    cast = two_officers
    officers = [cast.officer, *(a_user(Role.RISK_OFFICER) for _ in range(5))]
    for number in range(1, count(200, 4) + 1):
        request = cast.allowed(number=number).approval
        approve(request, cast.validator)
        let = at_once(*(partial(approve, request, person) for person in officers))
        assert sum(let) == 2
        assert state_of(request) == State.APPROVED
        assert Decision.objects.filter(request=request, stage="risk").count() == 2
        assert endings(request) == ["approved"]


def withdraw(cast: Cast, request: ApprovalRequest) -> None:
    services.withdraw(request_id=request.pk, requester=cast.engineer, reason="Another version is better.")


def expire(cast: Cast, request: ApprovalRequest) -> None:
    with clock.frozen(clock.now() + timedelta(days=365)):
        services.expire_undecided()


@pytest.mark.parametrize("against", [withdraw, expire])
def test_an_approval_against_the_end_of_its_request_has_one_winner(committed_cast, against):
    cast = committed_cast
    for number in range(1, count(200, 4) + 1):
        request = cast.allowed(number=number).approval
        approve(request, cast.validator)
        approved, _ = at_once(partial(approve, request, cast.officer), partial(against, cast, request))
        state = state_of(request)
        assert endings(request) == [state]
        assert (state == State.APPROVED) == approved
        assert Decision.objects.filter(request=request, stage="risk").count() == approved
