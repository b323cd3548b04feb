"""A request whose evidence never comes expires, as its policy says, and its subject may be asked for again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client

from governance.approvals import expiry, services
from governance.approvals.errors import RequestNotOpen
from governance.approvals.models import State
from governance.approvals.tasks import sweep_approvals
from governance.audit import selectors as log
from governance.common import clock
from governance.evidence.models import Evidence
from registry import promotions
from tests import payloads
from tests.approvals.test_races import at_once, endings
from tests.factories import REASON, Cast, a_policy_text, approve, attach, state_of
from tests.proving import count

WITHIN = a_policy_text(("  decide_within: P30D\n", "  decide_within: P30D\n  collect_within: P3D\n"))
SECOND = timedelta(seconds=1)


def test_the_clock_expires_what_never_gets_its_evidence_and_nothing_else(cast):
    made, reviewed = cast.promotion().approval, cast.reviewed(number=2).approval
    until = expiry.collects_until(made)
    assert until == made.opened_at + timedelta(days=30)
    assert expiry.collects_until(reviewed) is None
    with clock.frozen(until - SECOND):
        assert expiry.expire_collecting() == 0
    with clock.frozen(until + SECOND):
        assert expiry.expire_collecting() == 1
        assert expiry.expire_collecting() == 0
    assert (state_of(made), state_of(reviewed)) == (State.EXPIRED, State.IN_REVIEW)
    last = log.entries_about_request(made.pk)[-1]
    assert (last.actor, last.parsed["data"]["from"], last.parsed["data"]["to"]) == (
        "system:clock",
        "collecting",
        "expired",
    )
    made.refresh_from_db()
    assert made.settled_at == until + SECOND
    assert "evidence was not complete" in made.state_reason


def test_the_sweep_does_it_and_the_version_may_be_asked_for_again(cast):
    first = cast.promotion()
    with clock.frozen(clock.now() + timedelta(days=31)):
        sweep_approvals()
        assert state_of(first.approval) == State.EXPIRED
        again, _ = promotions.request_promotion(
            model=cast.model.name, version=1, alias="champion", requester=cast.engineer
        )
    assert again.approval_id != first.approval_id


def test_the_policy_says_how_long(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    approval = Cast(WITHIN).promotion().approval
    with clock.frozen(approval.opened_at + timedelta(days=3) + SECOND):
        assert expiry.expire_collecting() == 1


def test_a_resubmission_begins_the_time_anew(cast, monkeypatch):
    approval = cast.allowed().approval
    approve(approval, cast.validator, verdict="request_changes")
    now = clock.now()
    monkeypatch.setattr(services, "collect", lambda subject, kind: None)  # its evidence is still to be made
    with clock.frozen(now + timedelta(days=100)):
        services.resubmit(request_id=approval.pk, requester=cast.engineer, reason=REASON)
        assert expiry.expire_collecting() == 0
    with clock.frozen(now + timedelta(days=130) - SECOND):
        assert expiry.expire_collecting() == 0
    with clock.frozen(now + timedelta(days=130) + SECOND):
        assert expiry.expire_collecting() == 1


def test_evidence_that_comes_too_late_is_kept_and_opens_nothing(cast):
    approval = cast.promotion().approval
    with clock.frozen(approval.opened_at + timedelta(days=31)):
        expiry.expire_collecting()
        for payload in (payloads.performance(production=False), payloads.fairness(), payloads.explanation()):
            attach(approval, payload)
        assert state_of(approval) == State.EXPIRED
        assert Evidence.objects.filter(subject_id=approval.subject_id).count() == 3
        with pytest.raises(RequestNotOpen):
            services.withdraw(request_id=approval.pk, requester=cast.engineer, reason=REASON)


def test_the_pages_say_until_when_and_then_that_it_expired(cast):
    made = cast.promotion()
    client = Client()
    client.force_login(cast.engineer)
    until = expiry.collects_until(made.approval)
    assert f"{until:%d %b %Y}".lstrip("0") in client.get(f"/approvals/{made.approval_id}").content.decode()
    with clock.frozen(until + SECOND):
        expiry.expire_collecting()
    for address in (f"/approvals/{made.approval_id}", f"/promotions/{made.pk}", "/?waiting=settled"):
        page = client.get(address)
        assert page.status_code == 200
        assert "Expired" in page.content.decode()


ANSWERED = a_policy_text(("  decide_within: P30D\n", "  decide_within: P30D\n  answer_within: P2D\n"))


def _changes_requested(cast):
    approval = cast.allowed().approval
    approve(approval, cast.validator, verdict="request_changes")
    approval.refresh_from_db()
    return approval


def test_requested_changes_that_nobody_answers_expire_and_nothing_else_does(cast):
    approval, other = _changes_requested(cast), cast.reviewed(number=2).approval
    asked = approval.decisions.get().decided_at
    until = expiry.answer_until(approval)
    assert until == expiry.ends_at(approval) == asked + timedelta(days=30)
    assert expiry.answer_until(other) is None
    with clock.frozen(until - SECOND):
        assert expiry.expire_unanswered() == 0
    with clock.frozen(until + SECOND):
        assert expiry.expire_unanswered() == 1
        assert expiry.expire_unanswered() == 0
        with pytest.raises(RequestNotOpen):
            services.resubmit(request_id=approval.pk, requester=cast.engineer, reason=REASON)
    assert (state_of(approval), state_of(other)) == (State.EXPIRED, State.IN_REVIEW)
    last = log.entries_about_request(approval.pk)[-1]
    assert (last.actor, last.parsed["data"]["from"]) == ("system:clock", "changes_requested")


def test_the_policy_says_how_long_an_answer_may_take_and_the_pages_say_until_when(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(ANSWERED)
    approval = _changes_requested(cast)
    until = expiry.answer_until(approval)
    assert until == approval.decisions.get().decided_at + timedelta(days=2)
    client = Client()
    client.force_login(cast.engineer)
    said = f"{until:%d %b}".lstrip("0")
    for address in (f"/approvals/{approval.pk}", f"/promotions/{approval.promotion.pk}"):
        assert said in client.get(address).content.decode()
    with clock.frozen(until + SECOND):
        sweep_approvals()
    assert state_of(approval) == State.EXPIRED


def test_a_second_request_for_changes_begins_the_time_anew(cast):
    approval = _changes_requested(cast)
    first = expiry.answer_until(approval)
    with clock.frozen(clock.now() + timedelta(days=20)):
        services.resubmit(request_id=approval.pk, requester=cast.engineer, reason=REASON)
        approve(approval, cast.validator, verdict="request_changes")
        approval.refresh_from_db()
        assert expiry.answer_until(approval) == clock.now() + timedelta(days=30) > first


@pytest.mark.django_db(transaction=True)
def test_the_last_evidence_against_the_end_of_its_time_has_one_winner(committed_cast):
    cast = committed_cast

    def expire() -> None:
        with clock.frozen(clock.now() + timedelta(days=365)):
            expiry.expire_collecting()

    for number in range(1, count(200, 4) + 1):
        approval = cast.promotion(number=number).approval
        attach(approval, payloads.performance(production=False))
        attach(approval, payloads.fairness())
        at_once(partial(attach, approval, payloads.explanation()), expire)
        state = state_of(approval)
        assert endings(approval) == ([State.EXPIRED] if state == State.EXPIRED else [])
        assert state in {State.EXPIRED, State.IN_REVIEW}
        assert Evidence.objects.filter(subject_id=approval.subject_id).count() == 3
