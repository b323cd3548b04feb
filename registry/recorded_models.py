"""What a version is built on: another version, of a base model, an embedding or a component."""

from django.db import models
from django.db.models import F, Q

from governance.audit.governed import Governed


class BuildsOn(Governed):
    """A person's word that one version is built on another. A mistaken one is withdrawn and stays readable."""

    class Kind(models.TextChoices):
        BASE_MODEL = "base_model", "Base model"
        FINE_TUNED = "fine_tuned", "Fine-tuned from"
        EMBEDDING = "embedding", "Embedding"
        COMPONENT = "component", "Component"

    version = models.ForeignKey("registry.ModelVersion", on_delete=models.PROTECT, related_name="bases")
    base = models.ForeignKey("registry.ModelVersion", on_delete=models.PROTECT, related_name="dependents")
    kind = models.CharField(max_length=12, choices=Kind)
    stated_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    stated_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "base"], condition=Q(withdrawn_at__isnull=True), name="one_word_per_base"
            ),
            models.CheckConstraint(condition=~Q(version=F("base")), name="nothing_is_built_on_itself"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="base_is_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} on {self.base}"
