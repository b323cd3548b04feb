"""Documents that a policy asks for: they count once another person accepted them, and until they expire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals import documents, enforcement, selectors
from governance.approvals.errors import ChecksHold
from governance.approvals.models import Finding, State
from governance.approvals.replay import cases
from governance.common import clock
from governance.evidence.models import SubmittedDocument
from governance.evidence.papers import waiting_because
from governance.policy.document import parse
from governance.policy.replay import replay
from tests.approvals.test_rules_in_sql import written
from tests.factories import Cast, a_policy_text, a_user, accept, approve, fresh, given, state_of
from tests.healthy_mlflow import healthy_mlflow
from tests.papers import reviewed, submitted, today

ASKED = "\n  submitted_document/v1: {kinds: [pen_test, dpia]}\n"
CHECK = """\
  - id: documents.pen-test-fresh
    title: The penetration test holds for another month
    expr: evidence.submitted_document.pen_test.days_left >= 30
    on_fail: warn
    why: What expires while it serves is renewed in time.
    owner: risk_officer
"""
POLICY = (("\n\nchecks:\n", f"{ASKED}\nchecks:\n{CHECK}"),)
DAY = timedelta(days=1)


@pytest.fixture
def cast(db, settings):
    """A promotion's people under a policy that asks for two documents."""
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield Cast(a_policy_text(*POLICY))


def waiting(cast, number=1):
    made = cast.promotion(number=number)
    cast.attached(made, ratio=0.97, half=0.05)
    return fresh(made)


def in_review(cast, number=1):
    """Both documents there and accepted: one about the version, one about the system."""
    made = waiting(cast, number)
    pen_test = submitted(made.version, cast.engineer)
    dpia = submitted(cast.system, cast.engineer, kind="dpia")
    for document in (pen_test, dpia):
        reviewed(document, cast.officer)
    return fresh(made), pen_test, dpia


def row_of(approval, name):
    return next((row for row in approval.verdict["checks"] if row["id"] == name), None)


def test_a_request_waits_until_another_person_accepted_each_document(cast):
    made = waiting(cast)
    assert state_of(made.approval) == State.COLLECTING
    submitted(made.version, cast.engineer)
    second = submitted(made.version, cast.engineer)
    dpia = submitted(cast.system, cast.engineer, kind="dpia")
    assert state_of(made.approval) == State.COLLECTING  # there, and counting for nothing
    reviewed(dpia, cast.validator)
    assert state_of(made.approval) == State.COLLECTING
    reviewed(second, cast.officer)
    approval = fresh(made).approval
    assert approval.state == State.IN_REVIEW
    assert str(second.evidence_id) in approval.evidence_ids
    assert row_of(approval, "documents.pen-test-fresh")["outcome"] == "pass"
    assert not any(row["id"].startswith("evidence.") for row in approval.verdict["checks"])


def test_who_asks_does_not_accept_what_their_request_waits_for(cast):
    given(cast.engineer, Role.RISK_OFFICER)  # who may review documents, and does so for requests of others
    made = waiting(cast)
    for document in (pen_test := submitted(made.version, cast.owner), submitted(cast.system, cast.owner, kind="dpia")):
        reviewed(document, cast.engineer)
    assert state_of(made.approval) == State.COLLECTING
    wanted = next(row for row in made.approval.required_evidence if row.get("kind") == "pen_test")
    _, why = waiting_because(cast.system.pk, wanted, clock.now(), asker=cast.engineer.pk)
    assert why == "It was submitted, and waits for another person's review"
    reviewed(pen_test, cast.validator)
    assert state_of(made.approval) == State.COLLECTING
    reviewed(SubmittedDocument.objects.get(kind="dpia"), cast.validator)
    assert state_of(made.approval) == State.IN_REVIEW


def test_a_refused_one_does_not_count_and_says_so(cast):
    made = waiting(cast)
    reviewed(submitted(made.version, cast.engineer, kind="dpia"), cast.officer)
    reviewed(submitted(made.version, cast.engineer), cast.officer, "refused")
    assert state_of(made.approval) == State.COLLECTING
    wanted = next(row for row in made.approval.required_evidence if row.get("kind") == "pen_test")
    newest, why = waiting_because(cast.system.pk, wanted, clock.now(), asker=cast.engineer.pk)
    assert newest is not None
    assert why == "A reviewer refused the document"


def test_who_submitted_is_kept_from_deciding_and_who_reviewed_is_not(cast):
    second = a_user(Role.VALIDATOR)
    made = waiting(cast)
    for document in (submitted(made.version, second), submitted(cast.system, second, kind="dpia")):
        reviewed(document, cast.officer)
    approval = fresh(made).approval
    assert selectors.exclusion_of(approval, second) == ["evidence_producer"]
    assert selectors.exclusion_of(approval, cast.officer) == []


def test_one_that_expires_in_review_is_missing_and_nobody_approves_on_it(cast):
    made, pen_test, _ = in_review(cast)
    accept(made.approval, cast.validator)
    with clock.frozen(clock.now() + 91 * DAY), pytest.raises(ChecksHold, match="The document expired on"):
        approve(made.approval, cast.validator)
    # refused with its reason, and nothing was written
    with clock.frozen(clock.now() + 91 * DAY):
        enforcement.sweep()
        row = row_of(fresh(made).approval, "evidence.submitted_document.pen_test")
        assert (row["outcome"], row["effect"]) == ("missing", "HOLD")
        assert f"expired on {pen_test.expires_on.day} " in row["reason"]
        assert row_of(fresh(made).approval, "documents.pen-test-fresh")["outcome"] == "missing"


def test_a_second_reviewer_who_refuses_takes_it_back_at_once(cast):
    made, pen_test, _ = in_review(cast)
    reviewed(pen_test, cast.validator, "refused")
    approval = fresh(made).approval
    assert approval.outcome == "HOLD"
    assert "refused" in row_of(approval, "evidence.submitted_document.pen_test")["reason"]


def approved(cast):
    made, pen_test, dpia = in_review(cast)
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    assert state_of(made.approval) == State.APPROVED
    return made, pen_test, dpia


def test_when_one_expires_on_which_an_approval_rests_a_finding_is_opened_once(cast):
    made, pen_test, _ = approved(cast)
    assert documents.sweep() == 0
    with clock.frozen(clock.now() + 90 * DAY):
        assert documents.sweep() == 0  # its last day
    with clock.frozen(clock.now() + 91 * DAY):
        assert documents.sweep() == 2
        assert documents.sweep() == 0
        finding = Finding.objects.filter(title__contains=str(pen_test.evidence_id)[:8]).get()
        assert (finding.system_id, finding.request_id) == (cast.system.pk, made.approval_id)
        finding.closed_at, finding.closed_by = clock.now(), cast.officer
        written(finding)
        assert documents.sweep() == 0  # whoever closed it has seen it


def test_a_replay_asks_what_counted_when_the_review_opened(cast):
    made, _, _ = approved(cast)
    document = parse(cast.policy.text)
    with clock.frozen(clock.now() + 91 * DAY):
        row = next(iter(replay(document, cases([fresh(made).approval]))))
    assert (row.then, row.now, row.missing) == (row.then, row.then, ())


def test_a_replay_says_which_document_is_lacking(cast):
    made, _, _ = approved(cast)
    stricter = cast.policy.text.replace("[pen_test, dpia]", "[pen_test, dpia, validation_report]")
    row = next(iter(replay(parse(stricter), cases([fresh(made).approval]))))
    assert row.now == "HOLD"
    assert [item.why for item in row.missing] == ["validation report: None was part of this request."]
    aged = cast.policy.text.replace("{kinds: [pen_test, dpia]}", "{kinds: [pen_test, dpia], max_age: P5D}")
    row = next(iter(replay(parse(aged), cases([fresh(made).approval]))))
    assert len(row.missing) == 2


def test_max_age_is_held_against_the_day_of_issue(db, settings):
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        text = a_policy_text(*POLICY).replace("{kinds: [pen_test, dpia]}", "{kinds: [pen_test], max_age: P30D}")
        cast = Cast(text)
        made = waiting(cast)
        reviewed(submitted(made.version, cast.engineer, issued_on=today() - 31 * DAY), cast.officer)
        assert state_of(made.approval) == State.COLLECTING
        reviewed(submitted(made.version, cast.engineer, issued_on=today() - 29 * DAY), cast.officer)
        assert state_of(made.approval) == State.IN_REVIEW
