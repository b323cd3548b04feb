"""Where retraining is asked for, and each time that it was."""

import uuid
from typing import ClassVar

from django.db import models

from governance.accounts.models import User
from governance.audit.governed import Governed
from registry.models import RegisteredModel


class RetrainHook(Governed):
    """The address that is called when a version of a model has drifted. One that ended stays, for what it was sent."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="retrain_hooks")
    sealed = models.TextField(help_text="Address and secret, encrypted under PLACET_NOTICE_KEY.")
    shown = models.CharField(max_length=200, help_text="What may be shown of the address: scheme and host.")
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "monitoring"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model"], condition=models.Q(ended_at__isnull=True), name="one_retrain_hook_per_model"
            )
        ]

    def __str__(self) -> str:
        return self.shown


class RetrainCall(models.Model):
    """One call of a hook: the row is the truth, and is sent again until it was taken, or given up."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        TAKEN = "taken", "Taken"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False, help_text="Of the event, too.")
    hook = models.ForeignKey(RetrainHook, on_delete=models.PROTECT, related_name="calls")
    alert = models.OneToOneField("monitoring.Alert", on_delete=models.PROTECT, related_name="retrain_call")
    event = models.JSONField(help_text="The CloudEvent as it is sent.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        app_label = "monitoring"
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="retrain_call_due")
        ]
