"""A dataset as bytes, and what was declared of it. Its rows lie in the storage until they are deleted."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.audit.governed import Governed


class DatasetSnapshot(Governed):
    """A dataset as bytes: what is in it, what it may be used for, which columns mean what.

    Of training data nothing is kept but digests of its rows, by which rows that stand in the evaluation data too are
    found, and a profile of its columns.
    """

    class Role(models.TextChoices):
        TRAINING = "training", "Training"
        EVALUATION = "evaluation", "Evaluation"
        REFERENCE = "reference", "Reference"
        WINDOW = "window", "Window"

    class Task(models.TextChoices):
        BINARY = "binary", "Two classes"
        MULTICLASS = "multiclass", "Several classes"
        REGRESSION = "regression", "A number"

    class Direction(models.TextChoices):
        HIGHER = "higher", "Higher is better for the person"
        LOWER = "lower", "Lower is better for the person"

    class Gone(models.TextChoices):
        OFFICER = "officer", "A data protection officer had it deleted"
        DUE = "due", "Its delete-by date passed"

    digest = models.CharField(max_length=71, help_text="sha256 over the whole content.")
    role = models.CharField(max_length=16, choices=Role)
    uri = models.CharField(max_length=1000)
    rows = models.PositiveBigIntegerField()
    columns = models.JSONField(help_text="[{name, type}]")
    features = ArrayField(models.CharField(max_length=200), default=list)
    label = models.CharField(max_length=200)
    task = models.CharField(max_length=10, choices=Task, default=Task.BINARY)
    positive_label = models.CharField(max_length=200, blank=True, help_text="Binary: the event that the score is for.")
    favourable_labels = ArrayField(
        models.CharField(max_length=200), default=list, help_text="Classes that are good for the person; one if binary."
    )
    favourable_direction = models.CharField(
        max_length=6, choices=Direction, blank=True, help_text="Regression: which way a value is good for the person."
    )
    sensitive_features = ArrayField(models.CharField(max_length=200), default=list)
    reference_groups = models.JSONField(default=dict)
    handling = models.JSONField(
        default=dict, help_text="Per sensitive feature: {lawful_basis, access_role, delete_by}, what was declared."
    )
    delete_by = models.DateField(
        null=True, help_text="The last day on which the rows may be kept: the earliest of all."
    )
    profile = models.JSONField(default=dict, help_text="Training: what its columns hold, without a person's value.")
    row_digests = models.CharField(
        max_length=71, blank=True, help_text="Training: digest of the file that holds the digests of its rows."
    )
    gone_at = models.DateTimeField(null=True, help_text="When the stored bytes were deleted.")
    gone_because = models.CharField(max_length=8, choices=Gone, blank=True)
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest", "role"], name="one_snapshot_per_digest_and_role"),
            models.CheckConstraint(
                condition=Q(gone_at__isnull=True, gone_because="") | Q(gone_at__isnull=False) & ~Q(gone_because=""),
                name="dataset_is_gone_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} data {self.digest[7:13]}…{self.digest[-4:]}"
