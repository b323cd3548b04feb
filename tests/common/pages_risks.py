"""Sample contexts of the pages of a risk file."""

from __future__ import annotations

from datetime import date
from typing import Any

from governance.inventory.models import Risk
from tests.common.samples import NOW, SYSTEM, UID, a_digest, ago

EVIDENCE = [
    {"pk": UID, "type": "fairness/v1", "about": "credit-risk v2", "digest": a_digest("f"), "made_at": ago(days=3)},
    {"pk": UID, "type": "robustness/v1", "about": "credit-risk v2", "digest": a_digest("r"), "made_at": ago(days=2)},
]


def _row(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "log_entry": UID,
        "number": 1,
        "name": "R-1",
        "title": "Good applicants are refused",
        "hazard": "The score is too low for people with a short history.",
        "affected": "Applicants under 25",
        "kind": "Fundamental rights",
        "likelihood": 4,
        "severity": 4,
        "residual_likelihood": 2,
        "residual_severity": 3,
        "measures": "A credit officer reads every refusal.",
        "tests": "Backtest of 2026",
        "owner": "Model owner",
        "review_on": date(2027, 2, 1),
        "overdue": False,
        "state": "treated",
        "reason": "",
        "made_by": "Engineer",
        "made_at": ago(days=9),
        "accepted_by": "",
        "accepted_at": None,
        "closed_at": None,
    }
    return base | more


def risks(**more: Any) -> dict[str, Any]:
    """Many risks, also in the same cell."""
    untreated = {"residual_likelihood": None, "residual_severity": None, "state": "open", "overdue": True}
    rows = [_row(number=number, name=f"R-{number}") for number in range(1, 12)]
    rows.append(_row(number=12, name="R-12", likelihood=1, severity=5, **untreated))
    closed = [_row(number=13, name="R-13", state="closed")]
    base = {"system": SYSTEM, "risks": rows, "closed": closed, "overdue": 1, "waiting": 11, "may_write": True}
    return base | more


def risk(**more: Any) -> dict[str, Any]:
    """One that waits for a second person."""
    said = {"at": ago(days=1), "who": "Engineer", "what": "changed it", "state": "treated"}
    history = [said | {"inherent": [4, 4], "residual": [2, 3]}, said | {"inherent": [4, 4], "residual": None}]
    base = {
        "system": SYSTEM,
        "risk": _row(),
        "evidence": EVIDENCE,
        "may_write": True,
        "refusal": "",
        "may_close": True,
        "typed": "<b>typed</b>",
    }
    return base | {"history": history} | more


def form(**more: Any) -> dict[str, Any]:
    """What was refused, with what was typed."""
    base = {
        "system": SYSTEM,
        "risk": None,
        "kinds": Risk.Kind.choices,
        "people": [{"pk": str(UID), "name": "Model owner"}],
        "evidence": [item | {"ticked": item["type"] == "fairness/v1"} for item in EVIDENCE],
        "scores": ["1", "2", "3", "4", "5"],
        "form": {"title": "<b>typed</b>", "kind": "rights", "likelihood": "4", "owner": str(UID)},
        "log_entry": "",
        "error": "The severity is a whole number from 1 to 5.",
    }
    return base | more


RISKS: dict[str, tuple[str, Any]] = {
    "risks": ("inventory/risks.html", risks),
    "risks-none": ("inventory/risks.html", lambda: risks(risks=[], closed=[])),
    "risk": ("inventory/risk.html", risk),
    "risk-not-mine": ("inventory/risk.html", lambda: risk(refusal="Engineer owns it.", history=[], evidence=[])),
    "risk-accepted": (
        "inventory/risk.html",
        lambda: risk(risk=_row(state="accepted", accepted_by="Risk officer", accepted_at=NOW, reason="Seen.")),
    ),
    "risk-closed": ("inventory/risk.html", lambda: risk(risk=_row(state="closed", closed_at=NOW), may_close=False)),
    "risk-form": ("inventory/risk_form.html", form),
    "risk-change": ("inventory/risk_form.html", lambda: form(risk=_row(), log_entry=str(UID), error="", evidence=[])),
}
