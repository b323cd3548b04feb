"""The alerts of a monitor, a page at a time, and how the newest came about."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from governance.accounts.models import User
from governance.accounts.selectors import titles_by_person
from governance.approvals.models import State
from governance.audit.selectors import indexes_of
from monitoring import selectors
from monitoring.incidents.selectors import incidents_for
from monitoring.models import Alert, Monitor

Row = dict[str, Any]
A_PAGE = 10


def history(monitor: Monitor, viewer: User, page: str) -> Row:
    """Return ``{rows, total, number, newer, older}`` of a monitor's alerts; a page that is not there is the nearest.

    However many alerts there are, a page costs the same queries: one for those who hold them, one for incidents.
    """
    found = Paginator(selectors.alerts_of(monitor), A_PAGE).get_page(page)
    alerts = list(found.object_list)
    holders = {alert.pk: alert.resolved_by or alert.acknowledged_by for alert in alerts}
    titles = titles_by_person(person for person in holders.values() if person)
    incidents: dict[Any, list[Row]] = {}
    for incident in incidents_for(viewer).filter(alert__in=[alert.pk for alert in alerts]):
        incidents.setdefault(incident.alert_id, []).append({"pk": incident.pk, "name": str(incident)})
    rows = [_row(alert, holders[alert.pk], titles, incidents.get(alert.pk, [])) for alert in alerts]
    return {
        "rows": rows,
        "total": found.paginator.count,
        "number": found.number,
        "newer": found.previous_page_number() if found.has_previous() else None,
        "older": found.next_page_number() if found.has_next() else None,
    }


def _row(alert: Alert, holder: User | None, titles: dict[Any, list[str]], incidents: list[Row]) -> Row:
    window = f"{date_format(alert.run.window_start, 'j M Y')} to {date_format(alert.run.window_end, 'j M Y')}"
    return {
        "pk": alert.pk,
        "name": str(alert),
        "severity": alert.severity,
        "at": alert.opened_at,
        "title": alert.title,
        "detail": _("{version}, window {window}").format(version=alert.version, window=window),
        "state": alert.state,
        "effect": alert.effect,
        "approval": {"pk": alert.approval_id, "state": alert.approval.state} if alert.approval else None,
        "incidents": incidents,
        "held_by": {"name": holder.name, "role": ", ".join(titles[holder.pk])} if holder else None,
    }


def story(alert: Alert) -> list[Row]:
    """Return how the newest alert came about, each step with its place in the log."""
    run, approval = alert.run, alert.approval
    entries = [run.evidence.log_entry, run.log_entry, alert.log_entry, *([approval.log_entry] if approval else [])]
    places = indexes_of(entries)
    steps = [
        {
            "title": _("{n} records compared").format(n=f"{run.rows:,}"),
            "detail": _("drift/v1 evidence attached"),
            "tone": "info",
            "icon": "pulse",
            "index": places.get(run.evidence.log_entry),
        },
        {
            "title": _("{n} columns drifted").format(n=run.drifted),
            "detail": alert.title,
            "tone": "bad",
            "icon": "warning",
            "index": places.get(run.log_entry),
        },
        {
            "title": _("Alert opened"),
            "detail": alert.effect,
            "tone": "bad",
            "icon": "alert",
            "index": places.get(alert.log_entry),
        },
    ]
    if approval:
        steps.append(
            {
                "title": _("Approval {state}").format(state=approval.get_state_display().lower()),
                "detail": approval.state_reason,
                "tone": "warn" if approval.state == State.SUSPENDED else "info",
                "icon": "pause",
                "index": places.get(approval.log_entry),
            }
        )
    return steps
