"""What one person proposes and a second signs: the columns of such a table, and what the database holds it to."""

from django.db import models
from django.db.models import BaseConstraint, F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed


class Proposal(Governed):
    """Abstract base of what one person proposes and a second puts in force by signing, which seals it."""

    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    signed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


def of_two_people(prefix: str, *, one_open_per: str, named: str) -> list[BaseConstraint]:
    """Return the constraints of a proposal's table: a second person, signed or withdrawn, one open at a time."""
    return [
        models.CheckConstraint(
            condition=Q(signed_by__isnull=True) | ~Q(signed_by=F("proposed_by")),
            name=f"{prefix}_signed_by_a_second_person",
        ),
        models.CheckConstraint(
            condition=Q(signed_by__isnull=True, signed_at__isnull=True)
            | Q(signed_by__isnull=False, signed_at__isnull=False),
            name=f"{prefix}_signed_at_iff_signed",
        ),
        models.CheckConstraint(
            condition=Q(signed_at__isnull=True) | Q(withdrawn_at__isnull=True),
            name=f"{prefix}_signed_or_withdrawn",
        ),
        models.UniqueConstraint(
            fields=[one_open_per], condition=Q(signed_at__isnull=True, withdrawn_at__isnull=True), name=named
        ),
    ]
