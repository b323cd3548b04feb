"""Policies: versions that are immutable once published."""

from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed


class PolicyVersion(Governed):
    """One version of a policy: its text, its digest, who wrote it and who, another person, published it."""

    name = models.SlugField(max_length=80)
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="The YAML as it was written.")
    digest = models.CharField(max_length=71, help_text="sha256 of the canonical form of the parsed text.")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    publisher = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True)
    commit = models.CharField(max_length=64, blank=True, help_text="The git commit that the text is from.")
    repository = models.CharField(max_length=300, blank=True, help_text="Where that commit is.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="one_policy_version_per_number"),
            models.CheckConstraint(
                condition=Q(publisher__isnull=True) | ~Q(publisher=F("author")),
                name="policy_published_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(publisher__isnull=True, published_at__isnull=True)
                | Q(publisher__isnull=False, published_at__isnull=False),
                name="policy_published_at_iff_published",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"
