"""Open monitors, take records in, deal with alerts."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, Unknown
from monitoring import keeping, selectors, windows
from monitoring.accepting import Intake, accept_labels, accept_records
from monitoring.drift import DriftSettings
from monitoring.errors import (
    AlertSettled,
    InvalidProfile,
    MonitorExists,
    NoReference,
    NothingToCompare,
)
from monitoring.models import Alert, Monitor
from monitoring.runs import MONITORING
from registry.models import ModelVersion, RegisteredModel
from registry.selectors import all_live

__all__ = [
    "Intake",
    "accept_labels",
    "accept_records",
    "acknowledge_alert",
    "open_monitor",
    "resolve_alert",
    "watch_live",
]

KEEPERS = (Role.OWNER, Role.ENGINEER, Role.RISK_OFFICER, Role.VALIDATOR, Role.ADMINISTRATOR)


@transaction.atomic
def open_monitor(
    *,
    model: RegisteredModel,
    alias: str,
    actor: Actor,
    settings: Mapping[str, Any] | None = None,
    version: ModelVersion | None = None,
    intake: Mapping[str, Any] | None = None,
) -> Monitor:
    """Watch an alias of a model against the evaluation data of one of its versions.

    Args:
        alias: such as ``champion``.
        settings: of :class:`DriftSettings`; what is absent keeps its default.
        version: whose evaluation data is the reference; by default of the version behind the alias now.
        intake: of :class:`IntakeSettings`; what is absent keeps its default.
    Raises:
        InvalidSettings: a setting is unknown or out of range, or names a column that can't be what it is to be.
        NothingToCompare: no version is live behind the alias.
        NoReference: the version declared no evaluation data.
        InvalidProfile: the evaluation data has a feature that can't be watched.
        MonitorExists: the alias has a monitor.
    """
    limits = DriftSettings.from_json(settings or {})
    # The row lock lets one of two callers through; the unique constraint would answer the other with a server error.
    locked = RegisteredModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    if Monitor.objects.filter(model=locked, alias=alias).exists():
        raise MonitorExists(f"{model} {alias} has a monitor.")
    monitor = Monitor(model=model, alias=alias, settings=limits.to_json(), made_at=clock.now())
    if version is None:
        history = selectors.live_now(monitor)
        if history is None:
            raise NothingToCompare(f"No version of {model} is live behind {alias}; put one there first.")
        version = history.version
    if version.evaluation_dataset is None:
        raise NoReference(
            f"{version} declared no evaluation data; call placet.tracking.log_evaluation_data in its run."
        )
    monitor.snapshot = version.evaluation_dataset
    windows.schema_of(monitor)
    monitor.intake = keeping.checked(monitor, intake or {}).to_json()
    audit.append(
        event=Event.MONITOR_CREATED,
        actor=actor,
        subjects=[monitor],
        data={
            "monitor": monitor.pk,
            "model": str(model),
            "alias": alias,
            "reference": monitor.snapshot.digest,
            "settings": monitor.settings,
            "intake": monitor.intake,
        },
    )
    return monitor


def watch_live() -> list[Monitor]:
    """Open a monitor for each live alias that has none; what can't be watched is left out until it can."""
    opened = []
    for history in all_live().select_related("version__evaluation_dataset"):
        model = history.version.model
        if Monitor.objects.filter(model=model, alias=history.alias).exists():
            continue
        try:
            opened.append(open_monitor(model=model, alias=history.alias, actor=MONITORING, version=history.version))
        except (MonitorExists, NoReference, InvalidProfile):
            continue
    return opened


@transaction.atomic
def acknowledge_alert(*, alert_id: uuid.UUID, person: User) -> Alert:
    """Take an open alert in hand.

    Raises:
        Unknown: there is no such alert, or none that the person may read.
        AlertSettled: it is not open.
        Forbidden: none of the person's roles keeps monitors.
    """
    alert = _alert(alert_id, person)
    if alert.state != Alert.State.OPEN:
        raise AlertSettled(f"The alert is {alert.get_state_display().lower()} already.")
    alert.state, alert.acknowledged_at, alert.acknowledged_by = Alert.State.ACKNOWLEDGED, clock.now(), person
    return _changed(alert, person, {})


@transaction.atomic
def resolve_alert(*, alert_id: uuid.UUID, person: User, how: str) -> Alert:
    """Close an alert; the next drifting window opens a new one. A suspended approval stays suspended until reviewed.

    Raises:
        Unknown: there is no such alert, or none that the person may read.
        AlertSettled: it is resolved.
        Forbidden: none of the person's roles keeps monitors.
    """
    alert = _alert(alert_id, person)
    if alert.state == Alert.State.RESOLVED:
        raise AlertSettled("The alert is resolved already.")
    alert.state, alert.resolved_at, alert.resolved_by = Alert.State.RESOLVED, clock.now(), person
    return _changed(alert, person, {"how": how})


def _alert(alert_id: uuid.UUID, person: User) -> Alert:
    alert = Alert.objects.select_for_update(of=("self",)).select_related("monitor__model").filter(pk=alert_id).first()
    if alert is None or not may_read(person, alert.monitor.model.system_id):
        raise Unknown(f"There is no alert {alert_id}.")
    if not has_role(person, *KEEPERS, system_id=alert.monitor.model.system_id):
        raise Forbidden("An alert is handled by an owner, engineer, validator, risk officer or administrator.")
    return alert


def _changed(alert: Alert, person: User, payload: dict[str, str]) -> Alert:
    audit.append(
        event=Event.ALERT_CHANGED,
        actor=person,
        subjects=[alert],
        data={"alert": alert.pk, "monitor": alert.monitor_id, "state": alert.state},
        payload=payload or None,
    )
    return alert
