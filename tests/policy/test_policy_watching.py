"""What a policy says of watching what it let through: defaults, refusals with their line, and how a change ranks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.policy.diff import diff
from governance.policy.problems import InvalidPolicy
from governance.policy.watching import UNSAID, Measure, Monitoring
from tests.policy.factories import a_policy


def test_a_policy_that_says_nothing_watches_by_what_the_reference_says():
    assert a_policy().monitoring == UNSAID == Monitoring()
    said = a_policy(monitoring={"every": "P1D", "numeric": {"method": "wasserstein", "watch": 0.1, "limit": 0.3}})
    assert said.monitoring.every == timedelta(days=1)
    assert said.monitoring.numeric == Measure(0.1, 0.3, "wasserstein")
    assert said.monitoring.categorical == UNSAID.categorical


@pytest.mark.parametrize(
    ("terms", "path", "says"),
    [
        ({"every": "P0D"}, "monitoring.every", "Give a window a day at least."),
        ({"missing": {"watch": 0.3, "limit": 0.2}}, "monitoring.missing", "lies beyond `limit`"),
        ({"numeric": {"method": "psi", "watch": 0.1}}, "monitoring.numeric", "`limit` is missing"),
        ({"numeric": {"method": "kl", "watch": 0.1, "limit": 1}}, "monitoring.numeric.method", "one of psi"),
        ({"categorical": {"method": "wasserstein", "watch": 0.1, "limit": 1}}, "monitoring.categorical.method", "psi"),
        ({"volume": {"least": 3, "most": 2}}, "monitoring.volume", "is to be below"),
        ({"fdr": 0.9}, "monitoring.fdr", "at most 0.5"),
        ({"on_breach": ["panic"]}, "monitoring.on_breach[0]", "one of rereview"),
        ({"ever": "P7D"}, "monitoring.ever", "did you mean `every`"),
    ],
)
def test_terms_that_can_not_be_meant_are_refused_with_their_place(terms, path, says):
    with pytest.raises(InvalidPolicy) as refused:
        a_policy(monitoring=terms)
    problem = refused.value.problems[0]
    assert problem.path == path
    assert says in problem.message
    assert problem.line > 1


PSI = {"method": "psi", "watch": 0.1, "limit": 0.25}


@pytest.mark.parametrize(
    ("before", "after", "weight"),
    [
        ({}, {"every": "P1D"}, "tightens"),
        ({}, {"every": "P28D"}, "loosens"),
        ({"numeric": PSI}, {"numeric": PSI | {"limit": 0.5}}, "loosens"),
        ({"numeric": PSI}, {"numeric": PSI | {"watch": 0.05}}, "tightens"),
        ({"fdr": 0.01}, {"fdr": 0.05}, "tightens"),
        ({}, {"min_n": 500}, "loosens"),
        ({}, {"share": 0.5}, "loosens"),
        ({"on_breach": ["rereview"]}, {}, "loosens"),
        ({}, {"on_breach": ["retrain"]}, "tightens"),
        ({"volume": {"least": 0.5}}, {"volume": {"least": 0.1}}, "loosens"),
    ],
)
def test_a_change_is_ranked_against_what_holds_unsaid(before, after, weight):
    changes = diff(a_policy(monitoring=before), a_policy(monitoring=after))
    assert {change.weight.value for change in changes} - {"neutral"} == {weight}, changes
