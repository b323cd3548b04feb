"""Say what a monitor takes in, for how long it is kept, and which legal hold keeps it longer."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.urls import reverse

from governance.accounts import holds
from governance.accounts.hold_models import LegalHold
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common.errors import Forbidden
from monitoring import doors, hashing, selectors
from monitoring.errors import InvalidSettings
from monitoring.intake_settings import IntakeSettings
from monitoring.models import LabelBatch, Monitor, RecordBatch


def checked(monitor: Monitor, data: Mapping[str, Any]) -> IntakeSettings:
    """Read a monitor's intake and hold it against its reference; note for the monitor by which key it hashes.

    Raises:
        InvalidSettings: a name or value can't be used.
        RecordsKeyMissing: a column is to be hashed, and there is no key.
        RecordsKeyChanged: records came in hashed under another.
    """
    intake = IntakeSettings.from_json(data)
    intake.check_fits(monitor.snapshot.features, doors.reference_types(monitor))
    if not _holds_records(monitor):
        monitor.key_check = None
    if intake.hash:
        monitor.key_check = hashing.check_of(hashing.key(monitor))
    return intake


def _holds_records(monitor: Monitor) -> bool:
    return any(model._default_manager.filter(monitor=monitor.pk).exists() for model in (RecordBatch, LabelBatch))


def shortens(monitor: Monitor, data: Mapping[str, Any]) -> bool:
    """Return whether settings would have records deleted sooner than now."""
    days, now = data.get("retention_days"), IntakeSettings.from_json(monitor.intake).retention_days
    return isinstance(days, int) and days < now


@transaction.atomic
def set_intake(*, monitor_id: uuid.UUID, intake: Mapping[str, Any], actor: Actor) -> Monitor:
    """Change what a monitor takes in from now on; what came in before stays as it is, but for its retention.

    Args:
        intake: of :class:`IntakeSettings`, all of it: what is absent gets its default, but the retention stays.
    Raises:
        Unknown: there is no such monitor.
        Forbidden: records would be deleted sooner, and the actor is neither of :data:`holds.HOLDERS` nor owner.
        InvalidSettings: a name or value can't be used, or a column that is hashed would not be any more.
        RecordsKeyMissing: a column is to be hashed, and there is no key.
    """
    monitor = selectors.locked(monitor_id)
    before = IntakeSettings.from_json(monitor.intake)
    wanted = checked(monitor, {"retention_days": before.retention_days, **intake})
    if wanted.retention_days < before.retention_days:
        _may_shorten(monitor, actor)
    bared = set(before.hash) - set(wanted.hash)
    if bared and _holds_records(monitor):
        raise InvalidSettings(
            f"{', '.join(sorted(bared))} is kept hashed, and records came in so; one person or prediction would have "
            "two names. Leave it in hash."
        )
    monitor.intake = wanted.to_json()
    audit.append(
        event=Event.MONITOR_CHANGED,
        actor=actor,
        subjects=[monitor],
        data={
            "monitor": monitor.pk,
            "before": before.to_json(),
            "after": monitor.intake,
            "held": bool(hold_on(monitor)),
        },
    )
    return monitor


def _may_shorten(monitor: Monitor, actor: Actor) -> None:
    if not isinstance(actor, User) or not has_role(
        actor, *holds.HOLDERS, Role.OWNER, system_id=monitor.model.system_id
    ):
        raise Forbidden(
            "Fewer retention_days delete records: an owner, a risk officer, a data protection officer or an "
            "administrator sets them."
        )


def things_of(monitor: Monitor) -> tuple[holds.Thing, ...]:
    """Return what keeps a monitor's records if it is under a legal hold: itself, and its AI system."""
    return (holds.Kind.MONITOR, monitor.pk), (holds.Kind.SYSTEM, monitor.model.system_id)


def hold_on(monitor: Monitor) -> LegalHold | None:
    """Return a hold that keeps a monitor's records, for those who only show it; None where there is none."""
    return holds.in_force().on(*things_of(monitor))


def found(key: str) -> holds.Found:
    """Return what a hold on a monitor is on.

    Raises:
        Unknown: there is no such monitor.
    """
    monitor = selectors.monitor(key)
    return holds.Found(
        str(monitor), holds.known(monitor.model.system_id), reverse("monitor-records", args=[monitor.pk])
    )
