"""Replay: what past requests would have been under another policy, said for each check, with nothing guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.document import PolicyDocument
from governance.policy.evaluate import Review, evaluate
from governance.policy.holds import held_by_context
from governance.policy.replay import Case, Made, Reviewed, counts, digest, replay
from tests.policy.factories import a_check, a_policy, auc_facts, untimed

ASKED_AT = datetime(2026, 7, 1, tzinfo=UTC)
RULE = ("evidence.performance.auc.low >= 0.7", "evidence.performance.auc.high < 0.7")
HELD = a_check(on_insufficient="human_review")


def made(**changes: Any) -> Made:
    return Made(
        **{
            "type": "performance/v1",
            "payload_digest": "sha256:1",
            "parameters": {},
            "dataset_roles": frozenset({"evaluation"}),
            "made_at": ASKED_AT - timedelta(days=1),
        }
        | changes
    )


def a_case(
    policy: PolicyDocument, low: float, high: float, *, holds: Any = (), reviews: Any = (), **changes: Any
) -> Case:
    facts = auc_facts(low, high)
    verdict = held_by_context(evaluate(policy, facts, reviews=[given.review for given in reviews]), holds)
    case = Case("case", ASKED_AT, facts, (made(),), verdict.as_json(), holds=holds, reviews=reviews)
    return replace(case, **changes)


def one(policy: PolicyDocument, case: Case) -> Any:
    (row,) = replay(policy, [case])
    return row


@untimed
@given(
    ends=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6),
    held=st.booleans(),
)
def test_the_policy_that_decided_decides_the_same_again(ends, held):
    policy = a_policy(HELD)
    holds = ({"id": "lineage.trainer", "title": "Trainer", "reason": "Unknown."},) if held else ()
    cases = [a_case(policy, min(pair), max(pair), holds=holds) for pair in ends]
    rows = list(replay(policy, cases))
    assert [(row.now, row.way, row.changed_checks, row.missing) for row in rows] == [
        (case.then["outcome"], "same", (), ()) for case in cases
    ]
    assert counts(rows)["changed"] == 0


def test_a_limit_that_moves_changes_the_verdict_and_names_the_check():
    old, strict, lax = (
        a_policy(a_check(expr=f"evidence.performance.auc.low >= {limit}", fails_if=None)) for limit in (0.7, 0.8, 0.6)
    )
    row = one(strict, a_case(old, 0.75, 0.85))
    assert (row.then, row.now, row.way) == ("ALLOW", "BLOCK", "stricter")
    (check,) = row.changed_checks
    assert (check.id, check.then, check.now, check.effect_now) == ("performance.auc", "pass", "fail", "BLOCK")
    assert one(lax, a_case(old, 0.65, 0.85)).way == "looser"


def test_a_check_that_comes_or_goes_counts_only_where_it_does_something():
    old = a_policy(a_check())
    more = a_policy(a_check(), a_check(id="performance.n", expr="evidence.performance.n >= 1000", fails_if=None))
    (check,) = one(more, a_case(old, 0.8, 0.9)).changed_checks
    assert (check.id, check.then, check.now) == ("performance.n", None, "fail")
    (check,) = one(old, a_case(more, 0.8, 0.9)).changed_checks
    assert (check.id, check.then, check.now) == ("performance.n", "fail", None)
    passing = a_policy(a_check(), a_check(id="performance.n", expr="evidence.performance.n >= 100", fails_if=None))
    assert one(passing, a_case(old, 0.8, 0.9)).changed_checks == ()


@pytest.mark.parametrize(
    ("terms", "changes", "why"),
    [
        ({"fairness/v1": {}}, {}, "not made for this request"),
        ({"performance/v2": {}}, {}, "made as performance/v1"),
        ({"performance/v1": {"dataset": "reference"}}, {}, "other data than reference data"),
        ({"performance/v1": {"parameters": {"bins": 10}}}, {}, "another value of bins"),
        ({"performance/v1": {}}, {"parameters": {"bins": 10}}, "another value of bins"),
        ({"performance/v1": {"max_age": "P7D"}}, {"made_at": ASKED_AT - timedelta(days=8)}, "more than 7 days old"),
    ],
)
def test_evidence_that_was_not_made_as_the_policy_asks_is_missing_and_said_so(terms, changes, why):
    case = a_case(a_policy(), 0.8, 0.9, evidence=(made(**changes),))
    new = a_policy(evidence=terms)
    row = one(new, case)
    assert (row.then, row.now) == ("ALLOW", "HOLD")
    assert [(item.type, why in item.why) for item in row.missing] == [(next(iter(terms)), True)]
    assert counts([row])["missing"] == {next(iter(terms)): 1}


def test_evidence_that_was_made_as_the_policy_asks_is_not_missing():
    fit = {"performance/v1": {"dataset": "evaluation", "max_age": "P1D", "parameters": {"features": ["sex", "age"]}}}
    case = a_case(a_policy(), 0.8, 0.9, evidence=(made(parameters={"features": ["sex", "age"]}),))
    row = one(a_policy(evidence=fit), case)
    assert (row.now, row.missing) == ("ALLOW", ())


def test_a_review_counts_again_for_the_same_rule_on_the_same_evidence_alone():
    review = Review("performance.auc", "accepted", "validator", "person:1")
    standing = Reviewed(review, RULE, ("sha256:1",))
    old = a_policy(HELD)
    case = a_case(old, 0.6, 0.8, reviews=(standing,))
    assert case.then["outcome"] == one(old, case).now == "ALLOW"
    another = a_policy(a_check(on_insufficient="human_review", expr="evidence.performance.auc.low >= 0.75"))
    assert one(another, case).now == "HOLD"
    other_evidence = replace(standing, evidence=("sha256:2",))
    assert one(old, replace(case, reviews=(other_evidence,))).now == "HOLD"
    by_an_officer = a_policy(
        HELD,
        human_review={"roles": ["risk_officer"]},
        stages=[{"name": "risk", "roles": ["risk_officer"], "quorum": 1, "requires": "human_review/v1"}],
    )
    assert one(by_an_officer, case).now == "HOLD"


def test_the_same_policy_and_cases_give_the_same_digest_and_others_another():
    policy = a_policy()
    cases = [a_case(policy, 0.6 + step / 100, 0.8, id=str(step)) for step in range(20)]

    def digest_of(document: PolicyDocument, past: list[Case]) -> str:
        rows = [row.as_json() for row in replay(document, past)]
        assert json.loads(json.dumps(rows)) == rows
        return digest(document, rows)

    assert digest_of(policy, cases) == digest_of(a_policy(), list(cases))
    assert digest_of(a_policy(title="Another title"), cases) != digest_of(policy, cases)
    assert digest_of(policy, cases[1:]) != digest_of(policy, cases)
