"""Alerts: what a window sets off by the policy's word, and how people deal with it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import ApprovalRequest, Finding, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.policy.selectors import document_of
from monitoring import calendar, selectors
from monitoring.errors import AlertSettled
from monitoring.models import Alert, DriftRun, ScheduledWindow
from monitoring.retraining import services as retraining
from monitoring.signal_wording import in_words
from monitoring.terms import terms_of

MONITORING = System("monitoring")
KEEPERS = (Role.OWNER, Role.ENGINEER, Role.RISK_OFFICER, Role.VALIDATOR, Role.ADMINISTRATOR)
MUTERS = (Role.OWNER, Role.RISK_OFFICER)
LONGEST_MUTE = timedelta(days=90)
REVIEW, ROLLBACK = "drift-review", "rollback-asked"
"""Codes of the findings by which people are asked to decide again, and to roll back."""


@transaction.atomic
def on_run(run: DriftRun) -> Alert | None:
    """Open an alert on a window to be watched or in breach, or have it join the one that stands about its version.

    A breach does what the policy says: it may suspend the approval, ask for a new decision, ask people to roll back,
    and call the retraining hook. While it goes on, that is done once; again only when the approval was given its force
    back and a later window drifts, or when the version went live since. The hook is called once for each alert.

    Only windows of the policy's calendar count: a look at other hours is a look, else whoever looks often enough finds
    an alarm.

    Returns: the alert that the window opened or turned into a breach; None where nothing changed.
    """
    if run.outcome not in {DriftRun.Outcome.DRIFT, DriftRun.Outcome.WATCH} or not _of_the_calendar(run):
        return None
    breach = run.outcome == DriftRun.Outcome.DRIFT
    standing = Alert.objects.select_for_update(of=("self",)).filter(monitor=run.monitor, version=run.version)
    locked = standing.exclude(state=Alert.State.RESOLVED).first()
    if locked is None:
        return _open(run, breach=breach)
    if run.window_end > locked.newest_run.window_end:  # late records may have an older one measured again
        locked.newest_run = run
    if not breach or (locked.severity == Alert.Severity.BREACH and not _in_force_since(run)):
        _log(locked, MONITORING, "joined", {"run": run.pk})
        return None
    locked.severity, locked.title = Alert.Severity.BREACH, title_of(run)
    locked.breached_at = locked.breached_at or clock.now()
    # What was muted, or taken in hand, was less than this.
    locked.muted_until = locked.muted_by = locked.acknowledged_at = locked.acknowledged_by = None
    locked.state = Alert.State.OPEN
    is_live = _breach(locked, run)
    _log(locked, MONITORING, "breached", {"run": run.pk, **_done(locked)})
    if is_live:
        retraining.call_for(locked, run)
    return locked


def _of_the_calendar(run: DriftRun) -> bool:
    if ScheduledWindow.objects.filter(job=run.pk).exists():
        return True  # where the calendar changes a window may be shorter, so that none is left out
    every = terms_of(run.monitor, run.version).monitoring.every
    return calendar.is_window(every, run.monitor.time_zone, run.window_start, run.window_end)


def _in_force_since(run: DriftRun) -> bool:
    """Return whether the approval of what is live could be suspended by a window: it is in force, and was not given its
    force back by somebody who knew of such a window. So a breach of a version that was not live yet, or whose
    suspension was lifted since, has its consequences when it goes on.
    """
    history = selectors.live_now(run.monitor)
    if history is None or history.version_id != run.version_id or history.promotion is None:
        return False
    return history.promotion.approval.state == State.APPROVED and not _decided_since(history.promotion.approval, run)


def _decided_since(approval: ApprovalRequest, run: DriftRun) -> bool:
    """Return whether somebody gave the approval its force back although they knew that a window as late had drifted.

    A suspension that was lifted for another reason, before anybody had looked at the window, decides nothing about it.
    """
    lifted = [
        entry.parsed["at"]
        for entry in log.entries_about_request(approval.pk)
        if entry.event == Event.APPROVAL_CHANGED and entry.parsed["data"]["to"] == State.APPROVED
    ]
    if not lifted:
        return False
    known = DriftRun.objects.filter(monitor=run.monitor, version=run.version, outcome=DriftRun.Outcome.DRIFT)
    at = datetime.fromisoformat(lifted[-1])
    return known.filter(window_end__gte=run.window_end, made_at__lte=at).exists()


def _open(run: DriftRun, *, breach: bool) -> Alert:
    now = clock.now()
    alert = Alert(
        number=_next_number(),
        run=run,
        newest_run=run,
        monitor=run.monitor,
        version=run.version,
        severity=Alert.Severity.BREACH if breach else Alert.Severity.WATCH,
        title=title_of(run),
        effect="None: it is to be watched, and stops nothing.",
        opened_at=now,
        breached_at=now if breach else None,
    )
    is_live = _breach(alert, run) if breach else False
    audit.append(
        event=Event.ALERT_OPENED,
        actor=MONITORING,
        subjects=[alert],
        data={
            "alert": alert.pk,
            "number": alert.number,
            "monitor": run.monitor_id,
            "run": run.pk,
            "version": run.version.number,
            "severity": str(alert.severity),
            "shows": alert.title,
            "effect": alert.effect,
            **_done(alert),
        },
    )
    if is_live:
        retraining.call_for(alert, run)
    return alert


def title_of(run: DriftRun) -> str:
    """Return in one sentence, without its full stop, what a window shows that is not as it should be."""
    payload = run.evidence.payload
    moved = [column for column in payload["columns"] if column["outcome"] in {"drift", "watch"}]
    said = []
    if moved:
        worst = max(moved, key=lambda column: column["value"] / column["limit"])
        drifted = sum(column["outcome"] == "drift" for column in moved)
        what = f"{drifted} of {len(payload['columns'])} columns drifted" if drifted else f"{len(moved)} moved"
        said.append(f"{what}; most: {worst['column']}")
    alarming = [row for row in payload["signals"] if row["outcome"] in {"watch", "breach"}]
    # The ratio and the difference of two groups say the same of them in a title.
    said += dict.fromkeys(in_words(row) for row in sorted(alarming, key=lambda row: row["outcome"] != "breach"))
    return "; ".join(said)[:300]


def _breach(alert: Alert, run: DriftRun) -> bool:
    """Do what the policy says of a breach, if the version is live; what was done is written on the alert, which the
    caller logs. Returns whether it is live.
    """
    history = selectors.live_now(run.monitor)
    if history is None or history.version_id != run.version_id:
        alert.effect = f"None: {run.version} is not live behind {run.monitor.alias} now."
        return False
    if history.promotion and _decided_since(history.promotion.approval, run):
        alert.effect = "None: the approval was given its force back when drift as late as this was known."
        return False
    terms = terms_of(run.monitor, run.version)
    said = []
    if history.promotion is None:
        said.append("None: what is live has no approval to suspend.")
    else:
        suspended, effect = _suspend(run, history.promotion.approval_id, alert.title)
        alert.approval = suspended or alert.approval
        said.append(effect)
        if suspended and run.version.is_recorded:
            said.append("No MLflow holds it, so nothing is rolled back: its owner is asked to stop using it.")
    system = run.monitor.model.system
    about = f"{run.version} behind {run.monitor.alias} (AL-{alert.number}): {alert.title}"[:200]
    request = history.promotion.approval if history.promotion else None
    if "rereview" in terms.monitoring.on_breach and system and not _is_open(alert.review):
        alert.review = open_finding(
            system=system,
            code=REVIEW,
            title=f"Decide again on {about}"[:200],
            severity=Finding.Severity.HIGH,
            source="monitor",
            actor=MONITORING,
            request=request,
            description="Read the evidence of the drift, and say whether the version may stand: lift the suspension, "
            "or revoke the approval.",
        )
        said.append("A new decision is asked for.")
    if "ask_rollback" in terms.monitoring.on_breach and system and not _is_open(alert.rollback):
        alert.rollback = open_finding(
            system=system,
            code=ROLLBACK,
            title=f"{'Stop using it' if run.version.is_recorded else 'Roll back'}, or say why not: {about}"[:200],
            severity=Finding.Severity.HIGH,  # a critical one would keep a risk officer from answering by lifting
            source="monitor",
            actor=MONITORING,
            request=request,
        )
        said.append(f"People are asked to {'stop using it' if run.version.is_recorded else 'roll back'}.")
    wants = "retrain" in terms.monitoring.on_breach and retraining.call_of(alert) is None  # once for each alert
    if wants and retraining.hook_for(run.monitor.model):
        said.append("The retraining hook is called.")
    alert.effect = " ".join(said)[:300]
    return True


def _is_open(finding: Finding | None) -> bool:
    return finding is not None and finding.closed_at is None


def _suspend(run: DriftRun, approval_id: uuid.UUID, title: str) -> tuple[ApprovalRequest | None, str]:
    approval = approvals.locked(approval_id)
    if document_of(approval.policy_version).approval.on_drift != "suspend":
        return None, "Alert only: the policy does not suspend on drift."
    if approval.state != State.APPROVED:
        return None, f"None: the approval is {approval.get_state_display().lower()} already."
    window = f"{run.window_start:%Y-%m-%d %H:%M} to {run.window_end:%Y-%m-%d %H:%M} UTC"
    approvals.suspend(
        request_id=approval.pk,
        actor=MONITORING,
        reason=f"Drift in the records of {window}: {title}. Look at the window, then review the approval again.",
    )
    return approval, "Approval suspended: no new promotion until it is reviewed again."


def _done(alert: Alert) -> dict[str, Any]:
    return {
        "suspended": alert.approval_id,
        "review": alert.review_id,
        "rollback": alert.rollback_id,
    }


@transaction.atomic
def acknowledge_alert(*, alert_id: uuid.UUID, person: User) -> Alert:
    """Take an open alert in hand.

    Raises:
        Unknown: there is no such alert, or none that the person may read.
        AlertSettled: it is not open.
        Forbidden: none of the person's roles keeps monitors.
    """
    alert = _locked(alert_id, person)
    if alert.state != Alert.State.OPEN:
        raise AlertSettled(f"The alert is {alert.get_state_display().lower()} already.")
    alert.state, alert.acknowledged_at, alert.acknowledged_by = Alert.State.ACKNOWLEDGED, clock.now(), person
    return _log(alert, person, "acknowledged")


@transaction.atomic
def mute_alert(*, alert_id: uuid.UUID, person: User, until: datetime, why: str) -> Alert:
    """Say for how long an alert may be quiet, and why; its pages show it. A breach of what was only watched ends that.

    Args:
        until: in the future, and 90 days ahead at most.
        why: kept in the log.
    Raises:
        Unknown: there is no such alert, or none that the person may read.
        AlertSettled: it is resolved.
        Forbidden: the person is neither the owner nor a risk officer.
        InvalidInput: the end is past or too far away.
    """
    alert = _locked(alert_id, person)
    if not has_role(person, *MUTERS, system_id=alert.monitor.model.system_id):
        raise Forbidden("An alert is muted by the owner of the AI system or a risk officer.")
    if alert.state == Alert.State.RESOLVED:
        raise AlertSettled("The alert is resolved already.")
    now = clock.now()
    if not now < until <= now + LONGEST_MUTE:
        raise InvalidInput(f"An alert is muted until a moment in the next {LONGEST_MUTE.days} days.")
    alert.muted_until, alert.muted_by = until, person
    return _log(alert, person, "muted", {"until": until}, payload={"why": why})


@transaction.atomic
def resolve_alert(*, alert_id: uuid.UUID, person: User, how: str) -> Alert:
    """Close an alert; the next window that drifts opens a new one. A suspended approval stays so until reviewed.

    Raises:
        Unknown: there is no such alert, or none that the person may read.
        AlertSettled: it is resolved.
        Forbidden: none of the person's roles keeps monitors.
    """
    alert = _locked(alert_id, person)
    if alert.state == Alert.State.RESOLVED:
        raise AlertSettled("The alert is resolved already.")
    alert.state, alert.resolved_at, alert.resolved_by = Alert.State.RESOLVED, clock.now(), person
    return _log(alert, person, "resolved", payload={"how": how})


def _locked(alert_id: uuid.UUID, person: User) -> Alert:
    rows = Alert.objects.select_for_update(of=("self",)).select_related("monitor__model")
    alert = rows.filter(pk=alert_id).first()
    if alert is None or not may_read(person, alert.monitor.model.system_id):
        raise Unknown(f"There is no alert {alert_id}; a monitor's newest drift run names its alert.")
    if not has_role(person, *KEEPERS, system_id=alert.monitor.model.system_id):
        raise Forbidden("An alert is handled by an owner, engineer, validator, risk officer or administrator.")
    return alert


def _log(
    alert: Alert,
    actor: User | System,
    change: str,
    more: Mapping[str, Any] | None = None,
    *,
    payload: Mapping[str, Any] | None = None,
) -> Alert:
    data = {"alert": alert.pk, "number": alert.number, "monitor": alert.monitor_id, "change": change}
    audit.append(
        event=Event.ALERT_CHANGED,
        actor=actor,
        subjects=[alert],
        data={**data, "state": str(alert.state), "severity": str(alert.severity), **(more or {})},
        payload=payload,
    )
    return alert


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('alert_number')")
        return int(cursor.fetchone()[0])
