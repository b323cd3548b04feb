"""Whose signed word lets a run of a pipeline act as a service account."""

from django.db import models
from django.db.models import F, Q

from governance.audit.governed import Governed

IDENTIFYING = ("sub", "repository", "repository_id", "project_path", "project_id")
"""Claims that say whose run it is. A public issuer signs for all the world, so each trust names one of these."""
LEAST_SECONDS, MOST_SECONDS = 60, 900


class WorkloadIdentity(Governed):
    """Whoever shows a token of this issuer with these claims acts as this account, for minutes.

    It counts from a second administrator's confirmation until it is ended.
    """

    issuer = models.CharField(max_length=200, help_text="Whose word it is, exactly as its tokens spell it.")
    audience = models.CharField(max_length=200, help_text="For whom the token must be made.")
    claims = models.JSONField(help_text="Claim to the text that it must be, exactly.")
    account = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="workload_identities")
    scopes = models.JSONField(help_text="What a token made so opens at most.")
    seconds = models.PositiveSmallIntegerField(help_text="How long a token made so lives: 60 to 900 s.")
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "audience", "claims"],
                condition=Q(ended_at__isnull=True),
                name="one_open_workload_identity_per_claims",
            ),
            models.CheckConstraint(
                condition=Q(claims__has_any_keys=list(IDENTIFYING)), name="workload_identity_says_whose_run"
            ),
            models.CheckConstraint(
                condition=Q(seconds__range=(LEAST_SECONDS, MOST_SECONDS)), name="workload_token_lives_minutes"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__gte=F("made_at")) & ~Q(confirmed_by=F("made_by")),
                name="workload_identity_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(ended_by__isnull=True, ended_at__isnull=True)
                | Q(ended_by__isnull=False, ended_at__gte=F("made_at")),
                name="workload_identity_ends_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in sorted(self.claims.items()))
        return f"{self.issuer} ({said})"
