"""What the pages of notices and requests show, as plain values; ``templates/inventory`` says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Q

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.common import clock
from governance.inventory import correspondence as letters
from governance.inventory import declaring
from governance.inventory.models import AISystem, Correspondence

SAID = {
    "correspondence.recorded": "recorded it",
    "correspondence.answered": "wrote the answer",
    "correspondence.sent": "recorded that it was sent",
    "correspondence.withdrawn": "withdrew it",
    "correspondence.erased": "erased what it said",
}
LETTERS = {
    Correspondence.Kind.NOTICE: "notice-26-11",
    Correspondence.Kind.NOTIFICATION: "notification-27-3",
    Correspondence.Kind.REGISTRATION: "registration-49",
    Correspondence.Kind.EXPLANATION: "answer-86",
}
"""The kind of document that is drawn of a kind of correspondence."""
SHOWN = 200
Row = dict[str, Any]


def list_page(ai_system: AISystem, viewer: User, *, kind: str = "", state: str = "") -> Row:
    """Return the context of inventory/correspondence_list.html.

    Args:
        kind, state: show only these; what is no kind or state narrows nothing.
    """
    today = clock.now().date()
    every = letters.correspondence_of(ai_system, viewer)
    rows = every
    if kind in Correspondence.Kind.values:
        rows = rows.filter(kind=kind)
    if state in Correspondence.State.values:
        rows = rows.filter(state=state)
    duties = letters.duties_of(ai_system, today)
    return {
        "system": _system(ai_system),
        "rows": [_row(row) for row in rows[:SHOWN]],
        "left_off": max(rows.count() - SHOWN, 0),
        "open": every.filter(state=Correspondence.State.OPEN).count(),
        "overdue": every.filter(letters.overdue(today)).count(),
        "any": every.exists(),
        "kinds": _choices(Correspondence.Kind.choices, kind),
        "states": _choices(Correspondence.State.choices, state),
        "duties": [
            {"kind": label, "value": value, "points": [_duty(row) for row in duties.get(value, ())]}
            for value, label in Correspondence.Kind.choices
        ],
        "classified": bool(duties),
        "may_write": not letters.may(declaring.check_may_declare, ai_system, viewer),
    }


def one_page(row: Correspondence, viewer: User, *, typed: Mapping[str, str] | None = None) -> Row:
    """Return the context of inventory/correspondence.html.

    Args:
        typed: what was sent with an act that was refused.
    """
    standing = row.state == Correspondence.State.OPEN
    return {
        "system": _system(row.system),
        "letter": _row(row),
        "document": LETTERS[Correspondence.Kind(row.kind)] if not row.erased_at else "",
        "refusal": letters.may(letters.check_may_send, row, viewer) if standing else "",
        "may_answer": standing
        and row.kind == Correspondence.Kind.EXPLANATION
        and not letters.may(declaring.check_may_declare, row.system, viewer),
        "may_erase": not letters.may(letters.check_may_erase, row, viewer),
        "typed": {
            "sent_on": clock.now().date().isoformat(),
            "answer": row.answer,
            **(typed or {}),
        },
        "history": _history(row),
    }


def form_page(ai_system: AISystem, *, typed: Mapping[str, str], error: str = "") -> Row:
    """Return the context of inventory/correspondence_new.html."""
    return {
        "system": _system(ai_system),
        "kinds": _choices(Correspondence.Kind.choices, typed.get("kind", "")),
        "form": dict(typed),
        "error": error,
    }


def counts_of(ai_system: AISystem, viewer: User) -> Row:
    """Return how many notices and requests are open, and how many of these are overdue, for the system's own page."""
    is_open = Q(state=Correspondence.State.OPEN)
    late = letters.overdue(clock.now().date())
    rows = letters.correspondence_of(ai_system, viewer)
    return rows.aggregate(open=Count("pk", filter=is_open), overdue=Count("pk", filter=late))


def _row(row: Correspondence) -> Row:
    is_open = row.state == Correspondence.State.OPEN
    return {
        "pk": row.pk,
        "log_entry": row.log_entry,
        "name": str(row),
        "kind": row.get_kind_display(),
        "asks": row.kind == Correspondence.Kind.EXPLANATION,
        "kind_value": row.kind,
        "reference": row.reference,
        "decision": row.decision,
        "text": row.text,
        "received_on": row.received_on,
        "due_on": row.due_on,
        "due_basis": row.due_basis,
        "overdue": bool(is_open and row.due_on and row.due_on < clock.now().date()),
        "state": row.state,
        "sent_on": row.sent_on,
        "answer": row.answer,
        "answered_by": row.answered_by.name if row.answered_by else "",
        "answered_at": row.answered_at,
        "reason": row.reason,
        "recorded_by": row.recorded_by.name,
        "recorded_at": row.recorded_at,
        "settled_by": row.settled_by.name if row.settled_by else "",
        "settled_at": row.settled_at,
        "erased_at": row.erased_at,
    }


def _duty(duty: Any) -> Row:
    return {"point": duty.point.id, "title": duty.point.title, "state": duty.state, "on": duty.formal}


def _history(row: Correspondence) -> list[Row]:
    """Return what was done to it, the newest first, from the log."""
    entries = log.entries_naming("inventory_correspondence", [row.pk])
    actors = {entry.parsed["actor"].partition(":")[2] for entry in entries}
    names = {str(pk): name for pk, name in User.objects.filter(pk__in=actors).values_list("pk", "name")}
    found = [
        {
            "at": entry.parsed["at"],
            "who": names.get(entry.parsed["actor"].partition(":")[2], "Placet"),
            "what": SAID.get(entry.parsed["event"], entry.parsed["event"]),
        }
        for entry in entries
    ]
    return sorted(found, key=lambda item: str(item["at"]), reverse=True)


def _choices(choices: Any, chosen: str) -> list[Row]:
    return [{"value": value, "label": label, "chosen": value == chosen} for value, label in choices]


def _system(row: AISystem) -> Row:
    return {"pk": row.pk, "name": row.name, "state": row.state}
