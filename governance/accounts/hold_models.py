"""A legal hold: something that nobody and nothing deletes until the hold is lifted."""

from django.db import models
from django.db.models import F, Q

from governance.audit.governed import Governed


class LegalHold(Governed):
    """One hold on an AI system or on one object: why, who set it, and who lifted it. Set once, lifted once, kept."""

    class Kind(models.TextChoices):
        SYSTEM = "system", "AI system"
        MONITOR = "monitor", "Records of a monitor"
        DATASET = "dataset", "Dataset"
        BUNDLE = "bundle", "Audit bundle"
        CORRESPONDENCE = "correspondence", "Notice or request"
        ENTRY = "entry", "Words behind a log entry"
        PERSON = "person", "Notices, answers and sessions of a person"

    kind = models.CharField(max_length=14, choices=Kind)
    object_id = models.CharField(max_length=80, help_text="Id of the object; digest of a dataset.")
    reason = models.TextField()
    set_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    lifted_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lifting = models.TextField(blank=True, help_text="Why it was lifted.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id"],
                condition=Q(lifted_at__isnull=True),
                name="one_legal_hold_in_force_per_object",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True, lifting="")
                | (Q(lifted_at__gte=F("set_at"), lifted_by__isnull=False) & ~Q(lifting="")),
                name="legal_hold_lifted_by_somebody_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.object_id}"
