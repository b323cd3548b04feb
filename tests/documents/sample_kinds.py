"""A sample snapshot of every kind of document: as full as the sample is, and in the cases that its sections part by."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from governance.regulation import record
from reports.documents.kinds import KINDS
from reports.documents.snapshot import law_part
from tests.documents.sample_evidence import a_digest, an_id
from tests.documents.sample_letters import CORRESPONDENCE, LETTERS
from tests.documents.sample_snapshot import CLASSIFIED, a_bare_snapshot, a_snapshot
from tests.documents.sample_version import REVIEW, VERSION

ON = date(2026, 11, 23)
AT = "2026-11-23T18:30:00.000000Z"
SIGNATORY = {
    "id": an_id("signatory"),
    "role": "owner",
    "name": "A. Signatory",
    "function": "Managing director",
    "on_behalf_of": "Example Bank AG",
    "place": "Frankfurt am Main",
    "personal_data": True,
    "at": AT,
    "draft": an_id("draft"),
    "draft_digest": a_digest("draft"),
    "log_index": 131,
}


def _line(label: str, state: str, text: str = "", **more: Any) -> dict[str, Any]:
    base = {"label": label, "state": state, "text": text, "role": None, "at": None, "digest": None, "place": 130}
    return base | more


INCIDENT = {
    "id": an_id("incident"),
    "number": "INC-3",
    "title": "Refusals without review",
    "notices": ["Days are counted without holidays."],
    "equivalent_law": None,
    "reports": 0,
    "opened_at": AT,
    "log_index": 130,
    "sections": [
        {"title": "What happened", "point": "Art 3.49.c", "lines": [
            _line("What happened", "declared", "Refusals went out unread.", role="owner", at="2026-11-23"),
            _line("Persons affected", "missing"),
        ]},
        {"title": "Times", "point": "Art 73.2", "lines": [
            _line("Awareness", "declared", AT, role="owner", at="2026-11-23"),
            _line("Latest day, Art 73.2", "measured", "2026-12-08"),
            _line("Latest day, Art 73.4", "measured", "2026-12-03"),
        ]},
        {"title": "Measures", "point": "Art 73.6", "lines": [_line("Risk assessment", "missing")]},
    ],
}  # fmt: skip
RISKS = [
    {
        "id": an_id("risk"),
        "number": 1,
        "title": "Younger applicants are refused more often",
        "kind": "rights",
        "hazard": "The training data hold few young applicants.",
        "affected": "applicants under 25",
        "likelihood": 3,
        "severity": 4,
        "measures": "A credit officer confirms every refusal",
        "tests": "Refusals of a quarter were read again.",
        "residual_likelihood": 2,
        "residual_severity": 3,
        "state": "accepted",
        "review_on": "2027-05-22",
        "role": "owner",
        "at": AT,
        "accepted_by_role": "risk_officer",
        "accepted_at": AT,
        "reason": "What is left is watched each week.",
        "digest": None,
        "log_index": 90,
    }
]
INCIDENT_ROWS = [
    {"id": an_id("incident"), "number": "INC-3", "state": "open", "aware_at": AT, "opened_at": AT,
     "reported_at": None, "log_index": 130}
]  # fmt: skip
PORTFOLIO = {
    "from": "2026-10-01T00:00:00.000000Z",
    "until": "2026-11-23T18:20:00.000000Z",
    "kinds": {"annex-iv": "Technical documentation (Annex IV)", "annex-v": "EU declaration of conformity (Annex V)"},
    "systems": [
        {"id": an_id("system"), "system": "consumer-credit", "name": "Consumer credit scoring", "ai_act_class": "high",
         "model_tier": 1, "state": "live", "documents": ["annex-iv"], "at": AT, "log_index": 41,
         "tier_signed_at": "2025-02-20T11:02:10.250000Z",
         "owed": [{"kind": "annex-iv", "from": None}, {"kind": "annex-v", "from": "2027-12-02"}]},
        {"id": an_id("mail"), "system": "mail", "name": "Mail sorting", "ai_act_class": None,
         "model_tier": None, "state": "proposed", "documents": [], "at": AT, "log_index": 42,
         "tier_signed_at": None, "owed": None},
    ],
    "live": [
        {"id": an_id("alias 2"), "system": "consumer-credit", "version": "credit-risk v2", "alias": "champion",
         "model_tier": 1, "validation": "fit_with_conditions", "validation_due_on": "2026-11-20", "due": "late",
         "drift": "measured", "windows": 2, "at": AT, "log_index": 124},
        {"id": an_id("alias 3"), "system": "consumer-credit", "version": "limit v1", "alias": "champion",
         "model_tier": 1, "validation": "none", "validation_due_on": None, "due": "not_asked",
         "drift": "no_monitor", "windows": 0, "at": AT, "log_index": 125},
    ],
    "approvals": [{"id": an_id("request"), "system": "consumer-credit", "state": "approved", "at": AT,
                   "log_index": 44}],
    "findings": [
        {"id": an_id("old"), "system": "consumer-credit", "severity": "high", "at": "2026-06-01T00:00:00.000000Z",
         "closed_at": None, "due_on": "2026-09-01", "log_index": 3},
        {"id": an_id("shut"), "system": "consumer-credit", "severity": "low", "at": "2026-10-01T00:00:00.000000Z",
         "closed_at": "2026-10-09T00:00:00.000000Z", "due_on": "2026-10-20", "log_index": 4},
    ],
    "waivers": [],
    "incidents": [{"id": an_id("incident"), "system": "consumer-credit", "state": "open", "at": AT, "log_index": 130}],
    "alerts": [{"id": an_id("alert"), "system": "consumer-credit", "state": "open", "severity": "breach", "at": AT,
                "log_index": 128}],
}  # fmt: skip


def _public(snapshot: dict[str, Any]) -> dict[str, Any]:
    said = {"text": "Public body", "role": "data_protection_officer", "at": AT, "log_index": 62}
    for row in snapshot["record"]:
        if row["id"] == "public-body":
            row["answer"] = said
    return snapshot


def of_kind(kind: str, snapshot: dict[str, Any], on: date = ON) -> dict[str, Any]:
    """A snapshot made into one of another kind, or of another day: its law part and its document part."""
    document = snapshot["document"] | {"kind": kind}
    system = CLASSIFIED if snapshot.get("classification") else None
    law = law_part(groups=KINDS[kind].groups, on_date=on, system=system)
    return snapshot | {"document": document, "law": law}


def full(kind: str) -> dict[str, Any]:
    """The full sample as a kind, with every part that the kind reads."""
    snapshot = _public(of_kind(kind, a_snapshot(risks=RISKS, incidents=INCIDENT_ROWS, correspondence=CORRESPONDENCE)))
    if kind == "incident":
        snapshot["incident"] = INCIDENT
    if kind in LETTERS:
        snapshot["letter"] = LETTERS[kind]
    if kind in {"model-card", "validation-report", "review-pack"}:
        snapshot |= VERSION
    if kind == "review-pack":
        snapshot["review"] = REVIEW
    if kind == "model-risk":
        snapshot = {key: snapshot[key] for key in ("format", "sample", "document", "law")}
        snapshot |= {"system": {"name": "All AI systems"}, "portfolio": PORTFOLIO}
    return snapshot


def bare(kind: str) -> dict[str, Any]:
    """Only what a document of the kind needs."""
    return of_kind(kind, a_bare_snapshot())


def exempt() -> dict[str, Any]:
    """A registration sheet of a system that Article 6(3) exempts."""
    snapshot = full("annex-viii")
    snapshot["classification"] |= {"ai_act_class": "minimal"}
    return snapshot


def signed() -> dict[str, Any]:
    """A declaration of conformity that a person has signed."""
    return full("annex-v") | {"signatory": SIGNATORY}


CASES: dict[str, Callable[[], dict[str, Any]]] = {kind: partial(full, kind) for kind in KINDS}
"""Every kind by its id, and the cases in which it says something else."""
CASES |= {"annex-v signed": signed, "annex-viii exempt": exempt}


BASE = {
    "id": an_id("base"),
    "kind": "component",
    "depth": 1,
    "name": "base-llm",
    "version": "7",
    "artifact_digest": a_digest("base"),
    "origin": "recorded",
    "recorded": {"kind": "vendor", "supplier": "A supplier", "product": "A product", "version": "7 beta",
                 "licence": "Under a contract", "runs": "elsewhere"},
    "at": AT,
    "log_index": 20,
}  # fmt: skip
MORE = {
    "signature": {"level": "B-LT", "signer": "A signer", "certificate": a_digest("c"), "authority": "https://tsa.example"},
    "standing_approvals": [{"id": an_id("s"), "scope": "More rows of the same kind", "expires_at": AT, "at": AT,
                            "digest": a_digest("s"), "log_index": 21}],
    "documents": [{"id": an_id("d"), "kind": kind, "title": f"The {kind}", "version": "credit-risk/2",
                   "digest": a_digest("d"), "at": AT, "log_index": 22} for kind in KINDS],
    "environment": {"weasyprint": "70.0 of a distribution"},
}  # fmt: skip


def everything(case: str) -> dict[str, Any]:
    """A case with an answer to everything that the record asks, and with what only some systems have."""
    snapshot = CASES[case]() | MORE
    if "model" in snapshot:
        snapshot["model"]["builds_on"] = [BASE]
    questions = record.load().questions
    for row in snapshot.get("record", []):
        text = next(iter(questions[row["id"]].choices), f"What is said of {row['id']}.")
        row["answer"] = row["answer"] or {"text": text, "role": "owner", "at": AT, "log_index": 62}
    return snapshot
