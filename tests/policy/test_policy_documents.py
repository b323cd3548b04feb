"""Documents that a policy asks for by kind: how it says so, what its checks may read, what is missing."""

from __future__ import annotations

import pytest

from governance.evidence.projection import all_declared
from governance.policy.diff import diff
from governance.policy.evaluate import Effect, Outcome, evaluate
from governance.policy.problems import InvalidPolicy
from governance.policy.publication import check
from tests.policy.factories import a_check, a_policy, auc_facts

PAPERS = {"performance/v1": {}, "submitted_document/v1": {"kinds": ["pen_test", "dpia"]}}
FRESH = a_check(
    id="documents.fresh", expr="evidence.submitted_document.pen_test.days_left >= 30", fails_if=None, on_fail="warn"
)
COUNTS = {"days_left": 90, "age_days": 10, "reviewed": True, "issued_on": "2026-11-01", "expires_on": "2027-02-24"}


def facts_with(absent=None, **documents):
    facts = auc_facts(0.8, 0.9)
    evidence = {**facts["evidence"], "submitted_document": documents}
    return {**facts, "evidence": evidence, **({"absent": absent} if absent else {})}


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        ({"submitted_document/v1": {}}, "Say which `kinds`"),
        ({"performance/v1": {"kinds": ["dpia"]}}, "Only submitted_document/v1 comes in `kinds`"),
        ({"submitted_document/v1": {"kinds": ["dpia"], "dataset": "evaluation"}}, "neither `dataset` nor"),
        ({"submitted_document/v1": {"kinds": ["letter"]}}, "evidence.submitted_document/v1.kinds"),
        ({"submitted_document/v1": {"kinds": []}}, "evidence.submitted_document/v1.kinds"),
        ({"submitted_document/v1": {"kinds": ["dpia"], "origin": "computed"}}, "Placet never computes it"),
        ({"human_review/v1": {"origin": "computed"}}, "Placet never computes it"),
        ({"drift/v1": {"isolation": "full"}}, "No model runs for drift/v1"),
        ({"fairness/v1": {"isolation": "limited"}}, "evidence.fairness/v1.isolation"),
        ({"fairness/v1": {"origin": "submitted"}}, "evidence.fairness/v1.origin"),
    ],
)
def test_a_requirement_that_says_nothing_or_too_much_is_refused_with_its_line(evidence, says):
    with pytest.raises(InvalidPolicy) as refused:
        a_policy(evidence=evidence)
    problem = refused.value.problems[0]
    assert says in f"{problem.path} {problem.message}"
    assert problem.line > 1


def test_how_evidence_is_to_be_made_is_read_and_nothing_is_asked_where_nothing_is_said():
    said = a_policy(evidence={"performance/v1": {}, "fairness/v1": {"origin": "computed", "isolation": "separate"}})
    assert [(item.computed, item.isolation) for item in said.evidence] == [(False, ""), (True, "separate")]


@pytest.mark.parametrize(
    ("before", "after", "weight"),
    [
        ({}, {"origin": "computed"}, "tightens"),
        ({"origin": "computed"}, {}, "loosens"),
        ({}, {"isolation": "separate"}, "tightens"),
        ({"isolation": "separate"}, {"isolation": "full"}, "tightens"),
        ({"isolation": "full"}, {"isolation": "separate"}, "loosens"),
        ({"isolation": "separate"}, {}, "loosens"),
    ],
)
def test_asking_less_of_how_evidence_is_made_loosens(before, after, weight):
    old, new = (a_policy(evidence={"performance/v1": terms}) for terms in (before, after))
    assert [change.weight for change in diff(old, new)] == [weight]


def test_a_check_reads_the_kinds_that_the_policy_asks_for_and_no_other():
    assert check(a_policy(FRESH, evidence=PAPERS), all_declared()) == []
    other = a_check(expr="evidence.submitted_document.other.days_left >= 30", fails_if=None)
    problems = check(a_policy(other, evidence=PAPERS), all_declared())
    assert "There is no field `evidence.submitted_document.other.days_left`" in problems[0].message
    text = a_check(expr="evidence.submitted_document.dpia.expires_on >= 30", fails_if=None)
    assert check(a_policy(text, evidence=PAPERS), all_declared()) != []


def test_each_kind_that_is_not_there_holds_by_itself_with_its_reason():
    policy = a_policy(FRESH, evidence=PAPERS)
    gone = {"submitted_document.pen_test": "The document expired on 1 November 2026"}
    verdict = evaluate(policy, facts_with(gone, dpia=COUNTS))
    rows = {row.id: row for row in verdict.checks}
    assert verdict.outcome == "HOLD"
    assert rows["evidence.submitted_document.pen_test"].effect is Effect.HOLD
    assert rows["evidence.submitted_document.pen_test"].reason.startswith("The document expired on 1 November 2026;")
    assert rows["documents.fresh"].outcome is Outcome.MISSING
    assert "expired on 1 November 2026" in rows["documents.fresh"].reason
    assert "evidence.submitted_document.dpia" not in rows
    nothing = evaluate(policy, auc_facts(0.8, 0.9))
    assert {row.id for row in nothing.checks} >= {f"evidence.submitted_document.{k}" for k in ("pen_test", "dpia")}


def test_what_counts_lets_through():
    policy = a_policy(a_check(), FRESH, evidence=PAPERS)
    assert evaluate(policy, facts_with(pen_test=COUNTS, dpia=COUNTS)).outcome == "ALLOW"
    short = evaluate(policy, facts_with(pen_test=COUNTS | {"days_left": 3}, dpia=COUNTS))
    assert [row.effect for row in short.checks if row.id == "documents.fresh"] == [Effect.WARN]
