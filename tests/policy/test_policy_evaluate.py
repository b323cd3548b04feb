"""The verdict table: every combination, its properties, and the sentences."""

import itertools
import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.policy import FACTS as LARGE_FACTS
from benchmarks.policy import forget
from benchmarks.policy import policy as policy_of
from governance.policy import cel
from governance.policy.evaluate import Effect, Outcome, Review, Ruling, Waiver, evaluate
from tests.policy.factories import a_check, a_policy, auc_facts, untimed

AUC = "performance.auc"
SHOWS = {
    "value": "evidence.performance.auc.value",
    "low": "evidence.performance.auc.low",
    "high": "evidence.performance.auc.high",
    "n": "evidence.performance.n",
    "limit": 0.7,
    "better": "higher",
}
FACTS = {
    "pass": auc_facts(0.72, 0.8),
    "fail": auc_facts(0.5, 0.6),
    "insufficient": auc_facts(0.65, 0.75),
    "undefined": auc_facts(None, None),
    "missing": {"evidence": {"performance": {"n": 300}}, "candidate": {}, "production": {}},
    "no evidence": {"evidence": {}, "candidate": {}, "production": {}},
}
OUTCOMES = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    "insufficient": Outcome.INSUFFICIENT,
    "undefined": Outcome.INSUFFICIENT,
    "missing": Outcome.MISSING,
    "no evidence": Outcome.MISSING,
}
ON_FAIL = ["block", "waivable", "warn"]
ON_INSUFFICIENT = ["hold", "human_review", "warn"]
SEVERITY = {Ruling.ALLOW: 0, Ruling.HOLD: 1, Ruling.BLOCK: 2}


def accepted(check: str = AUC, *, role: str = "validator", reviewer: str = "vera") -> Review:
    return Review(check=check, verdict="accepted", role=role, reviewer=reviewer)


def rejected(check: str = AUC, *, reviewer: str = "vera") -> Review:
    return Review(check=check, verdict="rejected", role="validator", reviewer=reviewer)


def expected(case: str, on_fail: str, on_insufficient: str, *, waived: bool, reviewed: str) -> Ruling:
    """The table of the design, written down a second time."""
    if case == "fail":
        lifted = on_fail == "warn" or (on_fail == "waivable" and waived)
        return Ruling.ALLOW if lifted else Ruling.BLOCK
    if case in ("missing", "no evidence"):
        return Ruling.HOLD
    if case in ("insufficient", "undefined"):
        lifted = on_insufficient == "warn" or (on_insufficient == "human_review" and reviewed == "accepted")
        return Ruling.ALLOW if lifted else Ruling.HOLD
    return Ruling.ALLOW


@pytest.mark.parametrize(
    ("case", "on_fail", "on_insufficient", "waived", "reviewed"),
    list(itertools.product(FACTS, ON_FAIL, ON_INSUFFICIENT, [False, True], ["", "accepted", "rejected"])),
)
def test_every_row_of_the_verdict_table(case, on_fail, on_insufficient, waived, reviewed):
    policy = a_policy(a_check(on_fail=on_fail, on_insufficient=on_insufficient, shows=SHOWS))
    verdict = evaluate(
        policy,
        FACTS[case],
        waivers=[Waiver(AUC)] if waived else [],
        reviews={"": [], "accepted": [accepted()], "rejected": [rejected()]}[reviewed],
    )
    assert verdict.checks[0].outcome is OUTCOMES[case]
    assert verdict.outcome is expected(case, on_fail, on_insufficient, waived=waived, reviewed=reviewed)
    assert verdict.reason.endswith(".")


def test_a_first_promotion_leaves_comparisons_out_and_nothing_else():
    comparison = a_check(
        id="auc.production",
        expr="evidence.performance.auc.difference.low >= -0.05",
        fails_if="evidence.performance.auc.difference.high < -0.05",
    )
    facts = auc_facts(0.72, 0.8)
    facts["evidence"]["performance"]["auc"]["difference"] = None
    first = {key: value for key, value in facts.items() if key != "production"}
    policy = a_policy(a_check(), comparison)

    verdict = evaluate(policy, first)
    assert [result.outcome for result in verdict.checks] == [Outcome.PASS, Outcome.NOT_APPLICABLE]
    assert verdict.outcome is Ruling.ALLOW
    assert verdict.reason == "1 of 2 checks pass, 1 does not apply."

    with_production = evaluate(policy, facts).checks[1]
    assert with_production.outcome is Outcome.INSUFFICIENT, "a comparison that nobody made is not waved through"
    without_evidence = evaluate(policy, {"evidence": {}, "candidate": {}})
    assert [result.outcome for result in without_evidence.checks[:2]] == [Outcome.MISSING, Outcome.MISSING]
    no_floor = evaluate(policy, {"evidence": {"performance": {}}, "candidate": {}})
    assert [result.outcome for result in no_floor.checks] == [Outcome.MISSING, Outcome.NOT_APPLICABLE]


def test_production_figures_beside_candidate_figures():
    policy = a_policy(a_check(expr="candidate.fpr <= 0.8 * production.fpr", fails_if=None), evidence={})
    facts = {"evidence": {}, "candidate": {"fpr": 0.1}, "production": {"fpr": 0.2}}
    assert evaluate(policy, facts).checks[0].outcome is Outcome.PASS
    assert evaluate(policy, facts | {"candidate": {"fpr": 0.19}}).checks[0].outcome is Outcome.FAIL
    assert evaluate(policy, facts | {"production": {"fpr": None}}).checks[0].outcome is Outcome.INSUFFICIENT
    assert evaluate(policy, facts | {"production": {}}).checks[0].outcome is Outcome.MISSING
    first = {"evidence": {}, "candidate": {"fpr": 0.1}}
    assert evaluate(policy, first).checks[0].outcome is Outcome.NOT_APPLICABLE


def test_without_fails_if_a_check_fails_where_it_does_not_pass():
    policy = a_policy(a_check(fails_if=None))
    assert evaluate(policy, FACTS["insufficient"]).checks[0].outcome is Outcome.FAIL
    assert evaluate(policy, FACTS["undefined"]).checks[0].outcome is Outcome.INSUFFICIENT


def test_fail_outweighs_missing_and_a_contradiction_fails():
    both = a_check(expr="true", fails_if="evidence.performance.auc.high < 0.7 || evidence.performance.gini < 0.1")
    assert evaluate(a_policy(both), FACTS["fail"]).checks[0].outcome is Outcome.FAIL
    assert evaluate(a_policy(both), FACTS["pass"]).checks[0].outcome is Outcome.MISSING
    contradiction = a_check(expr="evidence.performance.auc.low > 0.1", fails_if="evidence.performance.auc.low > 0.2")
    assert evaluate(a_policy(contradiction), FACTS["pass"]).checks[0].outcome is Outcome.FAIL


def test_a_check_does_not_pass_on_half_of_its_figures():
    either = a_check(expr="evidence.performance.auc.low > 0.1 || evidence.performance.gini > 0.1", fails_if="false")
    assert evaluate(a_policy(either), FACTS["pass"]).checks[0].outcome is Outcome.MISSING
    facts = auc_facts(0.72, 0.8)
    facts["evidence"]["performance"]["gini"] = None
    assert evaluate(a_policy(either), facts).checks[0].outcome is Outcome.INSUFFICIENT


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_undefined_figure_in_arithmetic_is_insufficient(value):
    arithmetic = a_check(expr="math.abs(evidence.performance.auc.low * 2 - 1) / 3 > 0.1", fails_if=None)
    assert evaluate(a_policy(arithmetic), auc_facts(value, 0.8)).checks[0].outcome is Outcome.INSUFFICIENT


@pytest.mark.parametrize("value", ["0.9", True, {"a": 1}, [0.9], object()])
def test_a_figure_of_the_wrong_kind_is_missing_and_holds_even_where_little_data_would_warn(value):
    policy = a_policy(a_check(on_insufficient="warn"))
    verdict = evaluate(
        policy, auc_facts(None, 0.8) | {"evidence": {"performance": {"auc": {"low": value, "high": 0.8}}}}
    )
    assert (verdict.checks[0].outcome, verdict.outcome) == (Outcome.MISSING, Ruling.HOLD)


def test_flat_and_nested_facts_are_the_same():
    flat = {
        "evidence": {"performance": {"n": 300, "auc.low": 0.72, "auc.high": 0.8, "auc.value": 0.76}},
        "production": {},
    }
    policy = a_policy(a_check(shows=SHOWS))
    assert evaluate(policy, flat) == evaluate(policy, auc_facts(0.72, 0.8))


def test_evidence_that_is_asked_for_and_not_attached_holds_without_a_check():
    policy = a_policy(evidence={"performance/v1": {}, "explanation/v1": {}})
    verdict = evaluate(policy, FACTS["pass"])
    assert (verdict.outcome, verdict.checks[-1].id) == (Ruling.HOLD, "evidence.explanation")
    assert verdict.reason == "explanation/v1 evidence: None is attached; it holds until the evidence is there."


# -- Reviews and waivers ---------------------------------------------------------------------------------------------


def review_policy(**changes):
    return a_policy(a_check(on_insufficient="human_review", shows=SHOWS), **changes)


def test_only_an_accepted_review_of_that_check_in_a_named_role_lifts_a_hold():
    facts = FACTS["insufficient"]
    held = evaluate(review_policy(), facts)
    assert (held.outcome, held.wants_review) == (Ruling.HOLD, (AUC,))
    assert held.checks[0].reason == (
        "0.700 (95 % interval 0.650 to 0.750, n = 300) does not settle it: the interval reaches across the limit 0.7; "
        "it holds until a validator signs a review of it."
    )
    for useless in (accepted("another.check"), accepted(role="risk_officer"), rejected()):
        assert evaluate(review_policy(), facts, reviews=[useless]).outcome is Ruling.HOLD
    lifted = evaluate(review_policy(), facts, reviews=[accepted()])
    assert (lifted.outcome, lifted.wants_review) == (Ruling.ALLOW, ())
    assert (lifted.checks[0].effect, lifted.checks[0].lifted_by) == (Effect.WARN, "review")
    assert lifted.checks[0].outcome is Outcome.INSUFFICIENT, "a signature lifts the hold, it does not make data"


def test_the_last_review_of_each_person_counts_and_one_rejection_outweighs():
    policy, facts = review_policy(), FACTS["insufficient"]
    assert evaluate(policy, facts, reviews=[rejected(), accepted()]).outcome is Ruling.ALLOW
    assert evaluate(policy, facts, reviews=[accepted(), rejected()]).outcome is Ruling.HOLD
    shopping = evaluate(policy, facts, reviews=[rejected(), accepted(reviewer="victor")])
    assert shopping.outcome is Ruling.HOLD
    assert shopping.checks[0].reason.endswith("; a signed human review rejected it.")


def test_neither_a_review_nor_a_waiver_lifts_what_it_is_not_for():
    policy = a_policy(a_check(on_fail="block", on_insufficient="human_review"))
    assert evaluate(policy, FACTS["fail"], waivers=[Waiver(AUC)], reviews=[accepted()]).outcome is Ruling.BLOCK
    assert evaluate(policy, FACTS["missing"], waivers=[Waiver(AUC)], reviews=[accepted()]).outcome is Ruling.HOLD
    waivable = a_policy(a_check(on_fail="waivable"))
    assert evaluate(waivable, FACTS["fail"], waivers=[Waiver("another.check")]).outcome is Ruling.BLOCK
    assert evaluate(waivable, FACTS["insufficient"], waivers=[Waiver(AUC)]).outcome is Ruling.HOLD
    waived = evaluate(waivable, FACTS["fail"], waivers=[Waiver(AUC)])
    assert waived.checks[0].lifted_by == "waiver"
    assert waived.reason == "0 of 1 checks pass, 1 is let through with a warning, a waiver or a signed review."


# -- The verdict over several checks ---------------------------------------------------------------------------------


def test_the_reason_is_the_first_check_that_decides():
    policy = a_policy(
        a_check(id="a", title="Held", expr="evidence.performance.gini > 0", fails_if=None),
        a_check(id="b", title="Bad", shows=SHOWS),
        a_check(id="c", title="Bad too"),
    )
    verdict = evaluate(policy, FACTS["fail"])
    assert verdict.reason == (
        "Bad: 0.550 (95 % interval 0.500 to 0.600, n = 300) misses the limit 0.7; it blocks. "
        "1 more check blocks as well."
    )
    assert evaluate(policy, FACTS["pass"]).reason == (
        "Held: The attached facts have no usable figure evidence.performance.gini; it holds."
    )
    assert evaluate(a_policy(a_check(shows=SHOWS)), FACTS["pass"]).reason == "The one check passes."


def test_the_verdict_is_json_and_names_the_policy():
    policy = a_policy(a_check(shows=SHOWS))
    data = json.loads(json.dumps(evaluate(policy, FACTS["insufficient"]).as_json(), allow_nan=False))
    assert (data["outcome"], data["policy_digest"]) == ("HOLD", policy.digest)
    check = data["checks"][0]
    assert (check["outcome"], check["effect"], check["n"], check["limit"]) == ("insufficient", "HOLD", 300, 0.7)
    assert set(check) == {
        "id", "title", "outcome", "on_fail", "on_insufficient", "value", "low", "high", "n", "limit", "better",
        "evidence_type", "reason", "effect", "lifted_by", "wants_review",
    }  # fmt: skip
    assert check["evidence_type"] == "performance/v1"


figures = st.one_of(st.none(), st.floats(min_value=0, max_value=1))
terms = st.tuples(st.sampled_from(ON_FAIL), st.sampled_from(ON_INSUFFICIENT))
policies = st.lists(st.tuples(terms, st.sampled_from([0.2, 0.5, 0.8])), min_size=1, max_size=5)
signatures = st.lists(st.integers(0, 4), max_size=3)


def a_policy_of(parts, *more, **changes):
    checks = [
        a_check(
            id=f"c{index}",
            expr=f"evidence.performance.auc.low >= {limit}",
            fails_if=f"evidence.performance.auc.high < {limit}",
            on_fail=on_fail,
            on_insufficient=on_insufficient,
            **changes,
        )
        for index, ((on_fail, on_insufficient), limit) in enumerate(parts)
    ]
    return a_policy(*checks, *more)


@untimed
@given(parts=policies, low=figures, high=figures, waived=signatures, reviewed=signatures)
def test_a_verdict_is_deterministic_and_is_its_worst_check(parts, low, high, waived, reviewed):
    waivers = [Waiver(f"c{index}") for index in waived]
    reviews = [accepted(f"c{index}") for index in reviewed]
    policy = a_policy_of(parts)
    verdict = evaluate(policy, auc_facts(low, high), waivers=waivers, reviews=reviews)
    assert verdict == evaluate(a_policy_of(parts), auc_facts(low, high), waivers=waivers[::-1], reviews=reviews[::-1])
    effects = {result.effect.value for result in verdict.checks}
    assert verdict.outcome.value == next((word for word in ("BLOCK", "HOLD") if word in effects), "ALLOW")


@untimed
@given(
    parts=policies, low=figures, high=figures, waived=signatures, reviewed=signatures, more=st.sampled_from(list(FACTS))
)
def test_adding_a_check_or_taking_a_signature_away_never_improves_a_verdict(parts, low, high, waived, reviewed, more):
    waivers = [Waiver(f"c{index}") for index in waived]
    reviews = [accepted(f"c{index}") for index in reviewed]
    facts = auc_facts(low, high)
    before = evaluate(a_policy_of(parts), facts, waivers=waivers, reviews=reviews)
    extra = {
        "pass": a_check(expr="true", fails_if=None), "fail": a_check(expr="false", fails_if=None),
        "insufficient": a_check(expr="false", fails_if="false"),
        "undefined": a_check(expr="evidence.performance.auc.low > 2", fails_if="false"),
        "missing": a_check(expr="evidence.performance.x > 1"), "no evidence": a_check(expr="evidence.fairness.x > 1"),
    }[more]  # fmt: skip
    after = evaluate(a_policy_of(parts, extra), facts, waivers=waivers, reviews=reviews)
    assert SEVERITY[after.outcome] >= SEVERITY[before.outcome]
    if more == "fail":
        assert after.outcome is Ruling.BLOCK
    assert SEVERITY[evaluate(a_policy_of(parts), facts, waivers=waivers).outcome] >= SEVERITY[before.outcome]
    assert SEVERITY[evaluate(a_policy_of(parts), facts, reviews=reviews).outcome] >= SEVERITY[before.outcome]


@untimed
@given(parts=policies, low=figures, high=figures, gone=st.sampled_from(["auc", "performance", "evidence"]))
def test_taking_facts_away_never_makes_a_check_pass(parts, low, high, gone):
    facts = auc_facts(low, high)
    if gone == "auc":
        del facts["evidence"]["performance"]["auc"]
    elif gone == "performance":
        del facts["evidence"]["performance"]
    else:
        del facts["evidence"]
    verdict = evaluate(a_policy_of(parts), facts)
    assert verdict.outcome is Ruling.HOLD
    assert {result.outcome for result in verdict.checks} == {Outcome.MISSING}


@untimed
@given(low=st.floats(0, 1), width=st.floats(0, 1), limit=st.sampled_from([0.2, 0.5, 0.8]))
def test_a_limit_is_cleared_or_missed_only_by_the_whole_interval(low, width, limit):
    policy = a_policy_of([(("block", "hold"), limit)])
    outcome = evaluate(policy, auc_facts(low, low + width)).checks[0].outcome
    whole_clears, whole_misses = low >= limit, low + width < limit
    assert (outcome is Outcome.PASS) == whole_clears
    assert (outcome is Outcome.FAIL) == whole_misses
    assert (outcome is Outcome.INSUFFICIENT) == (not whole_clears and not whole_misses)


def twenty_checks():
    return a_policy_of([(("block", "hold"), index / 20) for index in range(20)], shows=SHOWS)


def test_checks_on_different_figures_share_what_they_are_compiled_in():
    """To make an environment takes fifteen times what compiling takes; `benchmarks policy` has the figures."""
    forget()
    large = policy_of(200)
    evaluate(large, LARGE_FACTS)
    assert len({check.expr for check in large.checks}) == 200
    assert cel._environment.cache_info().misses <= 4


@pytest.mark.parametrize(
    ("expr", "low", "expected"),
    [
        ("evidence . performance\n  . auc.low >= 0.6", 0.7, Outcome.PASS),
        ("evidence.performance.auc.low >= 0.6 // it's the floor", 0.7, Outcome.PASS),
        ("'evidence.performance.auc.low' == 'v0' || evidence.performance.auc.low > 0.6", 0.5, Outcome.FAIL),
        ("'evidence.performance.auc.low'.contains('auc') && evidence.performance.auc.low > 0.6", 0.7, Outcome.PASS),
        ("evidence.performance.auc.low + evidence.performance.auc.low2 > 1.1", 0.6, Outcome.MISSING),
        ("evidence.performance.auc.low > 9.0 // it's\n || 'evidence.performance.auc.low' == 'v0'", 0.7, Outcome.FAIL),
        ("math.abs(evidence.performance.auc.low) >= 0.6", 0.7, Outcome.PASS),
    ],
)
def test_figures_are_found_however_an_expression_writes_them(expr, low, expected):
    """Expressions are compiled with short names for their figures; no spelling may change what they say."""
    policy = a_policy(a_check(expr=expr, fails_if=None))
    assert evaluate(policy, auc_facts(low, 0.9)).checks[0].outcome is expected


def test_threads_get_the_same_verdict():
    policy = twenty_checks()
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda case: evaluate(policy, FACTS[case]), list(FACTS) * 20))
    assert verdicts == [evaluate(policy, FACTS[case]) for case in list(FACTS) * 20]
