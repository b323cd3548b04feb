"""People and machines that act, and what each may do."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Case, F, Func, Q, SmallIntegerField, When

from governance.accounts.claim_models import ClaimMapping
from governance.accounts.hold_models import LegalHold
from governance.accounts.proposal_models import GrantProposal
from governance.accounts.recertification_models import AccessReview, AccessReviewItem
from governance.accounts.roles import DECIDING, PERMISSIONS, Role
from governance.accounts.workload_models import WorkloadIdentity
from governance.audit.governed import Governed
from governance.common import clock

__all__ = ["AccessReview", "AccessReviewItem", "ClaimMapping", "GrantProposal", "LegalHold", "WorkloadIdentity"]


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person or a service account. In the log each stands as ``person:<id>`` or ``service:<id>`` only.

    Leavers are deactivated, never deleted, so that what they signed keeps its author.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, help_text="As colleagues know them; shown, never logged.")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    sponsor = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="service_accounts",
        help_text="Set for a service account: the person who answers for it.",
    )

    claims_read_at = models.DateTimeField(
        null=True, blank=True, help_text="When the identity provider last said what they may do."
    )

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_service(self) -> bool:
        return self.sponsor_id is not None

    @property
    def actor_id(self) -> str:
        return f"{'service' if self.is_service else 'person'}:{self.pk}"

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return whether one of the person's roles opens ``perm`` (see ``roles.PERMISSIONS``)."""
        held = self.grants.filter(in_force(clock.now()), system_id__isnull=True, role__in=PERMISSIONS.get(perm, ()))
        return self.is_active and held.exists()

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.name.split()[:2]).upper()


def in_force(at: datetime) -> Q:
    """Return the condition that a grant holds at ``at``."""
    return (Q(valid_until__isnull=True) | Q(valid_until__gt=at)) & Q(valid_from__lte=at)


VALIDITY = Func("valid_from", "valid_until", function="tstzrange", output_field=DateTimeRangeField())


class Grant(Governed):
    """One role of one person, everywhere or for one AI system, from a moment on and perhaps until another."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=32, choices=Role)
    system_id = models.UUIDField(null=True, blank=True, help_text="The AI system; empty means all.")
    granted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="The second administrator."
    )
    mapping = models.ForeignKey(
        ClaimMapping,
        null=True,
        on_delete=models.PROTECT,
        related_name="grants",
        help_text="Set if a claim of the identity provider gave it: the mapping is the word of the administrators.",
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who ended it before its time."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(mapping__isnull=True) | Q(granted_by__isnull=True, confirmed_by__isnull=True),
                name="claim_gives_a_role_alone",
            ),
            models.CheckConstraint(
                condition=Q(ended_by__isnull=True) | Q(valid_until__isnull=False), name="ended_grant_has_an_end"
            ),
            models.UniqueConstraint(
                fields=["person", "role", "system_id"],
                condition=Q(valid_until__isnull=True),
                nulls_distinct=False,
                name="one_open_grant_per_role",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="grant_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(granted_by__isnull=True) | ~Q(granted_by=F("person")), name="nobody_grants_to_oneself"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True)
                | ~Q(confirmed_by=F("person")) & Q(granted_by__isnull=False) & ~Q(confirmed_by=F("granted_by")),
                name="grant_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.AUDITOR.value) | Q(valid_until__isnull=False), name="auditor_access_ends"
            ),
            ExclusionConstraint(
                name="administrators_do_not_decide",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    (
                        Case(When(role=Role.ADMINISTRATOR.value, then=1), default=0, output_field=SmallIntegerField()),
                        RangeOperators.NOT_EQUAL,
                    ),
                    (VALIDITY, RangeOperators.OVERLAPS),
                ],
                condition=Q(role__in=sorted({role.value for role in DECIDING | {Role.ADMINISTRATOR}})),
            ),
        ]


class ExternalIdentity(Governed):
    """The name under which an outside system knows a person, from a moment on and perhaps until another."""

    class Provider(models.TextChoices):
        """Whose name it is."""

        MLFLOW = "mlflow", "MLflow"
        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        OIDC = "oidc", "Single sign-on"

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="external_identities")
    provider = models.CharField(max_length=32, choices=Provider)
    subject = models.CharField(max_length=255, help_text="As the other system spells it.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    linked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    link_confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    unlinked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    unlink_confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_person_per_external_identity",
                expressions=[
                    ("provider", RangeOperators.EQUAL),
                    ("subject", RangeOperators.EQUAL),
                    (VALIDITY, RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True, unlinked_by__isnull=True)
                | Q(valid_until__gt=F("valid_from"), unlinked_by__isnull=False),
                name="identity_ends_by_an_administrator",
            ),
            *(
                models.CheckConstraint(
                    condition=(Q(**{f"{first}__isnull": True}) | ~Q(**{first: F("person")}))
                    & (
                        Q(**{f"{second}__isnull": True})
                        | Q(**{f"{first}__isnull": False}) & ~Q(**{second: F(first)}) & ~Q(**{second: F("person")})
                    ),
                    name=name,
                )
                for first, second, name in (
                    ("linked_by", "link_confirmed_by", "identity_linked_by_others"),
                    ("unlinked_by", "unlink_confirmed_by", "identity_unlinked_by_others"),
                )
            ),
        ]


class Token(models.Model):
    """An API token: scoped, expiring, kept as a hash. A token can request, never decide."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=71, unique=True, help_text="sha256:<hex> of the token.")
    scopes = models.JSONField(default=list)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    workload = models.ForeignKey(
        WorkloadIdentity,
        null=True,
        on_delete=models.PROTECT,
        related_name="tokens",
        help_text="Set if a run's own token was exchanged for it.",
    )
    exchanged = models.CharField(
        max_length=71, default="", db_default="", help_text="sha256:<hex> of what was exchanged: it counts once."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="token_expires_after_it_is_made"),
            models.CheckConstraint(
                condition=Q(workload__isnull=True, exchanged="") | Q(workload__isnull=False) & ~Q(exchanged=""),
                name="exchanged_token_has_a_workload",
            ),
            models.UniqueConstraint(fields=["exchanged"], condition=~Q(exchanged=""), name="token_is_exchanged_once"),
        ]


class IdempotentAnswer(models.Model):
    """The answer first given under an Idempotency-Key, returned again for the same request."""

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=71)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict, db_default={}, help_text="Location and ETag, as far as they were sent.")
    body = models.JSONField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="one_answer_per_idempotency_key")]


class Passkey(Governed):
    """A passkey with which a person signs decisions: the key of record, confirmed by a second person, never edited."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="passkeys")
    credential_id = models.CharField(max_length=1400, unique=True, help_text="base64url.")
    public_key = models.CharField(max_length=1400, help_text="COSE key, base64url: ES256 or RS256.")
    rp_id = models.CharField(max_length=253, help_text="The host that it belongs to.")
    origin = models.CharField(max_length=300, help_text="The origin from which its signatures count.")
    aaguid = models.CharField(max_length=36, help_text="The make of the authenticator, as it says itself.")
    backup_eligible = models.BooleanField(help_text="Whether copies of it may exist, in a cloud for instance.")
    label = models.CharField(max_length=80, help_text="As its holder calls it; shown, never logged.")
    enrolled_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__gte=F("enrolled_at")) & ~Q(confirmed_by=F("person")),
                name="passkey_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("enrolled_at")), name="passkey_ends_after_start"
            ),
        ]
