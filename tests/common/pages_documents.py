"""Sample contexts of the pages about submitted documents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.common.samples import NOW, UID, a_digest, ago

SYSTEM = {"pk": UID, "name": "Consumer credit scoring"}
KINDS = [("pen_test", "Penetration test"), ("dpia", "Data protection impact assessment")]


def _row(**more: Any) -> dict[str, Any]:
    today = NOW.date()
    base = {
        "pk": UID,
        "kind_label": "Penetration test",
        "title": "Penetration test of the scoring service",
        "issuer": "An outside laboratory",
        "subject": "credit-risk/2",
        "file": a_digest("file"),
        "bytes": 412_000,
        "issued_on": today - timedelta(days=100),
        "expires_on": today + timedelta(days=265),
        "days": 365,
        "days_gone": 100,
        "days_left": 265,
        "soon": False,
        "state": "accepted",
        "why_not": "",
        "submitted_by": "ML engineer",
        "submitted_at": ago(hours=30),
        "index": 812,
    }
    return base | more


def documents(**more: Any) -> dict[str, Any]:
    """One in each state, one that expires soon, and one whose words were erased."""
    today = NOW.date()
    gone = {"state": "expired", "expires_on": today - timedelta(days=3), "days_left": -3}
    rows = [
        _row(state="waiting", kind_label="Data protection impact assessment"),
        _row(),
        _row(soon=True, days_left=1, days_gone=364, expires_on=today + timedelta(days=1)),
        _row(state="refused", title="A title that is as long as the titles of reports of laboratories can get to be"),
        _row(title="", issuer="", **gone),
    ]
    base = {"system": SYSTEM, "rows": rows, "may_submit": True, "versions": [{"pk": UID, "name": "credit-risk v2"}]}
    return base | {"kinds": KINDS, "largest_mb": 20, "warned_days": 30, "form": {}, "errors": {}} | more


def document(**more: Any) -> dict[str, Any]:
    """One that two people reviewed, shown to somebody who may not."""
    accepted = {"verdict": "accepted", "by": "Risk officer", "at": ago(hours=2), "note": "Read in full.", "index": 900}
    refused = accepted | {"verdict": "refused", "by": "Validator", "note": "", "index": None}
    base = {"document": _row(), "system": SYSTEM, "reviews": [accepted, refused], "may_read_log": True}
    refusal = "You submitted this document, or answer for the machine that did; another person reviews it."
    verdicts = [("accepted", "Accepted"), ("refused", "Refused")]
    return base | {"refusal": refusal, "verdicts": verdicts, "form": {}, "errors": {}} | more


SUBMITTED_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "submitted-documents": ("registry/submitted_documents.html", documents),
    "submitted-documents-none": ("registry/submitted_documents.html", lambda: documents(rows=[], may_submit=False)),
    "submitted-documents-refused": (
        "registry/submitted_documents.html",
        lambda: documents(
            form={"title": "Kept", "kind": "dpia"}, errors={"all": ["The file is no PDF: it must begin with one."]}
        ),
    ),
    "submitted-document": ("registry/submitted_document.html", document),
    "submitted-document-to-review": (
        "registry/submitted_document.html",
        lambda: document(
            refusal="",
            reviews=[],
            document=_row(state="waiting"),
            form={"note": "typed"},
            errors={"password": ["The password is not yours."]},
        ),
    ),
}
