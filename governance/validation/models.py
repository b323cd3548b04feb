"""Validations: one person's independent work on one model version, from its plan to the signed opinion."""

from django.db import models
from django.db.models import Q

from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit.governed import Governed
from governance.evidence.models import Evidence


class State(models.TextChoices):
    """Where a validation stands."""

    PLANNED = "planned", "Planned"
    IN_PROGRESS = "in_progress", "In progress"
    SIGNED = "signed", "Signed"
    ABANDONED = "abandoned", "Abandoned"


OPEN = (State.PLANNED, State.IN_PROGRESS)


class Opinion(models.TextChoices):
    """What the validator concludes."""

    FIT = "fit", "Fit for its purpose"
    FIT_WITH_CONDITIONS = "fit_with_conditions", "Fit with conditions"
    NOT_FIT = "not_fit", "Not fit"


class Validation(Governed):
    """One validation of the version that an approval request is about."""

    number_prefix = "VAL"

    class Occasion(models.TextChoices):
        """Why it was made."""

        INITIAL = "initial", "Before approval"
        REVALIDATION = "revalidation", "Revalidation"

    number = models.BigIntegerField(unique=True, help_text="What people call it: VAL-12.")
    approval = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="validations")
    occasion = models.CharField(max_length=12, choices=Occasion)
    validator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="validations")
    state = models.CharField(max_length=12, choices=State, default=State.PLANNED)
    opened_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, help_text="When the plan and the declaration stood and work began.")
    settled_at = models.DateTimeField(null=True, help_text="When it was signed or abandoned.")
    opinion = models.CharField(max_length=20, choices=Opinion, blank=True)
    report_digest = models.CharField(max_length=71, blank=True, help_text="sha256:<hex> of the uploaded PDF.")
    evidence = models.OneToOneField(
        Evidence, null=True, on_delete=models.PROTECT, related_name="validation", help_text="What signing attached."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval"],
                condition=Q(state__in=["planned", "in_progress"]),
                name="one_open_validation_per_request",
            ),
            models.CheckConstraint(
                name="validation_settled_at_iff_settled",
                condition=Q(state__in=["planned", "in_progress"], settled_at__isnull=True)
                | Q(state__in=["signed", "abandoned"], settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="begun_at_once_work_begins",
                condition=Q(begun_at__isnull=True, state__in=["planned", "abandoned"])
                | Q(begun_at__isnull=False, state__in=["in_progress", "signed", "abandoned"]),
            ),
            models.CheckConstraint(
                name="signed_with_opinion_and_evidence",
                condition=Q(evidence__isnull=True) & ~Q(state="signed")
                | Q(state="signed", evidence__isnull=False, opinion__in=Opinion.values),
            ),
        ]
        indexes = [models.Index(fields=["state", "-opened_at"], name="validation_by_state")]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class ValidationPart(Governed):
    """A part that the validator wrote. The words lie in the payload of the entry that ``log_entry`` names."""

    class Part(models.TextChoices):
        """What a validation consists of, and why it was given up."""

        PLAN = "plan", "Plan"
        INDEPENDENCE = "independence", "Independence"
        REPORT = "report", "Report"
        ABANDONMENT = "abandonment", "Why it was abandoned"

    validation = models.ForeignKey(Validation, on_delete=models.PROTECT, related_name="parts")
    part = models.CharField(max_length=12, choices=Part)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["validation", "part"], name="one_row_per_part_of_a_validation")]


class ValidationTest(Governed):
    """Something that the validator did: a test of the model, or a challenger set against it.

    What it is called and what was done lies in the payload of the entry that ``log_entry`` names.
    """

    class Kind(models.TextChoices):
        """A test says what was measured; a challenger by how much the model differs from it."""

        TEST = "test", "Test"
        CHALLENGER = "challenger", "Challenger"

    class Outcome(models.TextChoices):
        """What came of it, as the validator judges it."""

        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        INCONCLUSIVE = "inconclusive", "Inconclusive"

    validation = models.ForeignKey(Validation, on_delete=models.PROTECT, related_name="tests")
    kind = models.CharField(max_length=10, choices=Kind)
    outcome = models.CharField(max_length=12, choices=Outcome)
    value = models.FloatField(null=True, help_text="The measured figure; of a challenger, model minus challenger.")
    low = models.FloatField(null=True, help_text="Lower end of its 95 % interval, if known.")
    high = models.FloatField(null=True, help_text="Upper end of it.")
    evidence = models.ForeignKey(Evidence, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="challenger_differs_by_a_figure",
                condition=Q(kind="test") | Q(kind="challenger", value__isnull=False),
            ),
            models.CheckConstraint(
                name="test_interval_holds_its_value",
                condition=Q(low__isnull=True, high__isnull=True)
                | Q(value__isnull=False, low__lte=models.F("value"), high__gte=models.F("value")),
            ),
        ]


class ValidationFinding(Governed):
    """A finding that a validation raised. It lives on in the register of findings."""

    immutable = True

    validation = models.ForeignKey(Validation, on_delete=models.PROTECT, related_name="raised")
    finding = models.OneToOneField(Finding, on_delete=models.PROTECT, related_name="validation_link")
