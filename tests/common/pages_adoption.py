"""Sample contexts of the pages on which an MLflow is taken over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, UID, a_digest, ago

ROW = {
    "model": "credit-risk",
    "model_pk": UID,
    "place": "champion",
    "version": 14,
    "digest": a_digest("v14"),
    "system": "Consumer credit scoring",
    "owner": "Model owner",
    "state": "proposed",
    "note": "",
    "left_at": None,
}


def adoption(*, signed: bool = False, errors: bool = False, down: bool = False) -> dict[str, Any]:
    """One that waits for its second person, with one difference, or one that was signed and has passed its day."""
    moved = ROW | {
        "model": "a-model-with-quite-a-long-name-for-churn-in-the-retail-bank",
        "system": "",
        "digest": "",
        "note": "MLflow has version 15 there now; version 14 was proposed.",
    }
    rows = [moved, ROW, ROW | {"model": "pricing", "place": "stage Production", "version": 3}]
    if signed:
        rows = [
            moved | {"state": "skipped"},
            ROW | {"state": "adopted"},
            ROW | {"state": "adopted", "left_at": ago(days=2)},
        ]
    return {
        "adoption": {
            "number": 3,
            "name": "AD-3",
            "state": "signed" if signed else "proposed",
            "deadline": (NOW + timedelta(days=-5 if signed else 60)).date(),
            "reason": "MLflow has served these for two years; each gets its approval by the end of January.",
            "only": "credit-*, pricing",
            "proposed_by": "Administrator",
            "proposed_at": ago(hours=3),
            "signed_by": "Risk officer" if signed else "",
            "signed_at": ago(hours=1) if signed else None,
        },
        "counts": {"all": 3, "adopted": 2 if signed else 0, "skipped": 1 if signed else 0, "serving": int(signed)},
        "differences": 0 if signed or down else 1,
        "unknown": "MLflow does not answer (ConnectError). Nothing was changed; try again." if down else "",
        "answerable": [
            {"system": "", "owner": "Model owner", "count": 1},
            {"system": "Consumer credit scoring", "owner": "Model owner", "count": 2},
        ],
        "rows": rows,
        "more": 12,
        "why_not": "You proposed it; another risk officer signs it." if down else "",
        "may_withdraw": not signed,
        "past": signed,
        "form": {"errors": {"password": ["The password is not right."], "all": ["MLflow moved it."]}} if errors else {},
    }


def adoptions() -> dict[str, Any]:
    """One signed, one that waits."""
    base = {
        "number": 3,
        "name": "AD-3",
        "state": "proposed",
        "deadline": (NOW + timedelta(days=60)).date(),
        "proposed_by": "Administrator",
        "proposed_at": ago(hours=3),
        "signed_by": "",
        "counts": {"all": 312, "adopted": 0, "skipped": 0, "serving": 0},
    }
    signed = {"number": 2, "name": "AD-2", "state": "signed", "signed_by": "Risk officer"}
    return {"rows": [base, base | signed | {"counts": {"all": 40, "adopted": 39, "skipped": 1, "serving": 7}}]}


DETECTED = {"tone": "warn", "title": "Detected, not prevented.", "text": "MLflow runs without Placet's plugin."}
ADOPTIONS: dict[str, tuple[str, Any]] = {
    "adoption": ("registry/adoption.html", adoption),
    "adoption-errors": ("registry/adoption.html", lambda: adoption(errors=True)),
    "adoption-down": ("registry/adoption.html", lambda: adoption(down=True)),
    "adoption-signed": ("registry/adoption.html", lambda: adoption(signed=True)),
    "adoption-list": ("registry/adoption_list.html", adoptions),
    "adoption-list-detected": ("registry/adoption_list.html", lambda: adoptions() | {"gate_notice": DETECTED}),
    "adoption-list-empty": ("registry/adoption_list.html", lambda: {"rows": []}),
}
