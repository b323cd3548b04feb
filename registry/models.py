"""The mirror of MLflow's registry, promotions, permits, and who served when."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest, ChangeClass
from governance.audit.governed import Governed
from governance.inventory.models import AISystem
from placet.uris import DEFAULT_WORKSPACE, OUTSIDE, qualified
from registry.adoption_models import AdoptedAlias, Adoption
from registry.dataset_models import DatasetSnapshot
from registry.notice_models import RegistrationNotice, RunNotice
from registry.recorded_models import BuildsOn
from registry.watching_models import ObservedAlias, WatchPulse, WatchSpan, WebhookDelivery

__all__ = [
    "AdoptedAlias",
    "Adoption",
    "BuildsOn",
    "DatasetSnapshot",
    "ObservedAlias",
    "RegistrationNotice",
    "RunNotice",
    "WatchPulse",
    "WatchSpan",
    "WebhookDelivery",
]


class RegisteredModel(Governed):
    """A name in a workspace of MLflow's registry, or outside it. Without an AI system it can't be promoted."""

    workspace = models.CharField(max_length=120, default=DEFAULT_WORKSPACE)
    name = models.CharField(max_length=256)
    system = models.ForeignKey(AISystem, null=True, on_delete=models.PROTECT, related_name="models")
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_model_per_workspace_and_name")]

    def __str__(self) -> str:
        return qualified(self.workspace, self.name)

    @property
    def is_recorded(self) -> bool:
        """Whether no MLflow holds it, so that Placet has people's word of it and can move nothing."""
        return self.workspace == OUTSIDE


class ModelVersion(Governed):
    """One version as MLflow had it when first seen, or as a person recorded it where no MLflow holds it.

    MLflow uses numbers again, so the creation time counts too. The digest of a recorded one is over what was recorded.
    """

    class Origin(models.TextChoices):
        MLFLOW = "mlflow", "Mirrored from MLflow"
        RECORDED = "recorded", "Recorded by a person"

    origin = models.CharField(max_length=8, choices=Origin, default=Origin.MLFLOW, db_default=Origin.MLFLOW)
    described = models.JSONField(null=True, help_text="Of a recorded one: what it is (registry/descriptions.py).")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    mlflow_created_at_ms = models.BigIntegerField(help_text="Of a recorded one: when it was recorded.")
    run_id = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=1000)
    storage_location = models.CharField(max_length=1000)
    artifact_digest = models.CharField(max_length=71, blank=True, help_text="Root digest; empty until digested.")
    manifest_digest = models.CharField(max_length=71, blank=True, help_text="Digest of the file list, names included.")
    artifact_bytes = models.PositiveBigIntegerField(default=0)
    flavor = models.CharField(max_length=60, blank=True)
    signature = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    decision_threshold = models.FloatField(default=0.5)
    trained_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="trained_versions", help_text="Who made its run."
    )
    registered_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="registered_versions")
    evaluation_dataset = models.ForeignKey(
        DatasetSnapshot, null=True, on_delete=models.PROTECT, related_name="evaluated_versions"
    )
    training_dataset = models.ForeignKey(
        DatasetSnapshot, null=True, on_delete=models.PROTECT, related_name="trained_versions"
    )
    problem = models.CharField(max_length=500, blank=True, help_text="Why it can't be used as it is, in one sentence.")
    code = models.JSONField(
        null=True, help_text="What its run's tags say of its code: {commit, source, type, repository, entry_point}."
    )
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "number", "mlflow_created_at_ms"], name="one_version_per_number_and_creation"
            ),
            models.CheckConstraint(
                condition=Q(origin="mlflow", described__isnull=True)
                | Q(origin="recorded", described__has_keys=["kind", "supplier", "product", "version"])
                & Q(registered_by__isnull=False, manifest_digest=F("artifact_digest"), source="", run_id="")
                & ~Q(artifact_digest=""),
                name="version_has_what_its_origin_needs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"

    @property
    def subject_name(self) -> str:
        return f"{self.model}/{self.number}"

    @property
    def is_recorded(self) -> bool:
        """Whether no MLflow holds it, so that nothing of it can be run or moved."""
        return self.origin == self.Origin.RECORDED


class PromotionRequest(Governed):
    """A version asks for an alias. What people say of it stands in its approval, never copied here."""

    number_prefix = "PR"
    told_with = ("approval_id",)

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        APPLYING = "applying", "Applying"
        APPLIED = "applied", "Applied"
        SUPERSEDED = "superseded", "Superseded"
        ROLLED_BACK = "rolled_back", "Rolled back"
        FAILED = "failed", "Failed"

    number = models.BigIntegerField(unique=True, help_text="What people call it: PR-12.")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotion_requests")
    alias = models.CharField(max_length=255)
    approval = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="promotion")
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="promotion_requests")
    change_class = models.CharField(max_length=20, choices=ChangeClass, default=ChangeClass.NON_SUBSTANTIAL)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    in_answer_to = models.CharField(max_length=20, blank=True, help_text="The alert that it answers: AL-7.")
    state_reason = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(change_class__in=ChangeClass.values), name="known_change_class_is_stated"
            )
        ]
        indexes = [
            models.Index(fields=["state", "-made_at"], name="promotion_by_state"),
            models.Index(fields=["-made_at", "-id"], name="promotion_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class AliasChange(Governed):
    """One intended write of a protected alias. Every grant, and so every such write in MLflow, belongs to one."""

    number_prefix = "AC"

    class Kind(models.TextChoices):
        PROMOTION = "promotion", "Promotion"
        ROLLBACK = "rollback", "Rollback"
        STOP = "stop", "Stop"
        BREAK_GLASS = "break_glass", "Break-glass"
        REVERT = "revert", "Revert"

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    number = models.BigIntegerField(unique=True, help_text="What people call it: AC-7.")
    kind = models.CharField(max_length=12, choices=Kind)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="alias_changes")
    alias = models.CharField(max_length=255)
    version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.PROTECT, related_name="+", help_text="Null takes the alias off."
    )
    replaces = models.ForeignKey(
        ModelVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What was live when it was asked.",
    )
    promotion = models.ForeignKey(
        PromotionRequest,
        null=True,
        on_delete=models.PROTECT,
        related_name="changes",
        help_text="On whose approval the version serves; null where nobody approved it.",
    )
    asked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000, blank=True)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    state_reason = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True)
    journal_id = models.UUIDField(
        null=True, unique=True, help_text="The plugin's own name of it, if it was done while Placet was away."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["promotion", "rollback"], version__isnull=False, promotion__isnull=False)
                | Q(kind="break_glass", version__isnull=False, promotion__isnull=True, asked_by__isnull=False)
                | Q(kind="stop", version__isnull=True)
                | Q(kind="revert", asked_by__isnull=True),
                name="alias_change_has_what_its_kind_needs",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["promotion", "revert"]) | ~Q(reason=""), name="alias_change_says_why"
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False) | ~Q(state="done") & Q(done_at__isnull=True),
                name="alias_change_is_done_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["state", "asked_at"], name="alias_change_by_state")]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class ApplyGrant(Governed):
    """The right to write one alias once, within ten seconds. MLflow's plugin shows it; only its hash is kept."""

    change = models.ForeignKey(AliasChange, on_delete=models.PROTECT, related_name="grants")
    digest = models.CharField(max_length=71, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, help_text="When the gate let the call through.")
    written_at = models.DateTimeField(null=True, help_text="When MLflow was seen to have done it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["change"], condition=Q(written_at__isnull=False), name="one_write_per_alias_change"
            ),
            models.CheckConstraint(
                condition=Q(written_at__isnull=True) | Q(used_at__isnull=False), name="only_a_used_grant_has_written"
            ),
        ]


class Permit(Governed):
    """A licence to serve, roll back or stop, signed by the notary from what the log says."""

    immutable = True

    class Kind(models.TextChoices):
        SERVE = "serve", "Serve"
        ROLLBACK = "rollback", "Roll back"
        STOP = "stop", "Stop"

    approval = models.ForeignKey(
        ApprovalRequest,
        null=True,
        on_delete=models.PROTECT,
        related_name="permits",
        help_text="Null where one person broke the glass.",
    )
    change = models.ForeignKey(
        AliasChange,
        null=True,
        on_delete=models.PROTECT,
        related_name="permits",
        help_text="The broken glass that it licenses, or the write that a rollback or stop would undo.",
    )
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SERVE)
    envelope = models.JSONField(help_text="DSSE envelope over the in-toto statement.")
    digest = models.CharField(max_length=71, unique=True, help_text="sha256 of the signed payload.")
    log_index = models.BigIntegerField(help_text="The entry that the notary derived it from.")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval", "kind", "log_index"],
                condition=Q(kind="serve"),
                nulls_distinct=False,
                name="one_permit_per_approval",
            ),
            models.CheckConstraint(
                condition=Q(kind="serve", approval__isnull=False, change__isnull=True)
                | Q(kind="serve", approval__isnull=True, change__isnull=False)
                | Q(kind="rollback", approval__isnull=False, change__isnull=False)
                | Q(kind="stop", change__isnull=False),
                name="permit_rests_on_something",
            ),
        ]
        indexes = [models.Index(fields=["change", "kind", "-issued_at"], name="permit_by_change")]


class RevocationList(Governed):
    """Which permits are not simply in force, as the log showed it; signed by the notary, each with a larger number."""

    immutable = True

    number = models.BigIntegerField(unique=True, help_text="Grows from list to list.")
    envelope = models.JSONField(help_text="DSSE envelope over the in-toto statement.")
    digest = models.CharField(max_length=71, unique=True, help_text="sha256 of the envelope.")
    log_size = models.BigIntegerField(help_text="The tree that it was derived from.")
    withdrawn = models.PositiveIntegerField(help_text="How many permits it names.")
    issued_at = models.DateTimeField()
    next_update = models.DateTimeField(help_text="By then there is a newer one.")


class ModelSignature(Governed):
    """The files that a permit names, signed by the notary for the stock ``model_signing`` tool."""

    immutable = True

    permit = models.ForeignKey(Permit, on_delete=models.PROTECT, related_name="model_signatures")
    bundle = models.TextField(help_text="Sigstore bundle (JSON), as it was written.")
    digest = models.CharField(max_length=71, help_text="sha256 of the bundle.")
    key_hint = models.CharField(max_length=64, help_text="Hex SHA-256 of the public key's PEM.")
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["permit", "key_hint"], name="one_model_signature_per_permit_and_key")
        ]


class AliasHistory(Governed):
    """What an alias meant, from when to when, on whose word."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="alias_history")
    alias = models.CharField(max_length=255)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="alias_history")
    during = DateTimeRangeField()
    promotion = models.ForeignKey(PromotionRequest, null=True, on_delete=models.PROTECT, related_name="alias_history")
    opened_by = models.ForeignKey(
        AliasChange,
        null=True,
        on_delete=models.PROTECT,
        related_name="opened",
        help_text="The change that began it; null for what was adopted.",
    )
    ended_by = models.ForeignKey(AliasChange, null=True, on_delete=models.PROTECT, related_name="ended")
    adoption = models.ForeignKey(
        Adoption,
        null=True,
        on_delete=models.PROTECT,
        related_name="alias_history",
        help_text="By which it serves without an approval: it was there when Placet came.",
    )

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_version_per_alias_at_a_time",
                expressions=[
                    ("model", RangeOperators.EQUAL),
                    ("alias", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=~Q(alias=""), name="alias_is_named"),
            models.CheckConstraint(
                condition=Q(adoption__isnull=True) | Q(promotion__isnull=True, opened_by__isnull=True),
                name="what_was_adopted_has_no_approval",
            ),
        ]


class GateConfiguration(Governed):
    """What the gate protects and how strictly: written by one person, in force once another has signed."""

    class Mode(models.TextChoices):
        OBSERVE = "observe", "Observe"
        WARN = "warn", "Warn"
        BLOCK = "block", "Block"

    class Registry(models.TextChoices):
        GOVERNED = "governed", "Governed: MLflow runs Placet's plugin"
        STOCK = "stock", "Stock: detected, not prevented"

    number = models.PositiveIntegerField(unique=True)
    protected_aliases = ArrayField(models.CharField(max_length=255), help_text="Names or shell patterns, folded.")
    mode = models.CharField(max_length=8, choices=Mode, help_text="For models that no policy governs.")
    registry = models.CharField(max_length=8, choices=Registry)
    automatic_revert = models.BooleanField(default=False)
    loosens = models.BooleanField(default=False, help_text="It protects less than the one before.")
    reason = models.CharField(max_length=1000)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    signed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="When another took its place, or it was withdrawn.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_by__isnull=True, signed_at__isnull=True)
                | Q(signed_by__isnull=False, signed_at__gte=F("proposed_at")) & ~Q(signed_by=F("proposed_by")),
                name="gate_configuration_signed_by_a_second_person",
            ),
            models.UniqueConstraint(
                models.ExpressionWrapper(Q(signed_at__isnull=False), output_field=models.BooleanField()),
                condition=Q(ended_at__isnull=True),
                name="one_gate_configuration_in_force_and_one_proposed",
            ),
            models.CheckConstraint(condition=~Q(protected_aliases=[]), name="gate_protects_something"),
        ]

    def __str__(self) -> str:
        return f"gate configuration {self.number}"


class Marking(models.Model):
    """The tags ``gov.*`` that Placet has set in MLflow on a model or on one of its versions."""

    id = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    version = models.OneToOneField(ModelVersion, null=True, on_delete=models.PROTECT, related_name="marking")
    tags = models.JSONField(default=dict)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model"], condition=Q(version__isnull=True), name="one_marking_per_model")
        ]
