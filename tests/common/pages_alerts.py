"""Sample contexts of the page of an alert."""

from __future__ import annotations

from typing import Any

from tests.common.samples import UID, ago, drift


def alert(**more: Any) -> dict[str, Any]:
    """A breach that suspended an approval, whose hook did not answer yet; the first mute was refused."""
    base = {
        "alert": {
            "pk": UID,
            "name": "AL-519",
            "title": "2 of 6 columns drifted; most: credit_amount; "
            "12 % of the records have a purpose that the reference has not",
            "severity": "breach",
            "state": "open",
            "effect": "Approval suspended: no new promotion until it is reviewed again. A new decision is asked for.",
            "opened_at": ago(days=9),
            "breached_at": ago(days=2),
            "outside": False,
            "muted_until": None,
            "version": "credit-risk v2",
            "model_pk": UID,
            "number": 2,
            "monitor": {"pk": UID, "name": "credit-risk champion"},
            "system": {"pk": UID, "name": "Consumer credit scoring"},
        },
        "run": drift(),
        "evidence": [{"pk": UID, "start": ago(days=16), "end": ago(days=9), "n": 400}],
        "consequences": [
            {"title": "Approval suspended", "detail": "now suspended", "tone": "warn", "icon": "pause", "url": "#"},
            {
                "title": "A new decision is asked for",
                "detail": "open, due 2 December 2026",
                "tone": "warn",
                "icon": "clock",
                "url": "#",
            },
            {
                "title": "Retraining hook",
                "detail": "attempt 2; next 2026-11-23T09:35 UTC. It answered 503.",
                "tone": "warn",
                "icon": "refresh",
                "url": "",
            },
        ],
        "history": [
            {"at": ago(days=2), "who": "Placet", "what": "saw it become a breach", "text": "", "index": 1490},
            {
                "at": ago(days=8),
                "who": "Model owner",
                "what": "muted it",
                "text": "A campaign that we know of.",
                "index": 1481,
            },
            {"at": ago(days=9), "who": "Placet", "what": "opened it", "text": "", "index": None},
        ],
        "incidents": [{"pk": UID, "name": "IN-3", "title": "Applicants refused without a reason", "state": "open"}],
        "may": {"acknowledge": True, "resolve": True, "mute": True},
        "rollback_url": "#",
        "incident_url": "#",
        "may_read_log": True,
        "form": {
            "until": "2020-01-01",
            "why": "Known",
            "errors": {"until": ["An alert is muted until a moment in the next 90 days."], "why": ["Say why."]},
        },
    }
    return base | more


def resolved() -> dict[str, Any]:
    """What was only to be watched, and is done with, as an auditor reads it."""
    base = alert()
    return base | {
        "alert": base["alert"] | {"severity": "watch", "state": "resolved", "breached_at": None, "system": None},
        "consequences": [],
        "incidents": [],
        "may": {"acknowledge": False, "resolve": False, "mute": False},
        "rollback_url": "",
        "incident_url": "",
        "form": {},
    }


ALERTS: dict[str, tuple[str, Any]] = {
    "alert": ("monitoring/alert.html", alert),
    "alert-resolved": ("monitoring/alert.html", resolved),
}
