"""Sample contexts of the gate's page, and of what one person may do to a model's production at once."""

from __future__ import annotations

from typing import Any

from tests.common.samples import UID, ago

ACTS: list[dict[str, Any]] = [
    {
        "kind": "rollback",
        "uid": "rollback-champion",
        "alias": "champion",
        "to": "v1",
        "allowed": True,
        "refusal": "",
        "url": "#",
        "facts": [
            {"tone": "ok", "icon": "check", "text": "The approval of v1 is in force"},
            {"tone": "warn", "icon": "clock", "text": "No permit for it lies ready"},
        ],
    },
    {
        "kind": "stop",
        "uid": "stop-champion",
        "alias": "champion",
        "to": "v2",
        "allowed": True,
        "url": "#",
        "facts": [{"tone": "warn", "icon": "person", "text": "Somebody else reviews it within a week"}],
    },
    {
        "kind": "rollback",
        "uid": "rollback-canary",
        "alias": "canary",
        "to": "",
        "allowed": False,
        "refusal": "There is no earlier approved version to go back to.",
        "url": "#",
        "facts": [],
    },
    {
        "kind": "break_glass",
        "uid": "break_glass",
        "url": "#",
        "allowed": True,
        "versions": [3, 2, 1],
        "aliases": ["champion", "canary"],
    },
]
CHANGES: list[dict[str, Any]] = [
    {
        "number": f"AC-{number}",
        "kind": kind,
        "alias": "champion",
        "version": version,
        "replaces": replaces,
        "state": state,
        "by": by,
        "at": ago(days=days),
        "note": note,
        "promotion": {"pk": UID, "reference": "PR-12"} if kind in {"Promotion", "Rollback"} else None,
    }
    for number, kind, version, replaces, state, by, days, note in (
        (7, "Stop", "", "v1", "asked", "Model owner", 0, "Customers are refused by mistake since noon."),
        (6, "Break-glass", "v3", "v1", "failed", "Risk officer", 1, "The store holds other bytes than the approved."),
        (5, "Rollback", "v1", "v2", "done", "ML engineer", 2, "Two columns passed the drift limit."),
        (4, "Promotion", "v2", "v1", "done", "ML engineer", 40, ""),
        (3, "Revert", "v1", "v1", "done", "Placet", 50, ""),
    )
]
ROW: dict[str, Any] = {
    "number": 3,
    "aliases": ["champion", "canary", "prod-*"],
    "mode": "block",
    "registry": "Governed: MLflow runs Placet's plugin",
    "automatic_revert": True,
    "loosens": False,
    "reason": "The desk that prices loans uses aliases of its own.",
    "proposed_by": "Administrator",
    "proposed_at": ago(days=9),
    "signed_by": "Risk officer",
    "signed_at": ago(days=8),
    "ended_at": None,
}


def gate(**changes: Any) -> dict[str, Any]:
    """The gate's page as a risk officer sees it: one configuration waits, one is in force, two attempts."""
    attempt = {"at": ago(hours=3), "by": "ML engineer", "verdict": "BLOCK", "mode": "block", "index": 812}
    return {
        "now": {
            "number": 3,
            "aliases": ROW["aliases"],
            "mode": "block",
            "detect_only": False,
            "automatic_revert": True,
            "by_settings": False,
        },
        "proposed": ROW
        | {"number": 4, "mode": "warn", "loosens": True, "added": ["live"], "dropped": ["prod-*"], "why_not": ""}
        | {"may_withdraw": True, "aliases": ["champion", "canary", "live"]},
        "history": [ROW, ROW | {"number": 2, "mode": "observe", "loosens": True, "ended_at": ago(days=8)}],
        "may_propose": False,
        "choices": {
            "modes": [("observe", "Observe"), ("warn", "Warn"), ("block", "Block")],
            "registries": [("governed", "Governed"), ("stock", "Stock")],
        },
        "form": {"protected_aliases": "champion, canary", "mode": "block", "registry": "governed"},
        "attempts": [
            attempt | {"what": "set alias champion to credit-risk v2", "would": ""},
            attempt | {"what": "delete version: churn v1", "would": "BLOCK", "mode": "observe"},
        ],
        "sees_attempts": True,
    } | changes


def bare() -> dict[str, Any]:
    """The same where nothing was ever configured, for an administrator who typed too little."""
    now = {"number": 0, "aliases": ["champion"], "mode": "observe", "detect_only": True, "automatic_revert": False}
    form = {"protected_aliases": "", "mode": "warn", "registry": "stock", "automatic_revert": True, "reason": "no"}
    errors = {"protected_aliases": ["Name at least one alias."], "reason": ["Say why, in at least 10 characters."]}
    return gate(
        now=now | {"by_settings": True},
        proposed=None,
        history=[],
        may_propose=True,
        attempts=[],
        form=form | {"errors": errors},
    )


def refused() -> dict[str, Any]:
    """A model whose glass somebody tried to break without a reason."""
    from tests.common.pages import model  # which has these panels

    errors = {"reason": ["Say why, in at least 10 characters."], "password": ["That is not your password."]}
    return model() | {
        "form": {"uid": "break_glass", "version": "2", "alias": "canary", "reason": "no", "errors": errors}
    }


GATE: dict[str, tuple[str, Any]] = {
    "gate": ("registry/gate.html", gate),
    "gate-bare": ("registry/gate.html", bare),
    "model-act-refused": ("registry/model.html", refused),
}
