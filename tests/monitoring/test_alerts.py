"""What a window sets off by the policy's word: once for each alert, and all of it in one transaction."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client
from psycopg.types.range import TimestamptzRange

from governance.approvals.models import Finding, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence import services as evidence
from governance.evidence.models import EvidenceJob
from monitoring import alerts, schedule, services
from monitoring.models import Alert, ScheduledWindow
from registry.models import AliasHistory
from tests.factories import CREDIT_POLICY
from tests.monitoring.monitor_world import START, a_frame, lines_of, make_world, measure, run_job, send

pytestmark = pytest.mark.usefixtures("db", "storage")

WEEK = timedelta(days=7)
NUMBERS = "numeric: {method: psi, watch: 0.1, limit: 0.25}"
FAR = NUMBERS.replace("0.25", "0.6")


def a_world(monkeypatch, *changes):
    """A world whose policy says other things of watching."""
    import tests.monitoring.monitor_world as worlds

    text = CREDIT_POLICY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    monkeypatch.setattr(worlds, "CREDIT_POLICY", text)
    return make_world()


def weeks(monitor, world, *shifts):
    """Send a week of records for each shift, and measure each."""
    made = []
    for place, shift in enumerate(shifts):
        start = START - (len(shifts) - place) * WEEK
        send(monitor, world, lines_of(a_frame(500, seed=20 + place, shift=shift), start=start), batch=f"w-{place}")
        made.append(measure(monitor, start=start, end=start + WEEK))
    return made


def test_what_is_to_be_watched_alerts_and_stops_nothing_until_it_is_a_breach(monkeypatch):
    world = a_world(
        monkeypatch,
        (NUMBERS, FAR),
    )
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    quiet, watched, worse, again = weeks(monitor, world, 0.0, 0.5, 1.2, 1.2)
    assert [run.outcome for run in (quiet, watched, worse, again)] == ["stable", "watch", "drift", "drift"]
    alert = Alert.objects.get()
    assert (alert.run, alert.newest_run, alert.severity) == (watched, again, "breach")
    world.approval.refresh_from_db()
    assert world.approval.state == State.SUSPENDED
    entries = log.entries_naming("monitoring_alert", [alert.pk])
    assert [entry.parsed["data"].get("change") for entry in entries] == [None, "breached", "joined"]
    assert Finding.objects.filter(code=alerts.REVIEW).count() == 1
    assert Finding.objects.filter(code=alerts.ROLLBACK).count() == 1
    assert alert.review.request == world.approval
    assert f"AL-{alert.number}" in alert.review.title


def test_a_breach_does_no_more_than_the_policy_says(monkeypatch):
    world = a_world(monkeypatch, ("  on_breach: [rereview, ask_rollback, retrain]\n", ""))
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    (run,) = weeks(monitor, world, 1.2)
    assert run.alert.severity == "breach"
    assert (run.alert.review, run.alert.rollback) == (None, None)
    assert not Finding.objects.exists()


def test_an_alert_is_muted_for_a_time_by_those_who_may_and_a_breach_ends_it(monkeypatch):
    world = a_world(
        monkeypatch,
        (NUMBERS, FAR),
    )
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    (run,) = weeks(monitor, world, 0.5)
    soon = clock.now() + timedelta(days=10)
    for person, until, error in (
        (world.engineer, soon, Forbidden),
        (world.owner, clock.now() - timedelta(minutes=1), InvalidInput),
        (world.owner, clock.now() + timedelta(days=91), InvalidInput),
    ):
        with pytest.raises(error):
            alerts.mute_alert(alert_id=run.alert.pk, person=person, until=until, why="A campaign that we know of.")
    muted = alerts.mute_alert(alert_id=run.alert.pk, person=world.owner, until=soon, why="A campaign that we know of.")
    assert (muted.muted_until, muted.muted_by) == (soon, world.owner)
    send(monitor, world, lines_of(a_frame(500, seed=9, shift=1.3), start=START), batch="worse")
    measure(monitor, start=START, end=START + WEEK)
    muted.refresh_from_db()
    assert (muted.severity, muted.muted_until, muted.muted_by) == ("breach", None, None)


def test_the_page_of_an_alert_says_what_followed_and_takes_what_people_do(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    (run,) = weeks(monitor, world, 1.2)
    browser = Client()
    browser.force_login(world.owner)
    address = f"/alerts/{run.alert.pk}"
    page = browser.get(address).content.decode()
    for words in (
        f"AL-{run.alert.number}",
        "Approval suspended",
        "A new decision is asked for",
        "Asked to roll back",
        "months",
    ):
        assert words in page, words
    assert browser.post(f"{address}/acknowledgement").status_code == 302
    assert browser.post(f"{address}/acknowledgement").status_code == 409
    refused = browser.post(f"{address}/mute", {"until": "soon", "why": "so"})
    assert (refused.status_code, b"Write the day as 2026-12-31." in refused.content) == (422, True)
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    assert browser.post(f"{address}/mute", {"until": day, "why": "A campaign that we know of."}).status_code == 302
    assert browser.post(f"{address}/resolution", {"how": "Retrained on the new applicants."}).status_code == 302
    page = browser.get(address).content.decode()
    for words in (
        "took it in hand",
        "A campaign that we know of.",
        "Retrained on the new applicants.",
        "It is resolved.",
    ):
        assert words in page, words
    stranger = Client()
    stranger.force_login(world.service)
    assert stranger.get(address).status_code in {403, 404}


def test_each_window_is_asked_for_once_after_it_ended_also_after_an_outage(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner, time_zone="Europe/Berlin")
    first = START - 3 * WEEK
    for place in range(3):
        body = lines_of(a_frame(300, seed=40 + place), start=first + place * WEEK)
        send(monitor, world, body, batch=f"w-{place}")
    assert schedule.ask_for_due(first + timedelta(days=3)) == []
    jobs = schedule.ask_for_due(first + 2 * WEEK + timedelta(days=3))
    asked = list(ScheduledWindow.objects.order_by("start"))
    assert [row.job_id for row in asked] == jobs
    assert {row.start.astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H:%M") for row in asked} == {"Mon 00:00"}
    assert len(asked) >= 2
    assert all(one.end == other.start for one, other in pairwise(asked))
    assert schedule.ask_for_due(first + 2 * WEEK + timedelta(days=3)) == []
    later = schedule.ask_for_due(first + 6 * WEEK)
    assert len(later) == len(set(later)) > 0
    assert ScheduledWindow.objects.count() == len(asked) + len(later)
    for row in ScheduledWindow.objects.order_by("start"):
        run = run_job(row.job)
        assert (run.window_start, run.window_end) == (row.start, row.end)
    total = sum(row.job.evidence.payload["n"] for row in ScheduledWindow.objects.select_related("job__evidence"))
    assert total == 900


def test_a_window_that_somebody_had_measured_whole_is_not_measured_again(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    weeks(monitor, world, 0.0, 0.0)
    assert schedule.ask_for_due(START + WEEK) == []


def test_a_look_by_hand_before_the_end_takes_no_window_from_the_calendar(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    send(monitor, world, lines_of(a_frame(120, seed=1), start=START, hours=2), batch="early")
    measure(monitor, start=START, end=START + WEEK)
    send(
        monitor,
        world,
        lines_of(a_frame(400, seed=2, shift=1.2), start=START + timedelta(hours=3), hours=100),
        batch="rest",
    )
    (job,) = schedule.ask_for_due(START + WEEK + timedelta(hours=2))
    run = run_job(EvidenceJob.objects.get(pk=job))
    assert (run.rows, run.outcome) == (520, "drift")


def test_a_recent_window_is_measured_again_when_more_of_its_records_came_in_and_when_its_job_failed(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    after = START + WEEK + timedelta(hours=2)
    with clock.frozen(after):
        send(monitor, world, lines_of(a_frame(200, seed=1), start=START, hours=100), batch="one")
        (first,) = schedule.ask_for_due()
        run_job(EvidenceJob.objects.get(pk=first))
        assert schedule.ask_for_due() == []
        send(monitor, world, lines_of(a_frame(200, seed=2), start=START, hours=100), batch="late")
        assert schedule.ask_for_due() == [], "not at once: more may come"
    with clock.frozen(after + schedule.AGAIN + timedelta(minutes=1)):
        (second,) = schedule.ask_for_due()
        job = EvidenceJob.objects.get(pk=second)
        evidence.fail(job.pk, evidence.claim(job.pk), "The child could not be kept apart.", again=False)
        assert schedule.ask_for_due() == []
    with clock.frozen(after + 2 * schedule.AGAIN + timedelta(minutes=2)):
        (third,) = schedule.ask_for_due()
        assert run_job(EvidenceJob.objects.get(pk=third)).rows == 400
    assert ScheduledWindow.objects.get().job_id == third


def test_a_breach_of_a_version_that_is_not_live_calls_nobody_and_has_its_consequences_once_it_is(monkeypatch):
    world = a_world(monkeypatch)
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    history = AliasHistory.objects.get()
    with transaction.atomic():
        history.during = TimestamptzRange(history.during.lower, clock.now(), "[)")
        audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[history])
    body = lines_of(a_frame(400, seed=3, shift=1.2), start=START - WEEK)
    send(monitor, world, body, batch="before", version=world.version.number)
    first = measure(monitor, start=START - WEEK, end=START, version=world.version)
    assert "is not live" in first.alert.effect
    assert not Finding.objects.exists()
    again = AliasHistory(
        model=history.model,
        alias=history.alias,
        version=history.version,
        promotion=history.promotion,
        during=TimestamptzRange(clock.now(), None, "[)"),
    )
    with transaction.atomic():
        audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[again])
    send(monitor, world, lines_of(a_frame(400, seed=4, shift=1.2), start=START), batch="live")
    with clock.frozen(START + 60 * WEEK):
        measure(monitor, start=START, end=START + WEEK)
    alert = Alert.objects.get()
    world.approval.refresh_from_db()
    assert (alert.approval, world.approval.state) == (world.approval, State.SUSPENDED)
    assert Finding.objects.count() == 2
