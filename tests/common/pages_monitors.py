"""Sample contexts of the pages of monitors and of their records."""

from __future__ import annotations

import math
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from monitoring.profiles import NumericCounts, ReferenceColumn
from monitoring.web.distribution import moved_first
from monitoring.web.heat import heat
from monitoring.web.trends import trends
from tests.common.pages_monitor_records import RECORDS, live, silent
from tests.common.samples import NOW, UID, ago, drift
from tests.drift_payloads import besides

WEEKS = 12
COLUMNS = ("credit_amount", "duration_months", "purpose", "savings", "prediction", "age_years")


class _Windows:
    """Stands for the kept counts: predictions that rise from week to week."""

    def columns(self, run: Any, name: str) -> Any:
        edges = tuple(place / 10 for place in range(1, 10))
        week = run.week
        seen = tuple(round(100 * math.exp(-((place - 3 - week / 6) ** 2) / 5)) for place in range(10))
        reference = NumericCounts(name, seen, 0, 0.0, 1.0)
        column = ReferenceColumn("number", reference, edges, edges, 0.36, 0.2)
        return column, NumericCounts(name, seen, 0, 0.02, 0.98)


def _run(week: int) -> Any:
    """One week; the first five are of another version, and what moves begins to in the ninth."""
    base = drift()
    grown = max(0.0, (week - 7) / 4)
    columns = []
    for place, row in enumerate(base["columns"]):
        value = round(0.03 + 0.01 * math.sin(3 * week + place) + grown * row["value"], 3)
        outcome = "drift" if value >= 0.25 else "watch" if value >= 0.14 else "stable"
        more = {"value": value, "low": value - 0.03, "high": value + 0.03, "outcome": outcome}
        columns.append(row | more | {"column": COLUMNS[place]})
    if week == 3:
        columns[3] |= {"value": None, "low": None, "high": None, "outcome": "insufficient"}
    rows = 380 + round(40 * math.sin(week)) - (220 if week == 10 else 0)
    signals = [
        _signal("missing", "savings", 0.01 + 0.02 * grown, 0.02, 0.05, 0.2),
        _signal("new_categories", "purpose", 0.002 + 0.12 * grown, 0.03, 0.02, 0.1),
        _signal("latency", "latency_ms", 38 + 6 * grown + week % 3, 2.0, 55.0, 60.0, quantile=0.95),
    ]
    named = {row["signal"]: row for row in besides()}
    kpi, performance = named["kpi"], named["performance"]
    signals.append(kpi | _signal("kpi", "margin", 0.4 * grown, 0.15, 0.6, 1.2, current=kpi["current"]))
    if week < 8:
        drop = _signal("performance", None, 0.004 * week, 0.02, 0.03, 0.06, current=performance["current"])
        signals.append(performance | drop)
    for group in ("female", "diverse"):
        ratio = _signal("selection_ratio", "sex", 0.93 - 0.05 * grown, 0.04, 0.8, 0.6, group=group)
        signals.append(named["selection_ratio"] | ratio)
    signals.append(
        {
            "signal": "volume",
            "column": None,
            "value": rows / 390,
            "low": None,
            "high": None,
            "n": rows,
            "least": 0.5,
            "watch": 2.0,
            "limit": None,
            "outcome": "watch" if rows < 200 else "stable",
        }
    )
    drifted = sum(row["outcome"] == "drift" for row in columns)
    start = NOW - timedelta(days=7 * (WEEKS - week))
    return SimpleNamespace(
        pk=f"{UID[:-2]}{week:02d}",
        week=week,
        window_start=start,
        window_end=start + timedelta(days=7),
        rows=rows,
        drifted=drifted,
        version=SimpleNamespace(number=1 if week < 5 else 2),
        evidence=SimpleNamespace(payload=base | {"columns": columns, "signals": signals, "drifted": drifted}),
        evidence_id=UID,
    )


def _signal(name: str, column: str | None, value: float, half: float, watch: float, limit: float, **more: Any) -> Any:
    worse = value >= watch if watch < limit else value <= watch
    worst = value >= limit if watch < limit else value <= limit
    return {
        "signal": name,
        "column": column,
        "value": value,
        "low": max(0.0, value - half),
        "high": value + half,
        "n": 400,
        "watch": watch,
        "limit": limit,
        "outcome": "breach" if worst else "watch" if worse else "stable",
        **more,
    }


class _Alert(SimpleNamespace):
    def __str__(self) -> str:
        return str(self.name)


def _alert_row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "pk": UID,
        "name": f"AL-{number}",
        "severity": "breach",
        "at": ago(days=1),
        "title": "Two columns above the limit",
        "detail": "credit-risk v2, window 16 Nov 2026 to 23 Nov 2026",
        "state": "open",
        "effect": "Approval suspended: no new promotion until it is reviewed again.",
        "approval": {"pk": UID, "state": "suspended"},
        "incidents": [{"pk": UID, "name": "IN-3"}],
        "held_by": None,
        **more,
    }


def monitor(*, column: str = "") -> dict[str, Any]:
    """A monitor with twelve windows of two versions; what moved since the ninth week is a breach now."""
    shown = [_run(week) for week in range(WEEKS)]
    newest = shown[-1]
    opened: dict[Any, Any] = {
        shown[9].pk: _Alert(pk=UID, name="AL-498", severity="watch", state="resolved", title="duration_months 0.16"),
        newest.pk: _Alert(pk=UID, name="AL-519", severity="breach", state="open", title="2 of 6 columns drifted"),
    }
    chosen = column or "credit_amount"
    measured = next(row for row in newest.evidence.payload["columns"] if row["column"] == chosen)
    bins = [
        {
            "label": f"{i / 10:.1f} to {(i + 1) / 10:.1f}",
            "reference": 0.02 + 0.16 * math.exp(-((i - 3) ** 2) / 6),
            "current": 0.02 + 0.15 * math.exp(-((i - 5) ** 2) / 6),
        }
        for i in range(10)
    ]
    resolved = {"severity": "watch", "state": "resolved", "approval": None, "incidents": [], "effect": ""}
    return {
        "monitor": {
            "pk": UID,
            "name": "credit-risk champion",
            "model_pk": UID,
            "model": "credit-risk",
            "version": "v2",
            "number": 2,
            "alias": "champion",
            "system": "Consumer credit scoring",
            "system_pk": UID,
            "cadence": "every week, Europe/Berlin",
            "policy": "credit-high-risk v3",
            "policy_pk": UID,
            "approval_pk": UID,
            "held": True,
            "enabled": True,
        },
        "live": live(),
        "banner": {
            "tone": "bad",
            "title": "credit-risk v2 has drifted.",
            "text": "2 of 6 columns drifted; most: credit_amount. Approval suspended.",
            "url": "#",
            "action": "Open the approval",
        },
        "stats": [
            {"value": "48,204", "label": "records received"},
            {"value": "412", "label": "batches"},
            {"value": f"{newest.rows:,}", "label": "records in the newest window"},
            {"value": "2 of 6", "label": "columns drifted", "tone": "bad"},
            {"value": "136 %", "label": "of its limit, the column that moved most", "tone": "bad"},
        ],
        "heat": heat(shown, opened, {"column": chosen, "run": newest.pk}),
        "run": newest.evidence.payload | {"severity": "breach"},
        "distribution": {
            "column": chosen,
            "title": chosen,
            "names": moved_first(newest.evidence.payload),
            "run": {"pk": newest.pk, "start": newest.window_start, "end": newest.window_end},
            "reference_n": 700,
            "current_n": newest.rows,
            "measured": measured,
            "bins": bins,
        },
        "trends": trends(shown, opened, _Windows()),  # type: ignore[arg-type]
        "alerts": {
            "rows": [
                _alert_row(519),
                _alert_row(498, **resolved, held_by={"name": "Model owner", "role": "Owner"}),
            ],
            "total": 23,
            "number": 2,
            "newer": 1,
            "older": 3,
        },
        "story": [
            {"title": "Drift seen", "detail": "22 Nov", "tone": "warn", "icon": "pulse", "index": 1480},
            {"title": "Approval suspended", "detail": "22 Nov", "tone": "bad", "icon": "pause", "index": None},
        ],
        "window": [
            {"label": "Records", "value": f"{newest.rows}", "detail": "v2 100 %"},
            {"label": "Evidence", "value": "drift/v1 of 16 Nov", "url": "#"},
        ],
        "cross_check": {
            "max_difference": 0.0031,
            "tolerance": 0.01,
            "column": "credit_amount",
            "ours": 0.31,
            "theirs": 0.3131,
            "version": "0.7.23",
            "rows": 400,
            "sample": 400,
        },
    }


def new_monitor() -> dict[str, Any]:
    """A monitor that heard nothing yet."""
    base = monitor()
    return base | {
        "monitor": base["monitor"] | {"held": False, "approval_pk": None, "policy_pk": None},
        "live": silent(),
        "banner": None,
        "heat": None,
        "run": None,
        "distribution": None,
        "trends": {"always": [], "signals": [], "left_out": 0},
        "alerts": {"rows": [], "total": 0, "number": 1, "newer": None, "older": None},
        "story": [],
        "window": [],
        "cross_check": None,
    }


def monitors() -> dict[str, Any]:
    """One that drifted, one to be watched, one silent, one without a window, one switched off."""
    series = [0.1, 0.12, 0.1, None, 0.14, 0.2, 0.3, 0.44, 0.7, 0.9, 1.2, 1.55]
    base = {
        "pk": UID,
        "name": "credit-risk champion",
        "model": "credit-risk",
        "model_pk": UID,
        "alias": "champion",
        "version": "v2",
        "number": 2,
        "system": "Consumer credit scoring",
        "enabled": True,
        "held": True,
        "outcome": "drift",
        "drifted": 2,
        "columns": 6,
        "max_share": 1.55,
        "limit": 1.0,
        "window": {"start": ago(days=7), "end": ago(days=0), "n": 1_400},
        "last_at": ago(hours=5),
        "last_received": ago(minutes=4),
        "silent": None,
        "open_alerts": 1,
        "breaches": 1,
        "alert": UID,
        "series": series,
        "volumes_key": "a-records",
        "volumes_title": "credit-risk champion, records in each window",
        "volumes": [1500.0, 1450.0, 1520.0, 1480.0, 1500.0, 1490.0, 1400.0, 1510.0, 1480.0, 1450.0, 900.0, 1400.0],
    }
    quiet = {"open_alerts": 0, "breaches": 0, "alert": None, "held": False, "drifted": 0}
    still = [0.2, 0.24, 0.22, 0.25, 0.21, 0.2]
    none = {"outcome": None, "drifted": None, "max_share": None, "window": None, "last_received": None}
    none |= {"series": [], "volumes": []}
    watched = {"outcome": "watch", "max_share": 0.62, "drifted": 0, "breaches": 0, "held": False, "series": still}
    silent = {"outcome": "stable", "max_share": 0.2, "silent": timedelta(days=9, hours=4), "series": still}
    off = {"alias": "canary", "version": "", "number": None, "enabled": False}
    several = [
        {},
        watched | {"name": "cv-ranking champion", "model": "cv-ranking"},
        quiet | silent | {"name": "card-fraud champion", "model": "card-fraud", "last_received": ago(days=9)},
        quiet | none | {"name": "churn champion", "model": "churn", "system": ""},
        quiet | none | off | {"name": "churn canary", "model": "churn"},
    ]
    rows = [
        base | more | {"pk": f"{UID[:-1]}{place}", "volumes_key": f"{place}-records"}
        for place, more in enumerate(several)
    ]
    return {
        "monitors": rows,
        "stats": [
            {"value": 5, "label": "monitors"},
            {"value": 1, "label": "drifted in the newest window", "tone": "bad", "url": "?state=drift"},
            {"value": 1, "label": "to be watched", "tone": "warn", "url": "?state=watch"},
            {"value": 1, "label": "silent: records are overdue", "tone": "bad", "url": "?state=silent"},
            {"value": 2, "label": "without a window yet", "url": "?state=none"},
        ],
        "filters": {"q": "", "state": ""},
        "filtered": False,
        "total": 5,
        "newer": None,
        "older": 2,
    }


def no_monitors(**more: Any) -> dict[str, Any]:
    """Nothing is watched yet, or nothing is like what was asked for."""
    return monitors() | {"monitors": [], "stats": [], "total": 0, "older": None, **more}


MONITORS: dict[str, tuple[str, Any]] = {
    "monitor": ("monitoring/monitor.html", monitor),
    "monitor-column": ("monitoring/monitor.html", lambda: monitor(column="prediction")),
    "monitor-new": ("monitoring/monitor.html", new_monitor),
    "monitor-list": ("monitoring/monitor_list.html", monitors),
    "monitor-list-empty": ("monitoring/monitor_list.html", lambda: no_monitors(filtered=False)),
    "monitor-list-none-like-that": (
        "monitoring/monitor_list.html",
        lambda: no_monitors(filtered=True, filters={"q": "x", "state": "silent"}),
    ),
    **RECORDS,
}
