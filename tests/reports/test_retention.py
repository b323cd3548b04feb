"""The retention table: it speaks for every table of the database, and what it says of jobs and law is true."""

import uuid
from datetime import date, timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.urls import reverse

from governance.accounts import idempotency
from governance.accounts.models import IdempotentAnswer
from governance.accounts.roles import Role
from governance.audit.events import Event
from governance.common import clock
from governance.common.retention.period import Period
from governance.common.retention.table import kept_for, table
from governance.regulation.register import load
from reports.retention import selectors
from tests.factories import a_user


def test_every_table_of_the_database_stands_in_one_row():
    named = [name for row in table() for name in row.tables]
    assert sorted(named) == sorted({model._meta.label for model in apps.get_models()})


def test_what_ends_a_row_is_a_task_that_the_clock_starts():
    started = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    ended_by = {row.ended_by for row in table() if row.ended_by}
    assert ended_by <= started
    assert ended_by  # else the line above says nothing


def test_what_the_log_says_of_an_end_is_an_event_and_each_ground_is_a_point_or_a_sentence():
    law = load()
    for row in table():
        assert not row.entry or row.entry in set(Event)
        points = [ground for ground in row.basis if ground in law.points]
        for ground in row.basis:
            assert ground in law.points or ground.endswith("."), ground
        assert not any(law.point(point).to_be_confirmed for point in points)


def test_what_is_counted_is_a_table_of_the_row_with_those_fields():
    for row in table():
        if row.main:
            assert row.main.table in row.tables
            fields = {field.name for field in apps.get_model(row.main.table)._meta.get_fields()}
            assert {row.main.at, row.main.due} - {""} <= fields


def test_what_nobody_deletes_says_why_and_every_period_is_one_that_exists():
    rows = {row.id: row for row in table()}
    for row in rows.values():
        assert row.ended_by or row.by_hand or row.stays, row.id
        assert Period.read(str(row.period)) == row.period
        if row.period.row:
            assert row.period.row in rows
        if row.period.field:
            model, _, field = row.period.field.rpartition(".")
            assert apps.get_model(model)._meta.get_field(field)
        if row.period.setting:
            assert getattr(settings, row.period.setting) > 0
        assert selectors.said(row)


def test_a_period_is_printed_from_the_value_that_the_job_counts_with():
    said = {row.id: selectors.said(row) for row in table()}
    assert said["decisions"] == "at least 10 years"
    assert said["answers"] == "30 days"
    assert said["records"] == "365 days, never fewer than 184 days"
    assert said["sessions"] == "8 hours"
    assert said["log"] == "for good"
    assert said["people"] == "as long as: Requests, decisions and permits"


def test_ten_years_are_what_the_register_says():
    said = {row.id: row.years for row in load().deadlines if row.id in ("Art 18.1", "Art 47.1")}
    assert set(said.values()) == {10}
    dated = [row for row in table() if row.period.years]
    assert {row.period.years for row in dated} == {10}
    assert all(said.keys() & set(row.basis) for row in dated)


def test_years_end_on_the_same_date_and_on_the_last_of_february_where_it_is_missing():
    assert Period.read("P10Y").end(date(2016, 2, 29)) == date(2026, 2, 28)
    assert Period.read("P10Y").end(date(2016, 5, 4)) == date(2026, 5, 4)
    assert Period.read("P30D").end(date(2026, 1, 1)) == date(2026, 1, 31)
    assert Period.read("for good").end(date(2026, 1, 1)) is None
    for wrong in ("P0D", "10 years", "setting", "P1M", ""):
        with pytest.raises(ValueError, match="no period"):
            Period.read(wrong)
    with pytest.raises(ValueError, match="in days"):
        kept_for("decisions")


@pytest.mark.django_db
def test_figures_are_for_those_who_answer_for_the_deployment(client):
    officer, engineer = a_user(Role.DATA_PROTECTION_OFFICER), a_user(Role.ENGINEER)
    client.force_login(officer)
    page = client.get(reverse("retention"))
    people = next(row for row in page.context["rows"] if row["title"].startswith("People"))
    assert people["count"] == 2
    assert people["oldest"] is not None
    client.force_login(engineer)
    page = client.get(reverse("retention"))
    assert page.status_code == 200
    assert all(row["count"] is None for row in page.context["rows"])
    assert page.context["holds"] == []


@pytest.mark.django_db
def test_a_count_stops_where_nobody_reads_on(monkeypatch):
    monkeypatch.setattr(selectors, "COUNTED_TO", 1)
    for _ in range(3):
        a_user(Role.ENGINEER)
    people = next(row for row in selectors.held(with_figures=True) if row.kept.id == "people")
    assert (people.count, people.more) == (2, True)


@pytest.mark.django_db
def test_old_answers_and_ended_sessions_are_forgotten():
    person, now = a_user(Role.ENGINEER), clock.now()
    for age in (kept_for("answers") - timedelta(hours=1), kept_for("answers") + timedelta(hours=1)):
        made = IdempotentAnswer.objects.create(
            person=person, key=str(uuid.uuid4()), request_digest="sha256:0", status=201, body={}
        )
        IdempotentAnswer.objects.filter(pk=made.pk).update(made_at=now - age)
    for name, ends in (("ended", now - timedelta(minutes=1)), ("open", now + timedelta(minutes=1))):
        Session.objects.create(session_key=name, session_data="", expire_date=ends)
    assert idempotency.forget() == 1
    assert IdempotentAnswer.objects.count() == 1
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
