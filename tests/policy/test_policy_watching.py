"""What a policy says of watching what it let through: defaults, refusals with their line, and how a change ranks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.policy.diff import diff
from governance.policy.problems import InvalidPolicy
from governance.policy.watching import UNSAID, Kpi, Latency, Limits, Measure, Monitoring, Performance
from tests.policy.factories import a_policy


def test_a_policy_that_says_nothing_watches_by_what_the_reference_says():
    assert a_policy().monitoring == UNSAID == Monitoring()
    said = a_policy(monitoring={"every": "P1D", "numeric": {"method": "wasserstein", "watch": 0.1, "limit": 0.3}})
    assert said.monitoring.every == timedelta(days=1)
    assert said.monitoring.numeric == Measure(0.1, 0.3, "wasserstein")
    assert said.monitoring.categorical == UNSAID.categorical


LIMITS = {"watch": 0.02, "limit": 0.05}


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
        ({"latency": {"watch": 500, "limit": 200}}, "monitoring.latency", "lies beyond `limit`"),
        ({"latency": {"watch": 200, "limit": 500, "quantile": 1}}, "monitoring.latency.quantile", "at most 0.999"),
        ({"kpis": {"margin": LIMITS | {"better": "up"}}}, "monitoring.kpis.margin.better", "one of higher, lower"),
        ({"kpis": {"margin": {"better": "higher", "watch": 5, "limit": 2}}}, "monitoring.kpis.margin", "lies beyond"),
        ({"performance": LIMITS | {"metric": "f1"}}, "monitoring.performance.metric", "one of accuracy"),
        ({"estimated_performance": LIMITS | {"metric": "rmse"}}, "monitoring.estimated_performance.metric", "accuracy"),
        ({"selection_ratio": {"watch": 0.8, "limit": 0.9}}, "monitoring.selection_ratio", "lies beyond `limit`"),
        ({"tpr_difference": {"watch": 0.2, "limit": 2}}, "monitoring.tpr_difference.limit", "at most 1"),
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
        ({}, {"latency": {"watch": 200, "limit": 500}}, "tightens"),
        ({"latency": {"watch": 200, "limit": 500}}, {"latency": {"watch": 200, "limit": 900}}, "loosens"),
        ({"kpis": {"margin": LIMITS | {"better": "higher"}}}, {}, "loosens"),
        ({"kpis": {}}, {}, None),
        ({}, {"performance": LIMITS | {"metric": "roc_auc"}}, "tightens"),
        ({"performance": LIMITS | {"metric": "roc_auc"}}, {"performance": LIMITS | {"metric": "brier"}}, "loosens"),
        ({}, {"labels_after": "P30D"}, "loosens"),
        ({}, {"selection_ratio": {"watch": 0.9, "limit": 0.8}}, "tightens"),
        (
            {"selection_ratio": {"watch": 0.9, "limit": 0.8}},
            {"selection_ratio": {"watch": 0.9, "limit": 0.7}},
            "loosens",
        ),
    ],
)
def test_a_change_is_ranked_against_what_holds_unsaid(before, after, weight):
    changes = diff(a_policy(monitoring=before), a_policy(monitoring=after))
    assert {change.weight.value for change in changes} - {"neutral"} == {weight} - {None}, changes


def test_what_is_not_named_is_not_measured_and_what_is_named_is_read():
    assert (UNSAID.latency, UNSAID.kpis, UNSAID.performance, UNSAID.selection_ratio) == (None, (), None, None)
    said = a_policy(
        monitoring={
            "min_n": 200,
            "latency": {"watch": 200, "limit": 500},
            "kpis": {"margin": {"better": "higher", "watch": 2, "limit": 5}},
            "performance": LIMITS | {"metric": "roc_auc"},
            "estimated_performance": LIMITS | {"metric": "accuracy", "min_n": 50},
            "labels_after": "P4W",
            "selection_ratio": {"watch": 0.9, "limit": 0.8},
        }
    ).monitoring
    assert said.latency == Latency(200, 500, 0.95)
    assert said.kpis == (Kpi(2, 5, "margin", "higher"),)
    assert said.performance == Performance(0.02, 0.05, "roc_auc", 200)
    assert said.estimated_performance == Performance(0.02, 0.05, "accuracy", 50)
    assert (said.labels_after.days, said.selection_ratio, said.tpr_difference) == (28, Limits(0.9, 0.8), None)
