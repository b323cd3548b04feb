"""Plain factories for policies and facts."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import settings

from governance.policy.document import PolicyDocument, parse

untimed = settings(deadline=None)  # the machine may be busy; what is slow here is measured by its own test

PROJECTIONS = {
    "performance": {"n": "int", "auc.value": "double?", "auc.low": "double?", "auc.high": "double?"}
    | {f"auc.difference.{part}": "double?" for part in ("value", "low", "high")}
    | {"auc.production": "double?"},
    "fairness": {"n": "int", "selection_ratio.worst_group": "string?"}
    | {f"*.selection_ratio.{part}": "double?" for part in ("worst", "worst_ci_low", "worst_ci_high")},
    "explanation": {"rows": "int", "additivity_residual": "double?"},
    "candidate": {"fpr": "double?"},
    "production": {"fpr": "double?"},
}


def a_check(**changes: Any) -> dict[str, Any]:
    """A floor for the AUC that blocks; a change to None takes a key away."""
    check: dict[str, Any] = {
        "id": "performance.auc",
        "title": "Ranking power",
        "expr": "evidence.performance.auc.low >= 0.7",
        "fails_if": "evidence.performance.auc.high < 0.7",
        "on_fail": "block",
        "on_insufficient": "hold",
        "why": "Floor of the model risk standard.",
        "owner": "risk_officer",
    } | changes
    return {key: value for key, value in check.items() if value is not None}


def a_policy_dict(*checks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "policy": "test-policy",
        "title": "A policy",
        "applies_to": {"ai_act_class": "high", "model_tier": [1, 2]},
        "mode": "block",
        "targets": ["champion"],
        "evidence": {"performance/v1": {"max_age": "P30D"}},
        "checks": list(checks) or [a_check()],
        "stages": [{"name": "validation", "roles": ["validator"], "quorum": 1, "requires": "human_review/v1"}],
        "approval": {"valid_for": "P180D", "grace": "P14D", "on_drift": "suspend", "on_suspend": "keep_serving"},
    } | changes
    return {key: value for key, value in policy.items() if value is not None}


class _WrittenOut(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def a_text(*checks: dict[str, Any], **changes: Any) -> str:
    return yaml.dump(a_policy_dict(*checks, **changes), Dumper=_WrittenOut, sort_keys=False, width=1000)


def a_policy(*checks: dict[str, Any], **changes: Any) -> PolicyDocument:
    return parse(a_text(*checks, **changes))


def auc_facts(low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    value = None if low is None or high is None else (low + high) / 2
    auc = {"value": value, "low": low, "high": high}
    return {"evidence": {"performance": {"n": 300, "auc": auc}}, "candidate": {}, "production": {}} | more
