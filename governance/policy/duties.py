"""Separation of duties: who may not decide on a request. The floor is code; a policy can only add to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from governance.policy.document import PolicyDocument

FLOOR = frozenset({"requester", "trainer", "owner", "evidence_producer", "sponsor"})
"""Always kept from deciding. ``sponsor``: the person behind a service account that had one of the other parts."""

ADDABLE = frozenset({"previous_validator", "previous_approver", "earlier_stage_approver"})
"""What a policy may add: who validated or approved the version now in production, who decided an earlier stage."""


def excluded_people(policy: PolicyDocument, people: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return the ids of those who may not decide.

    Args:
        policy: its ``separation_of_duties.add`` widens the floor; nothing in it can narrow the floor.
        people: part -> ids of the people who had it. Every part of the floor and every part that the policy adds must
            be a key, with an empty collection where nobody had it: a forgotten key must not let someone decide.
    Raises:
        ValueError: a part is missing or unknown, a value is a bare text, or an id is empty.
    """
    parts = FLOOR | frozenset(policy.duties_added)
    if missing := sorted(parts - people.keys()):
        raise ValueError(f"Say who had these parts, or give an empty collection: {', '.join(missing)}.")
    if unknown := sorted(people.keys() - FLOOR - ADDABLE):
        raise ValueError(f"Unknown parts: {', '.join(unknown)}; known are {', '.join(sorted(FLOOR | ADDABLE))}.")
    excluded: set[str] = set()
    for part in parts:
        ids = people[part]
        if isinstance(ids, str) or not all(isinstance(person, str) and person for person in ids):
            raise ValueError(f"`{part}` must be a collection of ids, each a text that is not empty.")
        excluded.update(ids)
    return frozenset(excluded)


def eligible_people(
    policy: PolicyDocument, people: Mapping[str, Collection[str]], candidates: Iterable[str]
) -> frozenset[str]:
    """Return those of ``candidates`` (ids of people who hold a stage's role) who may decide."""
    return frozenset(candidates) - excluded_people(policy, people)
