"""What an identity provider's claims give here."""

from django.db import models
from django.db.models import F, Q

from governance.accounts.roles import GRAVE, Role
from governance.audit.governed import Governed

_GRAVE = sorted(role.value for role in GRAVE)


class ClaimMapping(Governed):
    """Whoever the provider says this of holds this role, from a moment on and perhaps until another.

    A grave role counts from its second administrator's confirmation; any other from the start.
    """

    issuer = models.CharField(max_length=200, help_text="Whose word it is: the provider's issuer.")
    claim = models.CharField(max_length=100, help_text="The claim's name; a dot leads into a nested one.")
    value = models.CharField(max_length=200, help_text="What the claim must hold, exactly.")
    role = models.CharField(max_length=32, choices=Role)
    system_id = models.UUIDField(null=True, help_text="The AI system; empty means all.")
    days = models.PositiveSmallIntegerField(null=True, help_text="How long a role lasts from the sign-in that gave it.")
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    valid_from = models.DateTimeField(null=True, help_text="From when it counts.")
    ended_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "claim", "value", "role", "system_id"],
                condition=Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="one_open_mapping_per_claim_and_role",
            ),
            models.CheckConstraint(
                condition=Q(
                    role__in=_GRAVE, confirmed_at__isnull=True, confirmed_by__isnull=True, valid_from__isnull=True
                )
                | Q(role__in=_GRAVE, confirmed_by__isnull=False, valid_from=F("confirmed_at"))
                | ~Q(role__in=_GRAVE)
                & Q(confirmed_at__isnull=True, confirmed_by__isnull=True, valid_from=F("made_at")),
                name="grave_mapping_counts_once_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("made_by")),
                name="mapping_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(days__isnull=True) & ~Q(role=Role.AUDITOR.value) | Q(days__range=(1, 366)),
                name="mapped_auditor_access_ends",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__gte=F("made_at"), ended_by__isnull=False),
                name="mapping_ends_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.claim} = {self.value}"
