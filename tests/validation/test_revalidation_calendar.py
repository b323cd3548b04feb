"""When live versions are due to be validated again: the days, who sees them, the file, and the finding once late."""

from __future__ import annotations

from datetime import date, timedelta

import icalendar
import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals.findings import close_finding
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit.events import Event
from governance.common import clock
from governance.config.celery import app
from governance.policy.document import parse
from governance.policy.problems import InvalidPolicy
from governance.validation import calendar, tasks
from governance.validation.ics import as_ics
from registry.models import AliasHistory
from tests.factories import PASSWORD, Cast, a_policy_text, a_user, mirrored
from tests.validation.working import begun, signed

YEARLY = ("approval:\n", "approval:\n  revalidate_every: P90D\n")


@pytest.fixture
def yearly(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(YEARLY))


def settled(approval: ApprovalRequest) -> date:
    return ApprovalRequest.objects.get(pk=approval.pk).settled_at.date()


def test_without_the_key_nothing_is_ever_due(cast):
    cast.live()
    assert calendar.due_validations() == []
    assert tasks.sweep_revalidations() == 0


def test_a_period_of_no_days_is_refused_with_its_line():
    with pytest.raises(InvalidPolicy) as refusal:
        parse(a_policy_text(("approval:\n", "approval:\n  revalidate_every: P0D\n")))
    assert [problem.path for problem in refusal.value.problems] == ["approval.revalidate_every"]


def test_what_is_live_is_due_a_period_after_its_approval_and_then_after_its_last_validation(yearly):
    made = yearly.live()
    waits = yearly.approved(number=2)  # approved and not live: nothing to validate again
    [due] = calendar.due_validations()
    assert (due.approval.pk, due.last, due.due_on) == (made.approval_id, None, settled(made.approval) + timedelta(90))
    assert (due.title, due.overdue) == ("credit-risk v1".replace("credit-risk", yearly.model.name), False)
    done = signed(made.approval, yearly.validator)
    [due] = calendar.due_validations()
    assert (due.last, due.due_on) == (done, done.settled_at.date() + timedelta(90))
    signed(waits.approval, yearly.validator)
    assert [row.approval.pk for row in calendar.due_validations()] == [made.approval_id]
    under_way = begun(made.approval, yearly.validator)
    assert calendar.due_validations()[0].under_way == under_way


def test_people_see_what_is_due_of_the_systems_in_their_reach(yearly):
    yearly.live()
    assert len(calendar.due_validations(yearly.validator)) == 1
    assert calendar.due_validations(a_user()) == []
    assert calendar.due_validations(yearly.validator, system_id=a_user().pk) == []


def test_a_missed_day_is_a_finding_once_also_after_it_was_closed(yearly):
    made = yearly.live()
    late = clock.now() + timedelta(days=91)
    assert tasks.sweep_revalidations() == 0
    with clock.frozen(late):
        assert tasks.sweep_revalidations() == 1
        assert tasks.sweep_revalidations() == 0
        finding = Finding.objects.get(code="revalidation-overdue")
        assert (finding.severity, finding.source, finding.request_id) == ("high", "validation", made.approval_id)
        assert finding.owner == yearly.owner
        close_finding(finding_id=finding.pk, closer=yearly.officer, how="Postponed by the board.", password=PASSWORD)
        assert tasks.sweep_revalidations() == 0
        signed(made.approval, yearly.validator)
        assert tasks.sweep_revalidations() == 0
    with clock.frozen(late + timedelta(days=91)):
        assert tasks.sweep_revalidations() == 1


def test_the_sweep_is_on_the_clock_every_day():
    [entry] = [row for row in app.conf.beat_schedule.values() if row["task"] == tasks.sweep_revalidations.name]
    assert entry["schedule"] == timedelta(days=1).total_seconds()


def test_the_file_is_read_by_another_program_and_holds_what_the_page_shows(yearly):
    yearly.system.name = "Credit; with a comma, and\nBEGIN:VEVENT"
    yearly.live()
    rows = calendar.due_validations(yearly.validator)
    rows[0].approval.system.name = yearly.system.name
    content = as_ics(rows)
    assert content.endswith(b"END:VCALENDAR\r\n")
    [event] = icalendar.Calendar.from_ical(content).walk("VEVENT")
    assert event.decoded("dtstart") == rows[0].due_on
    assert str(event["summary"]) == f"Validate {rows[0].title} again"
    assert "BEGIN:VEVENT" in str(event["description"])
    assert str(event["url"]).endswith(f"/approvals/{rows[0].approval.pk}")
    again = icalendar.Calendar.from_ical(as_ics(rows)).walk("VEVENT")[0]
    assert again["uid"] == event["uid"]


def test_the_number_of_queries_does_not_grow(yearly, django_assert_num_queries):
    auditor = a_user(Role.AUDITOR)
    yearly.live()
    with CaptureQueriesContext(connection) as one:
        assert len(calendar.due_validations(auditor)) == 1
    second = yearly.signed(yearly.promotion(number=2, alias="canary"))
    now = DateTimeTZRange(clock.now(), None, "[)")
    span = AliasHistory(model=yearly.model, alias="canary", version=second.version, promotion=second, during=now)
    mirrored(Event.PROMOTION_APPLIED, span)
    with django_assert_num_queries(len(one)):
        assert len(calendar.due_validations(auditor)) == 2
