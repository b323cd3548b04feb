"""Late labels, what was refused, and what was erased: which files were written anew, and by whose decision."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed


class LabelBatch(models.Model):
    """One batch of labels that came after their predictions. The row stands for one complete file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey("monitoring.Monitor", on_delete=models.PROTECT, related_name="label_batches")
    batch_id = models.CharField(max_length=100, help_text="Chosen by the sender.")
    digest = models.CharField(max_length=71, help_text="sha256 of the body, unpacked.")
    rows = models.PositiveBigIntegerField(help_text="Taken in.")
    quarantined = models.PositiveBigIntegerField(default=0, help_text="Did not fit and were put aside.")
    erased = models.PositiveBigIntegerField(default=0, help_text="Of the rows, erased since.")
    day = models.DateField(help_text="Of arrival, UTC; the file's.")
    expired_at = models.DateTimeField(null=True, help_text="When the file was deleted since its time had passed.")
    sender = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "batch_id"], name="one_row_per_label_batch_id"),
            models.CheckConstraint(condition=Q(rows__gte=F("erased")), name="no_more_labels_gone_than_were_taken_in"),
        ]
        indexes: ClassVar = [models.Index(fields=["monitor", "-received_at"], name="labels_by_receipt")]

    def __str__(self) -> str:
        return self.batch_id


class RefusedBatch(models.Model):
    """A batch of which nothing was kept, and why, in the names of columns and kinds of values alone; the newest few."""

    class Kind(models.TextChoices):
        RECORDS = "records", "Records"
        LABELS = "labels", "Labels"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey("monitoring.Monitor", on_delete=models.PROTECT, related_name="refused_batches")
    kind = models.CharField(max_length=7, choices=Kind)
    batch_id = models.CharField(max_length=100, help_text="Chosen by the sender, cut to 100 characters.")
    code = models.CharField(max_length=60, help_text="The problem's, as docs/reference/problems.md has it.")
    title = models.CharField(max_length=100, help_text="The problem's, in words.")
    reasons = models.JSONField(default=list, help_text="[{column, kind, expected, found, count}], the gravest first.")
    more = models.PositiveIntegerField(default=0, help_text="Reasons beyond those.")
    attempts = models.PositiveIntegerField(default=1, help_text="How often it was sent and refused.")
    sender = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "kind", "batch_id"], name="one_row_per_refused_batch")
        ]
        indexes: ClassVar = [models.Index(fields=["monitor", "-last_at"], name="refused_by_time")]

    def __str__(self) -> str:
        return self.batch_id


class PulledWindow(models.Model):
    """A window of a monitor's table that was read, once; also where it held no row, for which there is no batch."""

    id = models.BigAutoField(primary_key=True)
    monitor = models.ForeignKey("monitoring.Monitor", on_delete=models.PROTECT, related_name="pulled")
    start = models.DateTimeField()
    end = models.DateTimeField(help_text="Not included.")
    rows = models.PositiveBigIntegerField(help_text="Taken in.")
    pulled_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["monitor", "start"], name="each_window_pulled_once"),
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="pulled_window_starts_before_it_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M}"


class RecordErasure(Governed):
    """The records of one person, or of one prediction, taken out of the files of a monitor. Whose is not kept."""

    immutable = True

    class By(models.TextChoices):
        SUBJECT = "subject_id", "A data subject"
        PREDICTION = "prediction_id", "A prediction"

    monitor = models.ForeignKey("monitoring.Monitor", on_delete=models.PROTECT, related_name="erasures")
    column = models.CharField(max_length=16, choices=By)
    commitment = models.CharField(max_length=71, help_text="Salted sha256 of the value; whoever asked has the salt.")
    officer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    records = models.PositiveBigIntegerField()
    labels = models.PositiveBigIntegerField()
    quarantined = models.PositiveBigIntegerField()
    files_digest = models.CharField(max_length=71, help_text="sha256 over the list of files, before and after.")
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_column_display()} {self.commitment[7:13]}…"


class ErasedFile(models.Model):
    """One file that an erasure wrote anew; until ``replaced_at`` the new one waits beside the old one."""

    id = models.BigAutoField(primary_key=True)
    erasure = models.ForeignKey(RecordErasure, on_delete=models.PROTECT, related_name="files")
    batch = models.ForeignKey("monitoring.RecordBatch", null=True, on_delete=models.PROTECT, related_name="rewritten")
    label_batch = models.ForeignKey(LabelBatch, null=True, on_delete=models.PROTECT, related_name="rewritten")
    day = models.DateField(null=True, help_text="Of the records; null for rows that were put aside.")
    path = models.CharField(max_length=400, help_text="Below the folder of all records.")
    draft = models.CharField(max_length=400, help_text="Where the new file waits.")
    rows = models.PositiveBigIntegerField(help_text="Erased from it.")
    before = models.CharField(max_length=71, help_text="sha256 of the file as it was.")
    after = models.CharField(max_length=71, help_text="sha256 of the file as it became.")
    replaced_at = models.DateTimeField(null=True)
    lost_at = models.DateTimeField(null=True, help_text="When the new file was missed, the old one being as before.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(replaced_at__isnull=True) | Q(lost_at__isnull=True), name="replaced_file_is_not_lost"
            ),
            models.CheckConstraint(
                condition=Q(batch__isnull=False, label_batch__isnull=True)
                | Q(batch__isnull=True, label_batch__isnull=False),
                name="erased_file_is_of_one_batch",
            ),
        ]

    def __str__(self) -> str:
        return self.path
