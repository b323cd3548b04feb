"""What the page of one alert shows, as plain values."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse

from governance.accounts.models import User
from governance.accounts.selectors import has_role
from governance.approvals.models import Finding, State
from governance.audit import selectors as log
from governance.common import clock
from monitoring import alerts, selectors
from monitoring.incidents.selectors import incidents_for
from monitoring.models import Alert, DriftRun, RetrainCall
from monitoring.retraining import services as retraining

Row = dict[str, Any]
ANSWERS_SHOWN = 5
WORDS = {
    "acknowledged": "took it in hand",
    "muted": "muted it",
    "resolved": "resolved it",
    "joined": "saw another window of it",
    "breached": "saw it become a breach",
}


def alert_page(viewer: User, pk: uuid.UUID) -> Row:
    """Return the context of monitoring/alert.html.

    Raises:
        Unknown: there is no such alert, or none that the viewer may read.
    """
    alert = selectors.alert_for(viewer, pk)
    system = alert.monitor.model.system
    standing = alert.state != Alert.State.RESOLVED
    keeps = has_role(viewer, *alerts.KEEPERS, system_id=alert.monitor.model.system_id)
    call = retraining.call_of(alert)
    return {
        "alert": {
            "pk": alert.pk,
            "name": str(alert),
            "title": alert.title,
            "severity": alert.severity,
            "state": alert.state,
            "effect": alert.effect,
            "opened_at": alert.opened_at,
            "breached_at": alert.breached_at,
            "muted_until": alert.muted_until if _muted(alert) else None,
            "version": str(alert.version),
            "model_pk": alert.version.model_id,
            "number": alert.version.number,
            "monitor": {"pk": alert.monitor_id, "name": str(alert.monitor)},
            "system": {"pk": system.pk, "name": system.name} if system else None,
            "outside": alert.monitor.model.is_recorded,
        },
        "run": alert.newest_run.evidence.payload,
        "evidence": [_evidence(run) for run in dict.fromkeys([alert.run, alert.newest_run])],
        "consequences": _consequences(alert, call),
        "history": _history(alert),
        "incidents": [
            {"pk": incident.pk, "name": str(incident), "title": incident.title, "state": incident.state}
            for incident in incidents_for(viewer).filter(alert=alert)
        ],
        "may": {
            "acknowledge": keeps and alert.state == Alert.State.OPEN,
            "resolve": keeps and standing,
            "mute": standing and has_role(viewer, *alerts.MUTERS, system_id=alert.monitor.model.system_id),
        },
        "rollback_url": reverse("model-detail", args=[alert.monitor.model_id]) if standing else "",
        "incident_url": f"{reverse('incident-new')}?alert={alert.pk}&system={system.pk}" if keeps and system else "",
        "may_read_log": viewer.has_perm("audit.read_log"),
        "form": {},
    }


def _muted(alert: Alert) -> bool:
    return alert.muted_until is not None and alert.muted_until > clock.now()


def _evidence(run: DriftRun) -> Row:
    return {
        "pk": run.evidence_id,
        "start": run.window_start,
        "end": run.window_end,
        "n": run.rows,
        "outcome": run.outcome,
    }


def _consequences(alert: Alert, call: RetrainCall | None) -> list[Row]:
    """Return what the policy had done, each with how it stands now and where it leads."""
    rows = []
    if approval := alert.approval:
        rows.append(
            {
                "title": "Approval suspended",
                "detail": f"now {approval.get_state_display().lower()}",
                "tone": "warn" if approval.state == State.SUSPENDED else "ok",
                "icon": "pause",
                "url": reverse("review", args=[approval.pk]),
            }
        )
    back = "Asked to stop using it" if alert.version.is_recorded else "Asked to roll back"
    for finding, title in ((alert.review, "A new decision is asked for"), (alert.rollback, back)):
        if finding:
            rows.append(_asked(finding, title))
    if call:
        tone = {"waiting": "warn", "taken": "ok", "given_up": "bad"}[call.state]
        said = {
            "waiting": f"attempt {call.attempts}; next {clock.rfc3339(call.next_at)[:16]} UTC",
            "taken": f"{call.hook.shown} took it at the {_ordinal(call.attempts)} attempt",
            "given_up": f"given up after {call.attempts} attempts",
        }[call.state]
        detail = f"{said}. {call.error}" if call.error else said
        rows.append({"title": "Retraining hook", "detail": detail, "tone": tone, "icon": "refresh", "url": ""})
    rows += [
        {
            "title": f"Answered by {answer}",
            "detail": f"{answer.version}, {answer.approval.get_state_display().lower()}",
            "tone": "ok" if answer.approval.state == State.APPROVED else "warn",
            "icon": "model",
            "url": reverse("promotion-detail", args=[answer.pk]),
        }
        for answer in selectors.answers_to(alert)[:ANSWERS_SHOWN]
    ]
    return rows


def _asked(finding: Finding, title: str) -> Row:
    closed = finding.closed_at is not None
    return {
        "title": title,
        "detail": "closed" if closed else f"open, due {clock.day(finding.due_on)}",
        "tone": "ok" if closed else "warn",
        "icon": "check" if closed else "clock",
        "url": reverse("finding-detail", args=[finding.pk]),
    }


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _history(alert: Alert) -> list[Row]:
    """Return what the log has about the alert, newest first."""
    entries = log.entries_naming(Alert._meta.db_table, [alert.pk])
    ids = {entry.actor.removeprefix("person:") for entry in entries if entry.actor.startswith("person:")}
    names = {f"person:{person.pk}": person.name for person in User.objects.filter(pk__in=ids)}
    rows = []
    for entry in reversed(entries):
        said = log.payload_of(entry.id) if entry.parsed["payload"] else {}
        rows.append(
            {
                "at": entry.parsed["at"],
                "who": names.get(entry.actor, "Placet"),
                "what": WORDS.get(str(entry.parsed["data"].get("change", "")), "opened it"),
                "text": "erased" if said is None else " ".join(map(str, said.values())),
                "index": entry.index,
            }
        )
    return rows
