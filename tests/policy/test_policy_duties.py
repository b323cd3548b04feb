"""Separation of duties: no policy can lower the floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.duties import ADDABLE, FLOOR, eligible_people, excluded_people
from governance.policy.problems import InvalidPolicy
from governance.policy.shape import schema
from tests.policy.factories import a_policy, untimed

NOBODY: dict[str, list[str]] = {part: [] for part in FLOOR | ADDABLE}
ids = st.sets(st.sampled_from(["ann", "bob", "cid", "dee", "eve"]))
additions = st.lists(st.sampled_from(sorted(ADDABLE)), unique=True)


@untimed
@given(people=st.fixed_dictionaries(dict.fromkeys(sorted(FLOOR | ADDABLE), ids)), added=additions)
def test_no_policy_can_lower_the_floor(people, added):
    policy = a_policy(separation_of_duties={"add": added})
    floor = set().union(*(people[part] for part in FLOOR))
    excluded = excluded_people(policy, people)
    assert floor <= excluded
    assert excluded == floor.union(*(people[part] for part in added))
    assert eligible_people(policy, people, ["ann", "bob", "zoe"]) == {"ann", "bob", "zoe"} - excluded


@untimed
@given(people=st.fixed_dictionaries(dict.fromkeys(sorted(FLOOR | ADDABLE), ids)), fewer=additions, more=additions)
def test_adding_parts_only_ever_excludes_more_people(people, fewer, more):
    small = a_policy(separation_of_duties={"add": fewer})
    large = a_policy(separation_of_duties={"add": sorted({*fewer, *more})})
    assert excluded_people(small, people) <= excluded_people(large, people)


@pytest.mark.parametrize("part", sorted(FLOOR))
def test_each_part_of_the_floor_excludes_by_itself(part):
    assert excluded_people(a_policy(), NOBODY | {part: ["ann"]}) == {"ann"}


@pytest.mark.parametrize("key", ["remove", "floor", "allow", "except"])
def test_a_policy_has_no_word_for_lowering_the_floor(key):
    with pytest.raises(InvalidPolicy):
        a_policy(separation_of_duties={"add": [], key: ["requester"]})


@pytest.mark.parametrize("part", sorted(FLOOR))
def test_a_forgotten_part_is_refused_rather_than_empty(part):
    with pytest.raises(ValueError, match=f"Say who had these parts.*{part}"):
        excluded_people(a_policy(), {key: value for key, value in NOBODY.items() if key != part})


@pytest.mark.parametrize(
    ("people", "says"),
    [
        ({"requestor": ["ann"]}, "Unknown parts: requestor"),
        ({"trainer": "ann"}, "`trainer` must be a collection of ids"),
        ({"owner": [""]}, "`owner` must be a collection of ids"),
        ({"owner": [None]}, "`owner` must be a collection of ids"),
    ],
)
def test_people_that_are_not_ids_are_refused(people, says):
    with pytest.raises(ValueError, match=says):
        excluded_people(a_policy(), NOBODY | people)


def test_what_a_policy_added_must_be_known_too():
    policy = a_policy(separation_of_duties={"add": ["previous_validator"]})
    with pytest.raises(ValueError, match="previous_validator"):
        excluded_people(policy, {part: [] for part in FLOOR})


def test_the_schema_offers_exactly_what_can_be_added():
    added = schema()["properties"]["separation_of_duties"]["properties"]["add"]["items"]["enum"]
    assert set(added) == ADDABLE
