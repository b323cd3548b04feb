"""Sample contexts of the page of audit bundles, and of the pages inside a bundle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.conf import settings

from tests.common.samples import NOW, UID, a_digest, ago


def _row(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "about": "PR-12",
        "scope": "Promotion",
        "state": "done",
        "made_at": ago(hours=2),
        "done": 84,
        "total": 84,
        "bytes": 482_000,
        "error": "",
        "kept_until": NOW + timedelta(days=6),
        "there": True,
        "index": 1412,
    }
    return base | more


def bundles(**more: Any) -> dict[str, Any]:
    """One in each state, and one whose file is gone."""
    waiting = {"there": False, "index": None, "kept_until": None, "done": 0, "total": 0}
    rows = [
        _row(state="queued", about="2026-10-01 to 2026-11-01", scope="Period", **waiting),
        _row(state="running", about="consumer-credit", scope="AI system", **waiting | {"done": 310, "total": 1240}),
        _row(),
        _row(state="failed", error="More than 50,000 entries speak of it. Ask for a shorter period.", **waiting),
        _row(there=False, kept_until=ago(days=20)),
    ]
    base = {
        "systems": [{"pk": str(UID), "name": "Consumer credit scoring"}],
        "may_take_period": True,
        "may_take_log": True,
        "form": {},
        "error": "",
        "today": NOW.date(),
        "rows": rows,
        "running": False,
        "url": "/bundles/making",
    }
    return base | more


def case(**more: Any) -> dict[str, Any]:
    """A page inside a bundle: a promotion from request to permit."""
    head = SimpleNamespace(origin="bank.example/audit/1", size=1461)
    files = [
        {"name": "decisions/000000001402.json", "said": "decision (json)"},
        {"name": "policies/ab.yaml", "said": "policy (yaml)"},
    ]
    row = {
        "index": 1390,
        "at": "2026-11-22 09:12:41",
        "what": "requested credit-risk v2 for champion as PR-12",
        "kind": "promotion",
        "who": "",
        "actor": f"person:{UID}",
        "role": "",
        "words": "",
        "files": [],
        "entry": "log/entries/000000001390.tlog-proof",
    }
    words = "The interval spans the limit because few of the older applicants are in the data; read in full."
    decided = {"index": 1402, "what": "approved in stage risk", "who": "Risk officer", "role": "risk officer"}
    base = {
        "style": (Path(settings.BASE_DIR) / "reports" / "bundles" / "case.css").read_text(),
        "about": "PR-12",
        "head": head,
        "start": ago(days=2),
        "end": NOW,
        "up": "",
        "rows": [row, row | decided | {"words": words, "files": files}],
        "left_out": {"log/payloads/000000001100.json": "its words go only to those who may take the whole log away"},
        "promotion": {
            "name": "PR-12",
            "model": "credit-risk",
            "version": 2,
            "alias": "champion",
            "digest": a_digest("v2"),
            "policy": "credit-high-risk v3",
        },
    }
    return base | more


BUNDLES: dict[str, tuple[str, Any]] = {
    "bundles": ("reports/bundles.html", bundles),
    "bundles-none": (
        "reports/bundles.html",
        lambda: bundles(rows=[], running=False, may_take_period=False, may_take_log=False, systems=[]),
    ),
    "bundles-refused": (
        "reports/bundles.html",
        lambda: bundles(
            error="There is no promotion request PR-99.",
            form={"promotion": "PR-99", "seen_size": "1200"},
            running=False,
        ),
    ),
}
