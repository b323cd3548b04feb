"""Open monitors, take records in."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from monitoring import alerts, calendar, selectors, windows
from monitoring.drift_settings import Sampling
from monitoring.errors import (
    InvalidProfile,
    InvalidSettings,
    MonitorDisabled,
    MonitorExists,
    NoReference,
    NothingToCompare,
)
from monitoring.models import Monitor, RecordBatch
from monitoring.runs import MONITORING
from registry.models import ModelVersion, RegisteredModel
from registry.selectors import all_live
from registry.selectors import version as registered_version

KEEPERS = alerts.KEEPERS


@dataclass(frozen=True)
class Intake:
    """What became of a batch; ``created`` is False when it had been taken in before."""

    batch: RecordBatch
    created: bool


@transaction.atomic
def open_monitor(
    *,
    model: RegisteredModel,
    alias: str,
    actor: Actor,
    settings: Mapping[str, Any] | None = None,
    version: ModelVersion | None = None,
    time_zone: str = "UTC",
) -> Monitor:
    """Watch an alias of a model against the evaluation data of one of its versions.

    Args:
        alias: such as ``champion``.
        settings: of :class:`Sampling`; what is absent keeps its default. Methods and limits are the policy's.
        version: whose evaluation data is the reference; by default of the version behind the alias now.
        time_zone: in whose days and weeks windows are cut, a name of the tz database.
    Raises:
        InvalidSettings: a setting is unknown or out of range, or there is no such time zone.
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
    if version.evaluation_dataset is None:
        raise NoReference(
            f"{version} declared no evaluation data; call placet.tracking.log_evaluation_data in its run."
        )
    monitor.snapshot = version.evaluation_dataset
    windows.schema_of(monitor)
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


def accept_records(
    *, monitor_id: uuid.UUID, batch_id: str, body: bytes, content_type: str, sender: User, version: int | None = None
) -> Intake:
    """Check one batch against the reference's columns and keep it, once.

    The files are complete before the row is written; a crash in between is healed by sending the batch again.

    Args:
        batch_id: chosen by the sender; the same id with the same bytes changes nothing.
        body: JSON lines or Parquet, as ``content_type`` says.
        version: number of the version that made the predictions; by default what is live now.
    Raises:
        SchemaDrift, UnreadableRecords, TooManyRecords: nothing was kept.
        BatchIdTaken: the id stands for other content.
        NothingToCompare: no version is live and none was named.
        MonitorDisabled: the monitor is switched off.
    """
    from monitoring.intake import read_batch  # pyarrow takes half a second that other pages need not wait for
    from monitoring.records import store_batch

    monitor = selectors.monitor(monitor_id)
    if not monitor.enabled:
        raise MonitorDisabled(f"{monitor} is switched off and takes no records.")
    served_by = _serving(monitor, version)
    now = clock.now()
    batch = read_batch(body, content_type=content_type, schema=windows.schema_of(monitor), now=now)
    stored = store_batch(batch, root=windows.records_root(), monitor_id=str(monitor.pk), batch_id=batch_id, now=now)
    row, created = RecordBatch.objects.get_or_create(
        monitor=monitor,
        batch_id=batch_id,
        defaults={
            "version": served_by,
            "digest": stored.digest,
            "rows": stored.rows,
            "start": stored.start,
            "end": stored.end,
            "sender": sender,
            "received_at": clock.now(),
            "partitions": [{"day": part.day.isoformat(), "rows": part.rows} for part in stored.partitions],
        },
    )
    return Intake(row, created)


def _serving(monitor: Monitor, number: int | None) -> ModelVersion:
    if number is not None:
        return registered_version(monitor.model, number)
    history = selectors.live_now(monitor)
    if history is None:
        raise NothingToCompare(
            f"No version of {monitor.model} is live behind {monitor.alias}; name the one that predicted."
        )
    return history.version
