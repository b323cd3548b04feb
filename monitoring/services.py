"""Open monitors, take records in."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from monitoring import alerts, calendar, keeping, selectors, windows
from monitoring.accepting import Intake, accept_labels, accept_records
from monitoring.drift_settings import Sampling
from monitoring.errors import (
    InvalidProfile,
    InvalidSettings,
    MonitorExists,
    NoReference,
    NothingToCompare,
)
from monitoring.models import Monitor
from monitoring.runs import MONITORING
from registry.models import ModelVersion, RegisteredModel
from registry.selectors import all_live

__all__ = [
    "Intake",
    "accept_labels",
    "accept_records",
    "change_monitor",
    "open_monitor",
    "watch_live",
]

KEEPERS = alerts.KEEPERS


@transaction.atomic
def open_monitor(
    *,
    model: RegisteredModel,
    alias: str,
    actor: Actor,
    settings: Mapping[str, Any] | None = None,
    version: ModelVersion | None = None,
    time_zone: str = "UTC",
    intake: Mapping[str, Any] | None = None,
) -> Monitor:
    """Watch an alias of a model against the evaluation data of one of its versions.

    Args:
        alias: such as ``champion``.
        settings: of :class:`Sampling`; what is absent keeps its default. Methods and limits are the policy's.
        version: whose evaluation data is the reference; by default of the version behind the alias now.
        time_zone: in whose days and weeks windows are cut, a name of the tz database.
        intake: of :class:`IntakeSettings`; what is absent keeps its default.
    Raises:
        InvalidSettings: a setting is unknown or out of range, names a column that can't be what it is to be, or there
            is no such time zone.
        NothingToCompare: no version is live behind the alias.
        NoReference: the version declared no evaluation data.
        InvalidProfile: the evaluation data has a feature that can't be watched.
        MonitorExists: the alias has a monitor.
    """
    sampling = Sampling.from_json(settings or {})
    if not calendar.known(time_zone):
        raise InvalidSettings(f"There is no time zone {time_zone[:60]!r}; write it like Europe/Berlin.")
    # The row lock lets one of two callers through; the unique constraint would answer the other with a server error.
    locked = RegisteredModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    if Monitor.objects.filter(model=locked, alias=alias).exists():
        raise MonitorExists(f"{model} {alias} has a monitor.")
    monitor = Monitor(model=model, alias=alias, settings=sampling.to_json(), time_zone=time_zone, made_at=clock.now())
    if version is None:
        history = selectors.live_now(monitor)
        if history is None:
            raise NothingToCompare(f"No version of {model} is live behind {alias}; put one there first.")
        version = history.version
    if version.evaluation_dataset is None and version.is_recorded:
        raise NoReference(
            f"{version} is in no MLflow and was given no evaluation data with its answers; send it to "
            "POST /api/v1/evaluation-data."
        )
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
            "time_zone": time_zone,
            "intake": monitor.intake,
        },
    )
    return monitor


@transaction.atomic
def change_monitor(
    *, monitor_id: uuid.UUID, person: User, why: str, time_zone: str | None = None, enabled: bool | None = None
) -> Monitor:
    """Cut windows by another calendar from now on, or switch a monitor off or on. What was measured stays.

    Args:
        why: kept in the log.
    Raises:
        Unknown: there is no such monitor, or none that the person may read.
        Forbidden: the person is neither the owner nor a risk officer: what is not watched has no alerts.
        InvalidSettings: there is no such time zone.
        InvalidInput: nothing would change.
    """
    monitor = selectors.locked(selectors.monitor_for(person, monitor_id).pk)
    if not has_role(person, *alerts.MUTERS, system_id=monitor.model.system_id):
        raise Forbidden("A monitor is changed by the owner of the AI system or a risk officer.")
    if time_zone is not None and not calendar.known(time_zone):
        raise InvalidSettings(f"There is no time zone {time_zone[:60]!r}; write it like Europe/Berlin.")
    before = {"time_zone": monitor.time_zone, "enabled": monitor.enabled}
    after = {
        "time_zone": before["time_zone"] if time_zone is None else time_zone,
        "enabled": before["enabled"] if enabled is None else enabled,
    }
    if after == before:
        raise InvalidInput("The monitor is as you want it; name another time_zone, or enabled.")
    if after["enabled"] and not monitor.enabled:
        monitor.enabled_at = clock.now()
    monitor.time_zone, monitor.enabled = str(after["time_zone"]), bool(after["enabled"])
    audit.append(
        event=Event.MONITOR_CHANGED,
        actor=person,
        subjects=[monitor],
        data={"monitor": monitor.pk, "before": before, "after": after, "held": bool(keeping.hold_on(monitor))},
        payload={"why": why},
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
