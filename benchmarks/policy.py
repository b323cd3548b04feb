"""The largest policy that can be published, 200 checks, held against facts: compiled before, and for the first time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.timing import Comparison, interleaved, seconds
from governance.policy import cel
from governance.policy.document import PolicyDocument, parse
from governance.policy.evaluate import evaluate
from governance.policy.expressions import read_expression

CHECKS = 200
_RATIO = {"selection_ratio": {"worst": 0.9, "worst_ci_low": 0.8, "worst_ci_high": 1.1}}
FACTS: dict[str, Any] = {
    "evidence": {"fairness": {"n": 300, **{f"feature{index}": _RATIO for index in range(CHECKS)}}},
    "candidate": {},
    "production": {},
}


def policy(checks: int) -> PolicyDocument:
    """Return a policy of so many interval checks, each with figures and a limit of its own: no two share anything."""
    rules = [_rule(index, limit=index / checks) for index in range(checks)]
    text = {
        "policy": "large",
        "title": "As many checks as a policy may have",
        "applies_to": {"ai_act_class": "high"},
        "mode": "block",
        "targets": ["champion"],
        "evidence": {"fairness/v1": {}},
        "checks": rules,
        "stages": [],
        "approval": {"valid_for": "P180D", "grace": "P14D", "on_drift": "alert", "on_suspend": "keep_serving"},
    }
    return parse(json.dumps(text))  # JSON is YAML


def _rule(index: int, *, limit: float) -> dict[str, Any]:
    figure = f"evidence.fairness.feature{index}.selection_ratio.worst"
    low, high = f"{figure}_ci_low", f"{figure}_ci_high"
    return {
        "id": f"fairness.ratio-{index}",
        "title": "Ratio of the approval rates",
        "expr": f"{low} >= {limit:.4f}",
        "fails_if": f"{high} < {limit:.4f}",
        "on_fail": "block",
        "shows": {"value": figure, "low": low, "high": high, "n": "evidence.fairness.n"},
        "why": "A floor of the credit policy.",
        "owner": "risk_officer",
    }


def forget() -> None:
    """Have everything read and compiled anew, as in a process that has evaluated nothing yet."""
    for kept in (cel._compiled, cel._environment, cel._shortened, read_expression):
        kept.cache_clear()


def measure() -> Comparison:
    """Compare evaluating 20 checks, 200 checks, and 200 checks in a process that has evaluated nothing yet."""
    small, large = policy(20), policy(CHECKS)

    def warm(document: PolicyDocument) -> Callable[[], object]:
        evaluate(document, FACTS)
        return lambda: evaluate(document, FACTS)

    def cold() -> None:
        forget()
        evaluate(large, FACTS)

    first = interleaved({"the first time": cold}, rounds=15)[0]
    rows = interleaved({"20 checks": warm(small), f"{CHECKS} checks": warm(large)}, rounds=15)
    first = replace(first, name=f"{CHECKS} checks, the first time", ratio=first.median_s / rows[0].median_s)
    return Comparison(
        title=f"Policy: {CHECKS} checks against facts",
        setup="interval checks with `fails_if`, each with figures, limits and expressions of its own",
        rows=(*rows, first),
        claim=f"{CHECKS} checks take {seconds(rows[1].median_s)}, {rows[1].ratio:.2g} times what 20 take; "
        f"the first time in a process, with everything to read and to compile, {seconds(first.median_s)}.",
    )
