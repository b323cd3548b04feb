"""What is sent to each address, by name; a word with ``$`` stands for something of the world."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.common import clock
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import PASSWORD, REASON
from tests.payloads import a_digest

TRAINED = a_digest("training rows")
"""Of the world's training data, which only the system in question uses."""

RECORDED = {"name": "pricing-sheet", "kind": "other", "runs": "desktop", "supplier": "Pricing", "product": "Sheet"}

BODIES: dict[str, dict[str, Any]] = {
    "record": {"row": "1"},
    "": {},
    "decision": {
        "verdict": "approve",
        "rationale": REASON,
        "change_class": "non-substantial",
        "no_conflict": "on",
        "password": PASSWORD,
    },
    "review": {"check": "no.such-check", "verdict": "accepted", "statement": REASON, "password": PASSWORD},
    "lift": {"rationale": REASON, "password": PASSWORD},
    "comment": {"text": REASON},
    "closing": {"how": REASON, "password": PASSWORD},
    "password": {"password": PASSWORD},
    "statement": {"prepared": "no statement", "credential": "{}"},
    "raised": {
        "system": "$system",
        "title": "Income is missing",
        "description": REASON,
        "severity": "medium",
        "source": "validation",
    },
    "plan": {"plan": REASON, "plan_due": "$soon"},
    "mended": {"mended": REASON},
    "extension": {"due_on": "$later", "extension_reason": REASON, "password": PASSWORD},
    "hand over": {"owner": "$second", "owner_reason": REASON},
    "reason": {"reason": REASON},
    "act": {"reason": REASON, "password": PASSWORD},
    "glass": {"reason": REASON, "password": PASSWORD, "version": 1, "alias": "champion"},
    "gate configuration": {"protected_aliases": ["champion", "live"], "mode": "block", "reason": REASON},
    "gate configuration on the page": {
        "protected_aliases": "champion, live",
        "mode": "block",
        "registry": "governed",
        "reason": REASON,
    },
    "role": {"role": "engineer"},
    "claim mapping": {"claim": "groups", "value": "ml", "role": "engineer"},
    "access review": {"roles": "owner", "reviewer": "$second", "due_on": "$soon"},
    "keep": {"verdict": "keep"},
    "reviewer": {"reviewer": "$validator"},
    "deactivation": {"reason": REASON, "password": PASSWORD},
    "promotion": {"model": "$model", "version": 9, "alias": "champion"},
    "system": {
        "slug": "third",
        "name": "A third system",
        "purpose": "Sorts letters by subject before a person reads them.",
        "owner": "$owner",
        "ai_roles": ["provider"],
        "favourable_outcome": "read first",
    },
    "answers": {"answers": "$answers", "model_tier": 1},
    "answers on the page": {**ANSWERS, "model_tier": "1", "propose": "yes"},
    "system on the page": {
        "name": "A third system",
        "purpose": "Sorts letters by subject before a person reads them.",
        "owner": "$second",
        "ai_roles": ["provider"],
        "favourable_outcome": "read first",
    },
    "assignment": {"model": "spare"},
    "criteria": {"criteria": [{"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}]},
    "record answers": {"answers": {"hardware": "An ordinary server."}, "seen": {"hardware": 1}},
    "record answers on the page": {"answer-hardware": "An ordinary server.", "seen-hardware": "1"},
    "reuse on the page": {"from": "$system", "questions": ["standards"]},
    "risk": {
        "title": "Another hazard",
        "hazard": REASON,
        "affected": "Applicants",
        "kind": "financial",
        "likelihood": 3,
        "severity": 2,
        "review_on": "$soon",
    },
    "modification": {"kind": "substantial", "what": REASON},
    "letter": {"kind": "notice-26-11", "reference": "LET-2026-7", "text": REASON},
    "answered letter": {"answer": REASON},
    "sent letter": {"sent_on": "$today", "answer": REASON},
    "reuse": {"from_system": "$system", "questions": ["standards"]},
    "record review": {"verdict": "accepted"},
    "pin": {"dataset_digest": "$data"},
    "policy": {"text": "$policy"},
    "monitor": {"model": "$model", "alias": "champion"},
    "monitor change": {"enabled": False, "why": REASON},
    "records": {"not": "a record"},
    "intake": {"no_such_setting": 1},
    "hold": {"kind": "system", "object_id": "$system", "reason": REASON},
    "hold on the page": {"kind": "system", "key": "$system", "reason": REASON},
    "disposal": {"row": "evidence", "reason": REASON, "password": PASSWORD},
    "erase records": {"reason": REASON, "password": PASSWORD},
    "window": {"start": "2026-11-22T00:00:00Z", "end": "2026-11-22T00:00:00Z"},
    "resolution": {"how": REASON},
    "mute": {"until": "$moment", "why": REASON},
    "mute on the page": {"until": "$soon", "why": REASON},
    "document": {"kind": "annex-iv", "system": "$slug"},
    "document page": {"system": "$system"},
    "bundle": {"system": "$slug"},
    "bundle page": {"scope": "system", "system": "$system"},
    "declaration of conformity": {
        "name": "A. Signatory",
        "function": "Director",
        "on_behalf_of": "Bank",
        "place": "Berlin",
        "personal_data": "yes",
        "password": PASSWORD,
    },
    "erasure": {"reason": REASON},
    "validation": {"approval": "$collecting"},
    "validation plan": {"scope": REASON, "methods": REASON, "out_of_scope": REASON},
    "declaration": {"reporting_line": "Head of model risk", "conflicts": "none", "no_part": "on"},
    "test": {"kind": "test", "name": "Backtest", "done": REASON, "outcome": "passed", "measure": "AUC", "value": "0.7"},
    "validation finding": {"title": "Income is missing", "description": REASON, "severity": "medium"},
    "validation report": {"summary": REASON, "limitations": REASON, "opinion": "fit"},
    "validation signature": {"seen": "sha256:0", "password": PASSWORD},
    "waiver": {"check": "no.such-check", "until": "$soon", "reason": REASON},
    "standing": {"bounds": "evidence.performance.auc.low >= 0.7", "uses": 1, "until": "$soon", "reason": REASON},
    "waiver over the API": {"check": "no.such-check", "expires_at": "$moment", "reason": REASON},
    "standing over the API": {
        "model": "$model",
        "alias": "champion",
        "bounds": ["evidence.performance.auc.low >= 0.7"],
        "max_uses": 1,
        "expires_at": "$moment",
        "reason": REASON,
    },
    "extension over the API": {"due_on": "$later", "reason": REASON, "password": PASSWORD},
    "hand over by the API": {"owner": "$second", "reason": REASON},
    "view": {"name": "Held", "waiting": "open"},
    "document review": {"verdict": "accepted", "note": REASON, "password": PASSWORD},
    "push": {"type": "fairness/v1", "model": "$model", "version": 1},
    "submission": {"system": "$slug", "kind": "dpia"},
    "replay": {"version": "$version"},
    "adoption": {"dry_run": True},
    "evaluation data": {"model": "outside_mlflow:base-llm", "version": 1},
    "recorded": {"system": "$slug", "supplier_version": "2", **RECORDED},
    "recorded on the page": {"system": "$slug", "version": "2", **RECORDED},
    "base": {"model": "$model", "version": 2, "base_model": "outside_mlflow:base-llm", "base_version": 1}
    | {"kind": "component"},
    "use request": {"version": 9},
    "use": {"since": "2026-11-01", "statement": REASON},
    "incident": {
        "system": "$slug",
        "title": "A second one",
        "what_happened": REASON,
        "harms": ["rights"],
        "aware_at": "$past",
    },
    "incident on the page": {
        "system": "$system",
        "title": "A second one",
        "what_happened": REASON,
        "harms": ["rights"],
        "aware_at": "$past",
    },
    "incident facts": {"harms": ["property"], "facts_why": REASON, "why": REASON, "log_entry": "$incident"},
    "incident times": {"suspected_at": "$past", "aware_at": "$aware", "times_why": REASON, "why": REASON}
    | {"log_entry": "$incident"},
    "incident note": {"note": REASON},
    "incident task": {
        "task": "Ask for the form",
        "task_owner": "$second",
        "task_due_on": "$soon",
        "text": "Ask for the form",
        "due_on": "$soon",
    },
    "incident report": {"authority": "An authority", "reference": "MSA-1", "sent_at": "$past"},
    "incident closing": {"how": REASON, "ending": "not_serious", "password": PASSWORD, "log_entry": "$without tasks"},
    "incident owner": {"owner": "$second", "owner_why": REASON, "why": REASON},
}


def days() -> dict[str, str]:
    """Return what stands for a day or a moment, seen from now."""
    now = clock.now()
    return {
        "$past": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
        "$today": now.date().isoformat(),
        "$soon": (now + timedelta(days=5)).date().isoformat(),
        "$moment": clock.rfc3339(now + timedelta(days=5)),
        "$later": (now + timedelta(days=60)).date().isoformat(),
    }
