"""What an MLflow that exists had in production when Placet took it over: who proposed it, who signed, until when."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.audit.governed import Governed


class Adoption(Governed):
    """What serves without an approval and may go on until a day: proposed by one person, signed by another."""

    number_prefix = "AD"

    number = models.PositiveIntegerField(unique=True, help_text="What people call it: AD-3.")
    deadline = models.DateField(help_text="Until when each of them needs an approval of its own.")
    only = ArrayField(models.CharField(max_length=256), default=list, help_text="Patterns of model names; empty: all.")
    reason = models.CharField(max_length=1000)
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    signed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_by__isnull=True, signed_at__isnull=True)
                | Q(signed_by__isnull=False, signed_at__gte=F("proposed_at"), withdrawn_at__isnull=True)
                & ~Q(signed_by=F("proposed_by")),
                name="adoption_signed_by_a_second_person",
            ),
            models.UniqueConstraint(
                models.ExpressionWrapper(Q(signed_at__isnull=True), output_field=models.BooleanField()),
                condition=Q(signed_at__isnull=True, withdrawn_at__isnull=True),
                name="one_adoption_proposed_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"

    @property
    def state(self) -> str:
        """Where it stands: proposed, signed or withdrawn."""
        return "withdrawn" if self.withdrawn_at else "signed" if self.signed_at else "proposed"


class AdoptedAlias(Governed):
    """One version that had a protected alias, or MLflow's stage Production, and what became of it at the signature."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        ADOPTED = "adopted", "Adopted"
        SKIPPED = "skipped", "Skipped"

    adoption = models.ForeignKey(Adoption, on_delete=models.PROTECT, related_name="rows")
    model = models.ForeignKey("registry.RegisteredModel", on_delete=models.PROTECT, related_name="adopted")
    alias = models.CharField(max_length=255, blank=True, help_text="Folded; empty where it is the stage.")
    stage = models.CharField(max_length=40, blank=True, help_text="Production, or empty.")
    version = models.ForeignKey("registry.ModelVersion", on_delete=models.PROTECT, related_name="adopted")
    digest = models.CharField(max_length=71, blank=True, help_text="Of its bytes when proposed; empty: not digested.")
    system = models.ForeignKey("inventory.AISystem", null=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    finding = models.ForeignKey("approvals.Finding", null=True, on_delete=models.PROTECT, related_name="adopted")
    state = models.CharField(max_length=8, choices=State, default=State.PROPOSED)
    state_reason = models.CharField(max_length=500, blank=True)
    left_at = models.DateTimeField(null=True, help_text="When it was approved, replaced or taken off.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(alias="") ^ ~Q(stage=""), name="adopted_is_an_alias_or_a_stage"),
            models.UniqueConstraint(
                fields=["adoption", "model", "alias"], condition=~Q(alias=""), name="one_row_per_alias_in_an_adoption"
            ),
            models.UniqueConstraint(
                fields=["adoption", "version"], condition=~Q(stage=""), name="one_row_per_stage_in_an_adoption"
            ),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(state="adopted"), name="only_what_was_adopted_leaves"
            ),
        ]
        indexes = [models.Index(fields=["state", "left_at"], name="adopted_by_state")]

    def __str__(self) -> str:
        return f"{self.version} {self.alias or self.stage}"
