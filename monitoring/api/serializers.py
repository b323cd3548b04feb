"""Input and output of the monitoring endpoints."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from governance.common.clock import rfc3339
from governance.evidence.models import EvidenceJob
from governance.policy.watching import UNSAID
from monitoring import selectors
from monitoring.doors import optional_types
from monitoring.intake_settings import IntakeSettings
from monitoring.keeping import hold_on
from monitoring.models import Alert, DriftRun, Monitor
from monitoring.retraining import services as retraining
from monitoring.terms import terms_of
from monitoring.windows import schema_of


class MonitorInput(serializers.Serializer[Any]):
    """What to watch."""

    model = serializers.CharField(max_length=256, help_text="Registered model; `team-a:name` in another workspace.")
    alias = serializers.CharField(max_length=255, help_text="The governed alias, such as champion.")
    settings = serializers.DictField(
        required=False, default=dict, help_text="sample, bins. Methods and limits are the policy's."
    )
    time_zone = serializers.CharField(
        required=False,
        default="UTC",
        max_length=60,
        help_text="In whose days and weeks windows are cut: Europe/Berlin.",
    )
    intake = serializers.DictField(
        required=False,
        default=dict,
        help_text="kpis, sensitive, keep_out, hash (lists of columns), quarantine, retention_days (184 or more; 365).",
    )


class MonitorChange(serializers.Serializer[Any]):
    """What changes of a monitor; what is absent stays."""

    time_zone = serializers.CharField(required=False, max_length=60, help_text="In whose days windows are cut.")
    enabled = serializers.BooleanField(required=False, help_text="Off: nothing comes in, is measured or alarms.")
    why = serializers.CharField(min_length=10, max_length=2000, help_text="Kept in the log, erasable.")


class MonitorOutput(serializers.Serializer[Any]):
    """One monitor, what records it takes, and how it stands."""

    id = serializers.UUIDField()
    model = serializers.CharField()
    alias = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="What is live behind the alias now.")
    enabled = serializers.BooleanField()
    settings = serializers.DictField()
    time_zone = serializers.CharField()
    watched_by = serializers.CharField(allow_blank=True, help_text="Name and number of the policy that says how.")
    every_days = serializers.IntegerField(help_text="Length of a window.")
    reference = serializers.DictField(help_text="Digest and rows of the reference data.")
    columns = serializers.DictField(help_text="Type by column: what each record must have.")
    optional_columns = serializers.DictField(help_text="Type by column: what each record may have.")
    intake = serializers.DictField(help_text="What records may hold, and for how long they are kept.")
    held_at = serializers.CharField(allow_null=True, help_text="Since when no record may be deleted.")
    batches = serializers.IntegerField()
    records = serializers.IntegerField()
    last_outcome = serializers.CharField(allow_null=True)
    open_alerts = serializers.IntegerField()
    url = serializers.URLField()


class RunInput(serializers.Serializer[Any]):
    """Which window. Everything is optional: by default all records of the live version that no run has covered."""

    start = serializers.DateTimeField(required=False, help_text="First event time.")
    end = serializers.DateTimeField(required=False, help_text="First event time after the window.")
    version = serializers.IntegerField(required=False, min_value=1, help_text="Whose predictions.")
    evidently_report = serializers.BooleanField(required=False, default=False, help_text="Keep Evidently's HTML.")


class RunOutput(serializers.Serializer[Any]):
    """A drift run, or the job that will become one under the same id."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=["queued", "running", "done", "failed"])
    message = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    window = serializers.DictField(help_text="start, end and, once measured, n.")
    version = serializers.CharField(help_text="Whose traffic: credit-risk/2.")
    outcome = serializers.CharField(allow_null=True)
    drifted = serializers.IntegerField(allow_null=True)
    evidence = serializers.UUIDField(allow_null=True)
    payload = serializers.DictField(allow_null=True, help_text="drift/v1; in lists null.")
    files = serializers.DictField(help_text="File name to digest.")
    alert = serializers.DictField(allow_null=True)


class ResolutionInput(serializers.Serializer[Any]):
    """Why the alert is done with."""

    how = serializers.CharField(min_length=10, max_length=2000, help_text="What was found and done; kept in the log.")


class MuteInput(serializers.Serializer[Any]):
    """For how long an alert is to be quiet, and why."""

    until = serializers.DateTimeField(help_text="A moment in the next 90 days.")
    why = serializers.CharField(min_length=10, max_length=2000, help_text="Kept in the log.")


class AlertOutput(serializers.Serializer[Any]):
    """One alert."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="AL-12.")
    state = serializers.CharField()
    severity = serializers.CharField(help_text="watch or breach.")
    muted_until = serializers.CharField(allow_null=True)
    retraining = serializers.CharField(
        allow_null=True, help_text="State of the call of the hook: waiting, taken, given_up."
    )
    title = serializers.CharField()
    effect = serializers.CharField()


def alert_as_dict(alert: Alert) -> dict[str, Any]:
    """Return the plain form that :class:`AlertOutput` describes."""
    call = retraining.call_of(alert)
    return {
        "id": alert.pk,
        "number": str(alert),
        "state": alert.state,
        "severity": alert.severity,
        "muted_until": rfc3339(alert.muted_until) if alert.muted_until else None,
        "retraining": str(call.state) if call else None,
        "title": alert.title,
        "effect": alert.effect,
    }


def monitor_as_dict(monitor: Monitor) -> dict[str, Any]:
    """Return the plain form that :class:`MonitorOutput` describes."""
    live = selectors.live_now(monitor)
    terms = terms_of(monitor, live.version) if live else None
    received, newest, hold = selectors.received(monitor), selectors.newest_run(monitor), hold_on(monitor)
    return {
        "id": monitor.pk,
        "model": str(monitor.model),
        "alias": monitor.alias,
        "version": live.version.number if live else None,
        "enabled": monitor.enabled,
        "settings": monitor.settings,
        "time_zone": monitor.time_zone,
        "watched_by": terms.policy if terms else "",
        "every_days": (terms.monitoring if terms else UNSAID).every.days,
        "reference": {"digest": monitor.snapshot.digest, "rows": monitor.snapshot.rows},
        "columns": dict(schema_of(monitor).types),
        "optional_columns": optional_types(monitor),
        "intake": IntakeSettings.from_json(monitor.intake).to_json(),
        "held_at": rfc3339(hold.set_at) if hold else None,
        "batches": received["batches"],
        "records": received["rows"],
        "last_outcome": newest.outcome if newest else None,
        "open_alerts": selectors.alerts_of(monitor).exclude(state=Alert.State.RESOLVED).count(),
        "url": f"{settings.BASE_URL}/monitors/{monitor.pk}",
    }


def run_as_dict(found: DriftRun | EvidenceJob, *, payload: bool = False) -> dict[str, Any]:
    """Return the plain form that :class:`RunOutput` describes."""
    if isinstance(found, EvidenceJob):
        return {
            "id": found.pk,
            "state": found.state,
            "message": found.message,
            "error": found.error if found.finished_at else "",
            "window": {"start": found.parameters["start"], "end": found.parameters["end"]},
            "version": found.subject_name,
            "outcome": None,
            "drifted": None,
            "evidence": None,
            "payload": None,
            "files": {},
            "alert": None,
        }
    alert = getattr(found, "alert", None)
    return {
        "id": found.pk,
        "state": "done",
        "message": "",
        "error": "",
        "window": {"start": rfc3339(found.window_start), "end": rfc3339(found.window_end), "n": found.rows},
        "version": found.version.subject_name,
        "outcome": found.outcome,
        "drifted": found.drifted,
        "evidence": found.evidence_id,
        "payload": found.evidence.payload if payload else None,
        "files": found.evidence.files,
        "alert": alert_as_dict(alert) if alert else None,
    }
