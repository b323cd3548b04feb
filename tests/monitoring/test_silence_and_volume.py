"""What did not come in is seen: windows without a record, and fewer records than before, also after an outage."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg.types.range import TimestamptzRange

from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence.models import EvidenceJob
from monitoring import schedule, services
from monitoring.errors import InvalidSettings
from monitoring.models import Alert, DriftRun
from monitoring.volume import records_before
from registry.models import AliasHistory
from tests.monitoring import monitor_world
from tests.monitoring.monitor_world import a_frame, a_version, lines_of, make_world, run_job, send

pytestmark = pytest.mark.usefixtures("db", "storage")

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
START = monitor_world.START - 10 * WEEK


@pytest.fixture
def live():
    """A monitor whose version was live for ten weeks before its first record was sent."""
    world = make_world()
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    span = AliasHistory.objects.get()
    span.during = TimestamptzRange(START - 10 * WEEK, None)
    audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[span])
    return world, monitor


def week(world, monitor, place, n=200, hours=24.0 * 7):
    start = START + place * WEEK
    with clock.frozen(start + timedelta(hours=hours)):
        send(monitor, world, lines_of(a_frame(n, seed=40 + place), start=start, hours=hours), batch=f"week-{place}")


def measured(moment):
    """Measure all that is due at a moment, the newest first: workers keep no order."""
    with clock.frozen(moment):
        jobs = schedule.ask_for_due()
        return [run_job(EvidenceJob.objects.get(pk=pk)) for pk in reversed(jobs)]


def volume_of(run):
    (row,) = [row for row in run.evidence.payload["signals"] if row["signal"] == "volume"]
    return row


def test_a_week_without_a_record_opens_an_alert_and_stops_nothing(live):
    world, monitor = live
    week(world, monitor, 0)
    runs = measured(START + 2 * WEEK + 2 * HOUR)
    assert [run.rows for run in runs] == [0, 200]
    silent = runs[0]
    assert (silent.outcome, volume_of(silent)["value"]) == (DriftRun.Outcome.WATCH, 0.0)
    assert silent.evidence.payload["reference_check"]["max_difference"] is None
    alert = Alert.objects.get()
    assert (alert.run, alert.severity, alert.title) == (silent, "watch", "no record came in")
    world.approval.refresh_from_db()
    assert world.approval.state == "approved"


def test_nothing_is_silent_before_the_first_record_nor_once_the_version_serves_no_longer(live):
    world, monitor = live
    assert schedule.ask_for_due(START) == []
    week(world, monitor, 0)
    span = AliasHistory.objects.get()
    span.during = TimestamptzRange(START - 10 * WEEK, START + 2.5 * WEEK)
    audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[span])
    runs = measured(START + 6 * WEEK)
    assert sorted(run.window_start for run in runs) == [START, START + WEEK], "the third week it served but half"


def test_records_that_come_after_all_are_counted_in_the_silent_window(live):
    world, monitor = live
    week(world, monitor, 0)
    measured(START + 2 * WEEK + 2 * HOUR)
    with clock.frozen(START + 2 * WEEK + 3 * HOUR):
        send(monitor, world, lines_of(a_frame(200, seed=2), start=START + WEEK), batch="late")
    late = START + 2 * WEEK + 2 * HOUR + schedule.AGAIN + timedelta(minutes=5)
    (again,) = measured(late)
    assert (again.window_start, again.rows) == (START + WEEK, 200)


def test_after_an_outage_each_window_is_held_against_those_before_it_whatever_was_measured_first(live):
    world, monitor = live
    for place, n in enumerate((200, 220, 180, 210, 60)):
        week(world, monitor, place, n=n)
    runs = {run.window_start: run for run in measured(START + 5 * WEEK + 2 * HOUR)}
    assert len(runs) == 5
    thin = volume_of(runs[START + 4 * WEEK])
    assert thin["outcome"] == "watch"
    assert thin["value"] == pytest.approx(60 / 205)
    assert runs[START + 4 * WEEK].evidence.parameters["before"] == [210, 180, 220, 200]


def test_a_batch_that_reaches_over_the_end_of_a_window_counts_where_its_records_lie(live):
    world, monitor = live
    week(world, monitor, 0, n=210, hours=24 * 21)  # one batch, three weeks
    facts = {"same_weekday": False, "received_until": clock.now()}
    before = records_before(monitor, world.version, START + 3 * WEEK, START + 4 * WEEK, **facts)
    assert before == [70, 70, 70]


def test_days_are_held_against_the_same_day_of_the_week_and_over_a_change_of_the_clocks(live):
    world, monitor = live
    monitor.time_zone = "Europe/Berlin"
    day = timedelta(days=1)
    # Berlin's Monday begins at 23:00 UTC in winter, and at 22:00 UTC before 25 October 2026.
    monday = monitor_world.START - HOUR
    for place, n in ((1, 30), (2, 40)):
        start = monday - place * WEEK - (place - 1) * HOUR
        send(monitor, world, lines_of(a_frame(n, seed=place), start=start, hours=24), batch=f"day-{place}")
        send(monitor, world, lines_of(a_frame(7, seed=place), start=start + day, hours=24), batch=f"tuesday-{place}")
    facts = {"received_until": clock.now()}
    assert records_before(monitor, world.version, monday, monday + day, same_weekday=True, **facts) == [30, 40]
    assert records_before(monitor, world.version, monday, monday + day, same_weekday=False, **facts)[:7] == [
        *(0, 0, 0, 0, 0, 7, 30)
    ]


def test_a_version_that_began_or_ended_to_serve_within_a_window_is_not_held_against_full_ones(live):
    world, monitor = live
    for place in range(4):
        week(world, monitor, place)
    span = AliasHistory.objects.get()
    week(world, monitor, 4, n=57, hours=48)
    span.during = TimestamptzRange(START - 10 * WEEK, START + 4 * WEEK + 2 * HOUR * 24)
    audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[span])
    runs = {run.window_start: run for run in measured(START + 5 * WEEK + 2 * HOUR)}
    last = volume_of(runs[START + 4 * WEEK])
    assert (last["outcome"], last["reason"]) == ("insufficient", "The version served in a part of the window only.")
    assert not Alert.objects.filter(title__contains="records as usual").exists()


def test_silence_stays_to_be_watched_however_long_it_lasts(live):
    world, monitor = live
    week(world, monitor, 0)
    for place in range(1, 7):
        for run in measured(START + (place + 1) * WEEK + 2 * HOUR):
            if run.window_start > START:
                assert run.outcome == "watch", place
    with clock.frozen(START + 70 * WEEK):
        assert schedule.ask_for_due(), "a record of long ago is a record"


def test_a_successor_that_never_sent_anything_is_silent_too(live):
    world, monitor = live
    week(world, monitor, 0)
    measured(START + WEEK + 2 * HOUR)
    first = AliasHistory.objects.get()
    first.during = TimestamptzRange(START - 10 * WEEK, START + WEEK)
    successor = a_version(world, 3)
    row = AliasHistory(
        model=first.model, alias=first.alias, version=successor, during=TimestamptzRange(START + WEEK, None)
    )
    audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[first, row])
    (run,) = measured(START + 2 * WEEK + 2 * HOUR)
    assert (run.version, run.rows, run.outcome) == (successor, 0, "watch")


def test_a_calendar_that_changes_measures_what_is_left_of_a_week_and_nothing_twice(live):
    world, monitor = live
    week(world, monitor, 0)
    measured(START + WEEK + 2 * HOUR)
    services.change_monitor(
        monitor_id=monitor.pk, person=world.owner, why="Our weeks are those of Berlin.", time_zone="Europe/Berlin"
    )
    week(world, monitor, 1)
    week(world, monitor, 2)
    runs = sorted(measured(START + 3 * WEEK + 2 * HOUR), key=lambda run: run.window_start)
    assert [(run.window_start, run.window_end) for run in runs][:2] == [
        (START + WEEK, START + 2 * WEEK - 2 * HOUR),
        (START + 2 * WEEK - 2 * HOUR, START + 3 * WEEK - 2 * HOUR),
    ]


def test_what_was_switched_off_is_not_silent_and_only_those_who_may_switch_it(live):
    world, monitor = live
    week(world, monitor, 0)
    measured(START + WEEK + 2 * HOUR)
    words = {"monitor_id": monitor.pk, "why": "The channel is closed over the holidays."}
    with pytest.raises(Forbidden):
        services.change_monitor(person=world.engineer, enabled=False, **words)
    with pytest.raises(InvalidInput):
        services.change_monitor(person=world.owner, enabled=True, **words)
    with pytest.raises(InvalidSettings):
        services.change_monitor(person=world.owner, time_zone="Mars/Olympus", **words)
    services.change_monitor(person=world.owner, enabled=False, **words)
    assert schedule.ask_for_due(START + 3 * WEEK) == []
    services.change_monitor(person=world.owner, enabled=True, **words)
    monitor.refresh_from_db()
    (run,) = measured(monitor.enabled_at + 2 * WEEK)
    assert timedelta() <= run.window_start - monitor.enabled_at < WEEK
    entry = log.entries_naming("monitoring_monitor", [monitor.pk])[-1].parsed["data"]
    assert (entry["before"]["enabled"], entry["after"]["enabled"]) == (False, True)
