"""Sample contexts of the pages about policies and delegations."""
# ruff: noqa: E501  (contexts read better by the line)

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, SYSTEM, UID, a_digest, ago, review


def delegations() -> dict[str, Any]:
    """An administrator's page who decides, too: one waits, one is given, one received, one ended; a refused form."""
    row = {
        "pk": UID,
        "delegator": "Risk officer",
        "delegate": "Stand-in",
        "role": "Risk officer",
        "system": "all AI systems",
        "valid_from": ago(days=3),
        "valid_until": NOW + timedelta(days=20),
        "state": "in force",
        "tone": "ok",
        "reason": "",
        "may_end": True,
        "may_confirm": False,
    }
    waits = row | {
        "pk": UID[:-1] + "1",
        "delegator": "Validator",
        "state": "waits for an administrator",
        "tone": "info",
        "reason": "On leave.",
        "may_confirm": True,
    }
    return {
        "given": [row],
        "received": [row | {"pk": UID[:-1] + "2", "state": "ended", "tone": "quiet", "may_end": False}],
        "waiting": [waits],
        "others": [],
        "administrator": True,
        "may_lend": True,
        "people": [(UID, "Stand-in")],
        "roles": [("risk_officer", "Risk officer")],
        "systems": [(UID, "Consumer credit scoring")],
        "today": NOW.date(),
        "form": {
            "to": UID,
            "reason": "",
            "valid_until": "2027-09-01",
            "errors": {
                "reason": ["Say why somebody else signs for you."],
                "all": ["A delegation ends after it begins, and lasts 90 days at most."],
            },
        },
    }


def policies() -> dict[str, Any]:
    """A policy in force and a draft of another."""
    base = {
        "pk": UID,
        "label": "credit-high-risk v3",
        "title": "Credit decisions on people, high risk",
        "classes": "high",
        "tiers": "1, 2",
        "targets": "champion, canary",
        "checks": 9,
        "stages": "validation (1), risk (1)",
        "made_at": ago(days=3),
        "published_at": ago(days=2),
    }
    return {
        "policies": [base, base | {"label": "minimal-risk v1", "stages": ""}],
        "drafts": [base | {"label": "credit-high-risk v4", "author": "Policy author"}],
        "may_draft": True,
    }


CHANGES = [
    {
        "path": "checks[performance.auc-floor].expr",
        "before": "evidence.performance.auc.low >= 0.65",
        "after": "evidence.performance.auc.low >= 0.6",
        "weight": "loosens",
        "because": "The limit moves to the lax side: more passes.",
    },
    {
        "path": "checks[explanation.stability]",
        "before": "id: explanation.stability\nexpr: evidence.explanation.stability.low >= 0.7\non_fail: waivable",
        "after": "",
        "weight": "loosens",
        "because": "The check is asked for no more.",
    },
    {
        "path": "approval.valid_for",
        "before": "P180D",
        "after": "P90D",
        "weight": "tightens",
        "because": "The limit moves to the strict side.",
    },
    {
        "path": "title",
        "before": "Credit decisions",
        "after": "Credit decisions on people",
        "weight": "neutral",
        "because": "",
    },
]
PROBLEMS = [
    {
        "path": "stages[1].quorum",
        "line": 171,
        "message": "Stage risk wants 2 people and 1 holds risk_officer; grant the role to more people, or lower the quorum.",
        "text": "- {name: risk, roles: [risk_officer], quorum: 2}",
    },
    {"path": "", "line": 1, "message": "This is not YAML.", "text": ""},
]


def policy(*, published: bool = False) -> dict[str, Any]:
    """A draft with obstacles, its publisher refused; or a version in force."""
    check = {
        "id": "performance.auc-floor",
        "title": "Ranking power (AUC)",
        "line": 22,
        "expr": "evidence.performance.auc.low >= 0.65",
        "fails_if": "evidence.performance.auc.high < 0.65",
        "on_fail": "block",
        "on_insufficient": "hold",
        "limit": 0.65,
        "better": "higher",
        "why": "Floor of the model risk standard for retail credit; below it, the score orders applicants too poorly to decide on them.",
        "owner": "risk officer",
        "supports": "ai-act:Article 15, ai-act:Annex IV.2.g",
    }
    version = {
        "pk": UID,
        "label": "credit-high-risk v3",
        "here": True,
        "author": "Policy author",
        "made_at": ago(days=3),
        "publisher": "",
        "published_at": None,
        "commit": "0123456789ab",
    }
    about = {
        "description": "What a credit-scoring model must show.",
        "digest": a_digest("policy"),
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "repository": "https://git.bank.example/policies.git",
        "author": "Policy author",
        "publisher": "Policy publisher",
        "in_force": published,
        "supersedes": "credit-old",
        "published_at": ago(days=2) if published else None,
    }
    publish = {
        "allowed": True,
        "refusal": "",
        "errors": {"password": ["The password is not right."], "all": ["stages[1].quorum, line 171: too few people."]},
        "obstacles": PROBLEMS,
    }
    return {
        "policy": policies()["policies"][0] | about,
        "checks": [check, check | {"id": "explanation.additivity", "fails_if": "", "limit": None, "supports": ""}],
        "stages": [
            {
                "name": "validation",
                "roles": "validator",
                "quorum": 1,
                "requires": "human_review/v1",
                "signature": "password",
            },
            {"name": "risk", "roles": "risk officer", "quorum": 2, "requires": "", "signature": "password"},
        ],
        "evidence": [
            {"type": "fairness/v1", "days": 30, "parameters": "sensitive_features sex, age_group"},
            {"type": "explanation/v1", "days": None, "parameters": ""},
        ],
        "terms": [{"label": "Decided within", "value": "30 days"}, {"label": "On drift", "value": "suspend"}],
        "lines": [
            "policy: credit-high-risk",
            "",
            "checks:",
            "  - id: performance.auc-floor",
            f"    why: {'a long reason ' * 12}",
        ],
        "versions": [
            version,
            version
            | {
                "label": "credit-high-risk v2",
                "here": False,
                "publisher": "Policy publisher",
                "published_at": ago(days=90),
                "commit": "",
            },
        ],
        "before": {"pk": UID, "label": "credit-high-risk v2"},
        "changes": 4,
        "loosens": 2,
        "publish": None if published else publish,
        "may_draft": True,
    }


def policy_diff() -> dict[str, Any]:
    """Four changes of every weight."""
    others = [
        {"pk": UID, "label": "credit-high-risk v2", "chosen": True},
        {"pk": UID, "label": "credit-high-risk v1 (draft)", "chosen": False},
    ]
    return {
        "policy": policies()["policies"][0],
        "against": {"pk": UID, "label": "credit-high-risk v2"},
        "others": others,
        "changes": CHANGES,
        "counts": {"loosens": 2, "tightens": 1, "neutral": 1},
    }


def policy_draft() -> dict[str, Any]:
    """A text with problems, checked."""
    return {
        "text": "policy: x\n<b>",
        "allowed": True,
        "checked": True,
        "problems": PROBLEMS,
        "before_publication": PROBLEMS,
        "against": "credit-high-risk v3",
        "changes": CHANGES,
        "loosens": 2,
        "refusal": "Only a policy author writes policies.",
    }


def waiver() -> dict[str, Any]:
    """A waiver in review, for somebody who may sign."""
    page = review()
    return {
        "approval": {
            "pk": UID,
            "state": "in_review",
            "state_reason": "",
            "opened_at": ago(days=1),
            "requester": {"name": "ML engineer", "role": "Engineer"},
        },
        "about": {"pk": UID, "reference": "PR-20", "subject": "credit-risk v2"},
        "system": SYSTEM,
        "until": NOW + timedelta(days=30),
        "reason": "The next data set mends it.",
        "check": {
            "title": "Selection-rate ratio by sex",
            "reason": "0.60 (0.55 to 0.65) is below 0.80.",
            "outcome": "fail",
            "why": "People of either sex are treated alike.",
        },
        "stages": page["stages"],
        "excluded": page["excluded"],
        "decision": page["decision"]
        | {"effect": "The failure may stand until 23 Dec 2026.", "change_class": "", "approve_refusal": ""},
        "withdrawable": True,
        "form": {},
    }
