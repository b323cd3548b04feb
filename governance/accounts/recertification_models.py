"""Access reviews: whether each role that somebody holds is still right, said role by role and signed as a whole."""

from django.db import models
from django.db.models import F, Q

from governance.audit.governed import Governed


class AccessReview(Governed):
    """One campaign: the roles in its scope as they stood when it was opened, one reviewer, a day, a signed result."""

    roles = models.JSONField(default=list, help_text="Which roles; empty means every role.")
    system_id = models.UUIDField(null=True, help_text="The AI system whose roles; empty means all.")
    reviewer = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="access_reviews")
    due_on = models.DateField()
    opened_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    statement = models.TextField(default="", help_text="What was signed: canonical JSON of every item and verdict.")
    statement_digest = models.CharField(max_length=71, default="", help_text="sha256:<hex> of the statement.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, statement="", statement_digest="")
                | Q(closed_at__gte=F("opened_at")) & ~Q(statement="") & ~Q(statement_digest=""),
                name="review_closed_iff_signed",
            )
        ]


class AccessReviewItem(Governed):
    """One role in a review, and what was said of it."""

    class Verdict(models.TextChoices):
        """What becomes of the role. ``ended``: it ended before anybody decided, so there was nothing to say."""

        KEEP = "keep", "Keep"
        REVOKE = "revoke", "Revoke"
        ENDED = "ended", "Ended already"

    review = models.ForeignKey(AccessReview, on_delete=models.PROTECT, related_name="items")
    grant = models.ForeignKey("accounts.Grant", on_delete=models.PROTECT, related_name="reviews")
    assigned_to = models.ForeignKey(
        "accounts.User",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reviewer; for the reviewer's own role who opened the review.",
    )
    verdict = models.CharField(max_length=8, choices=Verdict, default="")
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason_digest = models.CharField(max_length=71, default="", help_text="Commitment to the erasable reason.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "grant"], name="one_item_per_role_in_a_review"),
            models.CheckConstraint(
                condition=Q(verdict="", decided_at__isnull=True, decided_by__isnull=True, reason_digest="")
                | Q(verdict="ended", decided_at__isnull=False, decided_by__isnull=True)
                | Q(verdict__in=["keep", "revoke"], decided_at__isnull=False, decided_by=F("assigned_to")),
                name="item_decided_by_whom_it_was_given_to",
            ),
        ]
