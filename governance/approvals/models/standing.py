"""Standing approvals: an envelope that people signed, and each request that was held against it."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from governance.approvals.models.requests import ApprovalRequest
from governance.audit.governed import Governed
from governance.inventory.models import AISystem, Classification
from governance.policy.models import PolicyVersion

MOST_USES = 100
LONGEST = timedelta(days=366)


class StandingApproval(Governed):
    """What a retrained version of one model may be, to get one alias without new signatures; see ``standing``.

    Granted, revoked and ended is the request that decides on it. Only ``used`` changes here, by one for each use.
    """

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="standing_approvals")
    model_id = models.UUIDField(help_text="The registered model, known by id and name: it lives in a layer above.")
    model_name = models.CharField(max_length=256)
    alias = models.CharField(max_length=255)
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    classification = models.ForeignKey(Classification, on_delete=models.PROTECT, related_name="+")
    live = models.ForeignKey(
        ApprovalRequest, on_delete=models.PROTECT, related_name="+", help_text="What the envelope was taken from."
    )
    envelope = models.JSONField(help_text="{commit, source, features, threshold, parameters, bounds}")
    approval = models.OneToOneField(
        ApprovalRequest,
        on_delete=models.PROTECT,
        related_name="standing_approval",
        help_text="The request that decides on it.",
    )
    max_uses = models.PositiveSmallIntegerField()
    used = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(max_uses__gte=1, max_uses__lte=MOST_USES), name="standing_approval_has_few_uses"
            ),
            models.CheckConstraint(condition=Q(used__lte=F("max_uses")), name="standing_approval_not_used_up"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at"), expires_at__lte=F("made_at") + LONGEST),
                name="standing_approval_of_a_year_at_most",
            ),
        ]
        indexes = [models.Index(fields=["model_id", "alias"], name="standing_by_model_and_alias")]

    def __str__(self) -> str:
        return f"standing approval of {self.model_name} for {self.alias}"


class StandingMatch(Governed):
    """One request held against one standing approval: each condition with its outcome, and the use that it made."""

    immutable = True

    standing = models.ForeignKey(StandingApproval, on_delete=models.PROTECT, related_name="matches")
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="standing_matches")
    number = models.PositiveSmallIntegerField(null=True, help_text="The use, counted from 1; empty: it was outside.")
    conditions = models.JSONField(help_text="[{id, title, holds, reason}]")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(number__isnull=True) | Q(number__gte=1), name="uses_count_from_one"),
            models.UniqueConstraint(fields=["standing", "number"], name="each_use_counts_once"),
            models.UniqueConstraint(
                fields=["request"], condition=Q(number__isnull=False), name="one_standing_approval_per_request"
            ),
        ]
