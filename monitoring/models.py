"""Monitors, what they were told, and what came of it. Records themselves lie in Parquet files, never here."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit.governed import Governed
from governance.evidence.models import Evidence, EvidenceJob
from monitoring.incidents.models import Incident, IncidentNote, IncidentTask
from monitoring.retraining.models import RetrainCall, RetrainHook
from registry.models import DatasetSnapshot, ModelVersion, RegisteredModel

__all__ = [
    "Alert",
    "DriftRun",
    "ErasedFile",
    "Incident",
    "IncidentNote",
    "IncidentTask",
    "LabelBatch",
    "Monitor",
    "PulledWindow",
    "RecordBatch",
    "RecordErasure",
    "ReferenceProfile",
    "RefusedBatch",
    "RetrainCall",
    "RetrainHook",
    "ScheduledWindow",
    "WindowProfile",
]


class Monitor(Governed):
    """Watches whatever version is behind one alias of one model, against one reference."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="monitors")
    alias = models.CharField(max_length=255)
    snapshot = models.ForeignKey(
        DatasetSnapshot, on_delete=models.PROTECT, related_name="+", help_text="The reference rows."
    )
    settings = models.JSONField(help_text="Sampling: sample, bins. Limits are the policy's.")
    enabled = models.BooleanField(default=True)
    enabled_at = models.DateTimeField(null=True, help_text="Since when, if it was switched off in between.")
    time_zone = models.CharField(max_length=60, default="UTC", help_text="In whose days and weeks windows are cut.")
    # Nullable, as every later column of a governed row is: what the log says of older rows stays true.
    intake = models.JSONField(
        null=True, help_text="IntakeSettings: kpis, sensitive, keep_out, hash, quarantine, retention_days."
    )
    key_check = models.CharField(  # noqa: DJ001 (as above)
        max_length=32, null=True, help_text="By which the key of hashed columns is known again; null where none are."
    )
    source = models.JSONField(
        null=True, help_text="Source: the table that records are pulled from, by a connection's name; and sender."
    )
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model", "alias"],
                name="one_monitor_per_alias",
                violation_error_message="This alias has a monitor.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.alias}"


class ReferenceProfile(models.Model):
    """The reference rows with the scores of one version, summed up once. Named by its digest in each drift run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="references")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=71, help_text="sha256 over the profile's canonical JSON.")
    profile = models.JSONField(help_text="placet-reference-profile/1.")
    rows = models.PositiveBigIntegerField()
    rows_digest = models.CharField(max_length=71, help_text="sha256 of the stored Parquet file: features and score.")
    isolation = models.CharField(max_length=60, blank=True, help_text="How the model was kept apart while it scored.")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "version"], name="one_reference_per_monitor_and_version")
        ]

    def __str__(self) -> str:
        return self.digest


class RecordBatch(models.Model):
    """One batch of records that was taken in, once. The row stands for complete files."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="batches")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", help_text="Whose predictions these are."
    )
    batch_id = models.CharField(max_length=100, help_text="Chosen by the sender.")
    digest = models.CharField(max_length=71, help_text="sha256 of the body, unpacked.")
    rows = models.PositiveBigIntegerField(help_text="Taken in; those erased or expired since are counted beside it.")
    quarantined = models.PositiveBigIntegerField(default=0, help_text="Did not fit and were put aside.")
    erased = models.PositiveBigIntegerField(default=0, help_text="Of the rows, erased since.")
    expired = models.PositiveBigIntegerField(default=0, help_text="Of the rows, deleted since their time had passed.")
    duplicates = models.PositiveBigIntegerField(
        null=True, help_text="Rows whose prediction_id an earlier batch has, too; null until they are counted."
    )
    count_attempts = models.PositiveSmallIntegerField(default=0, help_text="How often the sweep had them counted.")
    count_after = models.DateTimeField(null=True, help_text="When the sweep does so again.")
    start = models.DateTimeField(help_text="First event time.")
    end = models.DateTimeField(help_text="Last event time.")
    partitions = models.JSONField(help_text="[{day, rows}], one file per day; rows as they were taken in.")
    expired_days = models.JSONField(default=list, help_text="[{day, rows, at}], files that are deleted.")
    sender = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "batch_id"], name="one_row_per_batch_id"),
            models.CheckConstraint(condition=Q(start__lte=F("end")), name="batch_starts_before_it_ends"),
            models.CheckConstraint(
                condition=Q(rows__gte=F("erased") + F("expired")), name="no_more_rows_gone_than_were_taken_in"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["monitor", "version", "start", "end"], name="batch_by_time"),
            models.Index(fields=["monitor", "-received_at"], name="batch_by_receipt"),
        ]

    def __str__(self) -> str:
        return self.batch_id

    @property
    def kept(self) -> int:
        """Rows that the files hold now."""
        return self.rows - self.erased - self.expired


class WindowProfile(models.Model):
    """One day of one batch, counted into the bins of one reference. Any window is a sum of these."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(RecordBatch, on_delete=models.CASCADE, related_name="profiles")
    reference = models.ForeignKey(ReferenceProfile, on_delete=models.CASCADE, related_name="windows")
    day = models.DateField()
    rows = models.PositiveBigIntegerField()
    profile = models.JSONField(help_text="placet-window-profile/1.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "day", "reference"], name="one_profile_per_partition")
        ]

    def __str__(self) -> str:
        return f"{self.day}"


class DriftRun(Governed):
    """What one window showed. Has the key of the evidence job that measured it."""

    immutable = True

    class Outcome(models.TextChoices):
        STABLE = "stable", "Stable"
        WATCH = "watch", "To be watched"
        DRIFT = "drift", "Drift"
        INSUFFICIENT = "insufficient", "Too little data"

    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="runs")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", help_text="Whose predictions the window holds."
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField(help_text="Not included.")
    rows = models.PositiveBigIntegerField()
    evidence = models.OneToOneField(Evidence, on_delete=models.PROTECT, related_name="drift_run")
    outcome = models.CharField(max_length=12, choices=Outcome)
    drifted = models.PositiveIntegerField(help_text="Columns.")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(window_start__lt=F("window_end")), name="window_starts_before_it_ends")
        ]
        indexes: ClassVar = [models.Index(fields=["monitor", "-window_end"], name="run_by_window")]


class ScheduledWindow(models.Model):
    """A window that the calendar asked for, once, whoever looked at the calendar and however often."""

    id = models.BigAutoField(primary_key=True)
    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="scheduled")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    start = models.DateTimeField()
    end = models.DateTimeField(help_text="Not included.")
    job = models.OneToOneField(EvidenceJob, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "version", "start"], name="one_scheduled_window_each")
        ]
        indexes: ClassVar = [models.Index(fields=["monitor", "version", "-end"], name="scheduled_by_end")]

    def __str__(self) -> str:
        return f"{self.monitor} {self.start:%Y-%m-%d}"


class Alert(Governed):
    """A window to be watched or in breach, until somebody has dealt with it. A later one of the same version joins it.

    ``run`` opened it, ``newest_run`` is the last that joined it. What was to be watched may become a breach; a breach
    stays one. ``review`` and ``rollback`` are the findings by which people are asked to look again, and to roll back.
    """

    number_prefix = "AL"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    class Severity(models.TextChoices):
        WATCH = "watch", "To be watched"
        BREACH = "breach", "Breach"

    number = models.PositiveIntegerField(unique=True)
    run = models.OneToOneField(DriftRun, on_delete=models.PROTECT, related_name="alert")
    newest_run = models.ForeignKey(DriftRun, on_delete=models.PROTECT, related_name="+")
    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="alerts")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    approval = models.ForeignKey(
        ApprovalRequest, null=True, on_delete=models.PROTECT, related_name="alerts", help_text="What it suspended."
    )
    review = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="+")
    rollback = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="+")
    severity = models.CharField(max_length=6, choices=Severity)
    title = models.CharField(max_length=300)
    effect = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    breached_at = models.DateTimeField(null=True, help_text="Since when it is a breach.")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    muted_until = models.DateTimeField(null=True)
    muted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["monitor", "version"],
                condition=Q(state__in=["open", "acknowledged"]),
                name="one_standing_alert_per_version",
            ),
            models.CheckConstraint(
                name="resolved_at_iff_resolved",
                condition=Q(state="resolved", resolved_at__isnull=False)
                | (~Q(state="resolved") & Q(resolved_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="breached_at_iff_breach",
                condition=Q(severity="breach", breached_at__isnull=False)
                | (Q(severity="watch", breached_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="muted_by_somebody_until_an_end",
                condition=Q(muted_until__isnull=True, muted_by__isnull=True)
                | Q(muted_until__isnull=False, muted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


# They refer to the ones above.
from monitoring.record_models import (  # noqa: E402
    ErasedFile,
    LabelBatch,
    PulledWindow,
    RecordErasure,
    RefusedBatch,
)
