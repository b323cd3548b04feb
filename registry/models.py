"""The mirror of MLflow's registry, promotions, permits, and who served when."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest, ChangeClass
from governance.audit.governed import Governed
from governance.inventory.models import AISystem


class RegisteredModel(Governed):
    """A name in MLflow's registry. Without an AI system it can't be promoted."""

    workspace = models.CharField(max_length=120, default="default")
    name = models.CharField(max_length=256)
    system = models.ForeignKey(AISystem, null=True, on_delete=models.PROTECT, related_name="models")
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_model_per_workspace_and_name")]

    def __str__(self) -> str:
        return self.name


class DatasetSnapshot(Governed):
    """A dataset as bytes: what is in it, what it may be used for, which columns mean what."""

    class Role(models.TextChoices):
        TRAINING = "training", "Training"
        EVALUATION = "evaluation", "Evaluation"
        REFERENCE = "reference", "Reference"
        WINDOW = "window", "Window"

    digest = models.CharField(max_length=71, help_text="sha256 over the whole content.")
    role = models.CharField(max_length=16, choices=Role)
    uri = models.CharField(max_length=1000)
    rows = models.PositiveBigIntegerField()
    columns = models.JSONField(help_text="[{name, type}]")
    features = ArrayField(models.CharField(max_length=200), default=list)
    label = models.CharField(max_length=200)
    positive_label = models.CharField(max_length=200, help_text="The event that the score is for.")
    favourable_label = models.CharField(max_length=200, help_text="The outcome that is good for the person.")
    sensitive_features = ArrayField(models.CharField(max_length=200), default=list)
    reference_groups = models.JSONField(default=dict)
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "role"], name="one_snapshot_per_digest_and_role")]


class ModelVersion(Governed):
    """One version as MLflow had it when first seen. Numbers are used again there, so the creation time counts too."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    mlflow_created_at_ms = models.BigIntegerField()
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
    trained_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="trained_versions")
    evaluation_dataset = models.ForeignKey(DatasetSnapshot, null=True, on_delete=models.PROTECT, related_name="+")
    problem = models.CharField(max_length=500, blank=True, help_text="Why it can't be used as it is, in one sentence.")
    code = models.JSONField(
        null=True, help_text="What its run's tags say of its code: {commit, source, type, repository, entry_point}."
    )
    mirrored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "number", "mlflow_created_at_ms"], name="one_version_per_number_and_creation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"

    @property
    def subject_name(self) -> str:
        return f"{self.model.name}/{self.number}"


class PromotionRequest(Governed):
    """A version asks for an alias. What people say of it stands in its approval, never copied here."""

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
    state_reason = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(change_class__in=ChangeClass.values), name="known_change_class_is_stated"
            )
        ]
        indexes = [models.Index(fields=["state", "-made_at"], name="promotion_by_state")]

    def __str__(self) -> str:
        return f"PR-{self.number}"


class ApplyGrant(Governed):
    """The right to set one alias once, within ten seconds. MLflow's plugin shows it; only its hash is kept."""

    promotion = models.ForeignKey(PromotionRequest, on_delete=models.PROTECT, related_name="grants")
    digest = models.CharField(max_length=71, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Permit(Governed):
    """A licence to serve, signed by the notary from what the log says."""

    immutable = True

    approval = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="permits")
    kind = models.CharField(max_length=8, default="serve")
    envelope = models.JSONField(help_text="DSSE envelope over the in-toto statement.")
    digest = models.CharField(max_length=71, unique=True, help_text="sha256 of the signed payload.")
    log_index = models.BigIntegerField(help_text="The entry of the approval that the notary re-derived.")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "kind", "log_index"], name="one_permit_per_approval")
        ]


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
        ]


class RegistrationNotice(models.Model):
    """Who registered a version, as MLflow's plugin authenticated them; the only source of ``trained_by``.

    It names the very version: somebody who registers the same source again must not take the first one's place.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=256)
    number = models.PositiveIntegerField()
    created_at_ms = models.BigIntegerField()
    username = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["name", "number"], name="notice_by_version")]
