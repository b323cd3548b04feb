"""Sample contexts of the review, request and inbox pages: the demo's story with invented figures."""

# Rows of data, wide on purpose.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from tests import drift_payloads, measured, payloads
from tests.common import samples_fairness
from tests.payloads import explanation_parts

NOW = datetime(2026, 11, 23, 9, 4, tzinfo=UTC)
UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
ENGINEER = {"name": "ML engineer", "role": "Engineer"}
VALIDATOR = {"name": "Validator", "role": "Validator"}
OFFICER = {"name": "Risk officer", "role": "Risk officer"}
OWNER = {"name": "Model owner", "role": "Owner"}


def ago(**parts: int) -> datetime:
    """A moment before the sample's now."""
    return NOW - timedelta(**parts)


def a_digest(text: str) -> str:
    """A digest that looks like one."""
    return "sha256:" + sha256(text.encode()).hexdigest()


def a_number(value: float | None, half: float = 0.0, n: int = 300, **more: Any) -> dict[str, Any]:
    """A number with its interval."""
    ends = {} if value is None or not half else {"low": round(value - half, 4), "high": round(value + half, 4)}
    return {"value": value, "low": None, "high": None, **ends, "n": n, **more}


def header() -> dict[str, Any]:
    """What the context processor and the middleware give every page."""
    user = SimpleNamespace(is_authenticated=True, name="Risk officer", initials="RO", email="risk.officer@placet.example")
    anchor = {
        "at": ago(hours=3, minutes=4),
        "age": timedelta(hours=3, minutes=4),
        "size": 1461,
        "where": "write-once folder",
    }
    facts = {"role": "Risk officer", "inbox_count": 2, "anchor": anchor}
    facts |= dict.fromkeys(("may_read_log", "may_take_log", "may_read_people", "may_take_papers", "may_validate"), True)
    return {"user": user, "messages": [], **facts}


COUNTS = {"insufficient": 1, "pass": 6, "not_applicable": 1}
SYSTEM = {
    "pk": UID,
    "name": "Consumer credit scoring",
    "ai_act_class": "High-risk",
    "basis": "Annex III, 5(b)",
    "tier": 1,
    "owner": OWNER,
}
SUBJECT = {"name": "credit-risk", "version": "2", "digest": a_digest("v2"), "model_pk": UID, "promotion_pk": UID}
APPROVAL = {
    "pk": UID, "reference": "PR-20", "state": "in_review", "state_reason": "", "opened_at": ago(days=2, hours=19), "due_at": NOW + timedelta(hours=32),
    "due_in": timedelta(hours=32), "escalation": "escalates to model owner on 24 Nov 2026", "requester": ENGINEER, "validity_days": 180, "valid_until": date(2027, 5, 22), "policy": "credit-high-risk v3",
}
VERDICT = {
    "word": "HOLD",
    "title": "Too few rows to judge the selection-rate ratio by sex:",
    "detail": "0.93, 95 % CI 0.79 to 1.09, limit ≥ 0.80. 93 women in 300 rows.",
    "unblocks": [
        {"text": "a human review of this check, signed by a validator", "href": "#human-review-1"},
        {"text": "or new evidence on a larger evaluation set"},
    ],
    "counts": COUNTS,
}


def _check(check: str, title: str, outcome: str, measured: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One check of the policy."""
    base: dict[str, Any] = {
        "id": check,
        "title": title,
        "outcome": outcome,
        "measured": measured,
        "better": "higher",
        "evidence": {"type": "fairness/v1", "pk": UID, "submitted": True, "of": ""},
    }
    return base | more


CHECKS: list[dict[str, Any]] = [
    _check("fairness.sex", "Selection-rate ratio by sex", "insufficient", a_number(0.93, 0.145), limit=0.8, domain=[0.4, 1.4],
           note="women 64 / 93 against men 153 / 207", asks="asks for a human review", reason="0.79 to 1.09 holds 0.80: the data settle neither.", why="Four-fifths is a flag, not a verdict; limit set by the credit policy board.",
           supports=["ai-act:Annex IV.2.g"],
           human_review={"by": VALIDATOR, "at": ago(days=1), "statement": "The interval spans the limit on 93 women. The data does not say pass and does not say fail.", "verdict": "accepted", "index": 1475}),
    _check("performance.auc", "AUC", "pass", a_number(0.802, 0.052), limit=0.7, evidence={"type": "performance/v1", "pk": UID}),
    _check("performance.auc-difference", "AUC against the champion, not worse", "pass", a_number(0.016, 0.022), limit=-0.02, evidence={"type": "performance/v1", "pk": UID}),
    _check("performance.log-loss", "Log loss", "pass", a_number(0.489, 0.03), limit=0.65, better="lower", evidence={"type": "performance/v1", "pk": UID}),
    _check("explanation.stability", "Explanation stability (Kendall τ)", "pass", a_number(0.91, 0.035), limit=0.8, evidence={"type": "explanation/v1", "pk": UID}),
    _check("explanation.residual", "Additivity residual", "pass", a_number(3e-7), limit=0.001, better="lower", evidence={"type": "explanation/v1", "pk": UID}),
    _check("artifact.bytes", "Artifact bytes are those measured", "pass", None, measured_text="14 files, equal", evidence={"type": "manifest"}),
    _check("drift.production", "Inside a standing approval", "not_applicable", None, note="no standing approval covers this system", evidence=None),
]


def fairness() -> dict[str, Any]:
    """A fairness/v1 payload."""
    return samples_fairness.decisions()


def explanation() -> dict[str, Any]:
    """An explanation/v1 payload with invented points."""
    dice = random.Random(7)  # noqa: S311 (a picture, not a secret)
    names = [
        "checking_status",
        "duration_months",
        "credit_history",
        "savings",
        "credit_amount",
        "purpose",
        "age_years",
        "employment",
        "housing",
    ]
    features, points = [], []
    for rank, name in enumerate(names):
        spread = 0.16 / (1 + rank * 0.45)
        pairs: list[tuple[float, float | None]] = []
        for _ in range(120):
            x = dice.random()
            pairs.append(
                (
                    round((x - 0.5) * 2 * spread + dice.gauss(0, spread / 4), 5),
                    None if rank in {0, 2, 5} else round(x, 3),
                )
            )
        points.append({"feature": name, "points": pairs})
        mean = sum(abs(p[0]) for p in pairs) / len(pairs)
        features.append({"feature": name, "mean_abs": mean, "low": mean * 0.9, "high": mean * 1.1})
    return {
        **explanation_parts(names), "type": "explanation/v1", "method": {"sample": "300 of 300 rows"}, "output": "probability", "rows": 300, "background": {"n": 200, "digest": a_digest("background")},
        "base_value": 0.297, "additivity_residual": 3.1e-7, "stability": a_number(0.91, 0.035), "features": features, "points": points,
        "reference_check": {"library": "shap", "version": "0.51.0", "max_difference": 4.4e-16, "tolerance": 1e-9},
    }


def drift() -> dict[str, Any]:
    """A drift/v1 payload: two columns drifted, one has too little data."""
    rows = [("credit_amount", 0.31, 0.06, "drift", 0.0004), ("duration_months", 0.27, 0.05, "drift", 0.0009), ("purpose", 0.12, 0.05, "stable", 0.03),
            ("savings", 0.05, 0.03, "stable", 0.4), ("score", 0.19, 0.06, "insufficient", 0.02), ("age_years", 0.03, 0.02, "stable", 0.7)]
    columns = [
        {"column": c, "kind": "numeric" if i != 2 else "categorical", "method": "psi", "value": v, "low": v - h, "high": v + h, "watch": 0.1, "limit": 0.2, "p_adjusted": p,
         "outcome": o, "distances": {"psi": v, "kolmogorov_smirnov": v / 2}, "evidently": v + 0.0031, "difference": 0.0031}
        for i, (c, v, h, o, p) in enumerate(rows)
    ]
    signals = [
        {"signal": "missing", "column": "savings", "value": 0.09, "low": 0.05, "high": 0.13, "n": 400, "watch": 0.05, "limit": 0.2, "p_adjusted": 0.004, "outcome": "watch"},
        {"signal": "new_categories", "column": "purpose", "value": 0.12, "low": 0.09, "high": 0.16, "n": 400, "watch": 0.02, "limit": 0.1, "p_adjusted": 0.0001, "outcome": "breach",
         "categories": ["solar panels", "electric bicycle"], "more": 0},
        *drift_payloads.besides(),
        {"signal": "volume", "column": None, "value": None, "low": None, "high": None, "n": 400, "watch": 2.0, "limit": None, "outcome": "insufficient",
         "reason": "Fewer than 3 windows of this length before it."},
    ]
    return {
        "type": "drift/v1", "monitor": "credit-risk weekly", "version": "2", "window": {"start": "2026-11-16T00:00:00.000000Z", "end": "2026-11-22T23:59:59.000000Z", "n": 400},
        "reference": {"n": 700, "digest": a_digest("reference")}, "columns": columns,
        "reference_check": {"library": "evidently", "version": "0.7.23", "max_difference": 0.0031, "tolerance": 0.01},
    } | drift_payloads.drift_parts(columns, signals=signals)


def progress(*, running: bool = True) -> dict[str, Any]:
    """Evidence jobs in every state."""
    jobs = [
        {"type": "performance/v1", "detail": "300 rows, against v1", "state": "done", "steps_done": 2000, "steps_total": 2000, "message": "resamples", "seconds": 51, "attempts": 1},
        {"type": "fairness/v1", "detail": "sex, age_group", "state": "running" if running else "failed", "steps_done": 1240, "steps_total": 2000, "message": "resamples", "seconds": 24.4, "job": UID, "may_cancel": running, "may_retry": not running,
         "attempts": 2, "error": "" if running else "The dataset has no column age_group. Declare it in log_evaluation_data and register the version again."},
        {"type": "explanation/v1", "detail": "", "state": "queued", "steps_done": 0, "steps_total": 0, "message": "", "seconds": None, "attempts": 0},
    ]
    return {"pk": UID, "running": running, "done": 1, "total": 3, "jobs": jobs, "attempts_url": f"/models/{UID}/versions/2/evidence"}


PROOF = {
    "integrity": {"word": "holds", "text": "These bytes hash to a leaf of the signed tree of 1,482 entries, and the notary's signature is valid."},
    "completeness": {"word": "holds", "text": "Indexes 0 to 1,481 have no gap, and every governed row is named by an entry."},
    "anchoring": {"word": "not shown", "text": "The newest anchor outside covers 1,461 entries; this one came later."},
    "size": 1482, "root": a_digest("root"), "at": ago(minutes=1), "anchored_size": 1461, "anchored_at": ago(hours=3), "anchored_where": "write-once folder",
}
STAGES = [
    {"name": "validation", "state": "closed", "signed": 1, "quorum": 1, "roles": "validator", "eligible": [VALIDATOR | {"you": False}],
     "decisions": [{"by": VALIDATOR, "verdict": "approve", "at": ago(days=1), "rationale": "I reproduced all evidence from the pinned data; residuals are as stored.", "signature": "re-authentication", "index": 1476, "entry": UID}]},
    {"name": "risk", "state": "open", "signed": 0, "quorum": 1, "roles": "risk officer", "eligible": [OFFICER | {"you": True}], "delegates": [{"name": "Stand-in", "role": "", "you": False, "for": OFFICER}], "decisions": []},
]
TRAIL = [
    {
        "index": 1468,
        "at": ago(days=2),
        "event": "promotion.requested",
        "what": "requested alias champion for credit-risk v2",
        "by": "Engineer",
    },
    {
        "index": 1471,
        "at": ago(days=2),
        "event": "evidence.attached",
        "what": "attached fairness/v1",
        "by": "Evidence worker",
    },
    {
        "index": None,
        "at": ago(minutes=1),
        "event": "approval.decided",
        "what": "signed the stage validation",
        "by": "Validator",
    },
]
ATTEMPTS = [
    {"at": ago(days=2), "what": "fairness/v1", "detail": "evaluation data, seed 7", "state": "computed", "note": "", "used": True},
    {"at": ago(days=2, minutes=14), "what": "fairness/v1", "detail": "attempt 1", "state": "lost", "note": "the lease ran out", "used": False},
    {"at": ago(days=12), "what": "PR-17: an earlier v2, since deleted", "detail": "other bytes: MLflow used the number again", "state": "rejected", "note": "fairness was measured on training rows", "used": False, "promotion": UID},
]
FINDINGS = [
    {
        "pk": UID,
        "closable": True,
        "signed": True,
        "source": "review",
        "title": "“No checking account” mixes two populations",
        "severity": "medium",
        "owner": OWNER,
        "due_on": date(2026, 12, 11),
        "overdue": False,
    },
    {
        "pk": UID[:-1] + "2",
        "closable": False,
        "refusal": "Somebody else must close the finding",
        "title": "Refusal reasons are not yet in plain language",
        "severity": "high",
        "owner": OWNER,
        "due_on": date(2026, 11, 20),
        "overdue": True,
    },
]
DOCUMENTS = [
    {"pk": UID, "title": "Technical documentation (Annex IV)", "subject": "credit-risk v2", "version": "2", "made_at": ago(hours=2), "pdf_digest": a_digest("pdf"),
     "measured": 41, "declared": 23, "missing": 4, "law_version": "20 Nov 2026", "state": "", "index": 1479},
]


def canary() -> dict[str, Any]:
    """A canary of ten days with a gap, one quiet window and one that drifted."""
    labels = [f"{day} Nov" for day in range(12, 23)]
    window = {"start": ago(days=11), "end": ago(days=4), "n": 1_204, "outcome": "stable", "drifted": 0}
    return {
        "payload": {"alias": "canary", "as_of": "2026-11-22T09:00:00.000000Z", "days": 9.6, "serving": True, "n": 1_716, "by_day": [{"day": f"2026-11-{day}", "n": 170} for day in range(12, 22)], "outside": 14,
                    "windows": [window, window], "alerts": {"total": 2, "open": 1}, "reference_check": {"library": "pyarrow", "version": "21.0.0", "max_difference": 0, "tolerance": 0}},
        "version": 2, "spans": [{"start": ago(days=11), "end": ago(days=6), "days": 5.0, "by": "PR-18", "pk": UID}, {"start": ago(days=5), "end": None, "days": 4.6, "by": "AC-7", "pk": None}],
        "windows": [window, window | {"outcome": "drift", "drifted": 2}], "monitor_pk": UID,
        "chart": {"title": "Records by day (UTC)", "labels": labels, "values": [170, 182, 40, 0, 0, 175, 190, 201, 188, 180, 90], "limit": None, "bands": []},
    }


def review(*, allowed: bool = True, errors: bool = False) -> dict[str, Any]:
    """The review page, for somebody who may decide (or may not), perhaps after a refused form."""
    form = (
        {
            "verdict": "request_changes",
            "rationale": "Too short",
            "errors": {"rationale": ["Give at least 30 characters."], "password": ["This is not your password."]},
        }
        if errors
        else {}
    )
    ask = {"check_id": "fairness.sex", "title": "Selection-rate ratio by sex", "ask": "0.93 (0.79 to 1.09) against ≥ 0.80: the data cannot say. Read the evidence and say what follows.", "allowed": allowed,
           "refusal": "Only a validator may sign this review."}
    return {
        "approval": APPROVAL, "subject": SUBJECT, "alias": "champion", "alias_now": "1", "system": SYSTEM, "change_class": {"name": "non-substantial", "note": "confirmed by Validator"}, "verdict": VERDICT,
        "progress": None, "checks": CHECKS, "performance": measured.binary(), "calibration": measured.calibration(), "production_version": "1", "fairness": fairness(), "fairness_limit": 0.8, "explanation": explanation(), "robustness": payloads.robustness(), "data_quality": payloads.data_quality(), "evaluation": payloads.evaluation(), "not_repeatable": [],
        "changes": {"from": {"version": "1", "approved_at": ago(days=170), "reference": "PR-12"}, "rows": [
            {"item": "Parameter", "key": "max_depth", "before": "3", "after": "4", "note": "", "changed": True},
            {"item": "Parameter", "key": "a_parameter_whose_name_is_as_long_as_they_get", "before": "not set", "after": "200", "note": "", "changed": True},
            {"item": "Decision threshold", "before": "0.50", "after": "0.46", "note": "", "changed": True}],
            "one_sided": [{"item": "Parameter", "key": f"parameter_{n}", "before": "not set", "after": "1", "note": "", "changed": True} for n in range(6)],
            "same": [{"item": "Evaluation data", "before": "300 rows", "after": "same rows, same digest", "note": "", "changed": False},
                     {"item": "Parameters", "before": "4 more", "after": "4 more, the same", "note": "", "changed": False}]},
        "canary": canary(), "drift": {"payload": drift(), "note": "This is v1's traffic. v2 has served no one."}, "findings": FINDINGS, "use_restrictions": ["New consumer credit to natural persons, up to 20,000 DM."],
        "attempts": ATTEMPTS, "stages": STAGES, "excluded": [ENGINEER | {"why": "requester and trainer of v2"}, OWNER | {"why": "owner of the system"}], "documents": DOCUMENTS, "trail": TRAIL, "proof": PROOF,
        "decision": {"allowed": allowed, "refusal": "You requested this version: somebody else decides.", "stage": "risk", "signed": 0, "quorum": 1, "approve_refusal": "One check waits for a human review" if errors else "", "change_class": "non-substantial",
                     "signs": [{"label": "Subject", "value": a_digest("v2"), "digest": True}, {"label": "Policy", "value": "credit-high-risk v3"}], "checked": "you are not requester, trainer, owner, evidence producer or sponsor."},
        "form": form, "reviews": [ask], "lift": None,
        "waivers": {"rows": [{"pk": UID, "title": "Selection-rate ratio by sex", "state": "approved", "until": NOW + timedelta(days=30), "other_evidence": True}], "checks": [("fairness.sex", "Selection-rate ratio by sex")], "longest": 90, "today": NOW.date(),
                    "form": {"until": "2027-09-01", "errors": {"reason": ["Say why the failed check may stand."], "all": ["A waiver ends, at the latest in 90 days."]}} if errors else {}},
    }


def suspended() -> dict[str, Any]:
    """The review page of a suspended approval, for somebody who may lift it; the first try was refused."""
    form = {"rationale": "Fixed", "errors": {"rationale": ["Give at least 30 characters."]}}
    lift = {"allowed": True, "refusal": "", "reason": "Two columns drifted on 22 Nov.", "passkey": False, "form": form}
    several = {"task": "multiclass", "explained": "bad", "engine_note": "shap: the model splits on categories itself", "features_not_shown": 12, "share_not_shown": 0.04,
               "classes": [{"class": name, "base_value": 0.2, "features": [{"feature": "savings", "mean_abs": 0.1}]} for name in ("bad", "good")]}
    return review(allowed=False) | {"explanation": explanation() | several, "verdict": VERDICT | {"past": True}, "lift": lift, "reviews": [], "approval": APPROVAL | {"state": "suspended", "state_reason": "Two columns drifted on 22 Nov."}}


def collecting() -> dict[str, Any]:
    """The review page while evidence is computed: nothing to decide on yet."""
    empty = dict.fromkeys(("verdict", "performance", "calibration", "fairness", "explanation", "robustness", "data_quality", "evaluation", "canary", "drift"))
    return (
        review(allowed=False)
        | empty
        | {
            "checks": [],
            "progress": progress(),
            "reviews": [],
            "approval": APPROVAL | {"state": "collecting"},
            "changes": {"from": None, "rows": [], "one_sided": [], "same": []},
            "documents": [],
        }
    )


def inbox() -> dict[str, Any]:
    """Three requests, one overdue."""
    base = {"pk": UID, "title": "credit-risk v2", "reference": "PR-20", "requester": ENGINEER, "system": "Consumer credit scoring", "ai_act": "High-risk, Annex III 5(b) · tier 1", "asks_for": "alias champion", "now": "now v1",
            "verdict": "HOLD", "reason": "asks for a human review", "counts": COUNTS, "signed": "0 of 1 risk officer", "signatures": (0, 1), "state": "in_review", "due_at": NOW + timedelta(hours=32), "due_in": timedelta(hours=32), "overdue": False, "escalated_at": ago(hours=3)}
    late = base | {
        "pk": UID[:-1] + "8",
        "title": "cv-ranking v5",
        "verdict": "BLOCK",
        "reason": "0.71 against ≥ 0.80",
        "counts": {"fail": 1, "missing": 1, "pass": 9},
        "due_at": ago(hours=2),
        "due_in": timedelta(hours=-2),
        "overdue": True,
        "reference": "PR-19",
    }
    young = base | {
        "pk": UID[:-1] + "9",
        "title": "triage v3",
        "verdict": "",
        "state": "collecting",
        "counts": {},
        "reason": "4 of 6 jobs done",
        "due_at": None,
        "due_in": None,
        "reference": "PR-21",
    }
    return {
        "rows": [late, base, young], "mine": True, "total": 3, "due_today": 1, "open_findings": 5, "overdue_findings": 1, "median_decision": timedelta(days=1, hours=19), "decisions": 14, "filters": {"q": "", "verdict": "", "waiting": "me", "sort": "due", "system": ""}, "filtered": True,
        "tabs": [{"label": "Waiting for me", "count": 3, "url": "?waiting=me", "current": True}, {"label": "All open", "count": 12, "url": "?waiting=open", "current": False}, {"label": "Overdue", "count": 1, "url": "?waiting=overdue", "current": False}, {"label": "Settled", "count": 1240, "url": "?waiting=settled", "current": False}],
        "sorts": [("due", "Nearest due date"), ("newest", "Newest")], "systems": [("credit", "Consumer credit scoring"), ("triage", "Claims triage")], "first": "?waiting=me", "following": "?waiting=me&after=2026-11-24T10:00:00+00:00~" + UID, "unfiltered": "?waiting=me",
        "views": [{"pk": UID, "name": "Held, high-risk", "url": "?waiting=open&verdict=HOLD", "current": True}, {"pk": UID[:-1] + "8", "name": "Blocked", "url": "?verdict=BLOCK", "current": False}],
        "classes": [("high", "High-risk"), ("minimal", "Minimal risk")], "jobs": [{"type": "explanation/v1", "subject": "triage v3", "done": 14, "total": 40, "message": "reaches you when all evidence is attached"}],
        "after": [{"tone": "bad", "icon": "alert", "text": "Finding overdue since 20 Nov", "detail": "Two more days and the approval is suspended.", "url": "#"}, {"tone": "warn", "icon": "clock", "text": "credit-risk v1 lapses in 7 days", "detail": ""}],
    }


def request() -> dict[str, Any]:
    """The requester's view while jobs run."""
    rail = [
        ("Requested", "20 Nov, 13:58", "done"),
        ("Collecting evidence", "1 of 3 jobs done", "now"),
        ("Validation", "1 signature", ""),
        ("Risk", "1 signature", ""),
        ("Apply", "you, after approval", ""),
    ]
    return {
        "promotion": {"pk": UID, "reference": "PR-20", "state": "requested", "state_reason": "", "made_at": ago(days=2)}, "approval": APPROVAL | {"state": "collecting"}, "subject": SUBJECT, "alias": "champion", "alias_now": "1", "system": SYSTEM,
        "change_class": {"name": "non-substantial"}, "rail": [{"title": t, "detail": d, "state": s} for t, d, s in rail], "verdict": VERDICT, "progress": progress(), "checks": CHECKS, "note": "With 93 women the interval is about ± 0.15 wide: expect a hold.",
        "todo": [{"done": False, "text": "Name the owner of Annex IV, 2(b)", "detail": "Nobody owns this paragraph yet.", "url": "#", "action": "Assign"}, {"done": True, "text": "Declare the change class", "detail": "20 Nov"}],
        "holders": [{"name": "Evidence worker", "detail": "now", "state": "now"}, {"name": "Validator, validator", "detail": "1 of 1 must sign", "signed": 0, "quorum": 1, "state": "", "until": ago(days=-3), "late": False}, {"name": "Risk officer", "detail": "late", "state": "now", "until": ago(days=1), "late": True}], "answers": {"resubmit": {"allowed": True, "reason": "short", "errors": {"reason": ["Say it in at least 10 characters."]}}, "withdraw": {"allowed": True}}, "apply": {"allowed": False, "refusal": "The request is not approved yet."},
        "about": [{"label": "Model version", "value": "credit-risk v2", "url": "#"}, {"label": "Artifact", "value": a_digest("v2"), "digest": True}, {"label": "Policy", "value": "credit-high-risk v3", "detail": "pinned when requested"}],
        "commands": [{"note": "this request, with its verdict", "line": "placet status PR-20 --json"}, {"note": "after approval: only this sets the alias", "line": "placet apply PR-20"}],
    }
