"""Which roles claims give: the pure part, for all claims and mappings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.accounts.claims import has_second_factor, roles_from, says_yes, values_of
from governance.accounts.roles import DECIDING, Role

WORDS = ("ml", "risk", "it", "audit")
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["groups", "roles", "a"]), inner),
    max_leaves=12,
)
DRAWN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # claims nest, and drawing them is work
CLAIMS = st.dictionaries(st.sampled_from(["groups", "roles", "a", "a.roles"]), JSON)
RULES = st.lists(
    st.builds(
        SimpleNamespace,
        pk=st.uuids(),
        claim=st.sampled_from(["groups", "roles", "a.roles"]),
        value=st.sampled_from(WORDS),
        role=st.sampled_from(list(Role)),
        system_id=st.none() | st.sampled_from(["one", "two"]),
        days=st.none() | st.integers(1, 366),
    ),
    max_size=12,
)


@DRAWN
@given(CLAIMS, RULES)
def test_every_role_given_is_said_by_a_claim_and_none_twice(claims, rules):
    wanted = roles_from(claims, rules)
    for rule in (*wanted.gives, *wanted.conflicting):
        assert rule in rules
        assert rule.value in values_of(claims, rule.claim)
    places = [(rule.role, rule.system_id) for rule in (*wanted.gives, *wanted.conflicting)]
    assert len(places) == len(set(places))


@DRAWN
@given(CLAIMS, RULES)
def test_every_claim_that_is_met_gives_its_role_or_conflicts(claims, rules):
    wanted = roles_from(claims, rules)
    met = {(rule.role, rule.system_id) for rule in rules if rule.value in values_of(claims, rule.claim)}
    assert met == {(rule.role, rule.system_id) for rule in (*wanted.gives, *wanted.conflicting)}


@DRAWN
@given(CLAIMS, RULES)
def test_nobody_administers_and_decides(claims, rules):
    roles = {rule.role for rule in roles_from(claims, rules).gives}
    assert not (Role.ADMINISTRATOR in roles and roles & DECIDING)


@DRAWN
@given(CLAIMS, RULES, st.randoms())
def test_the_order_of_mappings_does_not_matter(claims, rules, random):
    shuffled = list(rules)
    random.shuffle(shuffled)
    first, second = roles_from(claims, rules), roles_from(claims, shuffled)
    assert {rule.pk for rule in first.gives} == {rule.pk for rule in second.gives}


@DRAWN
@given(CLAIMS, RULES)
def test_fewer_claims_never_give_a_role_that_more_do_not_say(claims, rules):
    more = roles_from(claims, rules)
    said = {(rule.role, rule.system_id) for rule in more.gives + more.conflicting}
    for name in claims:
        less = roles_from({key: value for key, value in claims.items() if key != name}, rules)
        if "a.roles" not in claims:  # a name with a dot hides the nested one of the same name
            assert {(rule.role, rule.system_id) for rule in less.gives + less.conflicting} <= said


def test_how_providers_write_groups():
    assert values_of({"groups": ["/risk", "ml"]}, "groups") == {"/risk", "ml"}
    assert values_of({"groups": "ml"}, "groups") == {"ml"}
    assert values_of({"realm_access": {"roles": ["risk"]}}, "realm_access.roles") == {"risk"}
    assert values_of({"https://bank.example/groups": ["ml"]}, "https://bank.example/groups") == {"ml"}
    assert values_of({"groups": [True, 1, None, {"name": "ml"}]}, "groups") == frozenset()


def test_when_the_providers_second_factor_counts():
    assert has_second_factor({"amr": ["pwd", "otp"]}, {"otp"})
    assert has_second_factor({"acr": "silver"}, {"silver"})
    assert not has_second_factor({"amr": ["pwd"]}, {"otp"})
    assert not has_second_factor({"amr": ["otp"]}, set())
    assert all(says_yes({"v": value}, "v") for value in (True, "true", 1, "1"))
    assert not any(says_yes({"v": value}, "v") for value in (False, None, "yes", 2, [True]))
