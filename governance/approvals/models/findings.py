"""What is not as it should be: findings, and failed checks that may stand for a time."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.approvals.models.requests import ApprovalRequest
from governance.audit.governed import Governed
from governance.evidence.models import Evidence
from governance.inventory.models import AISystem


class Waiver(Governed):
    """A failed check of a request that may stand for a time, once the request that decides on it is approved."""

    immutable = True

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="waivers")
    check_id = models.CharField(max_length=120)
    manifest_digest = models.CharField(max_length=71, help_text="The evidence on which the check failed.")
    approval = models.OneToOneField(
        ApprovalRequest, on_delete=models.PROTECT, related_name="waiver", help_text="The request that decides on it."
    )
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at"), expires_at__lte=F("made_at") + timedelta(days=366)),
                name="waiver_of_a_year_at_most",
            )
        ]

    def __str__(self) -> str:
        return f"waiver of {self.check_id}"


class Finding(Governed):
    """Something that is not as it should be: who must mend it, by when, and who saw that it is mended."""

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    system = models.ForeignKey(
        AISystem, null=True, on_delete=models.PROTECT, related_name="findings", help_text="Empty: of the installation."
    )
    request = models.ForeignKey(ApprovalRequest, null=True, on_delete=models.PROTECT, related_name="findings")
    source = models.CharField(max_length=40, help_text="reconciler, monitor; of people: validation, audit, …")
    code = models.CharField(max_length=60, help_text="digest-mismatch, unapproved-alias, drift; of people: raised.")
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=8, choices=Severity)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="findings")
    opened_at = models.DateTimeField()
    due_on = models.DateField()
    extensions = models.PositiveSmallIntegerField(default=0, help_text="How often it was given more time.")
    plan_due = models.DateField(null=True, help_text="Until when its owner plans to mend it; the plan is in the log.")
    former_owners = ArrayField(models.UUIDField(), default=list, help_text="None of them closes it either.")
    proposed_at = models.DateTimeField(null=True, help_text="When its owner said that it is mended.")
    closure_evidence = models.ForeignKey(Evidence, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True) | ~Q(closed_by=models.F("owner")),
                name="finding_closed_by_another_person",
            ),
            models.UniqueConstraint(
                fields=["system", "code", "title"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="one_open_finding_per_cause",
            ),
        ]
        indexes = [models.Index(fields=["closed_at", "due_on"], name="finding_by_due_date")]
