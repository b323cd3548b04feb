"""Documents: what was printed, from which facts, under which law."""

from django.db import models

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem, Correspondence
from reports.bundle_models import BundleJob
from reports.disposal_models import Disposal

__all__ = ["BundleJob", "Disposal", "Document", "DocumentJob"]


class Document(Governed):
    """One PDF, named by its digest, and the snapshot of facts that it was made from."""

    immutable = True

    class Kind(models.TextChoices):
        ANNEX_IV = "annex-iv", "Technical documentation (Annex IV)"
        ANNEX_V = "annex-v", "EU declaration of conformity (Annex V)"
        ANNEX_VIII = "annex-viii", "Registration sheet (Annex VIII)"
        INSTRUCTIONS = "instructions", "Instructions for use (Art. 13)"
        FRIA = "fria", "Fundamental rights impact assessment (Art. 27)"
        RISK_FILE = "risk-file", "Risk file (Art. 9)"
        MONITORING_PLAN = "art-72-plan", "Post-market monitoring plan and report (Art. 72)"
        INCIDENT = "incident", "Report of a serious incident (Art. 73)"
        MODEL_RISK = "model-risk", "Model risk report of a quarter"
        MODEL_CARD = "model-card", "Model card of a version"
        VALIDATION_REPORT = "validation-report", "Validation report of a version"
        REVIEW_PACK = "review-pack", "Review pack of a promotion request"
        NOTICE = "notice-26-11", "Notice to affected persons (Art. 26(11))"
        NOTIFICATION = "notification-27-3", "Notification of the impact assessment (Art. 27(3))"
        REGISTRATION = "registration-49", "Registration in the EU database (Art. 49)"
        ANSWER = "answer-86", "Answer to a request for an explanation (Art. 86)"

    kind = models.CharField(max_length=24, choices=Kind)
    system = models.ForeignKey(
        AISystem,
        null=True,
        on_delete=models.PROTECT,
        related_name="documents",
        help_text="Empty: it is about all of them.",
    )
    signatory = models.ForeignKey(
        "DocumentSignatory",
        null=True,
        on_delete=models.PROTECT,
        related_name="signed_documents",
        help_text="Who made its statement; empty while nobody has, and where a document makes none.",
    )
    subject_name = models.CharField(max_length=200)
    snapshot = models.JSONField(help_text="Every fact that the PDF states, and the versions that drew it.")
    snapshot_digest = models.CharField(max_length=71)
    pdf_digest = models.CharField(max_length=71)
    unsigned_digest = models.CharField(
        max_length=71, help_text="Digest of the pages before the signature: the same snapshot gives it again."
    )
    unsigned_bytes = models.PositiveIntegerField(help_text="So many bytes of the file were there before the signature.")
    signature = models.JSONField(
        null=True, help_text="Level, signer, certificate and time-stamp authority, as the cover names them."
    )
    time_stamp_ends_at = models.DateTimeField(
        null=True, help_text="When the certificate behind the signature's time-stamp ends."
    )
    measured = models.PositiveIntegerField()
    declared = models.PositiveIntegerField()
    missing = models.PositiveIntegerField()
    law_version = models.CharField(max_length=120)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "snapshot_digest"], name="one_document_per_kind_and_snapshot")
        ]

    @classmethod
    def drafts_of_statements(cls) -> models.Q:
        """Return which documents wait for a person's statement: they count for nothing yet."""
        return models.Q(kind__in=STATED, signatory__isnull=True)

    @property
    def slug(self) -> str:
        """What its file is named after."""
        return self.system.slug if self.system else "all-systems"


STATED = (Document.Kind.ANNEX_V,)
"""The kinds whose statement a person makes by signing."""

ABOUT_A_VERSION = (Document.Kind.MODEL_CARD, Document.Kind.VALIDATION_REPORT)
"""The kinds that are about one model version."""
HOLD_A_VALIDATION = (*ABOUT_A_VERSION, Document.Kind.REVIEW_PACK)
"""The kinds whose facts hold what a validator wrote of a version."""
LETTERS: dict[str, str] = {
    Document.Kind.NOTICE: Correspondence.Kind.NOTICE,
    Document.Kind.NOTIFICATION: Correspondence.Kind.NOTIFICATION,
    Document.Kind.REGISTRATION: Correspondence.Kind.REGISTRATION,
    Document.Kind.ANSWER: Correspondence.Kind.EXPLANATION,
}
"""The kinds that are letters, each with the kind of correspondence that it is drawn of."""
ABOUT_ONE_THING = (Document.Kind.INCIDENT, Document.Kind.MODEL_RISK, *HOLD_A_VALIDATION, *LETTERS)
"""The kinds for which a system alone does not say what they are about."""


class DocumentSignatory(Governed):
    """A person's signature under the statement of a document, with what the Act wants printed of it.

    The name is what the person signs with. It stays with the document, as Annex V point 8 and Article 47 ask for.
    """

    immutable = True

    document = models.OneToOneField(
        Document, on_delete=models.PROTECT, related_name="signed_by", help_text="The draft that the person read."
    )
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    function = models.CharField(max_length=200)
    on_behalf_of = models.CharField(max_length=200)
    place = models.CharField(max_length=120)
    personal_data = models.BooleanField(help_text="The system processes personal data, so point 5 is stated too.")
    signed_at = models.DateTimeField()


class DocumentTimeStamp(Governed):
    """A later time-stamp over a document and all its earlier ones, kept beside the file, which stays as it is."""

    immutable = True

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="time_stamps")
    number = models.PositiveIntegerField()
    imprint = models.CharField(max_length=135, help_text="sha512 over the file and the tokens 1 to number - 1.")
    token_digest = models.CharField(max_length=71)
    authority = models.CharField(max_length=200)
    stamped_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="When the certificate behind it ends.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="one_time_stamp_per_document_and_number")
        ]


class DocumentJob(models.Model):
    """One document to build. The row is the truth; the broker's message is a hint."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=24, choices=Document.Kind)
    system = models.ForeignKey(AISystem, null=True, on_delete=models.CASCADE, related_name="+")
    about = models.CharField(
        max_length=40,
        blank=True,
        help_text="Id of the incident, version or correspondence, or first day of the quarter, that it is about.",
    )
    signatory = models.ForeignKey(DocumentSignatory, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=60, blank=True, help_text="What the worker is doing, such as the page.")
    error = models.TextField(blank=True)
    document = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
