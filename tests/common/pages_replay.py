"""Sample contexts of the pages of replays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from governance.approvals.kinds import Presented
from governance.approvals.web.replays import FILTERS, _labels, _stats
from tests.common.samples import NOW, OWNER, UID, a_digest, ago

COUNTS = {
    "cases": 412,
    "changed": 31,
    "stricter": 24,
    "looser": 7,
    "verdicts": {"ALLOW ALLOW": 300, "ALLOW HOLD": 20, "ALLOW BLOCK": 4, "HOLD ALLOW": 7, "HOLD HOLD": 81},
    "missing": {"robustness/v1": 20},
}


def replay(*, state: str = "done", **fields: Any) -> dict[str, Any]:
    """A replay of a draft: one request that gets stricter, one that lacks evidence, one that stays."""
    check = {"id": "performance.auc-floor", "title": "Ranking power (AUC)", "then": "pass", "now": "fail"}
    lacking = {"type": "robustness/v1", "why": "It was not made for this request."}
    row = {
        "case": UID,
        "then": "ALLOW",
        "now": "BLOCK",
        "way": "stricter",
        "reason": "Ranking power (AUC) fails: 0.71 (0.66 to 0.76), limit at least 0.80.",
        "changed_checks": [check | {"effect_then": "ALLOW", "effect_now": "BLOCK"}],
        "missing": [],
        "named": Presented("credit-risk v2", "PR-20", "#"),
        "state": "approved",
    }
    same = {"then": "HOLD", "now": "HOLD", "way": "same", "changed_checks": [], "named": None, "state": ""}
    added = check | {"then": None, "now": "missing", "effect_then": None, "effect_now": "HOLD"}
    about = {
        "pk": UID,
        "policy_version": "credit-high-risk v4",
        "policy_name": "credit-high-risk",
        "policy_digest": a_digest("policy"),
        "asked_by": SimpleNamespace(name=OWNER["name"]),
        "made_at": ago(minutes=3),
        "finished_at": NOW,
        "state": state,
        "error": "",
        "counts": COUNTS,
        "result_digest": a_digest("result"),
        "replayed_entry": UID,
    }
    return {
        "replay": SimpleNamespace(**(about | fields)),
        "progress": {"running": state == "running", "state": state, "done": 130, "total": 412, "url": "/progress/"},
        "stats": _stats(COUNTS),
        "rows": [row, row | {"now": "HOLD", "changed_checks": [added], "missing": [lacking]}, row | same],
        "show": "",
        "filters": [(key, label, 24) for key, label in _labels() if key in FILTERS],
        "total": 412,
        "first": 1,
        "last": 100,
        "older": 100,
        "newer": None,
    }


def replays() -> dict[str, Any]:
    """A replay that is done and one that failed, and a form."""
    done = replay()["replay"]
    failed = replay(state="failed", error="ValueError: no", counts={}, policy_version=None)["replay"]
    return {
        "replays": [done, failed],
        "versions": [SimpleNamespace(pk=UID, name="credit-high-risk", number=4, published_at=None)],
        "may_ask": True,
    }


REPLAYS: dict[str, tuple[str, Any]] = {
    "policy-replay": ("approvals/replay.html", replay),
    "policy-replay-running": ("approvals/replay.html", lambda: replay(state="running", counts={}) | {"stats": []}),
    "policy-replay-failed": (
        "approvals/replay.html",
        lambda: replay(state="failed", counts={}, error="ValueError: no") | {"stats": []},
    ),
    "policy-replays": ("approvals/replay_list.html", replays),
}
