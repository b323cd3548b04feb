"""What binds an AI system today and what begins next, as plain values for the system's own page."""

from __future__ import annotations

from typing import Any

from governance.common import clock
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem, Classification
from governance.regulation.dates import State, standing
from governance.regulation.register import load
from governance.regulation.web.pages import KIND_WORDS

STATES: tuple[State, ...] = ("applies", "formally", "later", "undated")


def dates_of(row: Classification, ai_system: AISystem) -> dict[str, Any]:
    """Return the context of regulation/_system_dates.html, from a signed classification; no query."""
    law, today = load(), clock.now().date()
    found = standing(as_classified(row, ai_system), law, on=today)
    return {
        "today": today,
        "counts": {state: len(found.by_state(state)) for state in STATES},
        "waiting": sum(duty.point.to_be_confirmed for duty in found.duties),
        "notes": list(dict.fromkeys(duty.note for duty in found.by_state("formally") if duty.note)),
        "now": _by_group([duty.point for duty in found.by_state("applies")]),
        "upcoming": [
            {
                "on": due.on,
                "kind": KIND_WORDS[due.kind],
                "days": due.days,
                "next": due.on == found.upcoming[0].on,
                "count": len(due.points),
                "groups": _by_group(due.points),
            }
            for due in found.upcoming
        ],
        "other_law": row.law_version != law.version,
    }


def _by_group(points: Any) -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point.id)
    return [{"group": group, "count": len(ids)} for group, ids in groups.items()]
