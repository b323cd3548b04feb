"""What the list of monitors shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from governance.accounts import holds
from governance.accounts.models import User
from governance.common import clock
from monitoring import overview, selectors
from monitoring.keeping import things_of
from monitoring.models import Monitor
from monitoring.web.trends import largest
from registry.models import RegisteredModel

Row = dict[str, Any]
WINDOWS_SHOWN = 12
A_PAGE = 25


def list_page(viewer: User, query: Mapping[str, str]) -> Row:
    """Return the context of monitoring/monitor_list.html; the queries do not grow with the monitors."""
    now = clock.now()
    filters = {
        "q": query.get("q", "").replace("\0", "")[:200].strip(),
        "state": state if (state := query.get("state", "")) in overview.STATES else "",
    }
    everything = overview.with_state(selectors.monitors_for(viewer))
    page = Paginator(overview.like(everything, **filters, now=now).order_by("model__name", "alias", "pk"), A_PAGE)
    shown = page.get_page(query.get("page", ""))
    counts = overview.counts(everything, now)
    return {
        "monitors": rows_of(list(shown.object_list), now=now),
        "filters": filters,
        "filtered": any(filters.values()),
        "total": page.count,
        "older": shown.next_page_number() if shown.has_next() else None,
        "newer": shown.previous_page_number() if shown.has_previous() else None,
        "stats": _stats(counts) if counts["total"] else [],
    }


def rows_for_model(model: RegisteredModel) -> list[Row]:
    """Return the monitors of one model as its own page shows them."""
    watched = Monitor.objects.filter(model=model).select_related("model__system")
    rows = rows_of(list(overview.with_state(watched).order_by("alias")), now=clock.now())
    return [{**row, "value": row["max_share"]} for row in rows]


def rows_of(monitors: Sequence[Monitor], *, now: Any) -> list[Row]:
    """Return lines of the list for ``overview.with_state``'s monitors."""
    known, standing = overview.seen(monitors, WINDOWS_SHOWN), holds.in_force()
    return [
        _row(monitor, known[monitor.pk], now, held=standing.on(*things_of(monitor)) is not None) for monitor in monitors
    ]


def _row(monitor: Any, seen: overview.Seen, now: Any, *, held: bool) -> Row:
    newest = seen.windows[-1] if seen.windows else None
    version = seen.live.version if seen.live else None
    shares = [largest(window) for window in seen.windows]
    return {
        "pk": monitor.pk,
        "name": str(monitor),
        "model": str(monitor.model),
        "model_pk": monitor.model_id,
        "alias": monitor.alias,
        "version": f"v{version.number}" if version else "",
        "number": version.number if version else None,
        "system": monitor.model.system.name if monitor.model.system else "",
        "enabled": monitor.enabled,
        "held": held,
        "outcome": newest["outcome"] if newest else None,
        "drifted": newest["drifted"] if newest else None,
        "columns": len(newest["columns"]) if newest else None,
        "max_share": shares[-1] if shares else None,
        "limit": 1.0,
        "window": {"start": newest["window_start"], "end": newest["window_end"], "n": newest["rows"]}
        if newest
        else None,
        "last_at": newest["made_at"] if newest else None,
        "last_received": monitor.last_received,
        "silent": now - (monitor.last_received or monitor.made_at) if overview.is_silent(monitor, now) else None,
        "open_alerts": seen.alerts,
        "breaches": seen.breaches,
        "alert": seen.newest_alert,
        "series": shares,
        "volumes_key": f"{monitor.pk}-records",
        "volumes_title": _("{monitor}, records in each window").format(monitor=monitor),
        "volumes": [float(window["rows"]) for window in seen.windows],
    }


def _stats(counts: Mapping[str, int]) -> list[Row]:
    shown = (
        ("drift", _("drifted in the newest window"), "bad"),
        ("watch", _("to be watched"), "warn"),
        ("silent", _("silent: records are overdue"), "bad"),
        ("none", _("without a window yet"), ""),
    )
    return [
        {"value": counts["total"], "label": _("monitors")},
        *(
            {"value": counts[name], "label": label, "tone": tone if counts[name] else "", "url": f"?state={name}"}
            for name, label, tone in shown
        ),
    ]
