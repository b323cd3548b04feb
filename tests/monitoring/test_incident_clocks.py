"""The clocks of a serious incident, against the register of the law and for every case that there can be."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.regulation.register import DATA_FILE, RegisterInvalid, load, parse
from monitoring.incidents.clocks import LIMITS, RULES, Case, EquivalentLaw, Harm, Times, clocks, first_due, owed

LAW = load()
AWARE = datetime(2028, 3, 1, 22, 30, tzinfo=UTC)
ON = AWARE.date()

laws = st.none() | st.sampled_from(EquivalentLaw)
routes = st.sampled_from(["annex_iii", "annex_i"])
cases = st.builds(Case, harms=st.frozensets(st.sampled_from(Harm)), widespread=st.booleans(), equivalent_law=laws)
moments = st.integers(0, 4 * 366 * 86_400).map(
    lambda seconds: datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def of(*harms, **more):
    return Case(harms=frozenset(harms), **more)


def running(case=None, times=None, on=ON, **more):
    return clocks(LAW, case or Case(), times or Times(AWARE), on=on, **more)


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        (of(), [("Art 73.2", 15)]),
        (of(Harm.HEALTH), [("Art 73.2", 15)]),
        (of(Harm.RIGHTS), [("Art 73.2", 15)]),
        (of(Harm.PROPERTY), [("Art 73.2", 15)]),
        (of(Harm.DEATH), [("Art 73.4", 10), ("Art 73.2", 15)]),
        (of(Harm.INFRASTRUCTURE), [("Art 73.3", 2), ("Art 73.2", 15)]),
        (of(widespread=True), [("Art 73.3", 2), ("Art 73.2", 15)]),
        (of(Harm.RIGHTS, Harm.DEATH), [("Art 73.4", 10), ("Art 73.2", 15)]),
        (of(Harm.INFRASTRUCTURE, Harm.DEATH), [("Art 73.3", 2), ("Art 73.4", 10), ("Art 73.2", 15)]),
    ],
)
def test_each_case_has_its_clocks_the_shortest_first(case, wanted):
    assert [(clock.point, clock.days) for clock in running(case)] == wanted


def test_days_are_counted_from_the_utc_day_of_awareness_and_a_leap_day_counts():
    late = datetime(2028, 2, 27, 23, 59, 59, tzinfo=UTC)
    two, fifteen = running(of(widespread=True), Times(late))
    assert (two.counted_from, two.counted_from_on, two.due_on) == ("awareness", date(2028, 2, 27), date(2028, 2, 29))
    assert fifteen.due_on == date(2028, 3, 13)
    assert (two.days_left(date(2028, 2, 29)), two.days_left(date(2028, 3, 1))) == (0, -1)


def test_the_days_come_from_the_register_and_from_nowhere_else():
    changed = parse(DATA_FILE.read_bytes().replace(b"days: 15\n", b"days: 11\n").replace(b"days: 2\n", b"days: 12\n"))
    found = clocks(changed, of(widespread=True), Times(AWARE), on=ON)
    assert [(clock.point, clock.days) for clock in found] == [("Art 73.2", 11), ("Art 73.3", 12)]


def test_every_deadline_of_article_73_is_known_and_one_that_is_not_is_no_silence():
    assert {row.id for row in LAW.deadlines if row.id.startswith("Art 73.")} == set(RULES)
    more = replace(LAW, deadlines=(*LAW.deadlines, replace(LAW.deadlines[0], id="Art 73.7")))
    with pytest.raises(RegisterInvalid, match=r"Art 73\.7"):
        clocks(more, Case(), Times(AWARE), on=ON)
    hours = tuple(replace(row, days=None, hours=72) if row.id == "Art 73.2" else row for row in LAW.deadlines)
    with pytest.raises(RegisterInvalid, match="not counted in days"):
        clocks(replace(LAW, deadlines=hours), Case(), Times(AWARE), on=ON)


def test_immediately_is_after_the_link_of_a_death_after_its_suspicion_and_else_after_awareness():
    before, after = AWARE - timedelta(hours=5), AWARE + timedelta(hours=5)
    case = of(Harm.DEATH, widespread=True)
    since = {clock.point: clock.immediately_since for clock in running(case, Times(AWARE, before, after))}
    assert since == {"Art 73.2": after, "Art 73.3": AWARE, "Art 73.4": AWARE}, "a suspicion before awareness is of then"
    since = {clock.point: clock.immediately_since for clock in running(case, Times(AWARE, after))}
    assert since == {"Art 73.2": None, "Art 73.3": AWARE, "Art 73.4": after}
    since = {clock.point: clock.immediately_since for clock in running(case)}
    assert since == {"Art 73.2": None, "Art 73.3": AWARE, "Art 73.4": None}


def owed_points(case, route="annex_iii"):
    return [clock.point for clock in running(case, route=route) if clock.owed]


def test_an_equivalent_law_leaves_only_breaches_of_fundamental_rights_and_widespread_infringements():
    bank = {"equivalent_law": EquivalentLaw.SECTOR}
    assert owed_points(of(Harm.PROPERTY, **bank)) == []
    assert owed_points(of(Harm.INFRASTRUCTURE, Harm.DEATH, **bank)) == []
    assert owed_points(of(Harm.RIGHTS, **bank)) == owed_points(of(**bank)) == ["Art 73.2"]
    assert owed_points(of(Harm.RIGHTS, Harm.DEATH, **bank)) == ["Art 73.4", "Art 73.2"], "one of its outcomes is enough"
    assert owed_points(of(Harm.PROPERTY, widespread=True, **bank)) == ["Art 73.3"], "that is no outcome of 3(49)"
    found = running(of(Harm.PROPERTY, **bank))
    assert [clock.owed for clock in found] == [False], "it is shown, as not owed"
    assert first_due(found) is None


def test_each_paragraph_limits_the_systems_that_it_is_about_and_no_others():
    assert dict(LIMITS) == {EquivalentLaw.SECTOR: "annex_iii", EquivalentLaw.MEDICAL: "annex_i"}
    for law, route in LIMITS.items():
        other = "annex_i" if route == "annex_iii" else "annex_iii"
        assert owed_points(of(Harm.PROPERTY, equivalent_law=law), route) == []
        assert owed_points(of(Harm.PROPERTY, equivalent_law=law), other) == ["Art 73.2"]


def test_a_report_that_was_due_immediately_says_how_long_it_waited():
    since = AWARE + timedelta(hours=1)
    (found,) = running(of(Harm.RIGHTS), Times(AWARE, link_established_at=since))
    assert found.waited(since + timedelta(days=13)) == timedelta(days=13)
    assert found.waited(AWARE) == timedelta(0), "sent before the link was established"
    (found,) = running(of(Harm.RIGHTS))
    assert found.waited(AWARE + timedelta(days=13)) == timedelta(0), "nothing made it due immediately"


def test_the_law_is_asked_as_of_a_day():
    formal, practical = date(2026, 8, 2), date(2027, 12, 2)
    assert [clock.binds for clock in running(on=formal - timedelta(days=1))] == ["not yet"]
    assert [clock.binds for clock in running(on=formal)] == ["formally"]
    assert [clock.binds for clock in running(on=practical)] == ["yes"]
    assert [clock.binds for clock in running(on=practical, route="annex_i")] == ["formally"]
    assert [(clock.formal, clock.practical) for clock in running()] == [(formal, practical)]
    assert running(on=date(2024, 7, 31)) == (), "there was no such law"


def test_a_wording_that_is_no_longer_law_gives_no_clock():
    gone = replace(LAW.point("Art 73.4"), valid_to=date(2027, 1, 1))
    law = replace(LAW, points=MappingProxyType({**LAW.points, "Art 73.4": gone}))
    found = clocks(law, of(Harm.DEATH), Times(AWARE), on=ON)
    assert [clock.point for clock in found] == ["Art 73.2"]


def last_day(case, times, route):
    """The first owed day, or the end of time where none is."""
    found = first_due(running(case, times, route=route))
    return found.due_on if found else date.max


@given(case=cases, aware=moments, route=routes, on=st.dates(date(2026, 8, 2), date(2030, 1, 1)))
def test_whatever_the_case_the_default_clock_runs_and_the_first_is_the_shortest(case, aware, route, on):
    found = running(case, Times(aware), on=on, route=route)
    assert "Art 73.2" in [clock.point for clock in found]
    assert [clock.due_on for clock in found] == sorted(clock.due_on for clock in found)
    for clock in found:
        assert clock.due_on - aware.date() == timedelta(days=clock.days)
        assert type(clock.due_on) is date, "a day and no hour"
        assert clock.days_left(aware.date()) == clock.days
        assert clock.owed == owed(case, clock.point, route)
    first = first_due(found)
    assert (first.due_on if first else None) == min((clock.due_on for clock in found if clock.owed), default=None)


@given(case=cases, aware=moments, route=routes, harm=st.sampled_from(Harm))
def test_worse_never_gives_more_time(case, aware, route, harm):
    """Neither another outcome nor a wider one. That the first outcome is established may take the report away."""
    times = Times(aware)
    wider = replace(case, widespread=True)
    assert last_day(wider, times, route) <= last_day(case, times, route)
    worse = replace(case, harms=case.harms | {harm})
    assert {clock.point for clock in running(case, times)} <= {clock.point for clock in running(worse, times)}
    if case.harms or harm is Harm.RIGHTS or case.equivalent_law is None:
        assert last_day(worse, times, route) <= last_day(case, times, route)


@given(case=cases, aware=moments, route=routes, law=laws)
def test_an_equivalent_law_never_makes_a_report_due_earlier_nor_ends_a_breach_of_rights(case, aware, route, law):
    free = replace(case, equivalent_law=None)
    limited = replace(case, equivalent_law=law)
    assert last_day(limited, Times(aware), route) >= last_day(free, Times(aware), route)
    if Harm.RIGHTS in case.harms or not case.harms:
        assert last_day(limited, Times(aware), route) == last_day(free, Times(aware), route)
    if case.widespread:
        assert last_day(limited, Times(aware), route) == aware.date() + timedelta(days=2)


@given(case=cases, aware=moments, route=routes, earlier=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_an_earlier_awareness_never_gives_more_time(case, aware, route, earlier):
    assert last_day(case, Times(aware - earlier), route) <= last_day(case, Times(aware), route)


@given(case=cases, aware=moments, suspected=st.none() | moments, link=st.none() | moments)
def test_no_report_is_due_before_anybody_is_aware_unless_the_link_says_so(case, aware, suspected, link):
    for clock in running(case, Times(aware, suspected, link)):
        if clock.immediately_since is not None and clock.point != "Art 73.2":
            assert clock.immediately_since >= aware
        if clock.point == "Art 73.2":
            assert clock.immediately_since == link
