"""Dates right for a matrix of systems: each day before, on and after each date of application, written out by hand."""

from datetime import date, timedelta
from typing import get_args

import pytest

from governance.regulation.binding import RULES_FILE, points_for, rules
from governance.regulation.classification import classify
from governance.regulation.classified import classified
from governance.regulation.dates import State, standing, timeline
from governance.regulation.register import DATA_FILE, RegisterInvalid, load, parse
from tests.regulation.test_classification import answers

GENERAL, WINTER = date(2026, 8, 2), date(2026, 12, 2)
LISTED, PRODUCT = date(2027, 12, 2), date(2028, 8, 2)
MODELS = date(2027, 8, 2)
TURNING = (GENERAL, WINTER, MODELS, LISTED, PRODUCT)
DAYS = [day + timedelta(days=shift) for day in TURNING for shift in (-1, 0, 1)]

BOTH = ("provider", "deployer")
NOTHING = {"annex_iii_uses": ["none"]}


def answered(placed_on=None, **given):
    """A system as its answers to the questionnaire classify it; a bank's credit score, provider and deployer, unless
    they say otherwise."""
    return classified(classify(answers(**given)), placed_on=placed_on)


def product(point, **given):
    parts = {"annex_i_position": "product", "annex_i_legislation": [point], "third_party_assessment": "health_safety"}
    return answered(**{"operator_roles": ["provider"], **NOTHING, **parts, **given})


def transparent(*cases, placed_on=None, **given):
    exclusions = {"interaction_obvious": "no", "assistive_editing_only": "no", "editorial_responsibility": "no"}
    parts = {"operator_roles": ["provider"], "transparency_cases": list(cases), **NOTHING, **exclusions}
    return answered(placed_on, **{**parts, **given})


EXEMPT = {"annex_iii_uses": ["Annex III.4.a"], "profiling": "no", "significant_risk": "no", "derogation": ["Art 6.3.a"]}
MODEL = {"general_purpose_model": "gpai", "training_compute": "no", "model_marketed_before": "unknown"}

CREDIT_SCORE = answered()
REMOTE_IDENTIFICATION = answered(annex_iii_uses=["Annex III.1.a"], biometric_verification_only="no")
MEDICAL_DEVICE = product("Annex I.A.11")
LISTED_PRODUCT = product("Annex I.A.11", annex_iii_uses=["Annex III.5.d"])
EXEMPTED_PRODUCT = product("Annex I.A.11", operator_roles=BOTH, **EXEMPT)
VEHICLE = product("Annex I.B.18", operator_roles=BOTH)
LISTED_VEHICLE = product("Annex I.B.18", operator_roles=BOTH, annex_iii_uses=["Annex III.5.b"])
CHAT = transparent("Art 50.1")
OLD_GENERATOR = transparent("Art 50.2", placed_on=date(2026, 8, 1))
NEW_GENERATOR = transparent("Art 50.2", placed_on=GENERAL)
SOME_GENERATOR = transparent("Art 50.2")
WATCHING_DEPLOYER = transparent("Art 50.1", "Art 50.3", "Art 50.4.text", operator_roles=["deployer"])
UNDRESSER = answered(operator_roles=["provider"], prohibited_practices=["Art 5.1.ba"])
ABUSE_GENERATOR = answered(operator_roles=["provider"], prohibited_practices=["Art 5.1.bb"])
SOCIAL_SCORE = answered(prohibited_practices=["Art 5.1.c"])
EXEMPTED = answered(operator_roles=["provider"], **EXEMPT)
EXEMPTED_CHAT = transparent("Art 50.1", **EXEMPT)
FOUNDATION = answered(operator_roles=["provider"], **NOTHING, **MODEL)
OLD_FOUNDATION = answered(operator_roles=["provider"], **NOTHING, **MODEL | {"model_marketed_before": "yes"})

NEVER, ALWAYS = date.max, date.min
# system, point, the day of its formal date, the day on which it applies by both. Before the first it is "later".
MATRIX = [
    (CREDIT_SCORE, "Art 4.1", ALWAYS, ALWAYS),
    (CREDIT_SCORE, "Art 9.1", LISTED, LISTED),
    (CREDIT_SCORE, "Art 26.6", LISTED, LISTED),
    (CREDIT_SCORE, "Art 27.1", LISTED, LISTED),
    (CREDIT_SCORE, "Annex IV.2.g", LISTED, LISTED),
    (CREDIT_SCORE, "Art 47.1", GENERAL, LISTED),
    (CREDIT_SCORE, "Art 49.1", GENERAL, LISTED),
    (CREDIT_SCORE, "Art 72.1", GENERAL, LISTED),
    (CREDIT_SCORE, "Art 73.2", GENERAL, LISTED),
    (CREDIT_SCORE, "Art 86.1", GENERAL, LISTED),
    (MEDICAL_DEVICE, "Art 4.1", ALWAYS, ALWAYS),
    (MEDICAL_DEVICE, "Art 9.1", PRODUCT, PRODUCT),
    (MEDICAL_DEVICE, "Annex IV.2.g", PRODUCT, PRODUCT),
    (MEDICAL_DEVICE, "Art 47.1", GENERAL, PRODUCT),
    (MEDICAL_DEVICE, "Art 73.10", GENERAL, PRODUCT),
    (LISTED_PRODUCT, "Art 9.1", LISTED, LISTED),
    (LISTED_PRODUCT, "Art 47.1", GENERAL, LISTED),
    (LISTED_PRODUCT, "Art 11.2", PRODUCT, PRODUCT),
    (LISTED_PRODUCT, "Art 43.3", GENERAL, PRODUCT),
    (EXEMPTED_PRODUCT, "Art 9.1", PRODUCT, PRODUCT),
    (EXEMPTED_PRODUCT, "Art 49.2", GENERAL, LISTED),
    (VEHICLE, "Art 6.1", PRODUCT, PRODUCT),
    (LISTED_VEHICLE, "Art 6.1", PRODUCT, PRODUCT),
    (LISTED_VEHICLE, "Art 9.1", LISTED, LISTED),
    (LISTED_VEHICLE, "Art 27.1", LISTED, LISTED),
    (LISTED_VEHICLE, "Art 4.1", ALWAYS, ALWAYS),
    (CHAT, "Art 4.1", ALWAYS, ALWAYS),
    (CHAT, "Art 50.1", GENERAL, GENERAL),
    (CHAT, "Art 50.5", GENERAL, GENERAL),
    (OLD_GENERATOR, "Art 50.2", WINTER, WINTER),
    (NEW_GENERATOR, "Art 50.2", GENERAL, GENERAL),
    (SOME_GENERATOR, "Art 50.2", GENERAL, GENERAL),
    (WATCHING_DEPLOYER, "Art 50.3", GENERAL, GENERAL),
    (WATCHING_DEPLOYER, "Art 50.4.text", GENERAL, GENERAL),
    (WATCHING_DEPLOYER, "Art 50.5", GENERAL, GENERAL),
    (UNDRESSER, "Art 5.1.ba", WINTER, WINTER),
    (UNDRESSER, "Art 5.1a", WINTER, WINTER),
    (ABUSE_GENERATOR, "Art 5.1.bb", WINTER, WINTER),
    (ABUSE_GENERATOR, "Art 5.1b", WINTER, WINTER),
    (SOCIAL_SCORE, "Art 5.1.c", ALWAYS, ALWAYS),
    (EXEMPTED, "Art 6.4", LISTED, LISTED),
    (EXEMPTED, "Art 49.2", GENERAL, LISTED),
    (EXEMPTED_CHAT, "Art 49.2", GENERAL, LISTED),
    (EXEMPTED_CHAT, "Art 50.1", GENERAL, GENERAL),
    (FOUNDATION, "Art 53.1.a", ALWAYS, ALWAYS),
    (OLD_FOUNDATION, "Art 53.1.a", MODELS, MODELS),
]


def on(system, day, law=None):
    return standing(system, law or load(), on=day)


def states(system, day):
    return {duty.point.id: duty.state for duty in on(system, day).duties}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_each_point_of_the_matrix_applies_from_its_own_day(day):
    # Just after the amendment is law, so that every wording of the matrix is.
    wrong = []
    for system, point, formal, both in MATRIX:
        wanted = "applies" if day >= both else "formally" if day >= formal else "later"
        got = states(system, day).get(point)
        if got != wanted:
            wrong.append((point, system.annex_points or system.named, wanted, got))
    assert wrong == []


def test_the_matrix_turns_on_each_of_its_days():
    for turning in TURNING:
        before, after = turning - timedelta(days=1), turning
        assert any(states(row[0], before)[row[1]] != states(row[0], after)[row[1]] for row in MATRIX), turning


@pytest.mark.parametrize(
    ("system", "day", "expected"),
    [
        (CREDIT_SCORE, date(2026, 8, 1), {(GENERAL, "formal"), (LISTED, "formal"), (LISTED, "practical")}),
        (CREDIT_SCORE, GENERAL, {(LISTED, "formal"), (LISTED, "practical")}),
        (CREDIT_SCORE, LISTED, set()),
        (MEDICAL_DEVICE, LISTED, {(PRODUCT, "formal"), (PRODUCT, "practical")}),
        (MEDICAL_DEVICE, PRODUCT, set()),
        (CHAT, date(2026, 8, 1), {(GENERAL, "formal")}),
        (UNDRESSER, date(2026, 12, 1), {(WINTER, "formal")}),
        (UNDRESSER, WINTER, set()),
        (SOME_GENERATOR, date(2026, 12, 1), {(WINTER, "transition")}),
        (OLD_GENERATOR, date(2026, 12, 1), {(WINTER, "formal")}),
        (NEW_GENERATOR, date(2026, 12, 1), set()),
        (FOUNDATION, date(2026, 12, 1), {(MODELS, "transition")}),
        (OLD_FOUNDATION, date(2026, 12, 1), {(MODELS, "formal")}),
        (WATCHING_DEPLOYER, date(2026, 8, 1), {(GENERAL, "formal")}),
    ],
)
def test_what_is_due_next(system, day, expected):
    assert {(due.on, due.kind) for due in on(system, day).upcoming} == expected


def test_the_next_due_is_the_nearest_day_with_the_days_to_it():
    found = on(CREDIT_SCORE, date(2027, 12, 1))
    assert [(due.on, due.kind, due.days) for due in found.next_due] == [(LISTED, "formal", 1), (LISTED, "practical", 1)]
    assert {point.group for due in found.next_due if due.kind == "practical" for point in due.points} >= {"Annex V"}
    assert on(CREDIT_SCORE, LISTED).next_due == ()


def test_both_dates_are_given_where_commentators_differ():
    duty = next(duty for duty in on(CREDIT_SCORE, GENERAL).duties if duty.point.id == "Art 47.1")
    assert (duty.formal, duty.practical) == (GENERAL, LISTED)
    assert "presupposes" in duty.note
    plain = next(duty for duty in on(CREDIT_SCORE, GENERAL).duties if duty.point.id == "Art 9.1")
    assert plain.practical is None


def test_a_deleted_wording_binds_nobody_and_an_inserted_one_nobody_before():
    day_before = date(2026, 7, 26)
    assert "Art 10.5" in states(CREDIT_SCORE, day_before)
    assert "Art 10.5" not in states(CREDIT_SCORE, date(2026, 7, 27))
    assert "Art 5.1.ba" not in states(UNDRESSER, day_before)
    assert states(UNDRESSER, date(2026, 7, 27))["Art 5.1.ba"] == "later"


def test_an_amended_point_stood_in_other_words_before():
    found = {duty.point.id: duty.wording for duty in on(CREDIT_SCORE, date(2026, 7, 26)).duties}
    assert found["Art 4.1"] == "earlier"
    assert {duty.point.id: duty.wording for duty in on(CREDIT_SCORE, GENERAL).duties}["Art 4.1"] == "in_force"
    assert found["Art 9.1"] == "not_recorded"


def test_nothing_binds_before_the_act_itself():
    assert on(CREDIT_SCORE, date(2024, 7, 31)).duties == ()


@pytest.mark.parametrize(
    ("system", "has", "has_not"),
    [
        (CREDIT_SCORE, {"Art 27.1", "Art 43.2", "Annex VI.2", "Art 72.4"}, {"Art 43.1", "Art 12.3.a", "Art 49.5"}),
        (REMOTE_IDENTIFICATION, {"Art 43.1", "Art 12.3.a", "Art 14.5"}, {"Art 43.2"}),
        (
            answered(annex_iii_uses=["Annex III.2"]),
            {"Art 49.5", "Art 9.1"},
            {"Art 27.1", "Art 86.1", "Art 49.1"},
        ),
        (answered(annex_iii_uses=["Annex III.2", "Annex III.5.b"]), {"Art 49.5", "Art 27.1", "Art 86.1"}, set()),
        (MEDICAL_DEVICE, {"Art 11.2", "Art 43.3", "Art 73.10"}, {"Art 27.1", "Annex VI.1", "Art 49.1", "Art 26.1"}),
        (VEHICLE, {"Art 6.1"}, {"Art 9.1", "Art 26.1", "Art 4.1", "Annex IV.1"}),
        (
            answered(operator_roles=["deployer"]),
            {"Art 26.5", "Art 86.1"},
            {"Art 9.1", "Annex IV.1"},
        ),
        (answered(operator_roles=["provider"]), {"Art 9.1"}, {"Art 26.5", "Art 27.1"}),
        (EXEMPTED, {"Art 6.4", "Annex VIII.B.6", "Art 4.1"}, {"Art 9.1", "Annex VIII.A.1"}),
        (FOUNDATION, {"Art 53.1.a", "Annex XI.1.1.a", "Annex XII.1.a"}, {"Art 55.1.a", "Annex XI.2.1"}),
        (UNDRESSER, {"Art 5.1.ba", "Art 5.1b"}, {"Art 5.1.c", "Art 9.1"}),
        (SOCIAL_SCORE, {"Art 5.1.c"}, {"Art 5.1a"}),
        (EXEMPTED_PRODUCT, {"Art 9.1", "Art 6.4", "Annex VIII.B.6"}, {"Art 27.1", "Art 26.11", "Annex VIII.A.1"}),
        (WATCHING_DEPLOYER, {"Art 50.3"}, {"Art 50.1"}),
        (ABUSE_GENERATOR, {"Art 5.1a", "Art 5.1.bb"}, {"Art 5.1.ba"}),
        (answered(prohibited_practices=["Art 5.1.c"], **MODEL), {"Art 5.1.c", "Art 53.1.a"}, {"Art 55.1.a"}),
        (
            answered(**NOTHING, **MODEL | {"training_compute": "yes"}),
            {"Art 53.1.a", "Art 55.1.a", "Art 52.1"},
            {"Art 9.1"},
        ),
        (answered(union_link="no"), set(), {"Art 4.1"}),
    ],
)
def test_which_points_concern_which_system(system, has, has_not):
    found = {point.id for point in points_for(system, load())}
    assert has <= found
    assert not has_not & found


def test_a_class_derived_from_answers_binds_from_the_date_that_it_names():
    found = classify(answers())
    system = classified(found)
    assert (system.roles, system.annex_points) == (found.roles, ("Annex III.5.b",))
    art_9 = next(duty for duty in on(system, GENERAL).duties if duty.point.id == "Art 9.1")
    assert art_9.formal == found.applies_from == LISTED


def test_every_rule_names_points_that_there_are():
    law = load()
    for rule in rules():
        for reference in rule.points:
            assert reference == "named" or law.points_of(reference), f"{RULES_FILE.name}: {reference}"
        for reference in (*rule.only, *rule.never):
            assert law.points_of(reference), f"{RULES_FILE.name}: {reference}"


def test_no_provider_duty_of_the_high_risk_chapters_is_forgotten():
    every = {point.id for point in load() if point.group in {f"Art {n}" for n in (*range(9, 22), 26, 27, 43, 47, 72)}}
    systems = [
        CREDIT_SCORE,
        MEDICAL_DEVICE,
        REMOTE_IDENTIFICATION,
    ]
    found = {point.id for system in systems for point in points_for(system, load())}
    assert every - found == set()


def test_the_timeline_says_what_is_past_what_is_next_and_how_far_off():
    steps = timeline(load(), on=date(2026, 11, 27))
    assert [step.milestone.on for step in steps if step.passage == "next"] == [WINTER]
    assert next(step.days for step in steps if step.passage == "next") == 5
    assert all(step.milestone.on <= date(2026, 11, 27) for step in steps if step.passage == "past")
    assert [step.passage for step in timeline(load(), on=WINTER) if step.milestone.on == WINTER] == ["past"]
    assert {step.passage for step in timeline(load(), on=date(2031, 1, 1))} == {"past"}


def test_a_point_to_be_confirmed_is_named_and_is_no_duty_in_any_state():
    for day in (date(2026, 11, 23), date(2027, 12, 2), date(2030, 1, 1)):
        found = on(CREDIT_SCORE, day)
        named = {duty.point.id for duty in found.to_be_confirmed}
        assert named == {point.id for point in load() if point.to_be_confirmed}
        counted = [duty.point for state in get_args(State) for duty in found.by_state(state)]
        assert not [point.id for point in counted if point.to_be_confirmed]
        assert len(counted) + len(named) == len(found.duties)
        assert not [point.id for due in found.upcoming for point in due.points if point.to_be_confirmed]


def test_a_rule_that_is_to_be_confirmed_is_named_and_moves_no_date():
    found = on(CREDIT_SCORE, GENERAL)
    assert [(row.basis, row.applies_from) for row in found.unconfirmed] == [("Art 111(2)", date(2030, 8, 2))]
    old = on(answered(placed_on=date(2020, 1, 1)), GENERAL)
    assert old.duties == found.duties
    assert on(CHAT, GENERAL).unconfirmed == ()
    known = {situation for rule in rules() for situation in rule.situations}
    assert {situation for row in load().unconfirmed_transitions for situation in row.situations} <= known


def test_a_model_that_was_not_early_keeps_the_date_and_hears_of_no_transition():
    late = answered(operator_roles=["provider"], **NOTHING, **MODEL | {"model_marketed_before": "no"})
    duty = next(duty for duty in on(late, GENERAL).duties if duty.point.id == "Art 53.1.a")
    assert (duty.formal, duty.state, duty.transition) == (date(2025, 8, 2), "applies", None)
    assert on(late, GENERAL).upcoming == ()


def test_a_transitional_rule_names_points_that_there_are_and_each_point_has_one():
    text = DATA_FILE.read_text(encoding="utf-8")
    for wrong in ("- Art 50.99\n", "- Art 53\n"):
        with pytest.raises(RegisterInvalid, match="no such point, or another rule"):
            parse(text.replace("- Art 50.2\n  marketed", f"{wrong}  marketed", 1).encode())
