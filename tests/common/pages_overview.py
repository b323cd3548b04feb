"""Sample contexts of the overview: a full one, a quiet one, before the first system, and nothing to read."""

# Rows of data, wide on purpose.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from governance.regulation.dates import timeline
from governance.regulation.register import load
from reports.overview.live import Counts
from reports.overview.shares import Month, month_ends
from reports.overview.waiting import Findings, Waiting
from reports.web import overview_pages as pages
from reports.web.system_matrix import matrix
from tests.common.pages_monitors import monitors
from tests.common.samples import NOW, UID, ago

HIGH = {"ai_act_class": "high", "model_tier": 1, "get_ai_act_class_display": "High-risk"}


def _system(name: str, **more: Any) -> Any:
    return SimpleNamespace(pk=UID, name=name, **(HIGH | more))


def _without() -> list[dict[str, Any]]:
    minimal = {"ai_act_class": "minimal", "model_tier": 3, "get_ai_act_class_display": "Minimal risk"}
    rows = (
        ("claims-triage v7", _system("Claims routing", **minimal), "unapproved", ago(hours=19), "Unapproved champion: MLflow has claims-triage version 7 there, Placet approved another or none", None),
        ("fraud-gbm v31", _system("Fraud alerts"), "break-glass", ago(days=1), "AC-17: The approved version refused every request since 06:10.", None),
        ("credit-risk-scoring v13", _system("Consumer credit"), "suspended", ago(days=14), "Drift above the limit of the policy.", None),
        ("cv-screening-ranker v4", _system("Recruitment"), "lapsed", ago(days=8), "The validity has ended.", NOW + timedelta(days=6)),
        ("churn-propensity v19", _system("Retention", **minimal), "grandfathered", ago(days=62), "It was there when Placet came; until its day it needs an approval of its own.", (NOW + timedelta(days=38)).date()),
    )
    return [
        {"model": UID, "version": version, "alias": "champion", "system": system, "state": state, "since": since}
        | {"for": NOW - since, "said": said, "until": until}
        for version, system, state, since, said, until in rows
    ]


def _waiting() -> list[dict[str, Any]]:
    rows = (
        ("credit-limit v4", "PR-2031", "in_review", 6),
        ("support-triage-llm v3", "PR-2034", "collecting", 4),
        ("fraud-gbm v32", "PR-2039", "changes_requested", 2),
    )
    return [
        {"title": title, "reference": reference, "url": "#", "system": "Consumer credit", "asks_for": "alias champion"}
        | {"state": state, "opened_at": ago(days=days), "age": timedelta(days=days, hours=3)}
        for title, reference, state, days in rows
    ]


class Asked(SimpleNamespace):
    """Stands for a promotion."""

    def __str__(self) -> str:
        return "PR-2031"


def _expiring() -> list[Any]:
    asked = Asked(pk=UID, version=SimpleNamespace(number=32), approval=SimpleNamespace(get_state_display="In review"))
    rows = (("insurance-pricing-life v8", 11, asked, True), ("fraud-gbm v31", 18, asked, False), ("aml-alerts v10", 26, None, False), ("kyc-document-ocr v15", 63, None, False))
    return [
        SimpleNamespace(
            promotion_id=UID, reference=f"PR-{1700 + days}", version=version, alias="champion",
            ends_at=NOW + timedelta(days=days), days=days, next=following, renews=renews,
        )
        for version, days, following, renews in rows
    ]


def _findings() -> list[dict[str, Any]]:
    rows = (("Recall for age 60+ below limit", "critical", 11), ("No human review of 40 sampled rejections", "high", 8), ("Data sheet without provenance", "low", 3))
    return [
        {"pk": UID, "title": title, "system": _system("Consumer credit"), "severity": severity, "owner": "Model owner"}
        | {"days": days}
        for title, severity, days in rows
    ]


def _articles() -> list[dict[str, Any]]:
    rows = (("Art 9", "Risk management system", 15, 13), ("Art 10", "Data and data governance", 15, 9), ("Art 11", "Technical documentation", 15, 5), ("Art 12", "Record-keeping", 15, 15), ("Art 13", "Transparency and provision of information to deployers", 15, 12), ("Art 26", "Obligations of deployers of high-risk AI systems", 9, 8), ("Art 50", "Transparency obligations", 1, 1))
    return [
        {"group": group, "title": title, "systems": systems, "held": held, "gaps": systems - held}
        | {"tone": pages._tone(held / systems)}
        for group, title, systems, held in rows
    ]


def overview() -> dict[str, Any]:
    """Thirty-six systems, with something of everything."""
    counts = Counts(41, 36, 8, ((7, 0), (12, 1), (15, 1), (2, 0), (0, 1)))
    asked = Waiting(7, timedelta(days=1, hours=19), (4, 2, 1, 0))
    ahead = [step for step in timeline(load(), on=NOW.date()) if step.days > 0][:3]
    drift = {"total": 41, "drift": 2, "watch": 5, "insufficient": 2, "stable": 29, "none": 3, "silent": 1}
    placed = [("high", 1)] * 9 + [("high", 2)] * 5 + [("transparency", 2)] * 8 + [("minimal", 3)] * 12 + [("", None)] * 2
    live = (28, 29, 31, 31, 32, 34, 35, 36, 37, 39, 40, 41)
    valid = (20, 21, 24, 25, 27, 30, 31, 33, 33, 37, 37, 36)
    months = [Month(at, *row) for at, *row in zip((*month_ends(NOW), NOW), live, valid, strict=True)]
    return {
        "as_of": NOW,
        "systems": 36,
        "models": 58,
        "live": counts.live,
        "valid": counts.valid,
        "steps": [],
        "stats": pages._stats(counts, Findings(23, 5, 2), drift, asked, ahead),
        "without": _without(),
        "without_more": 0,
        "matrix": matrix([{"ai_act_class": kind, "tier": tier, "reopened": n == 3} for n, (kind, tier) in enumerate(placed)]),
        "approval_ages": pages._approval_ages(counts),
        "request_ages": pages._request_ages(asked),
        "months": pages._months(months),
        "expiring": _expiring(),
        "expiring_more": 4,
        "findings": _findings(),
        "open_findings": 23,
        "overdue": 5,
        "drift": pages._drift(drift),
        "monitors": 41,
        "drifting": monitors()["monitors"][:2],
        "dates": pages._dates(ahead),
        "articles": _articles(),
        "waiting": _waiting(),
        "waits": 7,
    }


def quiet() -> dict[str, Any]:
    """One system, and nothing that anybody did with it."""
    counts = Counts(0, 0, 0, ((0, 0),) * 5)
    drift = dict.fromkeys(("total", "drift", "watch", "insufficient", "stable", "none", "silent"), 0)
    empty: dict[str, Any] = {name: [] for name in ("without", "expiring", "findings", "drifting", "dates", "articles", "waiting")}
    nothing = dict.fromkeys(("live", "valid", "without_more", "expiring_more", "open_findings", "overdue", "monitors", "waits"), 0)
    return empty | nothing | {
        "as_of": NOW,
        "systems": 1,
        "models": 1,
        "steps": [row | {"done": row["done"] or row["name"] == "system"} for row in first_steps()["steps"]],
        "stats": pages._stats(counts, Findings(0, 0, 0), drift, Waiting(0, None, (0,) * 4), []),
        "matrix": matrix([{"ai_act_class": "", "tier": None, "reopened": False}]),
        "approval_ages": None,
        "request_ages": None,
        "months": None,
        "drift": None,
    }


def first_steps() -> dict[str, Any]:
    """No system yet: MLflow is connected, and not all roles are held."""
    done = {"mlflow"}
    rows = [
        {"name": name, "title": title, "text": text, "done": name in done, "next": name == "people", "url": "#"}
        for name, (title, text, _place) in pages.STEPS.items()
    ]
    rows[1]["text"] = "Nobody holds yet: Validator, Risk officer."
    return {"as_of": NOW, "systems": 0, "steps": rows, "waiting": [], "waits": 0}


OVERVIEW: dict[str, tuple[str, Any]] = {
    "overview": ("reports/overview.html", overview),
    "overview-quiet": ("reports/overview.html", quiet),
    "overview-first-steps": ("reports/overview.html", first_steps),
    "overview-nothing": ("reports/overview.html", lambda: first_steps() | {"steps": []}),
}
