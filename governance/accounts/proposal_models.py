"""A role that one administrator proposes and another confirms."""

from django.db import models
from django.db.models import F, Q

from governance.accounts.roles import Role
from governance.audit.governed import Governed


class GrantProposal(Governed):
    """A role that waits for its second administrator. It gives nothing until it is confirmed; then the grant counts."""

    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="role_proposals")
    role = models.CharField(max_length=32, choices=Role)
    system_id = models.UUIDField(null=True, help_text="The AI system; empty means all.")
    valid_until = models.DateTimeField(null=True, help_text="When the role would end.")
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    settled_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    grant = models.OneToOneField(
        "accounts.Grant", null=True, on_delete=models.PROTECT, related_name="proposal", help_text="Set if confirmed."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role", "system_id"],
                condition=Q(settled_at__isnull=True),
                nulls_distinct=False,
                name="one_open_proposal_per_role",
            ),
            models.CheckConstraint(condition=~Q(proposed_by=F("person")), name="nobody_proposes_their_own_role"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, settled_by__isnull=True, grant__isnull=True)
                | Q(settled_at__gte=F("proposed_at"), settled_by__isnull=False),
                name="proposal_settled_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(grant__isnull=True) | ~Q(settled_by=F("person")) & ~Q(settled_by=F("proposed_by")),
                name="proposal_confirmed_by_a_second_person",
            ),
        ]
