"""From YAML to a policy document: the shape, the messages, the digest."""

import hashlib
from datetime import timedelta

import pytest
import rfc8785
from jsonschema import Draft202012Validator

from governance.common.errors import InvalidInput
from governance.policy.document import Mode, OnInsufficient, parse
from governance.policy.problems import InvalidPolicy
from governance.policy.shape import schema
from tests.policy.factories import a_check, a_policy, a_policy_dict, a_text


def refusal(*checks, **changes) -> list[str]:
    with pytest.raises(InvalidPolicy) as refused:
        a_policy(*checks, **changes)
    return [str(problem) for problem in refused.value.problems]


def test_a_policy_becomes_frozen_values():
    policy = a_policy(
        evidence={"fairness/v1": {"max_age": "P2W", "parameters": {"sensitive_features": ["sex"], "min_share": 0.05}}}
    )
    assert (policy.name, policy.mode, policy.targets) == ("test-policy", Mode.BLOCK, ("champion",))
    requirement = policy.requirement("fairness")
    assert requirement is not None
    assert requirement.max_age == timedelta(days=14)
    assert dict(requirement.parameters) == {"sensitive_features": ("sex",), "min_share": 0.05}
    assert policy.approval.valid_for == timedelta(days=180)
    assert policy.human_review_roles == ("validator",)
    assert policy.stages[0].signature == "password"
    with pytest.raises(AttributeError):
        policy.mode = Mode.OBSERVE  # type: ignore[misc]
    with pytest.raises(TypeError):
        requirement.parameters["min_share"] = 0  # type: ignore[index]


def test_hold_is_the_default_of_a_check_with_too_little_data():
    assert a_policy(a_check(on_insufficient=None)).checks[0].on_insufficient is OnInsufficient.HOLD


def test_a_policy_applies_by_class_and_tier():
    policy = a_policy()
    assert policy.applies_to(ai_act_class="high", model_tier=2)
    assert not policy.applies_to(ai_act_class="high", model_tier=3)
    assert not policy.applies_to(ai_act_class="minimal", model_tier=1)
    every_tier = a_policy(applies_to={"ai_act_class": ["limited", "minimal"]})
    assert every_tier.applies_to(ai_act_class="minimal", model_tier=4)


def test_the_digest_is_sha256_of_the_canonical_json():
    expected = hashlib.sha256(rfc8785.dumps(a_policy_dict())).hexdigest()
    assert a_policy().digest == f"sha256:{expected}"


def test_comments_and_layout_leave_the_digest_alone_and_a_value_does_not():
    text = a_text()
    assert parse("# a comment\n" + text.replace("\n", "   # here\n", 1)).digest == parse(text).digest
    assert parse(text.replace("0.7", "0.70")).digest != parse(text).digest  # the expression is text: it changed
    assert a_policy(title="Another").digest != a_policy().digest


def test_a_refusal_is_a_domain_error_with_every_problem():
    with pytest.raises(InvalidInput) as refused:
        a_policy(a_check(onfail="block", on_fail=None), mode="strict")
    errors = refused.value.extra["errors"]
    assert {error["path"] for error in errors} == {"mode", "checks[0]", "checks[0].onfail"}
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mode": "strict"}, 'mode, line 8: "strict" does not fit: expected one of observe, warn, block.'),
        ({"target": ["x"]}, "`target` is not a key here; did you mean `targets`?"),
        ({"approval": None}, "line 1: `approval` is missing; add it."),
        ({"targets": []}, "targets, line 9: [] does not fit: expected at least 1 in the list."),
        ({"targets": ["a", "a"]}, "expected no item twice"),
        ({"targets": ["a b"]}, '"a b" does not fit: expected an alias: letters'),
        ({"policy": "My Policy"}, "expected a name: lower-case letters"),
        ({"title": 3}, "title, line 2: 3 does not fit: expected a text."),
        ({"title": "  "}, "expected a text that is not empty"),
        ({"checks": []}, "at least 1 in the list"),
        (
            {"evidence": {"Fairness": {}}},
            "evidence.Fairness, line 12: `Fairness` is not an evidence type with its version",
        ),
        ({"evidence": {"fairness/v1": {"max_age": "30 days"}}}, "expected a whole number of days or weeks"),
        ({"evidence": {"fairness/v1": {"max_age": "P1M"}}}, "expected a whole number of days or weeks"),
        ({"evidence": {"fairness/v1": {"parameters": {"x": {"y": 1}}}}}, "expected a text, a number"),
        ({"applies_to": {"ai_act_class": "huge"}}, "high, limited or minimal"),
        ({"applies_to": {"ai_act_class": "high", "model_tier": [5]}}, "5 does not fit: expected at most 4."),
        (
            {"stages": [{"name": "a", "roles": ["owner"], "quorum": 1}]},
            '"owner" does not fit: expected one of engineer',
        ),
        ({"stages": [{"name": "a", "roles": ["validator"], "quorum": 0}]}, "stages[0].quorum"),
        ({"separation_of_duties": {"remove": ["owner"]}}, "`remove` is not a key here"),
        ({"separation_of_duties": {"add": [], "floor": []}}, "`floor` is not a key here"),
        ({"human_review": {"roles": ["engineer", "auditor"]}}, '"auditor" does not fit'),
    ],
)
def test_a_shape_that_does_not_fit_is_explained(changes, says):
    assert any(says in problem for problem in refusal(**changes)), refusal(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"why": None}, "checks[0], line 15: `why` is missing; add it."),
        ({"owner": "the boss"}, '"the boss" does not fit: expected one of engineer, owner'),
        ({"on_fail": "ignore"}, "expected one of block, waivable, warn"),
        ({"on_insufficient": "pass"}, "expected one of hold, human_review, warn"),
        ({"expr": "x" * 1001}, "at most 1,000 characters"),
        ({"expr": True}, "expected a text"),
        ({"id": "AUC"}, "expected an id such as"),
        ({"shows": {"low": "candidate.fpr"}}, "`value` is missing"),
        ({"shows": {"value": "candidate.fpr", "low": "candidate.fpr"}}, "`low` needs `high` beside it."),
        ({"shows": {"value": "candidate.fpr", "limit": 1}}, "`limit` needs `better` beside it."),
        ({"shows": {"value": "fpr"}}, "expected a dotted path such as"),
    ],
)
def test_a_check_that_does_not_fit_is_explained(changes, says):
    problems = refusal(a_check(**changes))
    assert any(says in problem for problem in problems), problems


def test_names_stand_once():
    stages = [{"name": "a", "roles": ["validator"], "quorum": 1}] * 2
    assert any("stages[1]" in problem and "`a` stands twice" in problem for problem in refusal(stages=stages))
    assert any("checks[1]" in problem and "stands twice" in problem for problem in refusal(a_check(), a_check()))
    twice = refusal(evidence={"performance/v1": {}, "performance/v2": {}})
    assert any("evidence.performance/v2" in problem for problem in twice)


def test_a_hold_that_nobody_could_lift_is_refused():
    held = a_check(on_insufficient="human_review")
    assert a_policy(held).checks[0].on_insufficient is OnInsufficient.HUMAN_REVIEW
    without = [{"name": "risk", "roles": ["risk_officer"], "quorum": 1, "requires": "human_review/v1"}]
    assert any("Nobody could lift this hold" in problem for problem in refusal(held, stages=without))
    assert any("checks[0].on_insufficient" in problem for problem in refusal(held, stages=[]))
    reviewed_by_risk = {"roles": ["risk_officer"]}
    assert a_policy(held, stages=without, human_review=reviewed_by_risk).human_review_roles == ("risk_officer",)


def test_the_published_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())
