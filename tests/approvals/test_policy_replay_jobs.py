"""Replay on real requests: who may ask, what is read with how many queries, what is kept; nothing else moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals import replay, replaying
from governance.approvals.errors import ReplayUnderWay
from governance.approvals.models import ApprovalRequest, PolicyReplay
from governance.approvals.tasks import replay_policy
from governance.audit import selectors as log
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.errors import LeaseLost
from governance.policy import services as policies
from governance.policy.document import parse
from governance.policy.problems import InvalidPolicy
from governance.policy.replay import digest
from tests.factories import Cast, a_policy_text, a_user, accept

STRICT = a_policy_text(
    ("expr: evidence.performance.auc.low >= 0.65", "expr: evidence.performance.auc.low >= 0.99"),
    ("fails_if: evidence.performance.auc.high < 0.65", "fails_if: evidence.performance.auc.high < 0.99"),
    ("limit: 0.65", "limit: 0.99"),
)


@pytest.fixture
def author(db):
    return a_user(Role.POLICY_AUTHOR)


def replayed(author: Any, text: str, **options: Any) -> PolicyReplay:
    return replaying.run_replay(replaying.ask_replay(asker=author, text=text, **options).pk)


def past(cast: Cast) -> list[ApprovalRequest]:
    """One that a validator's review lifted, one that is held, one whose evidence is not complete."""
    lifted, held = (cast.reviewed(number=number).approval for number in (1, 2))
    accept(lifted, cast.validator)
    cast.promotion(number=3)
    return [ApprovalRequest.objects.get(pk=row.pk) for row in (lifted, held)]


def test_the_policy_in_force_finds_what_was_found_and_a_stricter_one_what_would_change(cast, author):
    lifted, held = past(cast)
    assert (lifted.outcome, held.outcome) == ("ALLOW", "HOLD")
    same = replayed(author, cast.policy.text)
    assert [(row["case"], row["then"], row["now"], row["way"]) for row in same.result] == [
        (str(lifted.pk), "ALLOW", "ALLOW", "same"),
        (str(held.pk), "HOLD", "HOLD", "same"),
    ]
    strict = replayed(author, STRICT)
    assert strict.counts | {"missing": {}} == {
        "cases": 2,
        "changed": 2,
        "stricter": 2,
        "looser": 0,
        "verdicts": {"ALLOW BLOCK": 1, "HOLD BLOCK": 1},
        "missing": {},
    }
    assert {check["id"] for check in strict.result[0]["changed_checks"]} == {"performance.auc-floor"}
    for request in (lifted, held):  # nothing of them moved, and they keep their own version
        now = ApprovalRequest.objects.get(pk=request.pk)
        assert (now.verdict, now.log_entry, now.policy_version_id) == (
            request.verdict,
            request.log_entry,
            cast.policy.pk,
        )


def test_evidence_that_a_new_policy_asks_for_and_that_was_not_made_is_missing(cast, author):
    past(cast)
    more = a_policy_text(("explanation/v1:", "drift/v1: {max_age: P90D}\n  explanation/v1:"))
    row = replayed(author, more)
    assert row.counts["missing"] == {"drift/v1": 2}
    assert [found["now"] for found in row.result] == ["HOLD", "HOLD"]
    assert row.result[0]["missing"] == [{"type": "drift/v1", "why": "It was not made for this request."}]


def test_a_review_given_on_other_evidence_does_not_stand_in_the_replay(cast, author):
    lifted, _ = past(cast)
    other = a_policy_text(("min_share: 0.05", "min_share: 0.1"))
    found = next(row for row in replayed(author, other).result if row["case"] == str(lifted.pk))
    assert found["now"] == "HOLD"
    assert "another value of min_share" in found["missing"][0]["why"]


def test_the_same_text_and_rows_give_the_same_digest_which_the_log_names(cast, author):
    past(cast)
    first, second = replayed(author, STRICT), replayed(author, STRICT)
    assert first.result_digest == second.result_digest == digest(parse(STRICT), second.result)
    assert replayed(author, cast.policy.text).result_digest != first.result_digest
    entry = log.entry_by_id(second.replayed_entry)
    assert entry.parsed["event"] == "policy.replayed"
    assert entry.parsed["actor"] == f"person:{author.pk}"
    assert entry.parsed["data"] == {
        "replay": str(second.pk),
        "policy": second.policy_name,
        "version": None,
        "digest": second.policy_digest,
        "cases": 2,
        "stricter": 2,
        "looser": 0,
        "result": second.result_digest,
    }


def test_a_draft_is_replayed_without_being_published(cast, author):
    past(cast)
    draft = policies.draft_policy(text=STRICT, author=author)
    row = replaying.run_replay(replaying.ask_replay(asker=author, policy_version=draft).pk)
    draft.refresh_from_db()
    assert (row.policy_version, row.counts["stricter"], draft.published_at) == (draft, 2, None)
    assert log.entry_by_id(row.replayed_entry).parsed["data"]["version"] == draft.number


def test_only_requests_that_the_policy_would_govern_are_replayed_and_the_newest_first(cast, author):
    _, newest = past(cast)
    assert replayed(author, a_policy_text(("model_tier: [1, 2]", "model_tier: [3]"))).result == []
    assert replayed(author, a_policy_text(("targets: [champion", "targets: [other"))).result == []
    assert [row["case"] for row in replayed(author, STRICT, most=1).result] == [str(newest.pk)]


def test_the_past_is_read_with_five_queries_however_many_requests_there_are(cast, author):
    document = parse(STRICT)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            replay.cases(replay.requests_for(document, most=replaying.MOST))
        return len(seen)

    past(cast)
    few = queries()
    for number in range(4, 10):
        accept(cast.reviewed(number=number).approval, cast.validator)
    assert queries() == few <= 5


def test_who_may_ask_and_with_what(cast, author):
    for person in (cast.engineer, cast.owner, a_user(Role.ADMINISTRATOR)):
        with pytest.raises(Forbidden):
            replaying.ask_replay(asker=person, text=STRICT)
    for wrong in ({}, {"text": STRICT, "policy_version": cast.policy}):
        with pytest.raises(InvalidInput, match="Give the text"):
            replaying.ask_replay(asker=author, **wrong)
    for most in (0, replaying.MOST + 1):
        with pytest.raises(InvalidInput, match="1 to 2,000"):
            replaying.ask_replay(asker=author, text=STRICT, most=most)
    with pytest.raises(InvalidPolicy) as refused:
        replaying.ask_replay(asker=author, text=STRICT.replace("auc.low >= 0.99", "auc.lowest >= 0.99"))
    assert refused.value.problems[0].line
    with pytest.raises(Unknown):
        replay.replay(cast.policy.pk)
    assert not PolicyReplay.objects.exists()


def test_one_replay_a_person_at_a_time_also_in_the_database(cast, author):
    first = replaying.ask_replay(asker=author, text=STRICT)
    with pytest.raises(ReplayUnderWay):
        replaying.ask_replay(asker=author, text=STRICT)
    replaying.ask_replay(asker=a_user(Role.RISK_OFFICER), text=STRICT)
    replaying.run_replay(first.pk)
    replaying.ask_replay(asker=author, text=STRICT)
    for change in ("state = 'done'", "result_digest = 'sha256:0'", "steps_done = 5, steps_total = 4"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE approvals_policyreplay SET {change} WHERE state = 'queued'")


def test_a_worker_that_died_is_replaced_and_can_finish_nothing(cast, author):
    past(cast)
    row = replaying.ask_replay(asker=author, text=STRICT)
    first = replaying.claim(row.pk)
    assert (first, replaying.claim(row.pk), replaying.left_behind()) == (1, None, [])
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        assert replaying.left_behind() == [row.pk]
        done = replaying.run_replay(row.pk)
    assert (done.state, done.attempts, done.steps_done, done.steps_total) == ("done", 2, 2, 2)
    with pytest.raises(LeaseLost):
        replaying._finish(row.pk, first, parse(STRICT), [])
    entries = Entry.objects.count()
    assert replaying.run_replay(row.pk).result_digest == done.result_digest
    assert Entry.objects.count() == entries


def test_a_replay_that_cannot_be_carried_out_says_why(cast, author, monkeypatch):
    row = replaying.ask_replay(asker=author, text=STRICT)
    monkeypatch.setattr(replay, "cases", lambda requests: 1 / 0)
    replay_policy(str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "ZeroDivisionError: division by zero")
    replaying.ask_replay(asker=author, text=STRICT)  # a new one may be asked for


def test_a_worker_that_dies_each_time_is_given_up(cast, author):
    row = replaying.ask_replay(asker=author, text=STRICT)
    now = clock.now()
    for attempt in range(replaying.MAX_ATTEMPTS):
        with clock.frozen(now + timedelta(minutes=2 * attempt)):
            assert replaying.claim(row.pk) == attempt + 1
    with clock.frozen(now + timedelta(hours=1)):
        assert replaying.left_behind() == []
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "The worker died in each of 3 attempts.")
