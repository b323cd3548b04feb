"""Before a validation is due, those are told who may make it, and the owner: once for each day on which one is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.common import clock
from governance.notices.models import Notice
from governance.notices.tasks import look_ahead
from tests.factories import Cast, a_policy_text, a_user, given
from tests.validation.working import begun, signed

DAY = timedelta(days=1)


@pytest.fixture
def quarterly(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(("approval:\n", "approval:\n  revalidate_every: P90D\n")))


def told_at(moment) -> set[tuple[str, str]]:
    """Who is told what kind of notice at a moment, which was not told before."""
    before = set(Notice.objects.values_list("pk", flat=True))
    with clock.frozen(moment):
        look_ahead()
    rows = Notice.objects.exclude(pk__in=before).filter(occasion__startswith="validation:")
    return {(row.person.name, row.kind) for row in rows.select_related("person")}


def test_validators_without_a_part_and_the_owner_are_told_once_for_each_day(quarterly):
    cast = quarterly
    live = cast.live()
    given(cast.engineer, Role.VALIDATOR)  # who trained it
    due = live.approval.settled_at + 90 * DAY
    second = a_user(Role.VALIDATOR, name="Second validator")
    expected = {("Validator", "decision"), ("Second validator", "decision"), ("Model owner", "system")}
    others = {name for name, _ in told_at(due - 31 * DAY)}
    assert others == set()
    first = told_at(due - 29 * DAY)
    assert expected <= first
    assert "ML engineer" not in {name for name, _ in first}
    assert told_at(due - 10 * DAY) == set()
    row = Notice.objects.get(person=second)
    assert row.detail == f"{cast.model.name} v1 is due to be validated again by {clock.day(due)}"
    assert row.path == "/validations/calendar"
    assert cast.model.name not in row.words
    with clock.frozen(due - 5 * DAY):
        signed(live.approval, cast.validator)
    assert told_at(due) == set()  # it is due later by now
    assert expected <= told_at(due + 70 * DAY)


def test_who_is_at_it_is_told_alone_beside_the_owner(quarterly):
    cast = quarterly
    live = cast.live()
    a_user(Role.VALIDATOR, name="Second validator")
    with clock.frozen(live.approval.settled_at + 50 * DAY):
        begun(live.approval, cast.validator)
    said = told_at(live.approval.settled_at + 80 * DAY)
    assert said == {("Validator", "decision"), ("Model owner", "system")}


def test_a_day_that_has_passed_is_told_of_as_a_finding_alone(quarterly):
    live = quarterly.live()
    assert told_at(live.approval.settled_at + 92 * DAY) == set()
