"""Who answers for a model is told of its alerts and serious incidents, once each, and again while nothing is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from psycopg.types.range import TimestamptzRange

from governance.accounts import administration
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.notices import delivering, outbox, rules
from governance.notices.gathering import fact_of
from governance.notices.models import Delivery, Notice
from governance.notices.tasks import look_ahead
from monitoring import alerts, services
from monitoring.incidents import services as incidents
from registry.models import AliasHistory
from tests.factories import a_user
from tests.monitoring.incident_world import ago, an_incident, people, report
from tests.monitoring.monitor_world import START, a_frame, lines_of, make_world, measure, send

pytestmark = pytest.mark.usefixtures("db", "storage")

WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture
def breach():
    """A world with a breach, and a risk officer and an engineer around it."""
    world = make_world()
    a_user(Role.RISK_OFFICER, name="Risk officer")
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    send(monitor, world, lines_of(a_frame(500, seed=5, shift=1.2), start=START - WEEK))
    run = measure(monitor, start=START - WEEK, end=START)
    return world, run.alert


def noticed(row, event) -> set[tuple[str, str]]:
    """Make the notices of the newest entry about a row; who was told what kind."""
    from governance.audit import selectors as log

    entry = [e for e in log.entries_naming(row._meta.db_table, [row.pk]) if e.event == event][-1]
    made = outbox.write(rules.told(fact_of(entry)), entry=entry.id)
    return {(notice.person.name, notice.kind) for notice in made}


def told_at(moment) -> set[tuple[str, str, str]]:
    """Who is told at a moment by the clock of alerts and incidents, and how that is said."""
    before = set(Notice.objects.values_list("pk", flat=True))
    with clock.frozen(moment):
        look_ahead()
    rows = Notice.objects.exclude(pk__in=before).filter(kind__in=["alert", "incident"]).select_related("person")
    return {(row.person.name, row.words, row.detail) for row in rows}


def test_a_breach_is_told_to_owner_officers_and_engineers_without_naming_it_in_the_short_words(breach):
    world, alert = breach
    told = noticed(alert, "alert.opened")
    assert told == {("Owner", "alert"), ("Engineer", "alert"), ("Risk officer", "alert")}
    row = Notice.objects.filter(kind="alert").first()
    assert row.path == f"/alerts/{alert.pk}"
    assert f"AL-{alert.number}" in row.detail
    assert "credit-risk" in row.detail
    assert "credit-risk" not in row.words
    assert alert.title not in row.detail  # evidence never leaves the house
    assert (world.auditor.name, "alert") not in told


def test_what_nobody_takes_in_hand_is_told_again_every_three_days_unless_muted(breach):
    world, alert = breach
    opened = alert.opened_at
    assert told_at(opened + 2 * DAY) == set()
    first = told_at(opened + 3 * DAY)
    assert {name for name, _, _ in first} == {"Owner", "Risk officer"}
    assert told_at(opened + 4 * DAY) == set()
    assert told_at(opened + 6 * DAY)
    alerts.mute_alert(
        alert_id=alert.pk, person=world.owner, until=clock.now() + 8 * DAY, why="A campaign that we know of."
    )
    assert told_at(clock.now() + 7 * DAY) == set()
    assert told_at(clock.now() + 12 * DAY)
    alerts.acknowledge_alert(alert_id=alert.pk, person=world.owner)
    assert told_at(clock.now() + 20 * DAY) == set()


def test_the_law_s_clock_is_told_before_its_last_day_and_daily_behind_it():
    around = people()
    incident = an_incident(around, days_ago=0)
    assert noticed(incident, "incident.opened") >= {("Model owner", "incident"), ("Risk officer", "incident")}
    aware = incident.aware_at
    assert told_at(aware + 5 * DAY) == set()
    (words,) = {words for _, words, _ in told_at(aware + 13 * DAY)}
    assert words == "The report of a serious incident is due soon"
    assert told_at(aware + 14 * DAY) == set()
    for day in (16, 17):
        late = told_at(aware + day * DAY)
        assert {(name, words) for name, words, _ in late} >= {
            (name, "The report of a serious incident is overdue") for name in ("Model owner", "Risk officer")
        }
    report(incident, around.owner)
    assert told_at(aware + 18 * DAY) == set()


def test_a_causal_link_makes_the_report_due_at_once_and_that_is_told_daily():
    around = people()
    incident = an_incident(around, days_ago=1)
    incidents.change_times(
        incident_id=incident.pk,
        by=around.engineer,
        why="The engineer's mail of that morning says so.",
        times={"link_established_at": ago(hours=1)},
    )
    now = clock.now()
    for moment in (now, now + DAY):
        told = told_at(moment)
        assert {words for _, words, _ in told} == {"A serious incident is to be reported immediately"}
        assert told_at(moment) == set()


def test_whoever_is_given_a_task_is_told_and_again_on_its_day_and_behind_it():
    around = people()
    incident = an_incident(around, days_ago=0)
    due = clock.now().date() + 2 * DAY
    task = incidents.add_task(
        incident_id=incident.pk, by=around.owner, text="Ask the branches", owner=around.engineer, due_on=due
    )
    assert noticed(task, "incident.task_added") == {("ML engineer", "incident")}
    assert ("ML engineer", "A task of yours about a serious incident is due") in {
        told[:2] for told in told_at(clock.now() + 2 * DAY)
    }
    assert ("ML engineer", "A task of yours about a serious incident is overdue") in {
        told[:2] for told in told_at(clock.now() + 3 * DAY)
    }


def test_who_lost_the_right_between_making_and_sending_is_not_told(breach, mailoutbox):
    world, alert = breach
    noticed(alert, "alert.opened")
    officer = User.objects.get(name="Risk officer")
    (waiting,) = Delivery.objects.filter(notice__person=officer, notice__kind="alert")
    administration.take_role(person=officer, role=Role.RISK_OFFICER, by=a_user(Role.ADMINISTRATOR))
    delivering.deliver_due()
    waiting.refresh_from_db()
    assert waiting.state == Delivery.State.DROPPED
    assert officer.email not in {to for mail in mailoutbox for to in mail.to}
    assert Delivery.objects.filter(notice__person=world.owner, notice__kind="alert").exists()


def test_what_serves_no_longer_calls_for_nobody(breach):
    _, alert = breach
    history = AliasHistory.objects.get()
    with transaction.atomic():
        history.during = TimestamptzRange(history.during.lower, clock.now(), "[)")
        audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[history])
    assert told_at(alert.opened_at + 4 * DAY) == set()
