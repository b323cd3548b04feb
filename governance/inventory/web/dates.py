"""What binds an AI system on a day and what begins next, as plain values for the system's own page and the list."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from governance.common import clock
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem, Classification
from governance.regulation.classified import Classified
from governance.regulation.dates import Due, State, standing
from governance.regulation.register import load
from governance.regulation.web.pages import KIND_WORDS

STATES: tuple[State, ...] = ("applies", "formally", "later", "undated")


def dates_of(row: Classification, ai_system: AISystem, *, asked: str = "") -> dict[str, Any]:
    """Return the context of regulation/_system_dates.html, from a signed classification; no query.

    Args:
        asked: the day as somebody typed it; today (UTC) when it is empty or no day, which ``error`` then says.
    """
    law, today = load(), clock.now().date()
    day, error = _day_asked(asked, today)
    found = standing(as_classified(row, ai_system), law, on=day)
    return {
        "on": day,
        "today": day == today,
        "error": error,
        "counts": {state: len(found.by_state(state)) for state in STATES},
        "waiting": [duty.point.id for duty in found.to_be_confirmed],
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
        "unconfirmed": found.unconfirmed,
        "other_law": row.law_version != law.version,
    }


def next_dues(systems: Collection[AISystem], signed: Mapping[uuid.UUID, Classification]) -> dict[uuid.UUID, Due]:
    """Return what begins next for each system that is classified and not retired; no query.

    Of the day on which anything does, the date in the Act stands for it where there is one.
    """
    law, today = load(), clock.now().date()
    by_class: dict[Classified, tuple[Due, ...]] = {}
    found: dict[uuid.UUID, Due] = {}
    for row in systems:
        if row.pk in signed and row.state != AISystem.State.RETIRED:
            classified = as_classified(signed[row.pk], row)
            if classified not in by_class:
                by_class[classified] = standing(classified, law, on=today).next_due
            if dues := by_class[classified]:
                found[row.pk] = dues[0]
    return found


def _day_asked(asked: str, today: date) -> tuple[date, str]:
    if not asked:
        return today, ""
    try:
        found = parse_date(asked)
    except ValueError:
        found = None
    return (found, "") if found else (today, _("“On” is a day, such as 2027-12-02. What follows is as of today."))


def _by_group(points: Any) -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point.id)
    return [{"group": group, "count": len(ids)} for group, ids in groups.items()]
