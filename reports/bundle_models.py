"""Bundles of a promotion, an AI system or a period: what was asked for, and where it stands."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.inventory.models import AISystem
from registry.models import PromotionRequest


class BundleJob(models.Model):
    """One bundle to make, or made. The row is the truth; the broker's message is a hint.

    A worker takes it under the next number of attempt, and may log and finish it only while that is the newest.

    The log's size is fixed when a worker first takes it, so that whoever takes it after a crash makes the same bytes.
    """

    class Scope(models.TextChoices):
        PROMOTION = "promotion", "Promotion"
        SYSTEM = "system", "AI system"
        PERIOD = "period", "Period"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=9, choices=Scope)
    promotion = models.ForeignKey(PromotionRequest, null=True, on_delete=models.PROTECT, related_name="+")
    system = models.ForeignKey(AISystem, null=True, on_delete=models.PROTECT, related_name="+")
    begins_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True, help_text="No part of the period.")
    seen_size = models.BigIntegerField(null=True, help_text="Of a checkpoint that the asker kept: growth is proved.")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="The worker of the newest holds the job.")
    due_at = models.DateTimeField(
        null=True, help_text="Queued: when a worker is told (again). Running: when its worker is taken for dead."
    )
    error = models.TextField(blank=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    log_size = models.BigIntegerField(null=True)
    manifest_digest = models.CharField(max_length=71, blank=True)
    entry = models.UUIDField(null=True, help_text="The log's entry that names the manifest.")
    whole = models.BooleanField(default=False, help_text="Made for somebody who may take the whole log.")
    worded = ArrayField(
        models.UUIDField(),
        default=list,
        help_text="Entries whose erasable words it holds.",
    )
    file_digest = models.CharField(max_length=71, blank=True, help_text="Empty before it is made, and once it is gone.")
    file_bytes = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    kept_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="promotion", promotion__isnull=False, system__isnull=True, begins_at__isnull=True)
                | Q(scope="system", promotion__isnull=True, system__isnull=False, begins_at__isnull=True)
                | Q(scope="period", promotion__isnull=True, system__isnull=True, ends_at__gt=F("begins_at")),
                name="bundle_job_has_what_its_scope_needs",
            ),
            models.CheckConstraint(
                condition=Q(manifest_digest="", entry__isnull=True) | ~Q(manifest_digest="") & Q(entry__isnull=False),
                name="bundle_manifest_is_in_the_log",
            ),
        ]
        indexes = [models.Index(fields=["requested_by", "-made_at"], name="bundle_job_by_asker")]

    def __str__(self) -> str:
        return f"bundle of {self.about}"

    @property
    def about(self) -> str:
        """What it is of, as people call it."""
        if self.promotion is not None:
            return str(self.promotion)
        if self.system is not None:
            return self.system.slug
        return f"{self.begins_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"
