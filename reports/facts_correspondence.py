"""The notices and requests of a system as the snapshot's ``correspondence`` part: kinds and days, no word."""

from __future__ import annotations

from datetime import date

from governance.common import clock
from governance.inventory.models import AISystem
from reports.facts_log import Json


def correspondence_rows(ai_system: AISystem) -> list[Json]:
    """Return what was sent and what came, oldest first, without anything that could say who somebody is."""
    return [
        {
            "id": str(row.pk),
            "number": str(row),
            "kind": row.kind,
            "state": row.state,
            "received_on": iso(row.received_on),
            "due_on": iso(row.due_on),
            "sent_on": iso(row.sent_on),
            "at": clock.rfc3339(row.recorded_at),
            "log_index": row.log_entry,
        }
        for row in ai_system.correspondence.order_by("number")
    ]


def iso(day: date | None) -> str | None:
    """Return a day as ISO text, None for none."""
    return day.isoformat() if day else None
