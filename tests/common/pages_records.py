"""Sample contexts of the page that explains one record."""

from __future__ import annotations

from typing import Any

UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CONTRIBUTIONS = [
    ("checking_account", "below 0 DM", 0.93),
    ("duration_months", "48", 0.41),
    ("savings", "none known", 0.12),
    ("purpose", "a used car, or what else a long text may say of it", -0.31),
    ("13 other features", "", -0.08),
]
RESULT: dict[str, Any] = {
    "explainer": "tree, interventional, shap",
    "note": "",
    "output": "margin",
    "label": "bad",
    "base": -1.18,
    "score": -0.11,
    "said": 0.4725,
    "residual": 2.6e-8,
    "background": 100,
    "contributions": [
        {"feature": f, "value": v, "phi": p, "label": f"{f} = {v}" if v else f} for f, v, p in CONTRIBUTIONS
    ],
    "counterfactual": {
        "changes": [{"feature": "duration_months", "before": "48", "after": "12"}],
        "score": 0.28,
        "most": 2,
        "threshold": 0.3,
        "mutable": ["duration_months"],
    },
}


def record(**look: Any) -> dict[str, Any]:
    """The form, with what came of the last question."""
    names = ["checking_account", "duration_months", "savings", "purpose"]
    return {
        "model": {"pk": UID, "name": "credit-risk", "number": 2},
        "data": {"rows": 300, "digest": "sha256:" + "a" * 64, "mutable": names, "most": 5},
        "problem": "",
        "sent": {},
        "look": {"open": False, "url": "/models/x/versions/2/explain/look?look=x", **look} if look else None,
    }


def asked() -> dict[str, Any]:
    """An answer with a counterfactual."""
    return record(state="done", result=RESULT)


def unturned() -> dict[str, Any]:
    """An answer where nothing turned the decision, of a model that gives a number."""
    none = RESULT["counterfactual"] | {"changes": [], "score": None}
    return record(state="done", result=RESULT | {"label": "", "output": "value", "counterfactual": none})


THEN: dict[str, Any] = {
    "at": "2026-11-02T08:00:12Z",
    "monitor": "credit-risk champion",
    "batch": "2026-11-02T08",
    "logged": 0.472501,
    "difference": 1e-6,
    "tolerance": 1e-6,
    "differs": False,
    "turned": False,
    "threshold": 0.3,
}


def logged(**then: Any) -> dict[str, Any]:
    """The answer for a prediction that was logged in production."""
    return record(state="done", result=RESULT | {"logged": THEN | then})


def elsewhere() -> dict[str, Any]:
    """A prediction that another version made."""
    said = "Prediction 7d1c was made by version 3 of credit-risk, not by version 2. Ask for it there."
    return record(state="failed", error=said, elsewhere=[3])


def refused() -> dict[str, Any]:
    """A question that can't be one."""
    return record() | {"problem": "The row must be a whole number from 1 to 300.", "sent": {"row": "x"}}


RECORDS = {
    "record": ("reports/record.html", record),
    "record-explained": ("reports/record.html", asked),
    "record-logged": ("reports/record.html", logged),
    "record-logged-differs": (
        "reports/record.html",
        lambda: logged(logged=0.2841, difference=0.1884, differs=True, turned=True),
    ),
    "record-logged-elsewhere": ("reports/record.html", elsewhere),
    "record-none-found": ("reports/record.html", unturned),
    "record-open": ("reports/record.html", lambda: record(state="queued", open=True)),
    "record-failed": ("reports/record.html", lambda: record(state="failed", error="There is no row 10.")),
    "record-over": ("reports/record.html", lambda: record(state="over")),
    "record-refused": ("reports/record.html", refused),
    "record-no-evidence": ("reports/record.html", lambda: record() | {"data": None}),
}
