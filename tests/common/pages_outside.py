"""Sample contexts of the pages of models that no MLflow holds."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.common.samples import NOW, SYSTEM, UID, a_digest, ago, request

WHY = (
    "No MLflow holds this model, so Placet can neither refuse nor see that it is used. What stands here of its use is "
    "what people stated."
)
RUNS = [
    ("endpoint", "At the supplier, called over a network"),
    ("hosted", "On servers of our own or rented ones"),
    ("desktop", "On people's computers, as a file or an add-in"),
]
KINDS = {"vendor": "Vendor model", "llm": "Language model", "other": "Other"}
PIN = {"what": "File", "name": "a-scorecard-with-quite-a-long-name-for-the-retail-bank.xlsx", "digest": a_digest("pin")}


def record(kind: str = "vendor", *, errors: bool = False, nobody: bool = False) -> dict[str, Any]:
    """The form of one kind; refused, with what was typed; for whom there is nothing to record for."""
    return {
        "kinds": [{"id": key, "name": name, "chosen": key == kind} for key, name in KINDS.items()],
        "kind": kind,
        "needs_licence": kind != "other",
        "runs": RUNS,
        "systems": [] if nobody else [{"slug": "credit", "name": "Consumer credit scoring"}],
        "form": {"name": "Score Card", "supplier": "Pricing team", "runs": "desktop"} if errors else {"name": ""},
        "errors": {"all": ["Say the licence or contract."], "product": ["This is needed."]} if errors else {},
    }


def bases(*, empty: bool = False) -> dict[str, Any]:
    """A base with evidence and a finding, one below it out of reach, and what builds on the model."""
    row = {
        "pk": UID,
        "version": 2,
        "depth": 1,
        "through": "",
        "kind": "Base model",
        "name": "outside_mlflow:base-llm v1",
        "url": "/models",
        "supplier": "A supplier A language model 2026-10-01",
        "digest": a_digest("base"),
        "state": "suspended",
        "evidence": [{"pk": UID, "type": "evaluation/v1", "origin": "Submitted", "made_at": ago(days=3)}],
        "findings": ["It repeats what it was told (critical)"],
        "covered": True,
        "stated_by": "ML engineer",
        "stated_at": ago(days=4),
        "may_withdraw": True,
    }
    below = row | {
        "depth": 2,
        "through": "outside_mlflow:base-llm v1",
        "name": "outside_mlflow:embedding v3",
        "url": "",
    }
    below |= {
        "kind": "Embedding",
        "url": "",
        "state": "",
        "evidence": [],
        "findings": [],
        "covered": False,
        "may_withdraw": False,
    }
    above = {"name": "chat-desk v4", "url": "/models", "on": 1, "kind": "Component", "live": True}
    return {
        "rows": [] if empty else [row, below],
        "above": [] if empty else [above],
        "may_state": True,
        "numbers": [2, 1],
        "kinds": [("base_model", "Base model"), ("embedding", "Embedding")],
    }


def recorded_model(*, refused: bool = False) -> dict[str, Any]:
    """A scorecard with two versions, the second in use."""
    rows = [
        {"label": "Supplier", "value": "Pricing team"},
        {"label": "Product", "value": "Scorecard"},
        {"label": "Version there", "value": "2026-03"},
        {"label": "Runs", "value": "On people's computers, as a file or an add-in"},
    ]
    version = {"kind": "Other", "rows": rows, "pins": [PIN], "digest": a_digest("sheet"), "recorded_by": "Model owner"}
    spans = [{"start": ago(days=40), "end": None, "label": "v2", "note": "PR-20", "suspended": []}]
    listed = {"made_at": ago(days=42), "digest": a_digest("sheet"), "state": "approved", "alias": "in-use"}
    listed |= {"number": 2, "reference": "PR-20", "approval_pk": UID, "signed_by": "Validator, Risk officer"}
    form = {"uid": "base", "base_model": "nothing", "errors": {"all": ["No model is called so."]}} if refused else {}
    return {
        "model": {"pk": UID, "name": "outside_mlflow:scorecard", "workspace": "outside_mlflow"},
        "system": SYSTEM,
        "facts": [
            {"label": "Owner", "value": "Model owner"},
            {"label": "In-use", "value": "v2, approved", "tone": "ok"},
        ],
        "banner": None,
        "lanes": [{"alias": "in-use", "note": "", "spans": spans}],
        "until": NOW,
        "bypass": [],
        "aliases": ["in-use"],
        "asked": None,
        "versions": [listed | {"valid_until": date(2027, 5, 22), "note": "", "problem": ""}],
        "recorded": {
            "name": "scorecard",
            "kind": "other",
            "why": WHY,
            "versions": [
                version | {"number": 2, "recorded_at": ago(days=42)},
                version | {"number": 1, "recorded_at": ago(days=171), "pins": []},
            ],
            "request": {"allowed": True, "numbers": [2, 1], "place": "in-use"},
            "may_record": True,
        },
        "bases": bases(empty=refused),
        "gate": [{"label": "Gate", "value": "not enforced", "detail": "no MLflow holds the model"}],
        "acts": [
            {
                "kind": "stop",
                "uid": "stop-in-use",
                "alias": "in-use",
                "to": "v2",
                "allowed": True,
                "outside": True,
                "url": "#",
                "facts": [{"tone": "warn", "icon": "person", "text": "Somebody else reviews it within a week"}],
            },
            {
                "kind": "break_glass",
                "uid": "break_glass",
                "allowed": True,
                "outside": True,
                "url": "#",
                "versions": [2, 1],
                "aliases": ["in-use"],
            },
        ],
        "form": form,
    }


def use(*, errors: bool = False) -> dict[str, Any]:
    """An approved request whose use is to be stated."""
    said = {"allowed": True, "why": WHY, "first": "2026-11-01", "today": "2026-11-27", "errors": {}}
    if errors:
        said |= {"since": "2026-11-28", "errors": {"all": ["That day lies ahead; state it once it is in use."]}}
        said["errors"]["statement"] = ["Say where it is used, and by which unit."]
    return request() | {"apply": None, "use": said, "warnings": [f"Not enforced. {WHY}"]}


def use_refused() -> dict[str, Any]:
    """The same for somebody who may not state it."""
    return request() | {"apply": None, "use": {"allowed": False, "refusal": "An engineer states it.", "why": WHY}}


OUTSIDE: dict[str, tuple[str, Any]] = {
    "model-record": ("registry/record.html", record),
    "model-record-llm": ("registry/record.html", lambda: record("llm")),
    "model-record-other": ("registry/record.html", lambda: record("other")),
    "model-record-errors": ("registry/record.html", lambda: record(errors=True)),
    "model-record-nobody": ("registry/record.html", lambda: record(nobody=True)),
    "model-outside": ("registry/model.html", recorded_model),
    "model-outside-refused": ("registry/model.html", lambda: recorded_model(refused=True)),
    "request-use": ("registry/request.html", use),
    "request-use-errors": ("registry/request.html", lambda: use(errors=True)),
    "request-use-refused": ("registry/request.html", use_refused),
}
