"""A replay over 100 past requests: fast, with as many queries as over few, and the same twice."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals import replay, replaying
from governance.policy.selectors import document_of
from tests.factories import a_policy, a_user
from tests.past import past_requests

PAST = 100
SECONDS = 3.0  # 1,000 may take 30; `python -m benchmarks replay` measures them


@pytest.mark.slow
def test_a_hundred_past_requests_are_replayed_in_seconds_and_each_finds_its_verdict_again(db):
    policy = a_policy()
    past_requests(PAST, policy)
    author = a_user(Role.POLICY_AUTHOR)
    began = time.perf_counter()
    first = replaying.run_replay(replaying.ask_replay(asker=author, policy_version=policy).pk)
    took = time.perf_counter() - began
    assert (first.counts["cases"], first.counts["changed"], first.counts["missing"]) == (PAST, 0, {})
    assert len(first.counts["verdicts"]) == 3  # some of each verdict, or this shows little
    assert all(row["changed_checks"] == [] for row in first.result)
    again = replaying.run_replay(replaying.ask_replay(asker=author, policy_version=policy).pk)
    assert again.result_digest == first.result_digest
    with CaptureQueriesContext(connection) as seen:
        replay.cases(replay.requests_for(document_of(policy), most=PAST))
    assert len(seen) <= 5
    assert took < SECONDS
