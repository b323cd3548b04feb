"""What an alert asked for is settled by its answer, and holds no decision up meanwhile."""

from __future__ import annotations

import uuid
from copy import copy
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from psycopg.types.range import TimestamptzRange

from governance.approvals import conditions, findings
from governance.approvals import services as approvals
from governance.approvals.models import Finding, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput
from monitoring import alerts, selectors, services, tasks
from registry import promotions
from registry.models import AliasHistory
from tests.factories import CREDIT_POLICY, a_policy
from tests.monitoring.monitor_world import START, a_frame, a_version, lines_of, make_world, measure, send

pytestmark = pytest.mark.usefixtures("db", "storage")

WEEK = timedelta(days=7)
FAR = "numeric: {method: psi, watch: 0.1, limit: 0.6}"


@pytest.fixture
def breach(monkeypatch):
    """A world whose live version drifted: suspended, a new decision and a rollback asked for."""
    import tests.monitoring.monitor_world as worlds

    text = CREDIT_POLICY.replace(
        "approval:\n", "approval:\n  conditions: {max_open_findings: 0, on_overdue: suspend}\n"
    )
    assert text != CREDIT_POLICY
    monkeypatch.setattr(worlds, "CREDIT_POLICY", text)
    world = make_world()
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    send(monitor, world, lines_of(a_frame(500, seed=5, shift=1.2), start=START - WEEK))
    alert = measure(monitor, start=START - WEEK, end=START).alert
    world.approval.refresh_from_db()
    assert world.approval.state == State.SUSPENDED
    return world, alert


def settle(world, state):
    approvals.move(world.approval, state, actor=world.owner, reason="Looked at.", allowed={State.SUSPENDED})


def open_codes():
    return set(Finding.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


def test_lifting_answers_both_questions(breach):
    world, alert = breach
    assert open_codes() == {"drift-review", "rollback-asked"}
    settle(world, State.APPROVED)
    assert open_codes() == set()
    alert.review.refresh_from_db()
    entry = log.entries_naming("approvals_finding", [alert.review_id])[-1]
    assert (entry.actor, alert.review.closed_by) == ("system:monitoring", None)
    assert "approved" in log.payloads_of([entry.id])[entry.id]["how"]


def test_revoking_answers_the_question_but_what_serves_is_still_to_be_rolled_back(breach):
    world, _ = breach
    settle(world, State.REVOKED)
    assert open_codes() == {"rollback-asked"}


def test_a_version_that_serves_no_longer_need_not_be_rolled_back(breach):
    assert breach
    tasks.measure_due()
    assert open_codes() == {"drift-review", "rollback-asked"}
    history = AliasHistory.objects.get()
    with transaction.atomic():
        history.during = TimestamptzRange(history.during.lower, clock.now(), "[)")
        audit.append(event=Event.VERSION_MIRRORED, actor=System("test"), subjects=[history])
    tasks.measure_due()
    assert open_codes() == {"drift-review"}


def test_what_asks_for_a_decision_does_not_hold_it_up_and_a_flaw_does(breach):
    world, _ = breach
    assert conditions.holds(world.approval) == []
    with clock.frozen(clock.now() + timedelta(days=30)):
        assert conditions.overdue(world.approval, lifting=True) is None
        assert conditions.overdue(world.approval).code in findings.QUESTIONS
    findings.open_finding(
        system=world.model.system,
        code="raised",
        title="The score of students is too low",
        severity=Finding.Severity.MEDIUM,
        source="person",
        actor=world.owner,
    )
    (held,) = conditions.holds(world.approval)
    assert held["reason"].startswith("1 finding")


def test_a_request_says_which_alert_of_its_model_it_answers_and_the_review_links_to_it(breach):
    world, alert = breach
    a_policy()
    number = a_version(world, 3).number
    asked = {"model": "credit-risk", "version": number, "alias": "champion", "requester": world.engineer}
    for name in ("AL-999", "7", "AL-0", f"AL-{alert.number}; DROP"):
        with pytest.raises(InvalidInput, match="There is no alert"):
            promotions.request_promotion(**asked, in_answer_to=name)
    promotion, _ = promotions.request_promotion(**asked, in_answer_to=f"al-{alert.number}")
    assert promotion.in_answer_to == f"AL-{alert.number}"
    assert list(selectors.answers_to(alert)) == [promotion]
    said = log.entries_naming("registry_promotionrequest", [promotion.pk])[-1].parsed["data"]
    assert said["in_answer_to"] == f"AL-{alert.number}"
    browser = Client()
    browser.force_login(world.owner)
    for address in (f"/approvals/{promotion.approval_id}", f"/promotions/{promotion.pk}"):
        page = browser.get(address).content.decode()
        assert f'href="/alerts/{alert.pk}"' in page, address
    assert f"Answered by {promotion}" in browser.get(f"/alerts/{alert.pk}").content.decode()


def test_a_window_that_was_decided_on_sets_nothing_off_again_when_late_records_have_it_measured(breach):
    world, alert = breach
    settle(world, State.APPROVED)
    alerts.resolve_alert(alert_id=alert.pk, person=world.engineer, how="The officer looked; the campaign is known.")
    send(alert.monitor, world, lines_of(a_frame(10, seed=8, shift=1.2), start=START - WEEK), batch="late")
    again = measure(alert.monitor, start=START - WEEK, end=START)
    assert "given its force back" in again.alert.effect
    world.approval.refresh_from_db()
    assert world.approval.state == State.APPROVED
    assert open_codes() == set()


def test_an_older_window_that_is_measured_late_is_not_the_newest_of_its_alert(breach):
    world, alert = breach
    send(alert.monitor, world, lines_of(a_frame(400, seed=9, shift=1.2), start=START - 2 * WEEK), batch="before")
    measure(alert.monitor, start=START - 2 * WEEK, end=START - WEEK)
    alert.refresh_from_db()
    assert alert.newest_run == alert.run


def test_a_look_at_other_hours_is_a_look(breach):
    world, alert = breach
    settle(world, State.APPROVED)
    alerts.resolve_alert(alert_id=alert.pk, person=world.engineer, how="The officer looked; the campaign is known.")
    send(alert.monitor, world, lines_of(a_frame(400, seed=9, shift=1.2), start=START), batch="next")
    for start, end in ((START, START + timedelta(days=2)), (START, START + timedelta(days=14))):
        run = measure(alert.monitor, start=start, end=end)
        assert (run.outcome, hasattr(run, "alert")) == ("drift", False)
    world.approval.refresh_from_db()
    assert world.approval.state == State.APPROVED


def test_a_question_that_a_second_alert_asked_is_answered_with_the_first(breach):
    world, alert = breach
    alerts.resolve_alert(alert_id=alert.pk, person=world.engineer, how="Retraining is on its way already.")
    send(alert.monitor, world, lines_of(a_frame(400, seed=9, shift=1.2), start=START), batch="next")
    second = measure(alert.monitor, start=START, end=START + WEEK).alert
    assert (second.approval, second.review.request) == (None, world.approval)
    settle(world, State.APPROVED)
    assert open_codes() == set()


def test_nobody_answered_what_merely_lapsed(breach):
    world, _ = breach
    settle(world, State.LAPSED)
    assert open_codes() == {"drift-review", "rollback-asked"}


def test_a_question_about_one_approval_takes_no_other_s_force(breach):
    world, _ = breach
    other = copy(world.approval)
    other.pk = uuid.uuid4()
    with clock.frozen(clock.now() + timedelta(days=30)):
        assert conditions.overdue(world.approval) is not None
        assert conditions.overdue(other) is None


def test_what_was_taken_in_hand_as_less_is_open_again_once_it_is_a_breach(monkeypatch):
    import tests.monitoring.monitor_world as worlds

    text = CREDIT_POLICY.replace("numeric: {method: psi, watch: 0.1, limit: 0.25}", FAR)
    assert text != CREDIT_POLICY
    monkeypatch.setattr(worlds, "CREDIT_POLICY", text)
    world = make_world()
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    send(monitor, world, lines_of(a_frame(500, seed=5, shift=0.5), start=START - 2 * WEEK), batch="less")
    alert = measure(monitor, start=START - 2 * WEEK, end=START - WEEK).alert
    alerts.acknowledge_alert(alert_id=alert.pk, person=world.owner)
    send(monitor, world, lines_of(a_frame(500, seed=6, shift=1.2), start=START - WEEK), batch="more")
    measure(monitor, start=START - WEEK, end=START)
    alert.refresh_from_db()
    assert (alert.severity, alert.state, alert.acknowledged_by) == ("breach", "open", None)


def test_a_suspension_lifted_for_another_reason_decides_nothing_about_a_window_that_nobody_had_seen(breach):
    world, alert = breach
    settle(world, State.APPROVED)
    send(alert.monitor, world, lines_of(a_frame(400, seed=9, shift=1.2), start=START), batch="next")
    approvals.suspend(request_id=world.approval.pk, reason="The store holds other bytes.", actor=System("test"))
    world.approval.refresh_from_db()
    settle(world, State.APPROVED)  # later than the window's end, and before it was measured
    measure(alert.monitor, start=START, end=START + WEEK)
    world.approval.refresh_from_db()
    assert world.approval.state == State.SUSPENDED
