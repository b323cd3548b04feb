"""Policies held against past requests."""

import uuid

from django.db import models
from django.db.models import Q

from governance.accounts.models import User
from governance.policy.models import PolicyVersion


class PolicyReplay(models.Model):
    """A policy held against past requests: a queue and its outcome. The row is the truth, a broker's message a hint.

    As with evidence jobs, a worker claims the row and extends its lease; only the newest attempt may finish it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy_version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.PROTECT, related_name="+")
    policy_name = models.CharField(max_length=80)
    policy_digest = models.CharField(max_length=71)
    text = models.TextField(help_text="The YAML that was replayed; kept as a version or not.")
    most = models.PositiveIntegerField(help_text="How many requests at most, the newest.")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    result = models.JSONField(default=list, help_text="A row for each request, oldest first.")
    result_digest = models.CharField(max_length=71, blank=True, help_text="sha256 of policy digest and rows.")
    replayed_entry = models.UUIDField(null=True, help_text="The log entry that names the result.")
    error = models.TextField(blank=True)
    made_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asked_by"], condition=Q(state__in=["queued", "running"]), name="one_open_replay_per_person"
            ),
            models.CheckConstraint(
                condition=Q(steps_done__lte=models.F("steps_total")), name="replayed_within_what_there_is"
            ),
            models.CheckConstraint(
                name="replay_finished_at_iff_finished",
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="replay_named_in_the_log_iff_done",
                condition=(Q(state="done", replayed_entry__isnull=False) & ~Q(result_digest=""))
                | (~Q(state="done") & Q(replayed_entry__isnull=True, result_digest="")),
            ),
        ]
        indexes = [models.Index(fields=["-made_at"], name="replay_newest_first")]

    def __str__(self) -> str:
        return f"Replay of {self.policy_version or self.policy_name}"
