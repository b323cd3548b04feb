"""Dates right for a matrix of systems: each day before, on and after each date of application, written out by hand."""

from datetime import date, timedelta

import pytest

from governance.regulation.binding import RULES_FILE, points_for, rules
from governance.regulation.classification import classify
from governance.regulation.classified import Classified, classified
from governance.regulation.dates import standing, timeline
from governance.regulation.register import load
from tests.regulation.test_classification import answers

GENERAL, WINTER = date(2026, 8, 2), date(2026, 12, 2)
LISTED, PRODUCT = date(2027, 12, 2), date(2028, 8, 2)
DAYS = [day + timedelta(days=shift) for day in (GENERAL, WINTER, LISTED, PRODUCT) for shift in (-1, 0, 1)]

BOTH = ("provider", "deployer")
CREDIT_SCORE = Classified("high", ("Annex III.5.b",), BOTH)
MEDICAL_DEVICE = Classified("high", ("Annex I.A.11",), ("provider",))
LISTED_PRODUCT = Classified("high", ("Annex I.A.11", "Annex III.5.d"), ("provider",))
VEHICLE = Classified("high", ("Annex I.B.18",), BOTH)
CHAT = Classified("limited", (), ("provider",), named=("Art 50.1",))
OLD_GENERATOR = Classified("limited", (), ("provider",), named=("Art 50.2",), placed_on=date(2026, 8, 1))
NEW_GENERATOR = Classified("limited", (), ("provider",), named=("Art 50.2",), placed_on=GENERAL)
SOME_GENERATOR = Classified("limited", (), ("provider",), named=("Art 50.2",))
UNDRESSER = Classified("prohibited", (), ("provider",), named=("Art 5.1.ba",))
SOCIAL_SCORE = Classified("prohibited", (), BOTH, named=("Art 5.1.c",))
EXEMPTED = Classified("minimal", ("Annex III.4.a",), ("provider",))
FOUNDATION = Classified("minimal", (), ("provider",), general_purpose="gpai")

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
    (VEHICLE, "Art 6.1", PRODUCT, PRODUCT),
    (CHAT, "Art 4.1", ALWAYS, ALWAYS),
    (CHAT, "Art 50.1", GENERAL, GENERAL),
    (CHAT, "Art 50.5", GENERAL, GENERAL),
    (OLD_GENERATOR, "Art 50.2", WINTER, WINTER),
    (NEW_GENERATOR, "Art 50.2", GENERAL, GENERAL),
    (SOME_GENERATOR, "Art 50.2", GENERAL, GENERAL),
    (UNDRESSER, "Art 5.1.ba", WINTER, WINTER),
    (UNDRESSER, "Art 5.1a", WINTER, WINTER),
    (SOCIAL_SCORE, "Art 5.1.c", ALWAYS, ALWAYS),
    (EXEMPTED, "Art 6.4", LISTED, LISTED),
    (EXEMPTED, "Art 49.2", GENERAL, LISTED),
    (FOUNDATION, "Art 53.1.a", ALWAYS, ALWAYS),
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
    for turning in (GENERAL, WINTER, LISTED, PRODUCT):
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
        (Classified("high", ("Annex III.1.a",), BOTH), {"Art 43.1", "Art 12.3.a", "Art 14.5"}, {"Art 43.2"}),
        (Classified("high", ("Annex III.2",), BOTH), {"Art 49.5", "Art 9.1"}, {"Art 27.1", "Art 86.1", "Art 49.1"}),
        (Classified("high", ("Annex III.2", "Annex III.5.b"), BOTH), {"Art 49.5", "Art 27.1", "Art 86.1"}, set()),
        (MEDICAL_DEVICE, {"Art 11.2", "Art 43.3", "Art 73.10"}, {"Art 27.1", "Annex VI.1", "Art 49.1", "Art 26.1"}),
        (VEHICLE, {"Art 6.1"}, {"Art 9.1", "Art 26.1", "Art 4.1", "Annex IV.1"}),
        (Classified("high", ("Annex III.5.b",), ("deployer",)), {"Art 26.5", "Art 86.1"}, {"Art 9.1", "Annex IV.1"}),
        (Classified("high", ("Annex III.5.b",), ("provider",)), {"Art 9.1"}, {"Art 26.5", "Art 27.1"}),
        (EXEMPTED, {"Art 6.4", "Annex VIII.B.6", "Art 4.1"}, {"Art 9.1", "Annex VIII.A.1"}),
        (FOUNDATION, {"Art 53.1.a", "Annex XI.1.1.a", "Annex XII.1.a"}, {"Art 55.1.a", "Annex XI.2.1"}),
        (UNDRESSER, {"Art 5.1.ba", "Art 5.1b"}, {"Art 5.1.c", "Art 9.1"}),
        (SOCIAL_SCORE, {"Art 5.1.c"}, {"Art 5.1a"}),
        (Classified("out_of_scope", (), BOTH), set(), {"Art 4.1"}),
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
        Classified("high", ("Annex III.1.a",), BOTH),
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
