"""A full snapshot for the Annex IV document, marked as sample: the shape in one place, with German Credit figures."""

import copy
from datetime import date
from typing import Any

from governance.regulation import record
from governance.regulation.classification import classify
from governance.regulation.classified import classified
from reports.documents.snapshot import law_part
from tests.documents.sample_evidence import CHECKS, EVIDENCE, a_digest, an_id


def without(snapshot: dict[str, Any], *parts: str) -> dict[str, Any]:
    """The snapshot without some of its parts."""
    return {key: value for key, value in snapshot.items() if key not in parts}


def a_snapshot(**overrides: Any) -> dict[str, Any]:
    """A fresh, independent copy of the sample, with parts replaced."""
    return copy.deepcopy(_SAMPLE) | overrides


def a_bare_snapshot() -> dict[str, Any]:
    """Only what every document needs: everything else is missing."""
    full = a_snapshot()
    return {key: full[key] for key in ("format", "sample", "document", "law")} | {
        "system": {"name": "Consumer credit scoring"},
        "record": asked(),
    }


UNREVIEWED = {"reviewed_by_role": None, "reviewed_at": None}


def asked(**answers: dict[str, Any]) -> list[dict[str, Any]]:
    """What the record asks of people, with these answers (question ids with underscores)."""
    return [
        {
            "id": row.id,
            "title": row.title,
            "points": list(row.points),
            "missing": row.missing,
            "owed_by": row.owed_by,
            "answer": UNREVIEWED | answers[name] if (name := row.id.replace("-", "_")) in answers else None,
        }
        for row in record.load().questions.values()
    ]


ANSWERS = {
    "is_ai_system": "yes",
    "operator_roles": ["provider", "deployer"],
    "union_link": "yes",
    "scope_exclusion": "none",
    "prohibited_practices": ["none"],
    "annex_i_position": "none",
    "annex_iii_uses": ["Annex III.5.b"],
    "fraud_detection_only": "no",
    "profiling": "yes",
    "transparency_cases": ["none"],
    "general_purpose_model": "no",
    "built_on_general_purpose_model": "no",
}
CLASSIFIED = classified(classify(ANSWERS, on_date=date(2026, 11, 23)))
_INPUTS = [
    ("checking_account", "string"),
    ("duration_months", "long"),
    ("credit_history", "string"),
    ("purpose", "string"),
    ("credit_amount", "double"),
    ("savings", "string"),
    ("employment", "string"),
    ("installment_rate", "long"),
    ("debtors", "string"),
    ("residence", "long"),
    ("property", "string"),
    ("age", "long"),
    ("other_plans", "string"),
    ("housing", "string"),
    ("existing_credits", "long"),
    ("job", "string"),
    ("dependents", "long"),
    ("telephone", "string"),
    ("foreign_worker", "string"),
]


def _dataset(role: str, rows: int, log_index: int) -> dict[str, Any]:
    return {
        "id": an_id(f"dataset {role}"),
        "name": f"German Credit, {role}",
        "role": role,
        "digest": a_digest(role),
        "rows": rows,
        "columns": 22,
        "uri": f"mlflow-artifacts:/1/3f0c/artifacts/placet/{role}.parquet",
        "label": "credit_risk",
        "positive_label": "bad",
        "favourable_label": "good",
        "sensitive_features": ["sex", "age_group"],
        "log_index": log_index,
        "recorded_at": "2026-11-23T17:52:40.000000Z",
    }


def _decision(stage: str, role: str, at: str, log_index: int, **more: Any) -> dict[str, Any]:
    return {
        "id": an_id(f"decision {stage} {role}"),
        "stage": stage,
        "role": role,
        "verdict": "approved",
        "at": at,
        "signature": "password",
        "statement_digest": a_digest(f"statement {stage} {role}"),
        "log_index": log_index,
    } | more


def _event(at: str, event: str, summary: str, log_index: int) -> dict[str, Any]:
    return {
        "id": an_id(f"entry {log_index}"),
        "at": at,
        "event": event,
        "summary": summary,
        "log_index": log_index,
        "digest": a_digest(event),
    }


_SAMPLE: dict[str, Any] = {
    "format": "placet-snapshot/1",
    "sample": True,
    "document": {"id": an_id("document"), "kind": "annex_iv", "created_at": "2026-11-23T18:20:00.000000Z"},
    "organisation": {"name": "Example Bank AG", "address": "1 Example Street, 60311 Frankfurt am Main"},
    "law": law_part(on_date=date(2026, 11, 23), system=CLASSIFIED),
    "system": {
        "id": an_id("system"),
        "name": "Consumer credit scoring",
        "purpose": "Estimate the probability that a natural person who applies for a consumer loan will default, "
        "to support a decision by a credit officer.",
        "owner_role": "owner",
        "ai_roles": ["provider", "deployer"],
        "model_tier": 1,
        "lifecycle_state": "live",
        "favourable_outcome": "good",
        "recorded_by_role": "owner",
        "recorded_at": "2026-11-20T09:12:03.004100Z",
        "log_index": 41,
    },
    "classification": classify(ANSWERS, on_date=date(2026, 11, 23)).as_dict()
    | {
        "proposed_by_role": "owner",
        "proposed_at": "2026-11-20T09:14:55.500000Z",
        "signed_by_role": "risk_officer",
        "signed_at": "2026-11-20T11:02:10.250000Z",
        "log_index": 43,
    },
    "criteria": {
        "id": an_id("criteria"),
        "criteria": [
            {
                "id": "no-worse",
                "title": "Ranks no worse than the version in production by more than 0.05",
                "expr": "candidate.auc >= production.auc - 0.05",
            },
            {"id": "calibrated", "title": "The probability can be taken at its word", "expr": "candidate.brier <= 0.2"},
        ],
        "signed_by_role": "validator",
        "signed_at": "2026-11-21T09:00:00.000000Z",
        "first_measured_at": "2026-11-23T18:04:11.201733Z",
        "log_index": 63,
    },
    "record": asked(
        release_forms={
            "role": "owner",
            "at": "2026-11-21T08:00:00.000000Z",
            "log_index": 58,
            "text": "The system is put into service inside the bank only, as a scoring service behind the "
            "loan application desk.",
        },
        data_provenance={
            "role": "engineer",
            "at": "2026-11-21T08:20:00.000000Z",
            "log_index": 60,
            "text": "Statlog (German Credit Data), Hofmann 1994, UCI Machine Learning Repository, "
            "doi:10.24432/C5NC77. The records are from 1973 to 1975 and carry amounts in Deutsche "
            "Mark. Labels are the bank's own classification. Sex is derived from the attribute "
            "personal status.",
        },
        metric_choice={
            "role": "validator",
            "at": "2026-11-22T10:30:00.000000Z",
            "reviewed_by_role": "risk_officer",
            "reviewed_at": "2026-11-22T15:00:00.000000Z",
            "log_index": 71,
            "text": "The area under the curve measures ranking, which is what the credit officer uses; the "
            "Brier score measures whether the shown probability can be taken at its word.",
        },
        oversight_measures={
            "role": "owner",
            "at": "2026-11-21T08:40:00.000000Z",
            "log_index": 61,
            "text": "A credit officer confirms every refusal, sees the three strongest reasons, and may "
            "overrule the score with a written reason.",
        },
    ),
    "owners": {"Annex IV.2.h": "administrator"},
    "model": {
        "id": an_id("model version"),
        "name": "credit-risk",
        "version": "2",
        "flavor": "sklearn",
        "artifact_digest": a_digest("artifact"),
        "source": "models:/m-5b1f0c2d",
        "run_id": "3f0c8a5e1d7b4a6f9e2c",
        "created_at": "2026-11-23T17:52:41.330000Z",
        "trained_by_role": "engineer",
        "log_index": 104,
        "parameters": {
            "n_estimators": "120",
            "max_depth": "3",
            "learning_rate": "0.08",
            "subsample": "0.8",
            "random_state": "7",
        },
        "signature": {
            "inputs": [{"name": name, "type": kind, "required": True} for name, kind in _INPUTS],
            "outputs": [{"name": "probability of bad", "type": "double", "required": True}],
        },
        "threshold": 0.3,
        "environment": {
            "python": "3.11.2",
            "packages": {
                "mlflow": "3.17.0",
                "scikit-learn": "1.9.0",
                "pandas": "3.0.1",
                "numpy": "2.3.5",
                "cloudpickle": "3.1.2",
            },
        },
        "training": {"system/cpu_utilization_percentage": 41.5, "system/system_memory_usage_megabytes": 512.5},
        "previous": {"version": "1", "artifact_digest": a_digest("artifact of version 1")},
    },
    "datasets": [_dataset("training", 700, 105), _dataset("evaluation", 300, 106)],
    "evidence": EVIDENCE,
    "policy": {
        "id": an_id("policy"),
        "name": "credit-high-risk",
        "version": "3",
        "digest": a_digest("policy"),
        "published_at": "2026-11-19T15:00:00.000000Z",
        "author_role": "policy_author",
        "publisher_role": "policy_publisher",
        "log_index": 37,
    },
    "request": {
        "id": an_id("request"),
        "alias": "champion",
        "state": "approved",
        "change_class": "substantial",
        "requester_role": "engineer",
        "requested_at": "2026-11-23T18:03:58.120000Z",
        "log_index": 108,
        "evidence_manifest": a_digest("manifest"),
        "verdict": "ALLOW",
    },
    "checks": CHECKS,
    "approvals": [
        _decision("validation", "validator", "2026-11-23T18:10:12.004000Z", 120),
        _decision("risk", "risk_officer", "2026-11-23T18:11:47.881000Z", 121),
    ],
    "permit": {
        "id": an_id("permit"),
        "kind": "serve",
        "alias": "champion",
        "issued_at": "2026-11-23T18:11:49.000000Z",
        "expires_at": "2027-05-22T18:11:49.000000Z",
        "digest": a_digest("permit"),
        "key_id": a_digest("key"),
        "log_index": 122,
        "use_restrictions": ["new consumer credit to natural persons, up to 20,000 DM"],
    },
    "alias_history": [
        {
            "id": an_id("alias 1"),
            "alias": "champion",
            "version": "1",
            "from": "2026-11-20T12:00:00.000000Z",
            "to": "2026-11-23T18:12:20.400000Z",
            "log_index": 55,
        },
        {
            "id": an_id("alias 2"),
            "alias": "champion",
            "version": "2",
            "from": "2026-11-23T18:12:20.400000Z",
            "to": None,
            "log_index": 124,
        },
    ],
    "findings": [
        {
            "id": an_id("finding"),
            "title": "“No checking account” mixes two populations",
            "severity": "medium",
            "owner_role": "owner",
            "due_on": "2026-12-11",
            "state": "open",
            "opened_at": "2026-11-22T10:31:00.000000Z",
            "log_index": 72,
        },
    ],
    "history": [
        _event("2026-11-20T12:00:00.000000Z", "promotion.applied", "credit-risk version 1 became champion.", 55),
        _event("2026-11-23T18:12:20.400000Z", "promotion.applied", "credit-risk version 2 became champion.", 124),
        _event(
            "2026-11-23T18:15:03.100000Z",
            "approval.suspended",
            "Drift in the window to 2026-11-22 suspended the approval.",
            132,
        ),
    ],
    "monitoring": {
        "monitor": {
            "id": an_id("monitor"),
            "name": "credit-risk in production",
            "created_at": "2026-11-23T18:12:30.000000Z",
            "log_index": 126,
            "digest": a_digest("monitor"),
            "settings": {
                "score": "population stability index",
                "limit": 0.2,
                "window": "seven days",
                "on drift": "suspend the approval",
            },
        },
        "windows": [
            {
                "id": an_id("window 1"),
                "start": "2026-11-08T00:00:00.000000Z",
                "end": "2026-11-15T00:00:00.000000Z",
                "n": 250,
                "drifted": 0,
                "columns": 6,
                "dataset_drift": False,
                "payload_digest": a_digest("drift quiet"),
                "log_index": 129,
            },
            {
                "id": an_id("window 2"),
                "start": "2026-11-15T00:00:00.000000Z",
                "end": "2026-11-22T00:00:00.000000Z",
                "n": 250,
                "drifted": 1,
                "columns": 6,
                "dataset_drift": True,
                "payload_digest": EVIDENCE[-1]["payload_digest"],
                "log_index": 131,
            },
        ],
        "alerts": [
            {
                "id": an_id("alert"),
                "opened_at": "2026-11-23T18:15:03.050000Z",
                "reason": "Drift in credit amount",
                "effect": "Approval suspended",
                "state": "open",
                "log_index": 132,
            },
        ],
    },
    "log": {
        "origin": "placet.example/log",
        "size": 133,
        "root": a_digest("root"),
        "checkpoint_at": "2026-11-23T18:19:55.000000Z",
    },
}
