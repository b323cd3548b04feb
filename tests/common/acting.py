"""Sample contexts of the pages on which people sign, enrol passkeys and work with findings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, UID, a_digest, ago


def sign() -> dict[str, Any]:
    """The statement of a decision, before a passkey signs it."""
    digest = a_digest("artifact")
    return {
        "approval": {"pk": UID, "reference": "PR-2"},
        "verdict": "approve",
        "meaning": "I have read the evidence that this statement names, and I approve.",
        "rationale": "Better on the same rows; the fairness check was reviewed.",
        "rows": [
            {"label": "Subject", "value": "credit-risk/2"},
            {"label": "Artifact", "value": digest, "digest": True},
        ],
        "checks": [
            {"id": "performance.auc", "outcome": "pass", "lifted_by": None},
            {"id": "fairness.sex", "outcome": "insufficient", "lifted_by": "review"},
        ],
        "statement": '{"asks_for":"alias champion","verdict":"approve"}',
        "options": '{"challenge": "AA"}',
        "prepared": "signed-text",
        "back_url": f"/approvals/{UID}",
        "sign_url": f"/approvals/{UID}/sign",
    }


def sign_lifting() -> dict[str, Any]:
    """The statement of who lifts a suspension."""
    words = "I have looked into why this approval was suspended, and I give the approval its force back."
    rows = [*sign()["rows"], {"label": "Changes", "value": "suspended to approved"}]
    return sign() | {
        "verdict": "approved",
        "meaning": words,
        "rationale": "The shift was a holiday week; the next window is stable.",
        "rows": rows,
        "statement": '{"from":"suspended","to":"approved"}',
        "sign_url": f"/approvals/{UID}/lift/sign",
    }


def passkeys() -> dict[str, Any]:
    """Three passkeys of an administrator, and one of somebody else that waits; the last form was refused."""
    key = {
        "pk": UID,
        "label": "Laptop",
        "fingerprint": "3f2a 90bc 11de 7a04",
        "enrolled_at": ago(days=9),
        "confirmed_at": ago(days=8),
        "confirmed_by": "Administrator",
        "ended_at": None,
        "backup_eligible": True,
    }
    return {
        "passkeys": [
            key | {"state": "waits"},
            key | {"state": "confirmed", "label": "Security key", "backup_eligible": False},
            key | {"state": "ended", "label": "Old telephone", "ended_at": ago(days=1)},
        ],
        "waiting": [key | {"state": "waits", "name": "Risk officer"}],
        "form": {"label": "Phone", "errors": {"password": ["The password is not right."], "all": ["Begin again."]}},
    }


def a_finding(**more: Any) -> dict[str, Any]:
    """A row of the register."""
    base = {
        "pk": UID,
        "title": "Income is missing for a third of the youngest applicants",
        "system": {"pk": UID, "name": "Consumer credit scoring"},
        "severity": "high",
        "source": "Validation",
        "owner": "Model owner",
        "opened_at": ago(days=40),
        "days": 40,
        "due_on": (NOW - timedelta(days=2)).date(),
        "overdue": True,
        "plan_due": None,
        "plan_late": False,
        "extensions": 2,
        "proposed_at": None,
        "closed_at": None,
        "closed_by": "",
    }
    return base | more


def findings() -> dict[str, Any]:
    """The register, for somebody who may raise findings."""
    closed = a_finding(closed_at=ago(days=1), closed_by="Risk officer", overdue=False, severity="low", system=None)
    ages = ["0 to 30 days", "31 to 60", "61 to 90", "more than 90"]
    counts = {"critical": (0, 1, 0, 0), "high": (3, 7, 0, 12), "medium": (1, 0, 0, 0), "low": (0, 0, 0, 0)}
    return {
        "rows": [a_finding(), a_finding(proposed_at=ago(days=1), severity="medium", extensions=0), closed],
        "total": 120,
        "next": "2026-11-30_x",
        "filters": {"state": "open", "severity": "", "age": "3", "source": "", "mine": "", "q": "a&b"},
        "sources": ["audit", "reconciler", "validation"],
        "severities": list(counts),
        "ages": ages,
        "ageing": [
            {"severity": name, "cells": row, "total": sum(row), "overdue": row[1]} for name, row in counts.items()
        ],
        "most": 22,
        "filtered": True,
        "raise": {"systems": [{"pk": UID, "name": "Consumer credit scoring"}], "sources": [("audit", "Audit")]},
    }


def finding() -> dict[str, Any]:
    """One finding with everything that anybody may do, which no single person may."""
    said = {"at": "2026-11-20T10:00:00.000000Z", "who": "Validator", "data": {}, "text": "A third has no income."}
    return {
        "finding": a_finding()
        | {
            "closable": True,
            "signed": True,
            "evidence": {"type": "performance/v1", "digest": a_digest("e")},
            "request": UID,
        },
        "history": [
            said | {"what": "opened it", "index": 7},
            said | {"what": "stated a plan", "data": {"plan_due": "2026-12-01"}, "index": None},
            said | {"what": "gave it more time", "data": {"from": "2026-12-01", "to": "2026-12-20"}, "index": 9},
        ],
        "may": dict.fromkeys(["plan", "propose", "extend", "hand_over"], True),
        "people": [{"pk": UID, "name": "Model owner"}],
        "form": {"plan": "We ask for it again."},
    }
