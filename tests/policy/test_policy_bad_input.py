"""Bad input: the core and the API refuse the same texts, each with a line and a reason, and keep nothing."""

from __future__ import annotations

import time

import pytest

from governance.accounts.roles import Role
from governance.evidence.projection import all_declared
from governance.policy import publication, services
from governance.policy.document import parse
from governance.policy.errors import QuorumOutOfReach
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy, Problem
from tests.factories import a_policy_text, a_system, a_user, given
from tests.policy.factories import a_check, a_text

STAGE = {"name": "risk", "roles": ["risk_officer"], "quorum": 1}
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
)
BAD = {
    "unknown role": (a_text(stages=[STAGE | {"roles": ["boss"]}]), 26, '"boss" does not fit: expected one of engineer'),
    "misspelt key": (a_text(target=["champion"]), 34, "did you mean `targets`?"),
    "misspelt figure": (
        a_text(a_check(expr="evidence.performance.auc.lwo >= 0.7", fails_if=None)),
        17,
        "There is no field `evidence.performance.auc.lwo`; did you mean `evidence.performance.auc.low`?",
    ),
    "wrong type": (a_text(stages=[STAGE | {"quorum": "two"}]), 27, '"two" does not fit: expected a whole number'),
    "not CEL": (a_text(a_check(expr="evidence.performance.auc.low >", fails_if=None)), 17, "mismatched input"),
    "wrong kind": (a_text(a_check(expr="evidence.performance.n", fails_if=None)), 17, "must be true or false"),
    "nested brackets": (a_text(a_check(expr="(" * 400 + "1" + ")" * 400)), 17, "nested more than 10 deep"),
    "nested signs": (a_text(a_check(expr="!" * 990 + "true", fails_if=None)), 17, "`!` is nested more than 10 deep"),
    "nested choices": (a_text(a_check(expr="true ? true : " * 71 + "true", fails_if=None)), 17, ""),
    "long chain": (a_text(a_check(expr=" + ".join(["1"] * 249) + " > 0", fails_if=None)), 17, "too long a chain"),
    "escalation too late": (
        a_text(escalation={"after": "P30D", "to": ["owner"]}),
        35,
        "less than `decide_within` (30 days)",
    ),
    "escalation at once": (a_text(escalation={"after": "P0D", "to": ["owner"]}), 35, "more than P0D"),
    "no time for evidence": (
        a_text(
            approval={
                "collect_within": "P0D",
                "valid_for": "P9D",
                "grace": "P1D",
                "on_drift": "alert",
                "on_suspend": "keep_serving",
            }
        ),
        30,
        "No evidence would be complete in time",
    ),
    "no time to answer": (
        a_text(
            approval={
                "answer_within": "P0D",
                "valid_for": "P9D",
                "grace": "P1D",
                "on_drift": "alert",
                "on_suspend": "keep_serving",
            }
        ),
        30,
        "Nobody could answer in time",
    ),
    "escalation to nobody": (a_text(escalation={"after": "P5D", "to": []}), 36, ""),
    "escalation to a stranger": (a_text(escalation={"after": "P5D", "to": ["boss"]}), 37, '"boss" does not fit'),
    "10 MB": ("policy: x\ndescription: " + "x" * 10_000_000, 1, "a policy has at most 131,072"),
    "10 MB of lines": ("- x\n" * 2_500_000, 1, "a policy has at most 131,072"),
    "aliases": (BOMB, 1, "Anchors (`&name`) are not allowed"),
    "deep lists": ("a: " + "[" * 30_000, 1, "nested more than 8 deep"),
    "deep mappings": ("\n".join(" " * i + "a:" for i in range(300)), 10, "nested more than 8 deep"),
    "deep keys": ("? " * 30_000, 1, "A key must be plain text"),
    "an object": ("policy: !!python/object/apply:os.system [id]", 1, "Tags (`!name`) are not allowed"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_core_refuses_it_with_line_and_reason_and_soon(name):
    text, line, says = BAD[name]
    began = time.perf_counter()
    try:
        found: tuple[Problem, ...] = tuple(publication.check(parse(text), all_declared()))
    except InvalidPolicy as refused:
        found = refused.problems
    assert time.perf_counter() - began < 5
    assert any(problem.line == line and problem.message and says in problem.message for problem in found), found


@pytest.mark.parametrize("name", BAD)
def test_the_api_refuses_it_with_line_and_reason_and_keeps_nothing(db, client, name):
    text, line, says = BAD[name]
    client.force_login(a_user(Role.POLICY_AUTHOR))
    answer = client.post("/api/v1/policies", {"text": text}, content_type="application/json")
    if name.startswith("10 MB"):  # refused before it is read: no line is known
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
        assert not PolicyVersion.objects.exists()
        return
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json"), answer.content[:500]
    found = answer.json()["errors"]
    assert any(error["line"] == line and error["message"] and says in error["message"] for error in found), found
    assert not PolicyVersion.objects.exists()


TWO_OFFICERS = a_policy_text(
    ("{name: risk, roles: [risk_officer], quorum: 1}", "{name: risk, roles: [risk_officer], quorum: 2}")
)


def test_a_quorum_above_the_people_who_hold_the_stage_s_roles_is_not_published(db, client):
    drafted = services.draft_policy(text=TWO_OFFICERS, author=a_user(Role.POLICY_AUTHOR))
    publisher = a_user(Role.POLICY_PUBLISHER)
    a_user(Role.VALIDATOR)
    officer = a_user(Role.RISK_OFFICER)
    given(officer, Role.RISK_OFFICER, system_id=a_system().pk)
    client.force_login(publisher)
    answer = client.post(f"/api/v1/policies/{drafted.pk}/publications", content_type="application/json")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/quorum-out-of-reach")
    (error,) = answer.json()["errors"]
    line = drafted.text.splitlines()[error["line"] - 1]
    assert (error["path"].endswith("].quorum"), "quorum: 2" in line) == (True, True)
    assert "wants 2 people and 1 holds risk_officer; grant the role to more people" in error["message"]
    with pytest.raises(QuorumOutOfReach):
        services.publish_policy(version_id=drafted.pk, publisher=publisher)
    a_user(Role.RISK_OFFICER)
    assert services.publish_policy(version_id=drafted.pk, publisher=publisher).published_at


def test_a_role_that_nobody_holds_is_named(db):
    drafted = services.draft_policy(text=a_policy_text(), author=a_user(Role.POLICY_AUTHOR))
    a_user(Role.VALIDATOR)
    with pytest.raises(QuorumOutOfReach, match="0 hold risk_officer"):
        services.publish_policy(version_id=drafted.pk, publisher=a_user(Role.POLICY_PUBLISHER))
