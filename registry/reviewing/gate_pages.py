"""The page of the gate: what it protects, who said so, what it let through and refused."""

from typing import Any

from governance.accounts.models import User
from governance.accounts.selectors import has_role
from governance.audit import selectors as log
from governance.audit.searching import Query, search
from governance.audit.selectors import LogEntry
from registry import configuring, protected
from registry.models import GateConfiguration
from registry.reviewing.attempts import attempt_in_words, attempted_by
from registry.reviewing.people import People, person_ids

ATTEMPTS = ("gate.let_through", "gate.refused")
SHOWN = 25


def gate_page(viewer: User) -> dict[str, Any]:
    """Return the context of registry/gate.html."""
    now, waiting = protected.in_force(), configuring.proposed()
    history = configuring.history()
    entries = search(Query(events=list(ATTEMPTS)), limit=SHOWN).entries if may_see_attempts(viewer) else []
    people = People(
        {
            *(row.proposed_by_id for row in [*history, *([waiting] if waiting else [])]),
            *(row.signed_by_id for row in history),
            *person_ids(entry.actor for entry in entries),
        },
        system_id=None,
    )
    may_propose = not viewer.is_service and has_role(viewer, *configuring.PROPOSERS)
    return {
        "now": {
            "number": now.number,
            "aliases": now.protected_aliases,
            "mode": now.mode,
            "detect_only": now.detect_only,
            "automatic_revert": now.automatic_revert,
            "by_settings": now.number == 0,
        },
        "proposed": _proposed(waiting, people, viewer, now) if waiting else None,
        "history": [_row(row, people) for row in history],
        "may_propose": may_propose and waiting is None,
        "choices": {"modes": GateConfiguration.Mode.choices, "registries": GateConfiguration.Registry.choices},
        "form": {
            "protected_aliases": ", ".join(now.protected_aliases),
            "mode": now.mode,
            "registry": now.registry,
            "automatic_revert": now.automatic_revert,
        },
        "attempts": [_attempt(entry, people) for entry in entries],
        "sees_attempts": may_see_attempts(viewer),
    }


def may_see_attempts(viewer: User) -> bool:
    """Return whether the person reads the log, which the attempts stand in."""
    return bool(viewer.has_perm("audit.read_log"))


def _row(row: GateConfiguration, people: People) -> dict[str, Any]:
    return {
        "number": row.number,
        "aliases": row.protected_aliases,
        "mode": row.mode,
        "registry": row.get_registry_display(),
        "automatic_revert": row.automatic_revert,
        "loosens": row.loosens,
        "reason": row.reason,
        "proposed_by": people[row.proposed_by_id]["name"],
        "proposed_at": row.proposed_at,
        "signed_by": people[row.signed_by_id]["name"] if row.signed_by_id else "",
        "signed_at": row.signed_at,
        "ended_at": row.ended_at,
    }


def _proposed(row: GateConfiguration, people: People, viewer: User, now: protected.Protected) -> dict[str, Any]:
    return {
        **_row(row, people),
        "added": [alias for alias in row.protected_aliases if alias not in now.protected_aliases],
        "dropped": [alias for alias in now.protected_aliases if alias not in row.protected_aliases],
        "why_not": configuring.why_not(row, viewer),
        "may_withdraw": not viewer.is_service and has_role(viewer, *configuring.PROPOSERS),
    }


def _attempt(entry: LogEntry, people: People) -> dict[str, Any]:
    data = entry.parsed["data"]
    would = data.get("would")
    return {
        "at": entry.recorded_at,
        "what": attempt_in_words(data),
        "by": attempted_by(entry, people, log.payload_of(entry.id) or {}),
        "would": would or "",
        "verdict": data.get("verdict", ""),
        "mode": data.get("mode", "block"),
        "index": entry.index,
    }
