"""Sample contexts of the other pages, and the list of all pages."""

# Rows of data, wide on purpose.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from governance.accounts.web.qr import qr_path
from governance.common.pictures import inclusion_steps
from reports.web.system_matrix import matrix
from tests.common import samples_fairness
from tests.common.acting import finding, findings, passkeys, sign, sign_lifting
from tests.common.pages_adoption import ADOPTIONS
from tests.common.pages_alerts import ALERTS
from tests.common.pages_bundles import BUNDLES
from tests.common.pages_centre import CENTRE, LIST_PART
from tests.common.pages_checks import CHECKS
from tests.common.pages_classifying import CLASSIFYING, MODIFIED
from tests.common.pages_comments import COMMENTS
from tests.common.pages_correspondence import CORRESPONDENCE
from tests.common.pages_datasets import DATASETS
from tests.common.pages_documents import SUBMITTED_DOCUMENTS
from tests.common.pages_evidence import EVIDENCE
from tests.common.pages_gate import ACTS, CHANGES, GATE
from tests.common.pages_incidents import INCIDENTS, a_row
from tests.common.pages_monitors import MONITORS
from tests.common.pages_notices import NOTICES
from tests.common.pages_of_rules import delegations, policies, policy, policy_diff, policy_draft, waiver
from tests.common.pages_operations import OPERATIONS
from tests.common.pages_outside import OUTSIDE
from tests.common.pages_overview import OVERVIEW
from tests.common.pages_people import PEOPLE
from tests.common.pages_records import RECORDS
from tests.common.pages_register import REGISTER
from tests.common.pages_register import dates as register_dates
from tests.common.pages_replay import REPLAYS
from tests.common.pages_risks import RISKS
from tests.common.pages_search import SEARCH
from tests.common.pages_sso import SINGLE_SIGN_ON
from tests.common.pages_standing import STANDING, listed
from tests.common.pages_system_record import SYSTEM_RECORD
from tests.common.pages_validation import VALIDATIONS
from tests.common.samples import (
    DOCUMENTS,
    FINDINGS,
    NOW,
    OWNER,
    PROOF,
    SYSTEM,
    UID,
    VALIDATOR,
    a_digest,
    ago,
    collecting,
    inbox,
    request,
    review,
    suspended,
)
from tests.measured import CRITERIA


def model() -> dict[str, Any]:
    """A model with a past: v1, v2, a suspension, two bypass attempts."""
    spans = [{"start": ago(days=170), "end": ago(days=40), "label": "v1", "note": "PR-12", "suspended": []},
             {"start": ago(days=40), "end": None, "label": "v2", "note": "PR-20", "suspended": [(ago(days=9), None)]}]
    return {
        "model": {"pk": UID, "name": "credit-risk", "workspace": "default"}, "system": SYSTEM, "until": NOW, "aliases": ["champion", "canary"], "asked": {"alias": "champion", "at": "2026-07-14T12:00:00", "text": "v1 was champion on 14 Jul 2026, 12:00 UTC, on PR-12."},
        "facts": [{"label": "Owner", "value": "Model owner"}, {"label": "Approval", "value": "PR-20, suspended", "tone": "warn"}, {"label": "Digest of v2", "value": a_digest("v2"), "digest": True}],
        "banner": {"tone": "warn", "title": "Champion v2 serves on a suspended approval.", "text": "Two columns passed the drift limit. It keeps serving; nothing new may be promoted.", "url": "#", "action": "Open monitor"},
        "lanes": [{"alias": "champion", "note": "all live traffic", "spans": spans}, {"alias": "canary", "note": "", "spans": [{"start": ago(days=60), "end": ago(days=41), "label": "v2", "note": "PR-18"}]}],
        "bypass": [{"label": "A", "at": ago(days=100), "kind": "refused", "what": "Python client: alias champion to v2", "by": "Engineer", "outcome": "Refused, 403"}, {"label": "B", "at": ago(days=20), "kind": "detected", "what": "Direct SQL on the alias table", "by": "", "outcome": "Reverted after 6 min"}],
        "versions": [{"number": 2, "made_at": ago(days=42), "digest": a_digest("v2"), "state": "suspended", "alias": "champion", "reference": "PR-20", "approval_pk": UID, "signed_by": "Validator, Risk officer", "valid_until": date(2027, 5, 22), "note": "Drift, 14 Nov", "problem": ""},
                     {"number": 1, "made_at": ago(days=171), "digest": "", "state": "", "alias": "", "reference": "", "approval_pk": None, "signed_by": "", "valid_until": None, "note": "", "problem": "The artifact has not been digested yet."}],
        "monitors": [{"pk": UID, "name": "credit-risk weekly", "value": 0.31, "limit": 0.2, "series": [0.05, 0.06, None, 0.08, 0.31], "outcome": "drift"}], "gate": [{"label": "Mode", "value": "Block"}, {"label": "Last reconciled", "value": "41 s ago", "detail": "bytes match"}],
        "documents": DOCUMENTS, "findings": FINDINGS, "acts": ACTS, "changes": CHANGES,
    }


def models() -> dict[str, Any]:
    """Two models, one without a system."""
    base = {
        "pk": UID,
        "name": "credit-risk",
        "system": SYSTEM,
        "ai_act": "High-risk · tier 1",
        "champion": "v1",
        "champion_state": "approved",
        "versions": 2,
        "latest": "v2",
        "mirrored_at": ago(minutes=2),
        "problem": "",
    }
    return {
        "models": [
            base,
            base | {"name": "churn", "system": None, "champion": None, "problem": "Assign it to an AI system first."},
        ],
        "pager": {"shown": 2, "total": 1002, "newer": "?page=1", "older": "?page=3"},
        "filters": {"q": ""},
    }


def systems() -> dict[str, Any]:
    """Two systems, one not classified."""
    base = {
        "pk": UID,
        "name": "Consumer credit scoring",
        "purpose": "Scores applications for consumer credit so that a credit officer can decide.",
        "owner": OWNER,
        "ai_act": "High-risk, Annex III 5(b)",
        "tier": 1,
        "state": "live",
        "models": 1,
        "live": "credit-risk v1",
        "open_findings": 2,
        "due": {"on": date(2027, 12, 2), "days": 370},
        "record": {"total": 54, "answered": 21, "counts": {"accepted": 9, "given": 12, "returned": 2, "open": 31}},
    }
    counted = [
        {"ai_act_class": "high", "tier": 1, "reopened": False},
        {"ai_act_class": "high", "tier": 1, "reopened": True},
        {"ai_act_class": "", "tier": None, "reopened": False},
    ]
    return {
        "shown": "",
        "pager": {"shown": 3, "total": 53, "newer": "", "older": "?page=2"},
        "filters": {"q": "", "ai_act_class": "", "tier": ""},
        "matrix": matrix(counted),
        "systems": [
            base,
            base | {"name": "Consumer credit limits", "reopened": True},
            base
            | {
                "name": "Churn",
                "ai_act": "",
                "tier": None,
                "state": "proposed",
                "models": 0,
                "live": "",
                "open_findings": 0,
                "due": None,
            },
        ]
    }


def system() -> dict[str, Any]:
    """A classified system."""
    trace = [
        {
            "question": "Does it evaluate the creditworthiness of natural persons?",
            "answer": "yes",
            "conclusion": "High-risk",
            "points": ["Art. 6(2)", "Annex III 5(b)"],
        }
    ]
    who = {
        "ai_act_class": "High-risk",
        "annex_points": ["Annex III 5(b)"],
        "law_version": "Regulation (EU) 2024/1689 as of 20 Nov 2026",
        "proposed_by": OWNER,
        "proposed_at": ago(days=200),
        "signed_by": VALIDATOR,
        "signed_at": ago(days=199),
        "placed_on": date(2026, 7, 1),
        "trace": trace,
    }
    return {
        "system": SYSTEM | {"slug": "credit", "purpose": "Scores applications for consumer credit.\nA credit officer confirms every refusal.", "state": "live", "ai_roles": ["provider", "deployer"], "favourable_outcome": "credit granted"}, "classification": who, "dates": register_dates(), "classification_open": who, "sign": {"pk": UID, "allowed": True, "refusal": "", "withdrawable": True, "errors": {"password": ["The password is not right."], "all": ["It was signed meanwhile."]}},
        "assignments": [
            {"pk": UID, "model": "credit-risk", "from_system": {"name": "Mail sorting", "ai_act_class": "Minimal risk"}, "proposed_by": OWNER, "proposed_at": ago(days=1), "allowed": True, "refusal": "", "withdrawable": True, "errors": {"password": ["The password is not right."], "all": ["It was signed meanwhile."]}},
            {"pk": UID, "model": "churn", "from_system": None, "proposed_by": OWNER, "proposed_at": ago(days=1), "allowed": False, "refusal": "A validator or risk officer of the system signs which models serve it.", "withdrawable": False, "errors": {}},
        ],
        "criteria": CRITERIA, "cost_matrix": {"fp": 1.0, "fn": 5.0, "unit": "EUR"},
        "criteria_open": {"pk": UID, "criteria": CRITERIA, "cost_matrix": {"fp": 1.0, "fn": 4.5, "unit": "EUR"}, "proposed_by": OWNER, "proposed_at": ago(days=1), "allowed": True, "refusal": "", "withdrawable": True, "errors": {"password": ["The password is not right."], "all": ["They were signed meanwhile."]}},
        "models": [{"pk": UID, "name": "credit-risk", "champion": "v1", "champion_state": "approved"}], "pins": [{"role": "evaluation", "digest": a_digest("eval"), "pinned_by": VALIDATOR, "pinned_at": ago(days=180)}], "effective": [{"alias": "champion", "pk": UID, "label": "credit-high-risk v3", "because": "It is for high-risk, tier 1 and names champion.", "shadowed": [{"pk": UID, "label": "credit-old v1"}]}, {"alias": "shadow", "pk": None, "label": "", "because": "No policy in force is for it.", "shadowed": []}], "findings": FINDINGS, "documents": DOCUMENTS,
        "standing": [],
        "incidents": [a_row(), a_row(overdue=True, due_on=None), a_row(state="reported")], "may_report_incident": True,
        "requests": [{"pk": UID, "title": "credit-risk v2 for champion", "reference": "PR-20", "state": "in_review", "verdict": "HOLD", "opened_at": ago(days=2)}], "declared": [{"label": "Name of the provider", "value": "Example Bank"}], "risks": {"standing": 3, "overdue": 1}, "may_classify": True, "may_retire": True, "record": {"total": 54, "answered": 21, "counts": {"accepted": 9, "given": 12, "returned": 2, "open": 31}},
    }


def documents() -> dict[str, Any]:
    """A map with every kind of tile, one document, two gaps."""
    tiles = [{"point": "1(a)", "title": "Purpose, provider, version", "state": "declared", "measured": 1, "declared": 4, "missing": 0}, {"point": "2(g)", "title": "Validation and testing", "state": "measured", "measured": 14, "declared": 2, "missing": 0},
             {"point": "2(h)", "title": "Cybersecurity", "state": "missing", "measured": 3, "declared": 2, "missing": 2}, {"point": "1(f)", "title": "Product illustrations", "state": "not_applicable", "measured": 0, "declared": 0, "missing": 0, "note": "not a product part"}]
    return {
        "systems_filter": [(UID, "Consumer credit scoring")], "system": {"pk": UID, "name": "Consumer credit scoring", "ai_act": "High-risk, Annex III 5(b)"}, "forms": ["html", "json", "docx"], **LIST_PART,
        "stats": [{"value": 41, "unit": "of 68", "label": "Annex IV paragraphs measured", "tone": "ok"}, {"value": 23, "label": "declared"}, {"value": 4, "label": "missing", "tone": "bad"}],
        "map": {"title": "Annex IV map", "groups": [{"title": "1 and 2", "tiles": tiles}]}, "gaps": [{"point": "2(h)", "title": "Report of the penetration test", "owner": OWNER, "due_on": date(2026, 12, 4)}, {"point": "7", "title": "Standards applied", "owner": None, "due_on": None}],
        "making": {"jobs": [{"title": "Technical documentation (Annex IV)", "subject": "Consumer credit scoring", "state": "running", "open": True, "message": "Asked for by Model owner; pages are drawn.", "age": timedelta(seconds=7)}], "running": True, "url": "/documents/making"},
        "build": {"kinds": [{"value": "annex-iv", "label": "Technical documentation (Annex IV)", "chosen": False}, {"value": "annex-v", "label": "EU declaration of conformity (Annex V)", "chosen": True}], "quarters": [{"value": "2026-10-01", "label": "2026, quarter 4"}], "versions": {"kinds": [{"value": "model-card", "label": "Model card of a version"}], "systems": [{"name": "Consumer credit scoring", "versions": [{"pk": UID, "label": "credit-risk v2"}]}], "cut": True}},
    }


def log() -> dict[str, Any]:
    """A page of the log, the newest entry not placed yet."""
    rows = [
        {
            "index": index,
            "at": ago(minutes=index or 0),
            "event": "approval.decided",
            "what": "signed the stage validation of PR-20",
            "by": "Validator",
            "actor": f"person:{UID}",
            "anchored": bool(index and index < 10),
        }
        for index in (None, 12, 9)
    ]
    return {
        "entries": rows,
        "size": 13,
        "pending": 1,
        "found": 3,
        "filters": {"q": "PR-20", "event": ""},
        "events": ["approval.decided"],
        "newer": "",
        "older": "before=9",
        "checkpoint": {"size": 13, "root": a_digest("root"), "at": ago(minutes=1)},
    }


def entry(index: int = 9, size: int = 13) -> dict[str, Any]:
    """An entry with its proof; the hashes are invented but of the right number."""
    leaf = sha256(b"leaf").digest()
    probe = 0
    while True:
        try:
            steps = inclusion_steps(index, size, leaf, [sha256(bytes([i])).digest() for i in range(probe)])
        except ValueError:
            probe += 1
        else:
            break
    body = '{\n  "actor": "person:7c9e6679",\n  "event": "approval.decided"\n}'
    return {
        "entry": {"index": index, "id": UID, "at": ago(hours=1), "event": "approval.decided", "actor": f"person:{UID}", "by": "Validator", "sentence": "The validator approved the stage validation of PR-20, credit-risk v2.", "leaf_hash": "sha256:" + leaf.hex(),
                  "bytes": 751, "body": body, "canonical": body.replace("\n", "").replace("  ", ""), "payload": '{"rationale": "…"}', "payload_commitment": a_digest("payload"), "redacted": False},
        "subjects": [{"table": "approvals_decision", "key": UID, "before": None, "after": a_digest("after")}], "fields": [{"field": "State of the request", "before": "in review", "after": "approved", "row": "approvals_approvalrequest"}],
        "proof": PROOF, "steps": steps, "tree": {"size": size, "root": steps[-1]["node"] if steps else leaf.hex(), "at": ago(minutes=1), "origin": "placet.example/log", "key": "2f91c07a"},
        "anchors": [{"at": ago(hours=3), "age": timedelta(hours=3), "size": 10, "root": a_digest("r"), "where": "write-once folder", "reference": "00000000000000000010.note", "covers": True}], "same": [{"index": 8, "title": "Promotion requested", "at": ago(days=2), "here": False}, {"index": index, "title": "Stage signed", "at": ago(hours=1), "here": True}],
        "newer": index + 1, "older": index - 1,
    }


def health() -> dict[str, Any]:
    """The log's health on a bad day: one sign of each tone, a copy that fails, a fork, a request to erase."""
    signs = [
        ("Entries that wait for their place", "1,204", "bad", "The oldest has waited longer than it should.", ago(hours=1)),
        ("Heartbeat", "on time", "ok", "The next is due in an hour.", ago(minutes=12)),
        ("Requests to erase", "1 open", "warn", "The data protection officer runs the command.", None),
    ]
    copies = [
        ("tsa tsa.example", 0, 12, None, None, "", False, ago(hours=2), "The authority does not answer."),
        ("witness witness.example", 10, 2, ago(days=2), timedelta(days=2), "add-checkpoint", True, None, ""),
        ("folder", 12, 0, ago(minutes=1), timedelta(minutes=1), "placet.example_log.12.note", False, None, ""),
    ]
    names = ("sink", "size", "behind", "at", "age", "reference", "signed", "failing_since", "error")
    filed = SimpleNamespace(parsed={"data": {"reason": "Article 17, request of 3 November."}})
    return {
        "signs": [dict(zip(("name", "value", "tone", "text", "since"), sign, strict=True)) for sign in signs],
        "copies": [dict(zip(names, copy, strict=True)) for copy in copies],
        "stale_after": timedelta(days=1),
        "shards": [
            {"origin": "placet.example/log/2", "at": ago(days=1)},
            {"origin": "placet.example/log", "at": ago(days=90)},
        ],
        "keys": ["placet.example/log/2+2f91c07a+AbX0c2lnbnMgY2hlY2twb2ludHMgbm93IGFuZCB0aGVu"],
        "erasures": [{"entry": SimpleNamespace(index=7), "filed": filed}],
    }


def login() -> dict[str, Any]:
    """The sign-in page after a wrong password, in the demo."""
    form = SimpleNamespace(
        errors={"all": 1},
        non_field_errors=["This e-mail address and password do not match."],
        login=SimpleNamespace(value="risk.officer@placet.example"),
    )
    return {
        "form": form,
        "next": "/",
        "user": SimpleNamespace(is_authenticated=False),
        "demo_accounts": [
            {"role": "Risk officer", "email": "risk.officer@placet.example", "password": "demo-password"}
        ],
    }


def authenticator() -> dict[str, Any]:
    """The page that binds an app, after a wrong code."""
    size, path = qr_path("otpauth://totp/risk.officer%40placet.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Placet")
    return {"qr_size": size, "qr_path": path, "secret": "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP", "errors": [WRONG_CODE]}


WRONG_CODE = "The code does not fit. Codes change every 30 seconds; check the clock of your phone."
PAGES: dict[str, tuple[str, Any]] = {
    "review": ("registry/review.html", review),
    "review-of-numbers": ("registry/review.html", lambda: review() | {"fairness": samples_fairness.numbers(), "fairness_limit": None}),
    "review-errors": ("registry/review.html", lambda: review(errors=True)),
    "review-suspended": ("registry/review.html", suspended),
    "review-suspended-passkey": ("registry/review.html", lambda: suspended() | {"lift": suspended()["lift"] | {"passkey": True}}),
    "review-collecting": ("registry/review.html", collecting),
    "waiver": ("registry/waiver.html", waiver),
    "inbox": ("approvals/inbox.html", inbox),
    "delegations": ("approvals/delegations.html", delegations),
    **BUNDLES,
    **OVERVIEW,
    **SEARCH,
    **COMMENTS,
    **REPLAYS,
    **DATASETS,
    **SUBMITTED_DOCUMENTS,
    **RECORDS,
    **CHECKS,
    **ALERTS,
    **EVIDENCE,
    **PEOPLE,
    **NOTICES,
    **VALIDATIONS,
    **INCIDENTS,
    **MONITORS,
    **GATE,
    **STANDING,
    **REGISTER,
    **SYSTEM_RECORD,
    **RISKS,
    **CORRESPONDENCE,
    **CLASSIFYING,
    **ADOPTIONS,
    **OUTSIDE,
    **SINGLE_SIGN_ON,
    **CENTRE,
    "model": ("registry/model.html", model),
    "model-standing": ("registry/model.html", lambda: model() | {"standing": listed()}),
    "model-list": ("registry/model_list.html", models),
    "request": ("registry/request.html", request),
    "system": ("inventory/system.html", system),
    "system-unclassified": ("inventory/system.html", lambda: system() | {"classification": None, "dates": None}),
    "system-modified": ("inventory/system.html", lambda: system() | MODIFIED),
    "system-retired": ("inventory/system.html", lambda: system() | {"system": system()["system"] | {"state": "retired", "retired_at": NOW, "retirement": "Another took its place."}}),
    "system-list": ("inventory/system_list.html", systems),
    "policy-list": ("policy/list.html", policies),
    "policy": ("policy/detail.html", policy),
    "policy-in-force": ("policy/detail.html", lambda: policy(published=True)),
    "policy-diff": ("policy/diff.html", policy_diff),
    "policy-draft": ("policy/draft.html", policy_draft),
    "documents": ("reports/documents.html", documents),
    "audit-log": ("audit/log.html", log),
    "audit-entry": ("audit/entry.html", entry),
    "audit-health": ("audit/health.html", health),
    **OPERATIONS,
    "findings": ("approvals/findings.html", findings),
    "finding": ("approvals/finding.html", finding),
    "sign": ("registry/sign.html", sign),
    "sign-lifting": ("registry/sign.html", sign_lifting),
    "passkeys": ("accounts/passkeys.html", passkeys),
    "passkey-new": ("accounts/passkey_new.html", lambda: {"label": "Laptop", "options": '{"challenge": "AA"}'}),
    "login": ("registration/login.html", login),
    "second-factor": ("accounts/second_factor.html", lambda: {"errors": [WRONG_CODE], "user": SimpleNamespace(is_authenticated=False)}),
    "security": ("accounts/security.html", lambda: {"enabled_at": ago(days=40), "codes_left": 7, "demanded": True}),
    "security-bare": ("accounts/security.html", lambda: {"enabled_at": None, "codes_left": 0, "demanded": True}),
    "security-confirm": ("accounts/confirm.html", lambda: {"with_code": True, "errors": [WRONG_CODE], "next": "/security"}),
    "security-authenticator": ("accounts/authenticator.html", authenticator),
    "security-codes": ("accounts/recovery_codes.html", lambda: {"codes": [f"{number:08d}" for number in range(10_000_019, 90_000_000, 8_000_003)]}),
    "not-here": ("404.html", dict),
    "not-yours": ("403.html", lambda: {"reason": "Only a risk officer may open this."}),
    "too-many": ("429.html", lambda: {"title": "Too many wrong attempts", "reason": "Too many wrong attempts. Try again at 10:12:30 UTC."}),
    "broken": ("500.html", dict),
}
