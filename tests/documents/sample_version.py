"""What a snapshot of one version holds beyond that of a system: permits, requests, criteria and a signed validation."""

from typing import Any

from tests.documents.sample_evidence import a_digest, an_id
from tests.documents.sample_snapshot import a_snapshot

SIGNED = "2026-11-23T17:58:00.000000Z"
BEFORE = "2026-11-23T17:30:00.000000Z"

PERMITS = [
    {"id": an_id(f"permit {kind}"), "kind": kind, "alias": "champion", "issued_at": "2026-11-23T18:12:00.000000Z",
     "expires_at": "2027-05-22T18:12:00.000000Z", "digest": a_digest(f"permit {kind}"), "log_index": index}
    for kind, index in (("serve", 112), ("rollback", 113))
]  # fmt: skip
REQUESTS = [
    {"id": an_id(f"request {number}"), "reference": f"PR-{number}", "alias": "champion", "at": SIGNED,
     "requester_role": "engineer", "verdict": verdict, "state": state, "digest": a_digest(f"manifest {number}"),
     "log_index": 70 + number}
    for number, verdict, state in ((4, "BLOCK", "rejected"), (5, "ALLOW", "approved"))
]  # fmt: skip
WAIVERS = [
    {"id": an_id("waiver"), "check": "robustness.noise", "at": SIGNED, "expires_at": "2027-02-01T00:00:00.000000Z",
     "state": "approved", "log_index": 81}
]  # fmt: skip
CRITERIA = {
    "id": an_id("criteria"),
    "criteria": [
        {"id": "ranks", "title": "Ranks better than the scorecard", "expr": "candidate.auc >= 0.7"},
        {"id": "cost", "title": "Costs less than the scorecard", "expr": "candidate.cost < production.cost"},
    ],
    "signed_by_role": "validator",
    "signed_at": BEFORE,
    "first_measured_at": "2026-11-23T17:40:00.000000Z",
    "log_index": 43,
}
VALIDATION: dict[str, Any] = {
    "id": an_id("validation"),
    "number": "VAL-7",
    "occasion": "initial",
    "state": "signed",
    "opinion": "fit_with_conditions",
    "validator_role": "validator",
    "opened_at": BEFORE,
    "begun_at": BEFORE,
    "settled_at": SIGNED,
    "report_digest": None,
    "digest": a_digest("validation"),
    "findings": [row["id"] for row in a_snapshot()["findings"][:1]],
    "plan": {
        "scope": "Ranking and calibration of this version on the pinned evaluation rows.",
        "methods": "Replication of the training run, backtest by quarter, a logistic challenger.",
        "out_of_scope": "Data collection by the branches, which internal audit covered.",
        "at": BEFORE,
        "log_index": 50,
    },
    "independence": {
        "reporting_line": "Head of model risk.",
        "conflicts": "none",
        "at": BEFORE,
        "log_index": 51,
    },
    "report": {
        "summary": "The ranking holds in each quarter; calibration drifts for the youngest.",
        "limitations": "Not for applicants without an income statement.",
        "at": SIGNED,
        "log_index": 59,
    },
    "tests": [
        {"id": an_id("backtest"), "kind": "test", "outcome": "passed", "name": "Backtest by quarter",
         "done": "Scored eight quarters.", "measure": "AUC", "value": 0.781, "low": 0.762, "high": 0.8,
         "evidence": None, "at": SIGNED, "log_index": 55},
        {"id": an_id("challenger"), "kind": "challenger", "outcome": "inconclusive", "name": "Logistic regression",
         "done": "Same folds.", "measure": "AUC", "value": 0.021, "low": None, "high": None,
         "evidence": None, "at": SIGNED, "log_index": 56},
    ],
    "log_index": 60,
}  # fmt: skip
VERSION: dict[str, Any] = {
    "permits": PERMITS,
    "requests": REQUESTS,
    "waivers": WAIVERS,
    "criteria": CRITERIA,
    "validation": VALIDATION,
}

REVIEW: dict[str, Any] = {
    "id": an_id("promotion"),
    "reference": "PR-5",
    "in_answer_to": None,
    "use_restrictions": ["Consumer loans up to 20,000 EUR"],
    "due_at": "2026-11-30T18:00:00.000000Z",
    "serving": {"id": an_id("serving"), "alias": "champion", "version": "4", "artifact_digest": a_digest("version 4"),
                "from": "2026-08-03T09:00:00.000000Z", "same": False, "log_index": 31},
    "stages": [
        {"name": "validation", "roles": ["validator"], "quorum": 1, "requires": "human_review/v1", "signed": 1},
        {"name": "risk", "roles": ["risk_officer"], "quorum": 2, "requires": None, "signed": 1},
    ],
    "excluded": [{"role": "engineer", "reasons": ["requester", "trained_by"]}],
    "comments": [{"id": an_id("comment"), "roles": ["validator"], "at": SIGNED, "log_index": 118}],
    "log_index": 108,
}  # fmt: skip
"""What only the pack of a request holds."""
