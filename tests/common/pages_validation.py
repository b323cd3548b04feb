"""Sample contexts of the pages about validations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.approvals.models import Finding
from governance.validation.models import Opinion, ValidationTest
from tests.common.samples import NOW, UID, a_digest, ago, review

SYSTEM = {"pk": UID, "name": "Consumer credit scoring"}
LONG = (
    "The ranking holds in each of the eight quarters before the training window, with an AUC between 0.76 and 0.80.\n"
    "Calibration drifts for applicants below 26: predicted risk is four points too low, and the gap grows."
)


def row(**changes: Any) -> dict[str, Any]:
    """One validation in progress, the reader's own."""
    return {
        "pk": UID,
        "reference": "VAL-12",
        "title": "credit-risk v2",
        "request": "PR-20",
        "url": f"/approvals/{UID}",
        "system": SYSTEM,
        "occasion": "Before approval",
        "validator": "Validator",
        "mine": True,
        "state": "in_progress",
        "state_label": "in progress",
        "opinion": "fit_with_conditions",
        "opinion_label": "Fit with conditions",
        "tone": "warn",
        "opened_at": ago(days=12),
        "settled_at": None,
    } | changes


SIGNED = {"state": "signed", "state_label": "signed", "settled_at": ago(days=2), "mine": False}
ABANDONED = {"state": "abandoned", "state_label": "abandoned", "settled_at": ago(days=2), "opinion_label": ""}


def validations(**changes: Any) -> dict[str, Any]:
    """Some of each state, and two requests that wait for a validator."""
    rows = [
        row(),
        row(reference="VAL-11", state="planned", state_label="planned", mine=False),
        row(**SIGNED, reference="VAL-10"),
        row(**SIGNED, reference="VAL-9", opinion_label="Fit for its purpose", tone="ok", occasion="Revalidation"),
        row(**SIGNED, reference="VAL-8", opinion_label="Not fit", tone="bad"),
        row(**ABANDONED, reference="VAL-7", title="a model whose name is as long as names of models get v112"),
    ]
    waits = {"approval": UID, "title": "credit-risk v3", "request": "PR-24", "url": "/", "since": ago(days=3)}
    waits |= {"system": SYSTEM["name"], "may_open": True}
    return {
        "rows": rows,
        "show": "all",
        "counts": {"mine": 1, "open": 2, "signed": 3, "all": 106},
        "page": {"number": 2, "previous": 1, "next": 3},
        "waiting": [waits, waits | {"title": "credit-risk v4", "may_open": False}],
    } | changes


def a_test(**changes: Any) -> dict[str, Any]:
    """A test that passed, with a figure and an interval."""
    return {
        "pk": UID,
        "kind": "test",
        "outcome": "passed",
        "outcome_label": "passed",
        "name": "Backtest by quarter",
        "done": "Scored the eight quarters before the training window and compared with training.",
        "measure": "AUC",
        "value": 0.781,
        "low": 0.762,
        "high": 0.8,
        "evidence": {"type": "performance/v1", "digest": a_digest("performance")},
    } | changes


def workspace(**changes: Any) -> dict[str, Any]:
    """A validation that can be signed."""
    finding = {"pk": UID, "title": "Calibration of young applicants", "severity": "medium", "owner": "Model owner"}
    finding |= {"due_on": (NOW + timedelta(days=20)).date(), "closed": False, "overdue": False}
    return {
        "validation": row()
        | {
            "begun_at": ago(days=10),
            "report_digest": a_digest("report"),
            "subject_digest": a_digest("v2"),
            "evidence_digest": "",
            "index": None,
        },
        "written": {
            "plan": {
                "scope": "Ranking and calibration of version 2 on the pinned evaluation rows.",
                "methods": LONG,
                "out_of_scope": "Data collection by the branches, which internal audit covered in spring.",
            },
            "independence": {"reporting_line": "Head of model risk, who reports to the CRO.", "conflicts": "none"},
            "report": {"summary": LONG, "limitations": "Not for applicants without an income statement."},
            "abandonment": None,
        },
        "tests": [
            a_test(),
            a_test(
                name="Stability of reasons", value=None, low=None, outcome="inconclusive", outcome_label="inconclusive"
            ),
            a_test(name="Applicants below 26", outcome="failed", outcome_label="failed", evidence=None),
            a_test(kind="challenger", name="Logistic regression", value=0.021, low=0.004, high=0.038, evidence=None),
        ],
        "findings": [finding, finding | {"closed": True, "severity": "high"}, finding | {"overdue": True}],
        "evidence": [{"pk": UID, "type": "performance/v1", "made_at": ago(days=14)}],
        "may": {"work": True, "begin": False, "add": True, "abandon": True},
        "refusal": "",
        "missing": [],
        "seen": a_digest("statement"),
        "opinions": Opinion.choices,
        "outcomes": ValidationTest.Outcome.choices,
        "severities": Finding.Severity.choices,
        "said": {},
        "fields": {},
        "errors": {},
    } | changes


def planned() -> dict[str, Any]:
    """One that was just begun; the plan was refused."""
    written = {"plan": None, "independence": None, "report": None, "abandonment": None}
    base = workspace()["validation"] | {"state": "planned", "state_label": "planned", "report_digest": ""}
    return workspace(
        validation=base | {"opinion": "", "opinion_label": ""},
        written=written,
        tests=[],
        findings=[],
        may={"work": True, "begin": True, "add": False, "abandon": True},
        missing=["Begin the work: state the plan and declare your independence."],
        seen="",
        said={"plan": {"scope": "All of it.", "methods": "", "out_of_scope": ""}},
        errors={},
        fields={
            "plan": {
                "scope": ["Say what is validated, in at least 20 characters."],
                "methods": ["Say by which methods, in at least 20 characters."],
            }
        },
    )


def refused() -> dict[str, Any]:
    """One whose forms were refused."""
    typed = {"name": "Backtest", "done": "Looked.", "outcome": "passed", "value": "0.7", "reason": "ill"}
    said = ["Say what was done, in at least 20 characters."]
    names = ("test", "challenger", "finding", "report", "file", "sign", "password", "abandon", "independence")
    wrong = dict.fromkeys(
        ("name", "done", "outcome", "value", "title", "summary", "opinion", "conflicts", "reason"), said
    )
    return workspace(
        said=dict.fromkeys(names, typed),
        fields=dict.fromkeys(names, wrong),
        errors=dict.fromkeys(names, said),
        missing=["Add at least one test of your own."],
    )


def read() -> dict[str, Any]:
    """One that somebody else makes."""
    return workspace(
        may=dict.fromkeys(("work", "begin", "add", "abandon"), False),
        refusal="Validator makes this validation; you read it.",
        seen="",
        tests=[],
        findings=[],
    )


def report(**changes: Any) -> dict[str, Any]:
    """A signed one."""
    known = {"evidence_digest": a_digest("evidence"), "index": 1502} | SIGNED
    none = dict.fromkeys(("work", "begin", "add", "abandon"), False)
    return workspace(validation=workspace()["validation"] | known, may=none, seen="") | changes


def abandoned() -> dict[str, Any]:
    """One that was given up before anything was written."""
    words = {"plan": None, "independence": None, "report": None}
    reason = {"abandonment": {"reason": "The validator is on leave until March."}}
    base = report()["validation"] | ABANDONED | {"evidence_digest": "", "report_digest": ""}
    return report(validation=base, written=words | reason, tests=[], findings=[])


def a_due(**changes: Any) -> dict[str, Any]:
    """A version that is due, validated before."""
    last = {"pk": UID, "reference": "VAL-9", "opinion": "Fit with conditions", "at": ago(days=300)}
    return {
        "approval": UID,
        "title": "credit-risk v2",
        "url": "/",
        "system": SYSTEM,
        "tier": 1,
        "due_on": (NOW - timedelta(days=3)).date(),
        "days": 3,
        "last": last,
        "under_way": None,
        "may_open": True,
    } | changes


def calendar() -> dict[str, Any]:
    """Two overdue, and two months ahead."""
    first, second = (NOW + timedelta(days=20)).date(), (NOW + timedelta(days=70)).date()
    under_way = {"pk": UID, "reference": "VAL-12", "validator": "Validator"}
    return {
        "overdue": [a_due(), a_due(days=1, last=None, under_way=under_way)],
        "months": [
            {
                "month": first.replace(day=1),
                "rows": [a_due(due_on=first, days=20), a_due(due_on=first, may_open=False)],
            },
            {"month": second.replace(day=1), "rows": [a_due(due_on=second, days=70, last=None)]},
        ],
        "systems": [SYSTEM],
        "system": UID,
    }


def panel(**changes: Any) -> dict[str, Any]:
    """The review page of a version that was validated, and is being validated again."""
    signed = {"pk": UID, "reference": "VAL-10", "opinion": "Fit with conditions", "tone": "warn", "limitations": LONG}
    signed |= {"open_findings": 2, "validator": "Validator", "signed_at": ago(days=2), "elsewhere": True}
    shown = {"signed": signed, "under_way": {"pk": UID, "reference": "VAL-12", "validator": "Validator"}}
    shown["under_way"] |= {"state": "in progress"}
    return review() | {"validation": shown | {"required": True, "may_open": True, "revalidation": True} | changes}


VALIDATIONS = {
    "validations": ("validation/validations.html", validations),
    "validations-none": (
        "validation/validations.html",
        lambda: validations(rows=[], waiting=[], show="mine", page={"number": 1, "previous": None, "next": None}),
    ),
    "validation": ("validation/workspace.html", workspace),
    "validation-planned": ("validation/workspace.html", planned),
    "validation-refused": ("validation/workspace.html", refused),
    "validation-read": ("validation/workspace.html", read),
    "validation-signed": ("validation/report.html", report),
    "validation-abandoned": ("validation/report.html", abandoned),
    "validation-calendar": ("validation/calendar.html", calendar),
    "validation-calendar-none": (
        "validation/calendar.html",
        lambda: {"overdue": [], "months": [], "systems": [], "system": None},
    ),
    "review-validated": ("registry/review.html", panel),
    "review-not-validated": ("registry/review.html", lambda: panel(signed=None, under_way=None, revalidation=False)),
}
