"""Disposals: what a person had removed once its time was over."""

from django.db import models

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem


class Disposal(Governed):
    """That the stored files of one AI system, of one row of the table of retention, were removed for good."""

    immutable = True

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="disposals")
    row = models.CharField(max_length=20, help_text="Id of the row of the table of retention: evidence, documents.")
    reason = models.TextField()
    disposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kept_until = models.DateField(help_text="The last day on which they had to be kept, as it was reckoned.")
    files = models.PositiveIntegerField()
    files_digest = models.CharField(max_length=71, help_text="Over the sorted digests of the files that were removed.")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["system", "row", "-made_at"], name="disposal_by_system")]

    def __str__(self) -> str:
        return f"disposal of {self.row} of {self.system}"
