"""The register loads as dated data, and never confuses a wording in force with a duty that applies."""

from datetime import date

import pytest

from governance.regulation.register import DATA_FILE, Application, RegisterInvalid, UnknownPoint, load, parse

SUMMER_2025 = date(2025, 7, 1)
OMNIBUS = date(2026, 7, 27)
FINANCIAL = ["Art 17.4", "Art 18.3", "Art 19.2", "Art 26.5.financial", "Art 26.6.financial", "Art 72.4", "Art 73.9"]
"""What a financial institution needs beside what binds everybody."""
UNCONFIRMED = ["Art 26.5.financial", "Art 26.6.financial"]


def test_every_point_has_one_id_and_a_group_that_its_id_starts_with():
    register = load()
    assert len(register) == 398
    assert all(point.id.startswith(point.group) for point in register)


def test_the_version_names_the_as_of_date_and_the_bytes_of_the_file():
    register = load()
    assert register.as_of == date(2026, 11, 23)
    assert register.version == f"2026-11-23+{register.digest}"
    changed = parse(DATA_FILE.read_bytes() + b"# one more line\n")
    assert changed.version != register.version


def test_an_amended_wording_is_in_force_only_from_the_amendment():
    register = load()
    assert register.in_force("Art 6.1a", date(2026, 7, 26)) is False
    assert register.in_force("Art 6.1a", OMNIBUS) is True


def test_a_deleted_point_ends_on_the_day_of_its_deletion():
    register = load()
    assert register.in_force("Annex I.A.1", date(2026, 7, 26)) is True
    assert register.in_force("Annex I.A.1", OMNIBUS) is False


def test_a_wording_without_recorded_dates_is_unknown_and_not_valid_for_ever():
    register = load()
    assert register.in_force("Art 6.3.a", SUMMER_2025) is None
    assert register.in_force("Art 6.3.a", date(2024, 7, 31)) is False


def test_in_force_is_not_applicable_the_two_dates_differ():
    register = load()
    assert register.in_force("Annex III.5.b", SUMMER_2025) is True
    assert register.applies_from("Annex III.5.b").formal == date(2027, 12, 2)


def test_a_point_may_override_the_date_of_its_article():
    register = load()
    assert register.applies_from("Art 5.1.a").formal == date(2025, 2, 2)
    assert register.applies_from("Art 5.1.ba").formal == date(2026, 12, 2)


def test_the_route_decides_between_the_two_high_risk_dates():
    register = load()
    assert register.applies_from("Annex IV.2.g").formal == date(2027, 12, 2)
    assert register.applies_from("Annex IV.2.g", route="annex_i").formal == date(2028, 8, 2)


def test_where_commentators_differ_both_dates_are_given():
    application = load().applies_from("Annex V.1")
    assert application.formal == date(2026, 8, 2)
    assert application.practical == date(2027, 12, 2)
    assert application.note is not None
    assert application.earliest == date(2026, 8, 2)


def test_an_unsettled_date_is_none_and_never_a_guess():
    application = load().applies_from("Art 4a.1.a")
    assert application.formal is None
    assert application.earliest is None
    assert Application(formal=None).earliest is None


def test_a_group_reference_ends_at_a_dot_so_annex_i_is_not_annex_iii():
    register = load()
    assert all(point.group == "Annex I" for point in register.points_of("Annex I"))
    assert next(point.id for point in register.points_of("Annex IV")) == "Annex IV.1"
    assert len(register.points_of("Annex IV")) == 25


def test_ids_are_matched_exactly():
    register = load()
    assert register.point("Art 5.1a").title != register.point("Art 5.1.a").title
    with pytest.raises(UnknownPoint, match="Ids look like"):
        register.point("Annex III 5(b)")


def test_the_deadlines_keep_the_two_day_rule_apart_from_the_ten_day_rule():
    by_id = {row.id: row for row in load().deadlines}
    assert (by_id["Art 73.3"].days, by_id["Art 73.4"].days, by_id["Art 73.2"].days) == (2, 10, 15)
    assert by_id["Art 26.10"].hours == 48


def test_the_timeline_is_in_order_of_time():
    days = [milestone.on for milestone in load().timeline]
    assert days == sorted(days)
    assert load().dates["annex_iii_high_risk"] == date(2026, 8, 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"schema_version: 3", "Schema version 3"),
        (b"schema_version: 2", "lacks the field"),
        (b"schema_version: 1", "lacks the field"),
        (b"[not, a, mapping]", "cannot be read"),
        (b"a: [", "cannot be read"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_reason(content, says):
    with pytest.raises(RegisterInvalid, match=says):
        parse(content)


def test_an_id_that_occurs_twice_is_refused_by_name():
    content = DATA_FILE.read_text(encoding="utf-8").replace("- id: Art 6.3.b\n", "- id: Art 6.3.a\n")
    with pytest.raises(RegisterInvalid, match=r"more than once: Art 6\.3\.a"):
        parse(content.encode())


def test_what_nobody_has_read_is_to_be_confirmed_and_carries_no_wording():
    waiting = [point for point in load() if point.to_be_confirmed]
    assert [point.id for point in waiting] == UNCONFIRMED
    assert all(point.requirement == "" for point in waiting)
    assert all(point.requirement for point in load() if not point.to_be_confirmed)


def test_what_a_financial_institution_needs_is_there_and_marked_until_its_text_is_sourced():
    provisions = {load().point(point).source.at for point in FINANCIAL}
    assert provisions == {"Art 17(4)", "Art 18(3)", "Art 19(2)", "Art 26(5)", "Art 26(6)", "Art 72(4)", "Art 73(9)"}
    for point in ("Art 26.5", "Art 26.6", *FINANCIAL):  # the first two are what these ask of every deployer
        assert bool(load().point(point).requirement) != (point in UNCONFIRMED)


def test_a_point_to_be_confirmed_cannot_be_given_a_wording_by_the_way():
    content = DATA_FILE.read_text(encoding="utf-8").replace(
        "    to_be_confirmed: true\n", "    to_be_confirmed: true\n    requirement: Something.\n", 1
    )
    with pytest.raises(RegisterInvalid, match=r"Art 26\.5\.financial is to be confirmed"):
        parse(content.encode())


def test_a_point_without_wording_that_is_not_marked_is_refused():
    content = DATA_FILE.read_text(encoding="utf-8").replace("    to_be_confirmed: true\n", "", 1)
    with pytest.raises(RegisterInvalid, match="requirement"):
        parse(content.encode())
