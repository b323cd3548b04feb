"""The policies that come with Placet, fit to publish and honest about their limits, and what the example's says."""

from typing import Any

import pytest

from examples.credit.policy import TEXT as CREDIT
from governance.evidence.projection import all_declared
from governance.policy import shipped
from governance.policy.document import OnFail, OnInsufficient, PolicyDocument, parse
from governance.policy.evaluate import Outcome, Review, Ruling, evaluate
from governance.policy.publication import check


def policy(name: str) -> PolicyDocument:
    return parse(shipped.text(name))


def number(path: str, value: float, low: float, high: float) -> dict[str, float]:
    return {f"{path}.value": value, f"{path}.low": low, f"{path}.high": high}


def worst(path: str, value: float, low: float, high: float) -> dict[str, float]:
    return {f"{path}.worst": value, f"{path}.worst_ci_low": low, f"{path}.worst_ci_high": high}


def facts(*, first: bool) -> dict[str, Any]:
    """Figures as measured on the 300 evaluation rows of German Credit: boosted trees against a logistic model."""
    performance = {
        "n": 300,
        **number("auc", 0.765, 0.704, 0.822),
        **number("log_loss", 0.509, 0.441, 0.581),
        **number("selection_rate", 0.370, 0.317, 0.423),
    }
    if not first:
        performance |= number("auc.difference", 0.011, -0.010, 0.032)
        performance |= number("log_loss.difference", -0.023, -0.047, -0.001)
    fairness = {
        "n": 300,
        **worst("sex.selection_ratio", 0.943, 0.766, 1.131),
        **worst("sex.tpr_difference", 0.010, -0.128, 0.129),
        **worst("age_group.selection_ratio", 0.806, 0.602, 1.023),
    }
    explanation = {"rows": 120, "additivity_residual": 2.2e-16, **number("stability", 0.993, 0.973, 0.998)}
    robustness = {
        "n": 300,
        **number("noise_small.drop", 0.002, -0.004, 0.007),
        **number("small_change.flipped", 0.057, 0.036, 0.089),
    }
    data_quality = {"n": 300, "leakage": 0.0, "duplicates": 0.0}
    data_quality |= {"columns_missing": 0, "columns_unfit": 0, "sensitive_incomplete": 0}
    evidence = {"performance": performance, "fairness": fairness, "explanation": explanation}
    calibration = {"n": 300, **number("in_the_large", 0.004, -0.03, 0.04)}
    evidence |= {"calibration": calibration, "robustness": robustness, "data_quality": data_quality}
    return {"evidence": evidence, "candidate": {}} | ({} if first else {"production": {}})


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_policy_can_be_published_as_it_is(name):
    assert [str(problem) for problem in check(policy(name), all_declared())] == []
    assert policy(name).name == name


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_policy_never_blocks_on_four_fifths_alone(name):
    ratios = [rule for rule in policy(name).checks if "selection_ratio" in rule.expr]
    assert all(rule.on_fail is not OnFail.BLOCK for rule in ratios)


def test_each_ai_act_class_has_a_shipped_policy():
    classes = [policy(name).ai_act_classes for name in shipped.names()]
    assert sorted(classes) == [("high",), ("high",), ("high", "limited", "minimal"), ("limited",), ("minimal",)]
    with pytest.raises(LookupError, match="high-risk, high-risk-canary, limited-risk, minimal-risk, outside-mlflow"):
        shipped.text("../document")


def test_a_canary_of_a_high_risk_system_has_a_lighter_policy_of_its_own_and_no_two_policies_overlap():
    canary, high = policy("high-risk-canary"), policy("high-risk")
    assert (canary.targets, high.targets) == (("canary",), ("champion",))
    assert high.requirement("canary") is not None
    assert sum(stage.quorum for stage in canary.stages) < sum(stage.quorum for stage in high.stages)
    assert canary.approval.valid_for < high.approval.valid_for
    names = shipped.names()
    assert not any(policy(one).overlaps(policy(two)) for one in names for two in names if one != two)


def test_minimal_risk_needs_no_signature():
    minimal = policy("minimal-risk")
    assert minimal.stages == ()
    assert all(rule.on_insufficient is not OnInsufficient.HUMAN_REVIEW for rule in minimal.checks)
    assert evaluate(minimal, facts(first=True)).outcome is Ruling.ALLOW


def test_on_300_rows_exactly_one_check_is_insufficient_and_holds_until_a_validator_reviews_it():
    credit = parse(CREDIT)
    verdict = evaluate(credit, facts(first=False))
    held = [result.id for result in verdict.checks if result.effect.value in ("HOLD", "BLOCK")]
    assert (verdict.outcome, held) == (Ruling.HOLD, ["fairness.selection-ratio-sex"])
    assert verdict.wants_review == ("fairness.selection-ratio-sex",)
    assert verdict.checks[5].outcome is Outcome.INSUFFICIENT
    review = Review(check="fairness.selection-ratio-sex", verdict="accepted", role="validator", reviewer="vera")
    assert evaluate(credit, facts(first=False), reviews=[review]).outcome is Ruling.ALLOW


def test_at_a_first_promotion_the_comparisons_do_not_apply():
    verdict = evaluate(parse(CREDIT), facts(first=True))
    comparisons = [result.id for result in verdict.checks if result.outcome is Outcome.NOT_APPLICABLE]
    assert comparisons == ["performance.auc-production", "performance.log-loss-production"]
    assert verdict.outcome is Ruling.HOLD


def test_a_clear_disadvantage_blocks_until_it_is_waived_and_a_weak_score_blocks_for_good():
    credit = parse(CREDIT)
    unfair = facts(first=False)
    unfair["evidence"]["fairness"] |= worst("sex.selection_ratio", 0.6, 0.5, 0.7)
    assert evaluate(credit, unfair).outcome is Ruling.BLOCK
    weak = facts(first=False)
    weak["evidence"]["performance"] |= number("auc", 0.58, 0.52, 0.64)
    verdict = evaluate(credit, weak)
    assert verdict.outcome is Ruling.BLOCK
    assert verdict.reason.startswith(
        "Ranking power (AUC): 0.580 (95 % interval 0.520 to 0.640, n = 300) misses the limit"
    )


@pytest.mark.parametrize(
    ("kind", "changed", "outcome"),
    [
        ("calibration", number("in_the_large", 0.08, 0.06, 0.1), Ruling.BLOCK),
        ("calibration", number("in_the_large", 0.04, 0.01, 0.07), Ruling.ALLOW),
        ("data_quality", {"leakage": 0.02}, Ruling.BLOCK),
        ("data_quality", {"leakage": None}, Ruling.HOLD),
        ("data_quality", {"columns_unfit": 1}, Ruling.BLOCK),
        ("data_quality", {"duplicates": 0.1}, Ruling.BLOCK),
        ("data_quality", {"sensitive_incomplete": 1}, Ruling.BLOCK),
        ("robustness", number("noise_small.drop", 0.09, 0.06, 0.12), Ruling.BLOCK),
        ("robustness", number("small_change.flipped", 0.3, 0.25, 0.35), Ruling.BLOCK),
        ("robustness", number("small_change.flipped", 0.14, 0.10, 0.18), Ruling.ALLOW),
    ],
)
def test_unsound_data_and_answers_that_hang_on_a_digit_are_stopped(kind, changed, outcome):
    review = Review(check="fairness.selection-ratio-sex", verdict="accepted", role="validator", reviewer="vera")
    found = facts(first=False)
    found["evidence"][kind] |= changed
    assert evaluate(parse(CREDIT), found, reviews=[review]).outcome is outcome
