"""The classification follows the Act's order, explains each step, and never guesses an answer."""

import json
from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from governance.regulation.classification import AnswersIncomplete, AnswersInvalid, classify
from governance.regulation.classified import classified
from governance.regulation.exclusions import EXCLUSIONS
from governance.regulation.questionnaire import questionnaire
from governance.regulation.register import load

TODAY = date(2026, 11, 23)


def answers(**overrides):
    """A bank's credit score, answered to the end."""
    return {
        "is_ai_system": "yes",
        "operator_roles": ["provider", "deployer"],
        "union_link": "yes",
        "scope_exclusion": "none",
        "prohibited_practices": ["none"],
        "annex_i_position": "none",
        "annex_iii_uses": ["Annex III.5.b"],
        "fraud_detection_only": "no",
        "profiling": "yes",
        "transparency_cases": ["none"],
        "general_purpose_model": "no",
        "built_on_general_purpose_model": "no",
    } | overrides


def without(given, *keys):
    return {key: value for key, value in given.items() if key not in keys}


def test_credit_scoring_is_high_risk_under_annex_iii_5b_and_binds_from_december_2027():
    result = classify(answers(), on_date=TODAY)
    assert result.ai_act_class == "high"
    assert result.annex_points == ("Annex III.5.b",)
    assert result.applies_from == date(2027, 12, 2)
    assert result.roles == ("provider", "deployer")
    assert result.law_version == load().version


def test_the_trace_runs_in_the_order_of_the_act_and_cites_only_points_of_the_register():
    register = load()
    result = classify(answers(), on_date=TODAY)
    steps = [row.step for row in result.trace]
    assert steps == sorted(steps)
    asked = [row.question for row in result.trace]
    assert asked[-4:] == [
        "profiling",
        "transparency_cases",
        "general_purpose_model",
        "built_on_general_purpose_model",
    ]
    assert all(point in register.points for row in result.trace for point in row.points)


def test_detecting_financial_fraud_is_excluded_from_credit_scoring_by_the_same_point():
    result = classify(answers(fraud_detection_only="yes"))
    assert result.ai_act_class == "minimal"
    assert result.annex_points == ()
    assert any("Excluded from Annex III.5.b" in row.conclusion for row in result.trace)


def test_an_exclusion_of_one_use_does_not_reach_another_use():
    given = answers(annex_iii_uses=["Annex III.5.b", "Annex III.5.c"], fraud_detection_only="yes")
    result = classify(given)
    assert result.ai_act_class == "high"
    assert result.annex_points == ("Annex III.5.c",)


def test_profiling_closes_the_derogation_whatever_else_is_answered():
    result = classify(answers(profiling="yes", significant_risk="no", derogation=["Art 6.3.a"]))
    assert result.ai_act_class == "high"


@pytest.mark.parametrize(("risk", "condition"), list(product(["yes", "no"], ["none", "Art 6.3.a", "Art 6.3.d"])))
def test_the_derogation_needs_both_no_significant_risk_and_one_condition(risk, condition):
    result = classify(answers(profiling="no", significant_risk=risk, derogation=[condition]))
    derogated = risk == "no" and condition != "none"
    assert (result.ai_act_class == "minimal") is derogated
    assert ("Art 6.4" in result.duties and "Art 49.2" in result.duties) is derogated


def test_deleted_points_never_come_back_as_duties():
    result = classify(answers(profiling="no", significant_risk="no", derogation=["Art 6.3.a"]), on_date=TODAY)
    register = load()
    assert any(duty.startswith("Annex VIII.B.") for duty in result.duties)
    assert all(register.point(duty).status != "deleted" for duty in result.duties)


def test_a_prohibited_practice_ends_the_walk():
    result = classify(answers(prohibited_practices=["Art 5.1.c"]))
    assert result.ai_act_class == "prohibited"
    assert result.applies_from == date(2025, 2, 2)
    assert {row.step for row in result.trace} == {1, 2, 8}, "the model behind it is asked about all the same"


def test_a_practice_inserted_by_the_amendment_exists_only_from_then_and_binds_later():
    given = answers(prohibited_practices=["Art 5.1.ba"])
    result = classify(given, on_date=TODAY)
    assert (result.ai_act_class, result.applies_from) == ("prohibited", date(2026, 12, 2))
    with pytest.raises(AnswersInvalid, match="no choice"):
        classify(given, on_date=date(2026, 7, 26))


def test_transparency_alone_is_limited_and_adds_to_high_risk():
    chatbot = classify(answers(annex_iii_uses=["none"], transparency_cases=["Art 50.1"], interaction_obvious="no"))
    assert chatbot.ai_act_class == "limited"
    assert chatbot.duties == ("Art 50.1",)
    both = classify(answers(transparency_cases=["Art 50.1"], interaction_obvious="no"))
    assert both.ai_act_class == "high"
    assert both.duties == ("Art 50.1",)


def test_no_listed_use_and_no_transparency_case_is_minimal():
    result = classify(answers(annex_iii_uses=["none"]))
    assert (result.ai_act_class, result.applies_from) == ("minimal", None)


@pytest.mark.parametrize(
    "overrides",
    [
        {"is_ai_system": "no"},
        {"operator_roles": ["none"]},
        {"union_link": "no"},
        {"scope_exclusion": "defence"},
    ],
)
def test_out_of_scope_ends_the_walk_at_the_first_step(overrides):
    result = classify(answers(**overrides))
    assert result.ai_act_class == "out_of_scope"
    assert {row.step for row in result.trace} == {1}


MACHINE = {"annex_i_position": "safety_component", "annex_i_legislation": ["Annex I.A.4"], "annex_iii_uses": ["none"]}


@pytest.mark.parametrize(
    ("assistance", "endangers", "assessment", "expected"),
    [
        ("no", "no", "health_safety", "high"),
        ("yes", "no", "health_safety", "minimal"),
        ("yes", "yes", "health_safety", "high"),
        ("no", "no", "other_risks", "minimal"),
        ("no", "no", "no", "minimal"),
    ],
)
def test_a_safety_component_is_high_risk_only_with_a_health_and_safety_assessment(
    assistance, endangers, assessment, expected
):
    result = classify(
        answers(**MACHINE, assistance_only=assistance, failure_endangers=endangers, third_party_assessment=assessment)
    )
    assert result.ai_act_class == expected
    assert (result.applies_from == date(2028, 8, 2)) is (expected == "high")


def test_a_section_b_product_is_told_that_only_some_articles_apply():
    given = answers(
        annex_i_position="product", annex_i_legislation=["Annex I.B.21"], third_party_assessment="health_safety"
    )
    result = classify(given)
    assert result.annex_points == ("Annex I.B.21", "Annex III.5.b")
    assert any("only Articles 6(1), 60a" in row.conclusion for row in result.trace)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"annex_iii_uses": ["none"]}, "minimal"),
        ({}, "high"),
        ({"transparency_cases": ["Art 50.3"], "annex_iii_uses": ["none"]}, "limited"),
        ({"prohibited_practices": ["Art 5.1.c"]}, "prohibited"),
    ],
)
def test_a_general_purpose_model_is_asked_of_every_class_and_changes_none(overrides, expected):
    model = {"general_purpose_model": "gpai_systemic", "model_marketed_before": "no"}
    result = classify(answers(**overrides, **model))
    assert (result.ai_act_class, result.general_purpose) == (expected, "gpai_systemic")
    assert classified(result).general_purpose == "gpai_systemic"
    assert classify(answers(**overrides)).general_purpose == "no"


@pytest.mark.parametrize(("above", "expected"), [("yes", "gpai_systemic"), ("no", "gpai")])
def test_compute_above_the_threshold_presumes_systemic_risk_and_cites_its_point(above, expected):
    given = answers(general_purpose_model="gpai", model_marketed_before="unknown")
    with pytest.raises(AnswersIncomplete) as raised:
        classify(given)
    assert raised.value.questions == ("training_compute",)
    result = classify(given | {"training_compute": above})
    assert result.general_purpose == classified(result).general_purpose == expected
    (step,) = [row for row in result.trace if row.question == "training_compute"]
    assert step.points == ("Art 51.2",)


def test_what_a_register_does_not_hold_is_not_asked():
    law = load()
    points = {key: point for key, point in law.points.items() if key != "Art 51.2"}
    earlier = replace(law, points=points, transitions={})
    given = answers(general_purpose_model="gpai")
    assert classify(given, register=earlier).general_purpose == "gpai"
    with pytest.raises(AnswersIncomplete, match="training_compute, model_marketed_before"):
        classify(given)


def test_who_builds_on_another_s_model_says_so_and_the_trace_says_what_they_are_owed():
    with pytest.raises(AnswersIncomplete, match="built_on_general_purpose_model"):
        classify(without(answers(), "built_on_general_purpose_model"))
    result = classify(answers(built_on_general_purpose_model="yes"))
    assert result.general_purpose == "no"
    assert result.trace[-1].points == ("Art 53.1.b",)


ASKED_IN = {"Art 5": "prohibited_practices", "Annex III": "annex_iii_uses", "Art 50": "transparency_cases"}
COUNTS_AS = {"Art 5": "prohibited", "Annex III": "high", "Art 50": "limited"}


@pytest.mark.parametrize("exclusion", EXCLUSIONS.values(), ids=lambda row: row.point)
def test_each_exclusion_takes_its_own_point_out_and_is_never_assumed(exclusion):
    point, group = exclusion.point, exclusion.point.partition(".")[0]
    nothing = without(answers(annex_iii_uses=["none"]), "fraud_detection_only")
    given = nothing | {ASKED_IN[group]: [point]}
    with pytest.raises(AnswersIncomplete) as raised:
        classify(given)
    assert exclusion.question in raised.value.questions

    out = classify(given | {exclusion.question: "yes"})
    assert out.ai_act_class == "minimal"
    assert point not in {*out.annex_points, *out.duties, *classified(out).named}
    (step,) = [row for row in out.trace if row.question == exclusion.question]
    assert (step.conclusion, step.points) == (f"Excluded from {point} by its own wording.", (point,))

    kept = classify(given | {exclusion.question: "no"})
    assert kept.ai_act_class == COUNTS_AS[group]
    assert point in {*kept.annex_points, *kept.duties, *classified(kept).named}


def test_an_excluded_practice_lifts_no_other_one():
    given = answers(prohibited_practices=["Art 5.1.c", "Art 5.1.d"], objective_facts_only="yes")
    result = classify(given)
    assert (result.ai_act_class, classified(result).named) == ("prohibited", ("Art 5.1.c",))
    spared = classify(given | {"prohibited_practices": ["Art 5.1.d"]})
    assert (spared.ai_act_class, spared.annex_points) == ("high", ("Annex III.5.b",))


def test_what_an_exclusion_takes_out_is_not_asked_about_further():
    given = {"prohibited_practices": ("Art 5.1.d",), "annex_iii_uses": ("Annex III.5.b",)}
    asked = {question.id: question for question in questionnaire()}
    start = answers() | given
    for key, value, profiling in (("no", "no", False), ("yes", "no", True), ("yes", "yes", False)):
        now = start | {"objective_facts_only": key, "fraud_detection_only": value}
        assert asked["profiling"].is_asked(now) is profiling
        assert asked["annex_i_position"].is_asked(now) is (key == "yes")


def test_an_open_question_is_named_and_never_assumed():
    with pytest.raises(AnswersIncomplete) as raised:
        classify(without(answers(), "fraud_detection_only", "profiling"))
    assert raised.value.questions == ("fraud_detection_only", "profiling")
    with pytest.raises(AnswersIncomplete, match="is_ai_system"):
        classify({})


def test_every_question_that_the_form_asks_is_enough_to_classify():
    """Following ``is_asked`` from the top never leaves the classifier without an answer."""
    for pick in range(6):
        given: dict[str, tuple[str, ...] | str] = {}
        for question in questionnaire():
            if question.is_asked(given):
                value = question.choices[pick % len(question.choices)].value
                given[question.id] = (value,) if question.kind == "many" else value
        classify(given)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"colour": "blue"}, "no question 'colour'"),
        ({"profiling": "maybe"}, "one of: yes, no"),
        ({"annex_iii_uses": ["Annex III.5.z"]}, "no choice 'Annex III.5.z'"),
        ({"annex_iii_uses": ["none", "Annex III.5.b"]}, "cannot stand beside"),
        ({"annex_iii_uses": []}, "Choose at least one"),
        ({"prohibited_practices": ["Annex III.5.b"]}, "no choice"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_message_says_what_to_choose(overrides, says):
    with pytest.raises(AnswersInvalid, match=says):
        classify(answers(**overrides))


def test_the_order_of_chosen_values_does_not_change_the_result():
    one = classify(answers(annex_iii_uses=["Annex III.5.c", "Annex III.5.b"]))
    other = classify(answers(annex_iii_uses=["Annex III.5.b", "Annex III.5.c"]))
    assert one == other


def test_the_result_is_plain_json_and_carries_the_trace():
    stored = json.loads(json.dumps(classify(answers(), on_date=TODAY).as_dict()))
    assert stored["ai_act_class"] == "high"
    assert stored["trace"][0]["question"] == "is_ai_system"
    assert stored["trace"][0]["text"].startswith("Is it an AI system")
    assert stored["applies_from"] == "2027-12-02"


def test_the_form_offers_every_live_point_and_no_deleted_one():
    by_id = {question.id: question for question in questionnaire(on_date=TODAY)}
    uses = [choice.value for choice in by_id["annex_iii_uses"].choices]
    assert uses == [*(point.id for point in load().points_of("Annex III")), "none"]
    assert "Annex I.A.1" not in [choice.value for choice in by_id["annex_i_legislation"].choices]
    assert "Art 5.1.bb" in [choice.value for choice in by_id["prohibited_practices"].choices]
