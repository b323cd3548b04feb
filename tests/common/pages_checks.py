"""Sample contexts of the page that checks a PDF."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports.kept import Signatory, Stamp
from tests.common.samples import UID, a_digest, ago

GOOD: dict[str, Any] = {
    "signer": "Example Bank model governance",
    "certificate": a_digest("certificate"),
    "level": "B-LT",
    "valid": True,
    "intact": True,
    "whole": True,
    "trusted": True,
    "signed_at": ago(days=3),
    "stamped": True,
    "why": "",
}
DOCUMENT = {
    "pk": UID,
    "title": "Technical documentation (Annex IV)",
    "subject": "Consumer credit scoring",
    "made_at": ago(days=3),
    "pdf_digest": a_digest("pdf"),
    "signed": True,
    "index": 812,
    "newer": None,
    "signatory": None,
    "stamps": [],
}
STAMPS = [
    Stamp(1, ago(days=900), ago(days=20)),
    Stamp(2, ago(days=300), ago(days=-900), why="It does not cover the file and the time-stamps before it."),
    Stamp(3, ago(days=30), ago(days=-900), problem=True),
]
SIGNATORY = Signatory("A. Signatory", "Director", "Example Bank", ago(days=4), 640, "")


def checked(**result: Any) -> dict[str, Any]:
    """What came of a file; without any, the form alone."""
    base = {
        "name": "consumer-credit-annex-iv-2026-11-24.pdf",
        "digest": a_digest("upload"),
        "bytes": 412_345,
        "standing": "ours",
        "document": DOCUMENT,
        "signatures": [GOOD],
        "changes": [],
        "problem": "",
    }
    return {"largest_mb": 20, "errors": {}, "result": base | result if result else None}


def altered() -> dict[str, Any]:
    """A file whose bytes were changed, with a second signature that nobody here knows."""
    changed = "The signed bytes were changed after the signature, or the signature is not by this certificate."
    broken = GOOD | {"valid": False, "intact": False, "why": changed}
    strange = GOOD | {"signer": "Somebody else", "valid": False, "trusted": None, "stamped": False, "level": "B-B"}
    return checked(
        standing="altered",
        document=DOCUMENT | {"index": None},
        signatures=[broken, strange],
        changes=["the first byte that differs is byte 60,201 of 370,475", "the content of page 10"],
    )


def evidence_changed() -> dict[str, Any]:
    """A file of ours that does not hold any more, that was superseded, and whose later stamps are of all kinds."""
    newer = {"pk": UID, "made_at": ago(days=1)}
    odd = replace(SIGNATORY, index=None, why="The log's entry is about another document.")
    return checked(
        standing="evidence_changed",
        document=DOCUMENT | {"newer": newer, "signatory": odd, "stamps": STAMPS},
        changes=["the evidence performance/v1 0f3a12bc that it cites in the database is not what it was made from"],
    )


def statement(**more: Any) -> dict[str, Any]:
    """A draft that somebody is about to sign."""
    errors = more.get("errors", {})
    labels = {"name": "Name", "function": "Function", "on_behalf_of": "On behalf of", "place": "Place"}
    base = {
        "document": DOCUMENT | {"title": "EU declaration of conformity (Annex V)"},
        "fields": [
            {"name": name, "label": label, "value": "", "most": 200, "errors": errors.get(name, [])}
            for name, label in labels.items()
        ],
        "personal_data": "yes",
        "refusal": "",
        "newer": None,
        "outdated": ["A classification was signed on 20 Nov 2026."],
        "errors": {},
    }
    return base | more


CHECKS: dict[str, tuple[str, Any]] = {
    "sign-statement": ("reports/sign.html", statement),
    "sign-statement-refused": (
        "reports/sign.html",
        lambda: statement(
            errors={
                "password": ["The password is not right."],
                "place": ["Ensure this value has at most 120 characters (it has 150)."],
                "all": ["It was signed meanwhile."],
            }
        ),
    ),
    "sign-statement-other": (
        "reports/sign.html",
        lambda: statement(refusal="An owner of the system, who is a person, signs its declaration of conformity."),
    ),
    "check": ("reports/check.html", checked),
    "check-ours": (
        "reports/check.html",
        lambda: checked(standing="ours", document=DOCUMENT | {"signatory": SIGNATORY, "stamps": STAMPS[:1]}),
    ),
    "check-evidence": ("reports/check.html", evidence_changed),
    "check-unsigned": ("reports/check.html", lambda: checked(standing="unsigned", document=None, signatures=[])),
    "check-altered": ("reports/check.html", altered),
    "check-unknown": (
        "reports/check.html",
        lambda: checked(standing="unknown", document=None, signatures=[], problem="The file can't be read as a PDF."),
    ),
    "check-refused": (
        "reports/check.html",
        lambda: checked() | {"errors": {"file": ["The file is no PDF: choose one that begins with %PDF."]}},
    ),
}
