"""What changed between two policies, and which way: nothing goes unnamed, and no loosening passes as something else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from examples.credit.policy import TEXT as CREDIT
from governance.policy import shipped
from governance.policy.diff import Change, Weight, diff
from governance.policy.document import PolicyDocument, parse
from tests.policy.factories import a_check, a_policy, a_policy_dict, untimed

LOOSENS, TIGHTENS, NEUTRAL = Weight.LOOSENS, Weight.TIGHTENS, Weight.NEUTRAL
TEXTS = [CREDIT, *map(shipped.text, shipped.names())]
LOADED = [yaml.safe_load(text) for text in TEXTS]


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return diff(a_policy(**before), a_policy(**after))


def checked(**change: Any) -> PolicyDocument:
    return a_policy(a_check(**change))


def only(found: list[Change]) -> Change:
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("text", TEXTS)
def test_a_policy_differs_in_nothing_from_itself_whatever_its_layout(text):
    document = parse(text)
    assert diff(document, document) == []
    assert diff(document, parse(yaml.safe_dump(yaml.safe_load(text), sort_keys=True, width=60))) == []


BOTH_WAYS = [
    ("approval.valid_for", {"approval": {"valid_for": "P26W"}}, {"approval": {"valid_for": "P183D"}}),
    ("approval.grace", {"approval": {"grace": "P14D"}}, {"approval": {"grace": "P15D"}}),
    ("approval.decide_within", {}, {"approval": {"decide_within": "P60D"}}),
    ("approval.renewal.before", {}, {"approval": {"renewal": {"before": "P60D"}}}),
    ("approval.answer_within", {}, {"approval": {"answer_within": "P60D"}}),
    ("approval.revalidate_every", {"approval": {"revalidate_every": "P365D"}}, {"approval": {}}),
    (
        "approval.revalidate_every",
        {"approval": {"revalidate_every": "P26W"}},
        {"approval": {"revalidate_every": "P365D"}},
    ),
    ("approval.on_drift", {}, {"approval": {"on_drift": "alert"}}),
    ("approval.on_suspend", {"approval": {"on_suspend": "refuse_new_loads"}}, {}),
    (
        "approval.conditions.max_open_findings",
        {"approval": {"conditions": {"max_open_findings": 3}}},
        {"approval": {"conditions": {"max_open_findings": 4}}},
    ),
    ("mode", {}, {"mode": "warn"}),
    ("stages[validation].quorum", {"stages": {"quorum": 2}}, {"stages": {"quorum": 1}}),
    ("stages[validation].roles", {}, {"stages": {"roles": ["validator", "engineer"]}}),
    ("stages[validation].requires", {}, {"stages": {"requires": None}}),
    ("stages[validation].signature", {"stages": {"signature": "passkey"}}, {}),
    ("stages[validation]", {}, {"stages": None}),
    ("human_review.roles", {}, {"human_review": {"roles": ["validator", "risk_officer"]}}),
    ("separation_of_duties.add", {"separation_of_duties": {"add": ["previous_validator"]}}, {}),
    ("evidence.performance/v1.max_age", {}, {"evidence": {"performance/v1": {"max_age": "P31D"}}}),
    (
        "evidence.fairness/v1",
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "fairness/v1": {}}},
        {},
    ),
    (
        "evidence.performance/v1.parameters.sensitive_features",
        {"evidence": {"performance/v1": {"max_age": "P30D", "parameters": {"sensitive_features": ["sex", "age"]}}}},
        {"evidence": {"performance/v1": {"max_age": "P30D", "parameters": {"sensitive_features": ["sex"]}}}},
    ),
    (
        "evidence.fairness/v1.parameters.min_share",
        {
            "evidence": {
                "performance/v1": {"max_age": "P30D"},
                "fairness/v1": {"parameters": {"min_share": 0.02, "suppress_below": 10}},
            }
        },
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "fairness/v1": {"parameters": {"suppress_below": 10}}}},
    ),
    (
        "evidence.fairness/v1.parameters.suppress_below",
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "fairness/v1": {"parameters": {"suppress_below": 5}}}},
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "fairness/v1": {"parameters": {"suppress_below": 1}}}},
    ),
    (
        "evidence.fairness/v1.parameters.intersections",
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "fairness/v1": {"parameters": {"suppress_below": 10}}}},
        {
            "evidence": {
                "performance/v1": {"max_age": "P30D"},
                "fairness/v1": {"parameters": {"suppress_below": 10, "intersections": ["sex, age"]}},
            }
        },
    ),
    (
        "evidence.submitted_document/v1.kinds",
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "submitted_document/v1": {"kinds": ["dpia", "other"]}}},
        {"evidence": {"performance/v1": {"max_age": "P30D"}, "submitted_document/v1": {"kinds": ["dpia"]}}},
    ),
]


def with_parts(parts: dict[str, Any]) -> dict[str, Any]:
    """Fill up the approval and the stage of the factory's policy; None takes the stage away."""
    whole = a_policy_dict()
    filled = dict(parts)
    if "approval" in parts:
        filled["approval"] = whole["approval"] | parts["approval"]
    if "stages" in parts:
        stage = parts["stages"]
        kept = {} if stage is None else {k: v for k, v in (whole["stages"][0] | stage).items() if v is not None}
        filled["stages"] = [kept] if kept else []
    return filled


@pytest.mark.parametrize(("path", "strict", "lax"), BOTH_WAYS, ids=[path for path, _, _ in BOTH_WAYS])
def test_what_loosens_one_way_tightens_the_other(path, strict, lax):
    loosening = only(changes(with_parts(strict), with_parts(lax)))
    assert (loosening.path, loosening.weight) == (path, LOOSENS)
    tightening = only(changes(with_parts(lax), with_parts(strict)))
    assert (tightening.path, tightening.weight) == (path, TIGHTENS)
    assert (tightening.before, tightening.after) == (loosening.after, loosening.before)
    assert loosening.because
    assert tightening.because


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("applies_to.ai_act_class", {"ai_act_class": "high"}, {"ai_act_class": ["high", "limited"]}),
        ("applies_to.ai_act_class", {"ai_act_class": ["high", "limited"]}, {"ai_act_class": "high"}),
        ("applies_to.model_tier", {"model_tier": [1]}, {}),
        ("applies_to.model_tier", {}, {"model_tier": [1]}),
    ],
)
def test_a_change_of_reach_loosens_whether_it_widens_or_narrows(path, before, after):
    default = {"ai_act_class": "high"}
    found = only(changes({"applies_to": default | before}, {"applies_to": default | after}))
    assert (found.path, found.weight) == (path, LOOSENS)


def test_so_do_other_targets_and_taking_another_policys_place():
    assert only(changes({}, {"targets": ["champion", "canary"]})).weight is LOOSENS
    assert only(changes({"targets": ["champion", "canary"]}, {})).weight is LOOSENS
    assert only(changes({}, {"supersedes": ["other"]})).weight is LOOSENS
    assert only(changes({"supersedes": ["other"]}, {})).weight is NEUTRAL


def test_what_says_the_same_in_other_words_is_named_and_has_no_weight():
    for path, before, after in [
        ("applies_to.ai_act_class", {}, {"applies_to": {"ai_act_class": ["high"], "model_tier": [1, 2]}}),
        ("applies_to.model_tier", {}, {"applies_to": {"ai_act_class": "high", "model_tier": [2, 1]}}),
        ("human_review.roles", {}, {"human_review": {"roles": ["validator"]}}),
        ("approval.valid_for", {"approval": {"valid_for": "P2W"}}, {"approval": {"valid_for": "P14D"}}),
        ("approval.conditions", {}, {"approval": {"conditions": {}}}),
        ("title", {}, {"title": "Another title"}),
    ]:
        found = only(changes(with_parts(before), with_parts(after)))
        assert (found.path, found.weight) == (path, NEUTRAL)


EXPRESSIONS = [  # (before, after, what the change does to a condition that lets pass)
    ("evidence.a.x >= 0.8", "evidence.a.x >= 0.79", LOOSENS),
    ("evidence.a.x >= 0.8", "evidence.a.x > 0.8", TIGHTENS),
    ("evidence.a.x <= 0.8", "evidence.a.x <= 0.9", LOOSENS),
    ("0.8 <= evidence.a.x", "0.9 <= evidence.a.x", TIGHTENS),
    ("evidence.a.x >= -0.05", "evidence.a.x >= -0.1", LOOSENS),
    ("evidence.a.x >= 0.1 && evidence.a.y <= 0.6", "evidence.a.x >= 0.2 && evidence.a.y <= 0.6", TIGHTENS),
    ("evidence.a.x >= 0.1 && evidence.a.y <= 0.6", "evidence.a.x >= 0.2 && evidence.a.y <= 0.7", LOOSENS),
    ("(evidence.a.x >= 1 || evidence.a.y >= 2)", "(evidence.a.x >= 1 || evidence.a.y >= 3)", TIGHTENS),
    ("evidence.a.x >= 0.80", "evidence.a.x   >= 0.8 // as agreed", NEUTRAL),
    ("evidence.a.x >= 0.8", "evidence.a.y >= 0.8", LOOSENS),  # from here on: not to be told
    ("!(evidence.a.x >= 0.8)", "!(evidence.a.x >= 0.9)", LOOSENS),
    ("evidence.a.x >= 0.8 * evidence.a.y", "evidence.a.x >= 0.9 * evidence.a.y", LOOSENS),
    ("(evidence.a.x >= 0.8) < true", "(evidence.a.x >= 0.9) < true", LOOSENS),
    ("evidence.a.x > evidence.a.y > true", "evidence.a.x >= evidence.a.y > true", LOOSENS),
    ("math.least(0.8) >= evidence.a.x", "math.least(0.7) >= evidence.a.x", LOOSENS),
    ("evidence.a.x in [1, 2]", "evidence.a.x in [1, 3]", LOOSENS),
    ("evidence.a.x >= 0.8", "evidence.a.x >= 0.8 §", LOOSENS),
]


@pytest.mark.parametrize(("before", "after", "weight"), EXPRESSIONS)
def test_a_limit_that_moves_is_ranked_and_what_cannot_be_told_counts_as_loosening(before, after, weight):
    found = only(diff(checked(expr=before), checked(expr=after)))
    assert (found.path, found.weight) == ("checks[performance.auc].expr", weight)


@pytest.mark.parametrize(("before", "after", "weight"), EXPRESSIONS[:9])
def test_a_condition_that_fails_a_check_is_ranked_the_other_way_round(before, after, weight):
    found = {change.weight for change in diff(checked(fails_if=before), checked(fails_if=after))}
    swapped = {LOOSENS: {TIGHTENS}, TIGHTENS: {LOOSENS}, NEUTRAL: {NEUTRAL}}[weight]
    mixed = before.count(".a.") == 2 and after.endswith("0.7")  # one limit went up, the other too: some loosening
    assert found == ({LOOSENS} if mixed else swapped)


def test_without_a_condition_to_fail_whatever_does_not_pass_fails():
    assert only(diff(checked(fails_if=None), checked())).weight is LOOSENS
    assert only(diff(checked(), checked(fails_if=None))).weight is TIGHTENS


def test_a_failure_weighs_less_and_less():
    for before, after in (("block", "waivable"), ("waivable", "warn"), ("block", "warn")):
        assert only(diff(checked(on_fail=before), checked(on_fail=after))).weight is LOOSENS
        assert only(diff(checked(on_fail=after), checked(on_fail=before))).weight is TIGHTENS
    assert only(diff(checked(), checked(on_insufficient="human_review"))).weight is LOOSENS


def test_a_check_is_known_by_its_id_and_order_has_no_weight():
    one, two = a_check(id="one"), a_check(id="two")
    moved = only(diff(a_policy(one, two), a_policy(two, one)))
    assert (moved.path, moved.weight, moved.before, moved.after) == ("checks", NEUTRAL, ["one", "two"], ["two", "one"])
    gone = only(diff(a_policy(one, two), a_policy(two)))
    assert (gone.path, gone.weight, gone.after) == ("checks[one]", LOOSENS, None)
    assert isinstance(gone.before, dict)
    assert gone.before["id"] == "one"
    assert only(diff(a_policy(two), a_policy(one, two))).weight is TIGHTENS


def test_why_a_limit_stands_and_who_answers_for_it_have_no_weight():
    for key, value in (("why", "Another reason."), ("owner", "validator"), ("title", "Other"), ("supports", ["a"])):
        assert only(diff(checked(), checked(**{key: value}))).weight is NEUTRAL


BOTH_REVIEW = ["validator", "risk_officer"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Every value of a policy by its path, parts of checks and stages under their id or name."""
    if isinstance(value, dict):
        found: dict[str, Any] = {} if value else {".".join(path): {}}
        for key, inner in value.items():
            found |= leaves(inner, (*path, key))
        return found
    if path in (("checks",), ("stages",)):
        found = {}
        for item in value:
            found |= leaves(item, (f"{path[0]}[{item.get('id') or item['name']}]",))
        return found
    return {".".join(map(str, path)): value}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy dictionary with pieces changed, put in or taken away."""
    data = copy.deepcopy(draw(st.sampled_from(LOADED)))
    data["policy"] = "one-name"
    for check in data["checks"]:
        for key, values in (
            ("on_fail", ["block", "waivable", "warn"]),
            ("why", ["Because.", "For another reason."]),
            ("expr", ["evidence.performance.n >= 1", "evidence.performance.n >= 2", "evidence.performance.n > 1"]),
        ):
            if draw(st.integers(0, 4)) == 0:
                check[key] = draw(st.sampled_from(values))
    kept = draw(st.lists(st.booleans(), min_size=len(data["checks"]), max_size=len(data["checks"])))
    data["checks"] = [check for check, keep in zip(data["checks"], kept, strict=True) if keep] or data["checks"][:1]
    for stage in data["stages"]:
        stage["quorum"] = draw(st.integers(1, 3))
    if draw(st.booleans()):
        data["checks"].reverse()
    data["approval"]["valid_for"] = f"P{draw(st.integers(1, 3))}W"
    data["human_review"] = {"roles": draw(st.sampled_from([BOTH_REVIEW, [*BOTH_REVIEW, "data_protection_officer"]]))}
    if draw(st.booleans()):
        data["supersedes"] = ["other"]
    return data


@untimed
@given(policies(), policies())
def test_every_path_that_changed_is_named_and_no_other(one, two):
    old, new = (parse(yaml.dump(policy, Dumper=yaml.CSafeDumper, width=1000)) for policy in (one, two))
    found = diff(old, new)
    before, after = leaves(one), leaves(two)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    named = {change.path for change in found}
    assert {path for path in changed if not any(covers(name, path) for name in named)} == set()
    assert {name for name in named if not any(covers(name, path) for path in changed)} <= {"checks", "stages"}
    assert (found == []) is (old.digest == new.digest)
    assert diff(new, new) == []
    assert {change.path for change in diff(new, old)} == named


def covers(name: str, path: str) -> bool:
    return path == name or path.startswith(f"{name}.")


LIMIT = st.floats(-3, 3).map(lambda number: round(number, 2))
CONDITION = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from([">=", ">", "<=", "<"]), LIMIT)


@untimed
@given(st.lists(CONDITION, min_size=1, max_size=3), st.data())
def test_what_is_said_to_tighten_lets_nothing_pass_that_did_not_pass(conditions, data):
    joins = data.draw(st.lists(st.sampled_from(["&&", "||"]), min_size=3, max_size=3))
    moved = [(name, op, data.draw(st.one_of(st.just(limit), LIMIT))) for name, op, limit in conditions]
    before, after = (expression(rows, joins) for rows in (conditions, moved))
    for change in diff(checked(expr=before), checked(expr=after)):
        if change.weight is TIGHTENS:
            for x in (-3.0, -0.5, 0.0, 0.7, 3.0, *(limit for _, _, limit in moved)):
                for y in (-3.0, 0.0, 1.1, *(limit for _, _, limit in moved)):
                    assert value(before, x, y) or not value(after, x, y)


def expression(rows: list[tuple[str, str, float]], joins: list[str]) -> str:
    parts = [f"evidence.a.{name} {op} {limit}" for name, op, limit in rows]
    return " ".join(f"{part} {join}" for part, join in zip(parts, joins, strict=False)).rsplit(" ", 1)[0]


def value(text: str, x: float, y: float) -> bool:
    said = text.replace("evidence.a.x", str(x)).replace("evidence.a.y", str(y))
    return bool(eval(said.replace("&&", "and").replace("||", "or")))  # noqa: S307
