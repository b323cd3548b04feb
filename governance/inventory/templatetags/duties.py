"""What binds an AI system now and what begins next, for the system's own page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from governance.common import clock
from governance.inventory.law import as_classified
from governance.inventory.models import Classification
from governance.regulation.dates import State, standing
from governance.regulation.register import load
from governance.regulation.web.pages import KIND_WORDS

register = template.Library()
STATES: tuple[State, ...] = ("applies", "formally", "later", "undated")


@register.simple_tag(takes_context=True)
def system_dates(context: Context) -> dict[str, Any] | None:
    """Return what binds the page's system today; None before its classification is signed.

    A context that has ``dates`` already is taken at its word. One query.
    """
    if "dates" in context:
        return context["dates"]  # type: ignore[no-any-return]
    system = context.get("system") or {}
    if not system.get("pk"):
        return None
    signed = Classification.objects.filter(system=system["pk"], signed_at__isnull=False)
    row = signed.select_related("system").order_by("-signed_at").first()
    return dates_of(row) if row else None


def dates_of(row: Classification) -> dict[str, Any]:
    """Return the block of dates of a signed classification."""
    law, today = load(), clock.now().date()
    found = standing(as_classified(row, row.system), law, on=today)
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
