"""Sample contexts of the pages of notices and requests."""

from __future__ import annotations

from datetime import date
from typing import Any

from governance.inventory.models import Correspondence
from tests.common.samples import NOW, SYSTEM, UID, ago

KINDS = [{"value": value, "label": label, "chosen": False} for value, label in Correspondence.Kind.choices]
STATES = [{"value": value, "label": label, "chosen": False} for value, label in Correspondence.State.choices]


def _row(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "log_entry": UID,
        "name": "C-1",
        "kind": "Request for an explanation (Art. 86)",
        "kind_value": "explanation-86",
        "asks": True,
        "reference": "CASE-2026-118/branch:frankfurt-am-main/letters.outgoing",
        "decision": "client-77",
        "text": "Why was the application refused?\nWhich data counted?",
        "received_on": date(2026, 7, 1),
        "due_on": date(2026, 7, 31),
        "due_basis": "Policy for requests of customers, 4.2",
        "overdue": True,
        "state": "open",
        "sent_on": None,
        "answer": "",
        "answered_by": "",
        "answered_at": None,
        "reason": "",
        "recorded_by": "Model owner",
        "recorded_at": ago(days=9),
        "settled_by": "",
        "settled_at": None,
        "erased_at": None,
    }
    return base | more


NOTICE = {
    "name": "C-2",
    "kind": "Notice to affected persons (Art. 26(11))",
    "kind_value": "notice-26-11",
    "asks": False,
    "reference": "LET-2026-7",
    "decision": "",
    "received_on": None,
    "due_on": None,
    "due_basis": "",
    "overdue": False,
}
SETTLED = {"settled_by": "Data protection officer", "settled_at": ago(days=1), "overdue": False}


def letters(**more: Any) -> dict[str, Any]:
    """One of each state, one late, one erased."""
    rows = [
        _row(),
        _row(**NOTICE),
        _row(**NOTICE | SETTLED | {"state": "sent", "sent_on": date(2026, 7, 12)}),
        _row(**SETTLED, state="withdrawn", erased_at=NOW, reference=""),
    ]
    point = {"point": "Art 86.1", "title": "Explanation of individual decisions", "state": "formally"}
    duties = [
        {"kind": "Request for an explanation (Art. 86)", "value": "x", "points": [point | {"on": date(2026, 8, 2)}]},
        {"kind": "Notice to affected persons (Art. 26(11))", "value": "y", "points": [point | {"on": None}]},
        {"kind": "Registration in the EU database (Art. 49)", "value": "z", "points": []},
    ]
    base = {"system": SYSTEM, "rows": rows, "open": 2, "overdue": 1, "any": True, "kinds": KINDS, "states": STATES}
    return base | {"duties": duties, "classified": True, "may_write": True} | more


def letter(**more: Any) -> dict[str, Any]:
    """A late request that somebody tried to answer."""
    base = {
        "system": SYSTEM,
        "letter": _row(),
        "document": "answer-86",
        "refusal": "",
        "may_answer": True,
        "may_erase": False,
        "typed": {"answer": "<b>typed</b>", "sent_on": "2026-07-14"},
        "history": [{"at": ago(days=9), "who": "Model owner", "what": "recorded it"}],
    }
    return base | more


def form(**more: Any) -> dict[str, Any]:
    """What was refused, with what was typed."""
    typed = {"reference": "<b>typed</b>", "text": "<b>typed</b>", "due_on": "2026-07-14"}
    base = {"system": SYSTEM, "kinds": KINDS, "form": typed, "error": "Name the last day and what sets it, or neither."}
    return base | more


SENT = SETTLED | {"state": "sent", "sent_on": date(2026, 7, 12), "answer": "The score was one of three grounds."}
ANSWERED = {"answered_by": "Model owner", "answered_at": ago(days=2)}
CORRESPONDENCE: dict[str, tuple[str, Any]] = {
    "correspondence-list": ("inventory/correspondence_list.html", letters),
    "correspondence-list-none": (
        "inventory/correspondence_list.html",
        lambda: letters(rows=[], any=False, open=0, overdue=0, classified=False, duties=[], may_write=False),
    ),
    "correspondence-list-many": ("inventory/correspondence_list.html", lambda: letters(left_off=12)),
    "correspondence-list-narrowed": ("inventory/correspondence_list.html", lambda: letters(rows=[])),
    "correspondence": ("inventory/correspondence.html", letter),
    "correspondence-not-mine": (
        "inventory/correspondence.html",
        lambda: letter(refusal="The owner of the system or its data protection officer sends and answers.", history=[]),
    ),
    "correspondence-notice": (
        "inventory/correspondence.html",
        lambda: letter(letter=_row(**NOTICE), document="notice-26-11", may_answer=False, typed={}),
    ),
    "correspondence-sent": (
        "inventory/correspondence.html",
        lambda: letter(letter=_row(**SENT | ANSWERED), may_answer=False, may_erase=True, typed={}),
    ),
    "correspondence-withdrawn": (
        "inventory/correspondence.html",
        lambda: letter(letter=_row(**SETTLED, state="withdrawn", reason="Recorded twice."), may_answer=False, typed={}),
    ),
    "correspondence-erased": (
        "inventory/correspondence.html",
        lambda: letter(
            letter=_row(**SENT | {"erased_at": NOW, "reference": "", "text": ""}),
            document="",
            may_answer=False,
            typed={},
        ),
    ),
    "correspondence-new": ("inventory/correspondence_new.html", form),
}
