"""What keeps a policy from being published: each problem with its path and line."""

import pytest

from governance.policy.document import parse
from governance.policy.publication import check
from tests.policy.factories import PROJECTIONS, a_check, a_policy, a_text

SHOWS = {
    "value": "evidence.performance.auc.value",
    "low": "evidence.performance.auc.low",
    "high": "evidence.performance.auc.high",
    "n": "evidence.performance.n",
    "limit": 0.7,
    "better": "higher",
}


def problems(*checks, **changes) -> list[str]:
    return [str(problem) for problem in check(a_policy(*checks, **changes), PROJECTIONS)]


def test_a_sound_policy_has_no_problem():
    assert problems(a_check(shows=SHOWS), a_check(id="production", expr="candidate.fpr <= 0.8 * production.fpr")) == []


def test_a_misspelt_field_is_named_with_the_nearest_one():
    assert problems(a_check(expr="evidence.performance.auc.lwo >= 0.7")) == [
        "checks[0].expr, line 17: There is no field `evidence.performance.auc.lwo`; "
        "did you mean `evidence.performance.auc.low`?"
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expr": "evidence.performance.auc.low >= '0.7'"}, "line 17: `>=` can't be applied to number and text."),
        ({"expr": "evidence.performance.auc.low"}, "checks[0].expr, line 17: The expression must be true or false"),
        ({"fails_if": "evidence.performance.auc.low <"}, "checks[0].fails_if, line 18: mismatched input"),
        ({"expr": "[1].all(x, x > 0)"}, "can't be used in a policy"),
        ({"expr": "evidence.explanation.rows > 3"}, "needs explanation evidence, which this policy does not ask for"),
        ({"shows": SHOWS | {"value": "evidence.performance.acu.value"}}, "].shows.value, line 24: There is no field"),
        ({"shows": SHOWS | {"limit": 0.8}}, "The shown limit 0.8 is not in `expr`"),
        ({"shows": SHOWS, "fails_if": None}, "A check on an interval needs `fails_if`"),
        ({"shows": SHOWS, "expr": "evidence.performance.auc.value >= 0.7"}, "read `evidence.performance.auc.low` here"),
        ({"shows": SHOWS, "fails_if": "evidence.performance.auc.low < 0.7"}, "`evidence.performance.auc.high` here"),
        ({"shows": SHOWS | {"better": "lower"}}, "whole interval clears the limit: with lower better"),
    ],
)  # fmt: skip
def test_each_kind_of_mistake_is_found(changes, says):
    found = problems(a_check(**changes))
    assert any(says in problem for problem in found), found


APPROVAL = {"valid_for": "P180D", "grace": "P14D", "on_drift": "suspend", "on_suspend": "keep_serving"}
STAGE = {"name": "risk", "roles": ["risk_officer"], "quorum": 1}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"evidence": {"performance/v1": {"dataset": "training"}}},
            "evidence.performance/v1.dataset, line 13: `dataset: training` is not enforced yet",
        ),
    ],
)
def test_what_nothing_enforces_is_refused_with_its_place(changes, says):
    (found,) = problems(**changes)
    assert says in found


@pytest.mark.parametrize(
    "changes", [{"mode": "warn"}, {"mode": "observe"}, {"approval": APPROVAL | {"on_suspend": "rollback"}}]
)
def test_every_mode_and_whatever_follows_a_suspension_is_taken(changes):
    assert problems(**changes) == []


def test_what_is_enforced_is_taken():
    evaluation = {"performance/v1": {"dataset": "evaluation"}}
    terms = APPROVAL | {"decide_within": "P5D", "conditions": {"max_open_findings": 3, "on_overdue": "suspend"}}
    for how in ("password", "passkey"):
        signed = [STAGE | {"signature": how}]
        assert problems(evidence=evaluation, stages=signed, approval=terms) == []


def test_a_stage_may_not_require_a_review_that_nobody_in_it_could_sign():
    (found,) = problems(stages=[STAGE | {"requires": "human_review/v1"}])
    assert "Nobody in stage risk could give the review that it requires" in found
    assert problems(stages=[STAGE | {"requires": "human_review/v1"}], human_review={"roles": ["risk_officer"]}) == []


def test_a_text_can_not_be_drawn():
    fairness = {"fairness/v1": {"parameters": {"sensitive_features": ["sex"]}}, "performance/v1": {}}
    shown = a_check(shows={"value": "evidence.fairness.selection_ratio.worst_group"})
    assert any("is not a number, so it can't be drawn" in problem for problem in problems(shown, evidence=fairness))


def test_the_features_of_the_policy_are_the_fields_of_its_fairness_evidence():
    expr = "evidence.fairness.{}.selection_ratio.worst_ci_low >= 0.8"
    evidence = {"fairness/v1": {"parameters": {"sensitive_features": ["sex", "age_group"]}}}
    for feature, known in (("sex", True), ("age_group", True), ("religion", False)):
        found = problems(a_check(expr=expr.format(feature), fails_if=None), evidence=evidence)
        assert (found == []) is known


def test_evidence_that_nobody_makes_is_found():
    found = problems(evidence={"performance/v1": {}, "fairnes/v1": {}})
    assert found == ["evidence.fairnes/v1, line 13: There is no evidence type `fairnes`; did you mean `fairness`?"]


def test_a_problem_in_a_block_of_text_names_the_line_inside_it():
    text = a_text().replace(
        "  expr: evidence.performance.auc.low >= 0.7\n",
        "  expr: |\n    evidence.performance.auc.low >= 0.7 &&\n    evidence.performance.n >= 'many'\n",
    )
    assert [(problem.path, problem.line) for problem in check(parse(text), PROJECTIONS)] == [("checks[0].expr", 19)]


def test_problems_come_in_the_order_of_the_lines():
    found = check(a_policy(a_check(id="b", expr="x > 1"), a_check(id="c", fails_if="y > 1", expr="z > 1")), PROJECTIONS)
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert len(found) == 3
