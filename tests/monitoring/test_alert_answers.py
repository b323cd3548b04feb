"""What an alert asked for is settled by its answer, and holds no decision up meanwhile."""

from __future__ import annotations

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
from monitoring import selectors, services, tasks
from registry import promotions
from registry.models import AliasHistory
from tests.factories import CREDIT_POLICY, a_policy
from tests.monitoring.monitor_world import START, a_frame, a_version, lines_of, make_world, measure, send

pytestmark = pytest.mark.usefixtures("db", "storage")

WEEK = timedelta(days=7)


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
