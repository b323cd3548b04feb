"""What the page of one monitor shows, as plain values; ``templates/monitoring`` says which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.accounts.models import User
from governance.approvals.models import State
from governance.policy.watching import UNSAID
from monitoring import runs, selectors
from monitoring.keeping import hold_on
from monitoring.models import Alert, DriftRun, Monitor
from monitoring.terms import Terms, terms_of
from monitoring.web.alert_history import history, story
from monitoring.web.distribution import Windows, distribution, moved_first
from monitoring.web.heat import heat, label_of
from monitoring.web.listing import WINDOWS_SHOWN
from monitoring.web.live import live_strip
from monitoring.web.trends import largest, trends

Row = dict[str, Any]


def monitor_page(monitor: Monitor, viewer: User, query: Mapping[str, str]) -> Row:
    """Return everything that the page of one monitor shows.

    Args:
        query: ``column`` and ``window`` (a run's key) whose distribution is shown, ``alerts`` the page of alerts; what
            is not there is the column that moved most, the newest window and the first page.
    """
    shown = selectors.windows_of(monitor, WINDOWS_SHOWN)
    newest = shown[-1] if shown else None
    live = selectors.live_now(monitor)
    found = history(monitor, viewer, query.get("alerts", ""))
    standing = selectors.alerts_of(monitor).exclude(state=Alert.State.RESOLVED).first()
    first = standing or selectors.alerts_of(monitor).first()
    terms = terms_of(monitor, live.version) if live else None
    opened = {alert.run_id: alert for alert in Alert.objects.filter(run__in=[run.pk for run in shown])}
    windows = Windows(monitor, shown)
    chosen = _chosen(shown, query)
    return {
        "monitor": {
            "pk": monitor.pk,
            "name": str(monitor),
            "model_pk": monitor.model_id,
            "model": str(monitor.model),
            "version": f"v{live.version.number}" if live else "",
            "number": live.version.number if live else None,
            "alias": monitor.alias,
            "system": monitor.model.system.name if monitor.model.system else "",
            "system_pk": monitor.model.system_id,
            "cadence": _cadence(monitor, terms),
            "policy": terms.policy if terms else "",
            "policy_pk": terms.approval.policy_version_id if terms and terms.approval else None,
            "approval_pk": terms.approval.pk if terms and terms.approval else None,
            "held": bool(hold_on(monitor)),
            "enabled": monitor.enabled,
        },
        "live": live_strip(monitor.pk),
        "banner": _banner(standing),
        "stats": _stats(monitor, newest),
        "heat": heat(shown, opened, {"column": chosen[1], "run": chosen[0].pk} if chosen else {}) if shown else None,
        "run": newest.evidence.payload if newest else None,
        "distribution": distribution(chosen[0], windows, chosen[1], _names(chosen[0])) if chosen else None,
        "trends": trends(shown, opened, windows),
        "alerts": found,
        "story": story(first) if first else [],
        "window": _window(newest) if newest else [],
        "cross_check": _cross_check(newest) if newest else None,
    }


def _chosen(shown: Sequence[DriftRun], query: Mapping[str, str]) -> tuple[DriftRun, str] | None:
    """Return the window and the column whose distribution is shown."""
    if not shown:
        return None
    run = next((run for run in shown if str(run.pk) == query.get("window")), shown[-1])
    names = moved_first(run.evidence.payload)
    if not names:
        return None
    wanted = query.get("column", "")
    return run, wanted if wanted in names else names[0]


def _names(run: DriftRun) -> list[str]:
    return moved_first(run.evidence.payload)


def _cadence(monitor: Monitor, terms: Terms | None) -> str:
    days = (terms.monitoring if terms else UNSAID).every.days
    length = {1: _("every day"), 7: _("every week")}.get(days, _("every {days} days").format(days=days))
    return f"{length}, {monitor.time_zone}"


def _banner(standing: Alert | None) -> Row | None:
    if standing is None:
        return None
    breach = standing.severity == Alert.Severity.BREACH
    suspended = standing.approval is not None and standing.approval.state == State.SUSPENDED
    drifted, watched = _("{version} has drifted."), _("{version} is to be watched.")
    return {
        "tone": "bad" if breach else "warn",
        "title": (drifted if breach else watched).format(version=standing.version),
        "text": f"{standing.title}. {standing.effect}",
        "url": reverse("review", args=[standing.approval_id])
        if suspended
        else reverse("alert-detail", args=[standing.pk]),
        "action": _("Open the approval") if suspended else _("Open {alert}").format(alert=standing),
    }


def _stats(monitor: Monitor, newest: DriftRun | None) -> list[Row]:
    received = selectors.received(monitor)
    rows: list[Row] = [
        {"value": f"{received['rows']:,}", "label": _("records received")},
        {"value": f"{received['batches']:,}", "label": _("batches")},
    ]
    if newest:
        total = len(newest.evidence.payload["columns"])
        most = largest(newest.evidence.payload)
        rows += [
            {"value": f"{newest.rows:,}", "label": _("records in the newest window")},
            {
                "value": _("{n} of {total}").format(n=newest.drifted, total=total),
                "label": _("columns drifted"),
                "tone": "bad" if newest.outcome == DriftRun.Outcome.DRIFT else "ok",
            },
            {
                "value": _("n/a") if most is None else f"{100 * most:.0f} %",
                "label": _("of its limit, the column that moved most"),
                "tone": "bad" if most is not None and most >= 1 else "",
            },
        ]
    return rows


def _window(run: DriftRun) -> list[Row]:
    payload = run.evidence.payload
    has_report = runs.EVIDENTLY_FILE in run.evidence.files
    return [
        {"label": _("From"), "value": date_format(run.window_start, "j M Y H:i"), "detail": _("UTC, event time")},
        {"label": _("To"), "value": date_format(run.window_end, "j M Y H:i"), "detail": _("not included")},
        {"label": _("Records"), "value": f"{run.rows:,}"},
        {
            "label": _("Traffic of"),
            "value": str(run.version),
            "url": reverse("version-evidence", args=[run.version.model_id, run.version.number]),
        },
        {
            "label": _("Reference"),
            "value": ngettext("{n} row", "{n} rows", payload["reference"]["n"]).format(
                n=f"{payload['reference']['n']:,}"
            ),
        },
        {
            "label": _("Evidence"),
            "value": _("drift/v1 of {day}").format(day=label_of(run)),
            "url": reverse("evidence", args=[run.evidence_id]),
        },
        *(
            [
                {
                    "label": _("Evidently"),
                    "value": _("its own report"),
                    "url": reverse("monitor-evidently", args=[run.monitor_id, run.pk]),
                    "detail": _("a download"),
                }
            ]
            if has_report
            else []
        ),
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
