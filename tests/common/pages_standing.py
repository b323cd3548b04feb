"""Sample contexts of the pages about standing approvals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, SYSTEM, UID, ago, request, review

ENVELOPE = [
    {"label": "Code", "values": ["commit 1f2e3d4c5b6a"]},
    {
        "label": "Source",
        "values": ["training/credit/fit_the_monthly_model.py", "https://git.bank.example/credit", "main"],
    },
    {
        "label": "Features",
        "values": ["8: checking_status, duration_months, credit_history, savings, credit_amount, purpose"],
    },
    {"label": "Decision threshold", "values": ["0.3"]},
    {"label": "Parameters", "values": ["learning_rate: 0.1", "max_depth: 3, 4, 5", "seed: any value"]},
    {
        "label": "Bounds",
        "values": [
            "evidence.performance.auc.low >= 0.70",
            "evidence.fairness.sex.selection_ratio.worst_ci_low >= 0.85 && evidence.fairness.n >= 300",
        ],
        "code": True,
    },
]
ROW = {
    "pk": UID,
    "model": "credit-risk",
    "model_pk": UID,
    "alias": "champion",
    "state": "approved",
    "used": 1,
    "left": 1,
    "max_uses": 2,
    "until": NOW + timedelta(days=80),
    "policy": "credit-high-risk v3",
    "note": "",
}
CONDITIONS = [
    {
        "id": "standing.in-force",
        "title": "The standing approval is in force",
        "holds": True,
        "reason": "Until 23 Feb 2027.",
    },
    {"id": "standing.uses", "title": "A use is left", "holds": True, "reason": "1 of 2 are used."},
    {"id": "envelope.code", "title": "Same code", "holds": True, "reason": "Commit 1f2e3d4c5b6a."},
    {"id": "envelope.parameters", "title": "Allowed parameters", "holds": True, "reason": "All 3 are allowed."},
    {
        "id": "envelope.bound-1",
        "title": "evidence.performance.auc.low >= 0.70",
        "holds": True,
        "reason": "evidence.performance.auc.low = 0.724.",
    },
]
OUTSIDE = [
    *CONDITIONS[:2],
    {
        "id": "envelope.code",
        "title": "Same code",
        "holds": False,
        "reason": "Its run names no commit; what is not known is not the same.",
    },
    *CONDITIONS[3:],
]


def standing(*, granted: bool = False, errors: bool = False) -> dict[str, Any]:
    """One that waits for a signature, or one that is in force and was used, for a risk officer."""
    page = review()
    refused = {
        "rationale": "Too short.",
        "errors": {"rationale": ["Write at least 30 characters."], "all": ["It is ended."]},
    }
    return {
        "approval": {
            "pk": UID,
            "state": "approved" if granted else "in_review",
            "state_reason": "",
            "opened_at": ago(days=1),
            "requester": {"name": "ML engineer", "role": "Engineer"},
        },
        "standing": ROW,
        "live": {"pk": UID, "reference": "PR-20", "subject": "credit-risk v2"},
        "system": SYSTEM,
        "envelope": ENVELOPE,
        "reason": "Retrained each month on new applications, by the same code.",
        "uses": [{"number": 1, "pk": UID, "subject": "credit-risk/3", "at": ago(hours=3)}] if granted else [],
        "stages": page["stages"],
        "excluded": page["excluded"],
        "decision": page["decision"]
        | {
            "effect": "Versions inside need no new signatures until 23 Feb 2027.",
            "change_class": "",
            "approve_refusal": "",
        },
        "withdrawable": not granted,
        "revoke": granted,
        "form": {},
        "revocation": refused if errors else {},
    }


def ask(*, errors: bool = False) -> dict[str, Any]:
    """The form that asks for one."""
    form: dict[str, Any] = {
        "parameters": "learning_rate = 0.1\nmax_depth = 3, 4, 5\nseed = *",
        "bounds": "evidence.performance.auc.low >= 0.65\nevidence.fairness.sex.selection_ratio.worst_ci_low >= 0.8",
        "uses": 3,
    }
    if errors:
        fields = ("parameters", "bounds", "uses", "until", "reason")
        form["errors"] = {name: ["Write it otherwise."] for name in fields} | {"all": ["Bound 1: it reads no figure."]}
    return {
        "model": {"pk": UID, "name": "credit-risk"},
        "alias": "champion",
        "system": SYSTEM,
        "version": "credit-risk v2",
        "policy": "credit-high-risk v3",
        "fixed": [
            {"label": "Commit", "value": "1f2e3d4c5b6a79880917263544f5e6d7c8b9a001"},
            {"label": "Source", "value": ""},
        ],
        "fields": ["evidence.performance.auc.low", "evidence.fairness.sex.selection_ratio.worst_ci_low"],
        "longest": 180,
        "most_uses": 100,
        "today": NOW.date(),
        "form": form,
    }


def said(*, number: int | None) -> dict[str, Any]:
    """What a standing approval said of a request."""
    rows = CONDITIONS if number else OUTSIDE
    return {
        "pk": UID,
        "number": number,
        "max_uses": 2,
        "alias": "champion",
        "at": ago(hours=3),
        "conditions": rows,
        "missed": sum(not row["holds"] for row in rows),
    }


def listed() -> dict[str, Any]:
    """A model with one in force and one that waits."""
    rows = [
        ROW | {"envelope": ENVELOPE, "signed_by": "Validator, Risk officer"},
        ROW | {"envelope": ENVELOPE, "signed_by": "", "state": "in_review", "used": 0, "left": 2},
    ]
    return {"rows": rows, "aliases": ["champion"]}


def stages_spared() -> list[dict[str, Any]]:
    """Stages that a standing approval made needless."""
    return [row | {"spared": UID, "state": "spared", "signed": 0, "decisions": []} for row in review()["stages"]]


def rail_spared() -> list[dict[str, Any]]:
    """The steps of such a request."""
    now = {"spared": UID, "state": "done", "detail": "let through by a standing approval"}
    steps = [row | {"state": "done"} for row in request()["rail"]]
    return [*steps[:2], *(row | now for row in steps[2:-1]), steps[-1] | {"state": "now"}]


def of_a_system() -> dict[str, Any]:
    """An AI system with two in force."""
    from tests.common.pages import system  # which has these pages among its own

    return system() | {"standing": [ROW, ROW | {"alias": "canary", "model": "credit-risk-of-a-very-long-name"}]}


STANDING: dict[str, tuple[str, Any]] = {
    "standing": ("registry/standing.html", standing),
    "standing-granted": ("registry/standing.html", lambda: standing(granted=True)),
    "standing-revoke-refused": ("registry/standing.html", lambda: standing(granted=True, errors=True)),
    "standing-ask": ("registry/standing_ask.html", ask),
    "standing-ask-errors": ("registry/standing_ask.html", lambda: ask(errors=True)),
    "review-standing": (
        "registry/review.html",
        lambda: review() | {"standing": said(number=2), "stages": stages_spared()},
    ),
    "request-let-through": (
        "registry/request.html",
        lambda: request() | {"standing": said(number=2), "rail": rail_spared()},
    ),
    "system-standing": ("inventory/system.html", of_a_system),
    "request-standing": ("registry/request.html", lambda: request() | {"standing": said(number=None)}),
}
