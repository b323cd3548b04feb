"""What a snapshot of a letter holds of the correspondence that it is drawn of."""

from typing import Any

from tests.documents.sample_evidence import an_id

_CAME = "2026-11-20T09:00:00.000000Z"
NOTICE: dict[str, Any] = {
    "id": an_id("notice"),
    "number": "C-1",
    "kind": "notice-26-11",
    "state": "open",
    "reference": "LET-2026-7",
    "decision": None,
    "text": "Applications for a loan are scored by this system before a credit officer decides.",
    "received_on": None,
    "due_on": None,
    "due_basis": None,
    "sent_on": None,
    "answer": None,
    "answered_by_role": None,
    "answered_at": None,
    "recorded_by_role": "owner",
    "recorded_at": _CAME,
    "log_index": 90,
}
REQUEST: dict[str, Any] = NOTICE | {
    "id": an_id("request for an explanation"),
    "number": "C-2",
    "kind": "explanation-86",
    "state": "sent",
    "reference": "CASE-118",
    "decision": "client-77",
    "text": "Why was my application refused?",
    "received_on": "2026-11-19",
    "due_on": "2026-12-18",
    "due_basis": "Policy for requests of customers, 4.2",
    "sent_on": "2026-11-23",
    "answer": "A credit officer refused the application; the score was one of three grounds.",
    "answered_by_role": "owner",
    "answered_at": "2026-11-23T12:00:00.000000Z",
    "log_index": 96,
    "explained": {
        "explainer": "linear, exact",
        "output": "margin",
        "label": "bad",
        "said": 0.62,
        "base": -0.91,
        "score": 0.49,
        "contributions": [
            {"feature": "checking_account", "phi": 0.81},
            {"feature": "duration_months", "phi": 0.72},
            {"feature": "savings", "phi": -0.13},
            {"feature": "telephone", "phi": 0.0},
        ],
        "logged": {"at": "2026-11-12T08:00:00.000000Z", "logged": 0.38, "differs": True, "turned": True},
    },
}
NOTIFICATION = NOTICE | {
    "id": an_id("notification"),
    "number": "C-3",
    "kind": "notification-27-3",
    "state": "sent",
    "reference": "AUTH-2026-4",
    "text": "We notify the results of our assessment of the scoring of applications for a loan.",
    "sent_on": "2026-11-22",
    "log_index": 97,
}
REGISTRATION = NOTICE | {
    "id": an_id("registration"),
    "number": "C-4",
    "kind": "registration-49",
    "reference": "AUTH-2026-5",
    "text": "We register the system and its use.",
    "log_index": 98,
}
LETTERS = {
    "notice-26-11": NOTICE,
    "notification-27-3": NOTIFICATION,
    "registration-49": REGISTRATION,
    "answer-86": REQUEST,
}
CORRESPONDENCE = [
    {"id": an_id("notification"), "number": "C-3", "kind": "notification-27-3", "state": "sent", "received_on": None,
     "due_on": None, "sent_on": "2026-11-22", "at": _CAME, "log_index": 97},
    {"id": an_id("registration"), "number": "C-4", "kind": "registration-49", "state": "open", "received_on": None,
     "due_on": None, "sent_on": None, "at": _CAME, "log_index": 98},
]  # fmt: skip
