"""What the pages of retention show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.accounts import holds
from governance.accounts.hold_models import LegalHold
from governance.accounts.models import User
from governance.accounts.selectors import roles_anywhere
from governance.inventory.models import AISystem
from governance.regulation.register import load
from reports.retention import selectors, systems

Row = dict[str, Any]


def table_page(
    rows: Iterable[selectors.Held],
    *,
    figures: bool,
    held: Sequence[tuple[LegalHold, holds.Found]],
    shown: Sequence[AISystem],
    pager: Row,
    person: User,
) -> Row:
    """Return what the page of the table shows."""
    return {
        "rows": [_row(row) for row in rows],
        "figures": figures,
        "holds": [_hold(row, about, person) for row, about in held],
        "systems": [_system(rows) for rows in systems.standings(shown)],
        "pager": pager,
        "may_hold": not person.is_service and bool(set(holds.HOLDERS) & set(roles_anywhere(person))),
        "kinds": [{"value": value, "label": label} for value, label in holds.Kind.choices],
    }


def system_page(system: AISystem, person: User, *, sent: Mapping[str, Any] | None = None) -> Row:
    """Return what the page of one system shows.

    Args:
        sent: what was sent to dispose of one row, with ``errors``, to show it again.
    """
    rows = systems.standings([system])[0]
    may = systems.may_dispose(person, system)
    hold = rows[0].hold
    return {
        "system": {"pk": system.pk, "name": system.name},
        "until": rows[0].until,
        "hold": {"why": hold.reason, "at": hold.set_at} if hold else None,
        "rows": [
            {
                "id": row.kept.id,
                "title": row.kept.title,
                "what": row.kept.what,
                "period": selectors.said(row.kept),
                "day": row.until.day,
                "state": row.state,
                "stays": row.kept.stays,
                "disposal": row.disposal,
                "may_dispose": may and row.state == systems.DUE,
                "form": sent if sent and sent.get("row") == row.kept.id else {},
            }
            for row in rows
        ],
        "errors": (sent or {}).get("errors", {}),
    }


def _row(row: selectors.Held) -> Row:
    law = load()
    kept = row.kept
    return {
        "title": kept.title,
        "what": kept.what,
        "points": [ground for ground in kept.basis if ground in law.points],
        "reasons": [ground for ground in kept.basis if ground not in law.points],
        "period": selectors.said(kept),
        "note": kept.note,
        "starts": kept.starts,
        "holds": [holds.Kind(kind).label for kind in kept.holds],
        "task": kept.ended_by,
        "by_hand": kept.by_hand,
        "stays": kept.stays,
        "entry": kept.entry,
        "count": min(row.count, selectors.COUNTED_TO) if row.count is not None else None,
        "more": row.more,
        "oldest": row.oldest,
        "due": row.due,
    }


def _hold(row: LegalHold, about: holds.Found, person: User) -> Row:
    return {
        "pk": row.pk,
        "name": about.title,
        "path": about.path,
        "kind": row.get_kind_display(),
        "why": row.reason,
        "at": row.set_at,
        "by": row.set_by.name,
        "may_lift": holds.may_hold(person, about.systems),
    }


def _system(rows: Sequence[systems.Standing]) -> Row:
    first = rows[0]
    states = {row.state for row in rows}
    return {
        "pk": first.system.pk,
        "name": first.system.name,
        "until": first.until,
        "held": first.hold is not None,
        "due": systems.DUE in states,
        "disposed": sum(row.state == systems.DISPOSED for row in rows),
    }
