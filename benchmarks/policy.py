"""The largest policy that can be published, 200 checks, held against facts: compiled before, and for the first time."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.timing import Comparison, interleaved, seconds
from governance.policy import cel
from governance.policy.document import PolicyDocument, parse
from governance.policy.evaluate import evaluate

CHECKS = 200
FACTS: dict[str, Any] = {
    "evidence": {"performance": {"n": 300, "auc": {"value": 0.7, "low": 0.5, "high": 0.9}}},
    "candidate": {},
    "production": {},
}


def policy(checks: int) -> PolicyDocument:
    """Return a policy of so many interval checks, each with a limit of its own and hence expressions of its own."""
    auc = "evidence.performance.auc"
    rules = [
        {
            "id": f"performance.auc-{index}",
            "title": "Ranking power",
            "expr": f"{auc}.low >= {index / checks:.4f}",
            "fails_if": f"{auc}.high < {index / checks:.4f}",
            "on_fail": "block",
            "shows": {"value": f"{auc}.value", "low": f"{auc}.low", "high": f"{auc}.high", "n": f"{auc[:-4]}.n"},
            "why": "A floor of the model risk standard.",
            "owner": "risk_officer",
        }
        for index in range(checks)
    ]
    text = {
        "policy": "large",
        "title": "As many checks as a policy may have",
        "applies_to": {"ai_act_class": "high"},
        "mode": "block",
        "targets": ["champion"],
        "evidence": {"performance/v1": {}},
        "checks": rules,
        "stages": [],
        "approval": {"valid_for": "P180D", "grace": "P14D", "on_drift": "alert", "on_suspend": "keep_serving"},
    }
    return parse(json.dumps(text))  # JSON is YAML


def measure() -> Comparison:
    """Compare evaluating 20 checks, 200 checks, and 200 checks whose expressions were never compiled."""
    small, large = policy(20), policy(CHECKS)

    def cold() -> None:
        cel._compiled.cache_clear()
        evaluate(large, FACTS)
        evaluate(small, FACTS)  # so that the next round of the others is warm again

    rows = interleaved(
        {
            "20 checks": lambda: evaluate(small, FACTS),
            "200 checks": lambda: evaluate(large, FACTS),
            "220 checks, compiled first": cold,
        },
        rounds=15,
    )
    return Comparison(
        title=f"Policy: {CHECKS} checks against facts",
        setup="interval checks with `fails_if`, each with expressions of its own; CEL compiled before",
        rows=rows,
        claim=f"{CHECKS} checks take {seconds(rows[1].median_s)}, {rows[1].ratio:.2g} times what 20 take; "
        f"the first time, with CEL to compile, {seconds(rows[2].median_s)}.",
    )
