"""What the monitor pages show, as plain values; ``templates/monitoring`` says which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format

from governance.accounts.models import User
from governance.accounts.selectors import role_titles
from governance.approvals.models import State
from governance.audit.selectors import indexes_of
from governance.common.errors import Unknown
from governance.evidence import storage
from governance.policy.watching import UNSAID
from monitoring import measures, runs, selectors
from monitoring.models import Alert, DriftRun, Monitor, ReferenceProfile
from monitoring.profiles import ReferenceProfile as Reference
from monitoring.profiles import WindowProfile as Window
from monitoring.terms import Terms, terms_of
from registry.models import RegisteredModel

WINDOWS_SHOWN = 12
HISTOGRAMS_SHOWN = 3

Row = dict[str, Any]


def monitor_row(monitor: Monitor) -> Row:
    """Return one line of the list of monitors."""
    shown = list(selectors.runs_of(monitor)[:WINDOWS_SHOWN])
    newest = shown[0] if shown else None
    live = selectors.live_now(monitor)
    return {
        "pk": monitor.pk,
        "name": str(monitor),
        "model": str(monitor.model),
        "alias": monitor.alias,
        "version": f"v{live.version.number}" if live else "",
        "system": monitor.model.system.name if monitor.model.system else "",
        "outcome": newest.outcome if newest else None,
        "drifted": newest.drifted if newest else None,
        "columns": len(newest.evidence.payload["columns"]) if newest else None,
        "max_share": _largest(newest.evidence.payload) if newest else None,
        "limit": 1.0,
        "last_at": newest.made_at if newest else None,
        "open_alerts": selectors.alerts_of(monitor).exclude(state=Alert.State.RESOLVED).count(),
        "series": [_largest(run.evidence.payload) for run in reversed(shown)],
    }


def monitor_page(monitor: Monitor) -> Row:
    """Return everything that the page of one monitor shows."""
    shown = list(reversed(selectors.runs_of(monitor)[:WINDOWS_SHOWN]))
    newest = shown[-1] if shown else None
    payload = newest.evidence.payload if newest else None
    live = selectors.live_now(monitor)
    alerts = list(selectors.alerts_of(monitor)[:50])
    terms = terms_of(monitor, live.version) if live else None
    return {
        "monitor": {
            "pk": monitor.pk,
            "name": str(monitor),
            "model_pk": monitor.model_id,
            "model": str(monitor.model),
            "version": f"v{live.version.number}" if live else "",
            "alias": monitor.alias,
            "system": monitor.model.system.name if monitor.model.system else "",
            "cadence": _cadence(monitor, terms),
            "policy": terms.policy if terms else "",
        },
        "banner": _banner(alerts),
        "stats": _stats(monitor, newest),
        "heat": _heat(shown) if shown else None,
        "run": payload,
        "histograms": _histograms(monitor, newest) if newest else [],
        "series": _series(shown),
        "alerts": [_alert(alert) for alert in alerts],
        "story": _story(alerts[0]) if alerts else [],
        "window": _window(newest) if newest else [],
        "cross_check": _cross_check(newest) if newest else None,
        "records_url": reverse("api-monitor-records", args=[monitor.pk]),
    }


def _cadence(monitor: Monitor, terms: Terms | None) -> str:
    days = (terms.monitoring if terms else UNSAID).every.days
    length = {1: "every day", 7: "every week"}.get(days, f"every {days} days")
    return f"{length}, {monitor.time_zone}"


def _largest(payload: Mapping[str, Any]) -> float | None:
    """Return the largest distance of a window as a multiple of its limit: columns can have different measures."""
    shares = [column["value"] / column["limit"] for column in payload["columns"] if column["value"] is not None]
    return max(shares, default=None)


def _label(run: DriftRun) -> str:
    return str(date_format(run.window_start, "j M"))


def _banner(alerts: Sequence[Alert]) -> Row | None:
    standing = next((alert for alert in alerts if alert.state != Alert.State.RESOLVED), None)
    if standing is None:
        return None
    breach = standing.severity == Alert.Severity.BREACH
    suspended = standing.approval is not None and standing.approval.state == State.SUSPENDED
    return {
        "tone": "bad" if breach else "warn",
        "title": f"{standing.version} has drifted." if breach else f"{standing.version} is to be watched.",
        "text": f"{standing.title}. {standing.effect}",
        "url": reverse("review", args=[standing.approval_id])
        if suspended
        else reverse("alert-detail", args=[standing.pk]),
        "action": "Open the approval" if suspended else f"Open {standing}",
    }


def _stats(monitor: Monitor, newest: DriftRun | None) -> list[Row]:
    received = selectors.received(monitor)
    rows: list[Row] = [
        {"value": f"{received['rows']:,}", "label": "records received"},
        {"value": f"{received['batches']:,}", "label": "batches"},
    ]
    if newest:
        total = len(newest.evidence.payload["columns"])
        largest = _largest(newest.evidence.payload)
        rows += [
            {"value": f"{newest.rows:,}", "label": "records in the newest window"},
            {
                "value": f"{newest.drifted} of {total}",
                "label": "columns drifted",
                "tone": "bad" if newest.outcome == DriftRun.Outcome.DRIFT else "ok",
            },
            {
                "value": "n/a" if largest is None else f"{100 * largest:.0f} %",
                "label": "of its limit, the column that moved most",
            },
        ]
    return rows


def _heat(shown: Sequence[DriftRun]) -> Row:
    by_run = [{column["column"]: column for column in run.evidence.payload["columns"]} for run in shown]
    rows = []
    for name, newest in by_run[-1].items():
        values = [columns[name]["value"] if name in columns else None for columns in by_run]
        rows.append({"column": name, "values": values, "outcome": newest["outcome"], "limit": newest["limit"]})
    rows.sort(key=lambda row: -(row["values"][-1] or 0.0) / row["limit"])
    windows = [
        {
            "label": _label(run),
            "start": run.window_start,
            "end": run.window_end,
            "n": run.rows,
            "version": f"v{run.version.number}",
        }
        for run in shown
    ]
    return {"windows": windows, "rows": rows}


def _histograms(monitor: Monitor, run: DriftRun) -> list[Row]:
    """Return reference and window side by side for the columns that moved most, in the bins of the index."""
    payload = run.evidence.payload
    kept = ReferenceProfile.objects.filter(monitor=monitor, digest=payload["reference"]["digest"]).first()
    if kept is None or runs.WINDOW_FILE not in run.evidence.files:
        return []
    try:
        window = Window.from_json(json.loads(storage.get(run.evidence.files[runs.WINDOW_FILE])))
    except Unknown:  # the file is gone from the store; the figures of the evidence stand all the same
        return []
    reference = Reference.from_json(kept.profile)
    moved = sorted(payload["columns"], key=lambda column: -(column["value"] or 0.0) / column["limit"])[
        :HISTOGRAMS_SHOWN
    ]
    pairs = {column.name: (column, counts) for column, counts in zip(reference.columns, window.columns, strict=True)}
    charts = []
    for name in (column["column"] for column in moved):
        labels, left, right = measures.bins_of(*pairs[name])
        before, after = left.sum() or 1, right.sum() or 1
        charts.append(
            {
                "title": name,
                "column": name,
                "reference_n": reference.n,
                "current_n": window.n,
                "bins": [
                    {"label": label, "reference": float(a / before), "current": float(b / after)}
                    for label, a, b in zip(labels, left, right, strict=True)
                ],
            }
        )
    return charts


def _series(shown: Sequence[DriftRun]) -> list[Row]:
    if not shown:
        return []
    labels, limit = [_label(run) for run in shown], 1.0
    predicted = []
    for run in shown:
        columns = {column["column"]: column for column in run.evidence.payload["columns"]}
        score = columns.get("prediction", {"value": None})
        predicted.append(None if score["value"] is None else score["value"] / score["limit"])
    rows = [("Column that moved most, share of its limit", [_largest(run.evidence.payload) for run in shown])]
    rows.append(("Prediction, share of its limit", predicted))
    return [
        {
            "title": title,
            "labels": labels,
            "values": values,
            "limit": limit,
            "watch": None,
            "bands": _bands(shown),
            "outcome": "drift" if values[-1] is not None and values[-1] >= limit else "stable",
            "now": values[-1],
            "limit_label": "limit 1",
        }
        for title, values in rows
    ]


def _bands(shown: Sequence[DriftRun]) -> list[tuple[int, int, str]]:
    bands: list[tuple[int, int, str]] = []
    for place, run in enumerate(shown):
        label = f"v{run.version.number}"
        if bands and bands[-1][2] == label:
            bands[-1] = (bands[-1][0], place, label)
        else:
            bands.append((place, place, label))
    return bands


def _alert(alert: Alert) -> Row:
    holder = alert.resolved_by or alert.acknowledged_by
    window = f"{date_format(alert.run.window_start, 'j M Y')} to {date_format(alert.run.window_end, 'j M Y')}"
    return {
        "pk": alert.pk,
        "name": str(alert),
        "severity": alert.severity,
        "at": alert.opened_at,
        "title": alert.title,
        "detail": f"{alert.version}, window {window}",
        "state": alert.state,
        "effect": alert.effect,
        "held_by": _person(holder),
    }


def _person(person: User | None) -> Row | None:
    return {"name": person.name, "role": ", ".join(role_titles(person))} if person else None


def _story(alert: Alert) -> list[Row]:
    """Return how the newest alert came about, each step with its place in the log."""
    run, approval = alert.run, alert.approval
    places = indexes_of([run.evidence.log_entry, run.log_entry, alert.log_entry])
    steps = [
        {
            "title": f"{run.rows:,} records compared",
            "detail": "drift/v1 evidence attached",
            "tone": "info",
            "icon": "pulse",
            "index": places.get(run.evidence.log_entry),
        },
        {
            "title": f"{run.drifted} columns drifted",
            "detail": alert.title,
            "tone": "bad",
            "icon": "warning",
            "index": places.get(run.log_entry),
        },
        {
            "title": "Alert opened",
            "detail": alert.effect,
            "tone": "bad",
            "icon": "alert",
            "index": places.get(alert.log_entry),
        },
    ]
    if approval:
        steps.append(
            {
                "title": f"Approval {approval.get_state_display().lower()}",
                "detail": approval.state_reason,
                "tone": "warn" if approval.state == State.SUSPENDED else "info",
                "icon": "pause",
                "index": indexes_of([approval.log_entry]).get(approval.log_entry),
            }
        )
    return steps


def _window(run: DriftRun) -> list[Row]:
    payload = run.evidence.payload
    return [
        {"label": "From", "value": date_format(run.window_start, "j M Y H:i"), "detail": "UTC, event time"},
        {"label": "To", "value": date_format(run.window_end, "j M Y H:i"), "detail": "not included"},
        {"label": "Records", "value": f"{run.rows:,}"},
        {"label": "Traffic of", "value": str(run.version)},
        {"label": "Reference", "value": f"{payload['reference']['n']:,} rows"},
    ]


def _cross_check(run: DriftRun) -> Row | None:
    payload = run.evidence.payload
    check = payload["reference_check"]
    compared = [column for column in payload["columns"] if column["difference"] is not None]
    if not compared:
        return None
    worst = max(compared, key=lambda column: abs(column["difference"]))
    return {
        "max_difference": check["max_difference"],
        "tolerance": check["tolerance"],
        "version": check["version"],
        "column": worst["column"],
        "ours": worst["evidently"] + worst["difference"],
        "theirs": worst["evidently"],
        "rows": run.rows,
        "sample": run.evidence.environment.get("sampled", {}).get("window"),
    }


def rows_for_model(model: RegisteredModel) -> list[Row]:
    """Return the monitors of one model as its own page shows them."""
    rows = [monitor_row(watched) for watched in Monitor.objects.filter(model=model).select_related("model__system")]
    return [{**row, "value": row["max_share"]} for row in rows]
