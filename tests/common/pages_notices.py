"""Sample contexts of a person's notices and of how they want to be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.notices.kinds import EXPLAINED, MANDATORY, Kind
from tests.common.samples import NOW, UID, ago


def _way(where: str, state: str, tone: str, icon: str, **more: Any) -> dict[str, Any]:
    base = {"where": where, "state": state, "tone": tone, "icon": icon, "at": ago(minutes=2), "error": ""}
    return base | more


def notices() -> dict[str, Any]:
    """One sent, one that fails, one that waits for its digest, one that is out of reach, one that was turned off."""
    sent = _way("E-mail", "Sent", "ok", "check")
    failing = _way("Team chat", "Given up", "bad", "alert", at=None)
    refused = "Failed to send the notification: Service Unavailable, error=503. The far side closed the connection."
    waiting = _way("E-mail", "Waiting", "neutral", "clock", at=NOW + timedelta(hours=9))
    dropped = _way("E-mail", "Not sent", "quiet", "off", at=None, error="It is out of the person's reach now.")
    base = {"kind": Kind.DECISION.label, "path": "/approvals/1#decision", "made_at": ago(minutes=3), "ways": [sent]}
    rows = [
        base | {"said": "credit-risk v2 for alias champion (PR-12) waits for your decision in stage validation"},
        base
        | {"said": "An access review waits for you, to be signed by 24 December 2026"}
        | {"ways": [sent, failing | {"error": refused}]},
        base | {"said": "High finding of Consumer credit scoring: opened", "ways": [waiting], "kind": "Findings"},
        base | {"said": "A request of yours was approved", "path": "", "ways": [dropped]},
        base | {"said": "A request of yours was signed", "ways": []},
    ]
    return {"rows": rows, "page": {"number": 2, "previous": 1, "next": 3}}


def settings() -> dict[str, Any]:
    """With two channels, a digest, and one kind turned off."""
    return {
        "kinds": [
            {
                "value": kind.value,
                "label": kind.label,
                "hint": hint,
                "mandatory": kind in MANDATORY,
                "on": kind != Kind.TOKEN,
            }
            for kind, hint in EXPLAINED.items()
        ],
        "by_mail": True,
        "digest": True,
        "hours": [{"value": hour, "chosen": hour == 8} for hour in range(24)],
        "time_zone": "Europe/Berlin",
        "time_zones": ["Europe/Berlin", "Europe/Paris", "UTC"],
        "channels": [
            {"pk": UID, "label": "Team chat", "shown": "slack://…", "made_at": ago(days=3)},
            {
                "pk": UID,
                "label": "Hook",
                "shown": "jsons://hooks.of-a-long-name.bank.example/…",
                "made_at": ago(days=9),
            },
        ],
        "schemes": ["jsons", "msteams", "slack"],
    }


def refused() -> dict[str, Any]:
    """With mistakes in both forms."""
    return settings() | {
        "errors": ["Choose a time zone such as Europe/Berlin."],
        "channel_errors": ["This deployment sends to jsons, msteams, slack."],
        "label": "Desktop",
    }


def message() -> dict[str, Any]:
    """A message of two notices."""
    line = {"said": "A request waits for your decision", "url": "https://placet.bank.example/approvals/1#decision"}
    return {
        "lines": [line, line],
        "digest": True,
        "settings_url": "https://placet.bank.example/notices/settings",
        "reference": "8f0c12ab",
        "site": "placet.bank.example",
    }


NOTICES = {
    "notices": ("notices/notices.html", notices),
    "notices-none": (
        "notices/notices.html",
        lambda: {"rows": [], "page": {"number": 1, "previous": None, "next": None}},
    ),
    "notice-settings": ("notices/settings.html", settings),
    "notice-settings-refused": ("notices/settings.html", refused),
    "notice-settings-no-channels": ("notices/settings.html", lambda: settings() | {"channels": [], "schemes": []}),
}
