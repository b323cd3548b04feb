"""What watching keeps: what MLflow showed that Placet did not put there, who watched when, and what woke it."""

from django.db import models
from django.db.models import F, Q

from governance.approvals.models import Finding
from governance.audit.governed import Governed


class ObservedAlias(Governed):
    """What MLflow showed behind a protected alias where Placet had put something else, for as long as it was seen."""

    model = models.ForeignKey("registry.RegisteredModel", on_delete=models.PROTECT, related_name="observed_aliases")
    alias = models.CharField(max_length=255, help_text="Folded; stage:production for MLflow's stage Production.")
    number = models.PositiveIntegerField(null=True, help_text="Empty: what Placet put there is gone.")
    mlflow_created_at_ms = models.BigIntegerField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, help_text="The last pass that saw it; empty while it lasts.")
    finding = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "alias", "number", "mlflow_created_at_ms"],
                condition=Q(last_seen_at__isnull=True),
                nulls_distinct=False,
                name="one_open_observation_per_pointer",
            ),
            models.CheckConstraint(
                condition=Q(last_seen_at__isnull=True) | Q(last_seen_at__gte=F("first_seen_at")),
                name="seen_first_before_last",
            ),
            models.CheckConstraint(
                condition=Q(number__isnull=True, mlflow_created_at_ms__isnull=True)
                | Q(number__isnull=False, mlflow_created_at_ms__isnull=False),
                name="observed_version_is_whole_or_none",
            ),
        ]


class WatchSpan(Governed):
    """Somebody watched without a gap from one moment to another: a plugin that checked in, a pass of the reconciler.

    While it lasts its beats are counted in its pulse; its end states them.
    """

    source = models.CharField(max_length=120, help_text="plugin:<server id>, reconciler:<pass>.")
    details = models.JSONField(default=dict, help_text="Versions, number of the configuration; another span if others.")
    expected_every_s = models.FloatField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Its last beat, once it is known that none follows.")
    beats = models.PositiveBigIntegerField(null=True, help_text="How many; known at its end.")
    longest_gap_s = models.FloatField(null=True, help_text="Between two of its beats; known at its end.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(ended_at__isnull=True), name="one_open_span_per_source"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, beats__isnull=True, longest_gap_s__isnull=True)
                | Q(ended_at__gte=F("started_at"), beats__gte=1, longest_gap_s__gte=0),
                name="watch_span_ends_with_its_figures",
            ),
        ]
        indexes = [models.Index(fields=["started_at"], name="watch_span_by_start")]


class WatchPulse(models.Model):
    """The beats of a span that lasts, counted in one row: there are thousands a day."""

    span = models.OneToOneField(WatchSpan, primary_key=True, on_delete=models.PROTECT, related_name="pulse")
    last_at = models.DateTimeField()
    beats = models.PositiveBigIntegerField(default=1)
    longest_gap_s = models.FloatField(default=0)


class WebhookDelivery(models.Model):
    """A webhook of MLflow's that was verified; kept so that none counts twice, and to be counted."""

    id = models.CharField(primary_key=True, max_length=100)
    event = models.CharField(max_length=80)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="webhook_by_receipt")]
