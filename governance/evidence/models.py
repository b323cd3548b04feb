"""Evidence and the jobs that make it."""

import uuid
from datetime import UTC, datetime, time, timedelta

from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.evidence import evaluation


class EvidenceJob(models.Model):
    """One piece of work for the evidence worker. The row is the truth; a message in the broker is only a hint.

    A worker claims the row and extends its lease while it works. A lease that runs out is handed out again, under the
    next attempt number, and only the newest attempt may attach its evidence. A job that failed or was cancelled stays
    so; trying again makes another job, which names it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=40, help_text="fairness/v1")
    subject_digest = models.CharField(max_length=71)
    subject_name = models.CharField(max_length=200)
    dataset_digest = models.CharField(max_length=71, blank=True)
    baseline_digest = models.CharField(max_length=71, blank=True, help_text="What the subject is compared with.")
    parameters = models.JSONField(default=dict)
    subject_id = models.UUIDField(null=True, help_text="Which subject: the same bytes can be two of them.")
    baseline_id = models.UUIDField(null=True, help_text="Which subject the baseline is.")
    settings = models.JSONField(default=dict, help_text="What both run with beside their bytes: decision thresholds.")
    inputs_digest = models.CharField(max_length=71, help_text="sha256 over everything above: what determines it.")
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    made_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    again = models.UUIDField(null=True, help_text="The evidence that it makes again, to compare; it attaches none.")
    asked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    retry_of = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="retries", help_text="The job that this one repeats."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["inputs_digest", "again"],
                condition=Q(state__in=["queued", "running"]),
                nulls_distinct=False,
                name="one_open_job_per_inputs",
            ),
            models.CheckConstraint(
                condition=Q(again__isnull=True) | Q(asked_by__isnull=False), name="somebody_asks_for_a_reproduction"
            ),
            models.CheckConstraint(condition=Q(steps_done__lte=F("steps_total")), name="steps_done_within_total"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed", "cancelled"], finished_at__isnull=False),
                name="finished_at_iff_finished",
            ),
        ]
        indexes = [models.Index(fields=["subject_digest", "type"], name="job_by_subject")]


class EvidenceAttempt(models.Model):
    """One worker's try at a job: when it began and ended, and why it made nothing. Kept for good."""

    job = models.ForeignKey(EvidenceJob, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="Why it made no evidence; empty while it runs, or when it did.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="one_row_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of job {self.job_id}"


class Evidence(Governed):
    """A typed statement about a subject, named by its digest. Never changed; a newer one stands beside it."""

    immutable = True

    class Origin(models.TextChoices):
        COMPUTED = "computed", "Computed by Placet"
        SUBMITTED = "submitted", "Submitted"

    type = models.CharField(max_length=40)
    subject_digest = models.CharField(max_length=71)
    subject_name = models.CharField(max_length=200)
    dataset_digest = models.CharField(max_length=71, blank=True)
    baseline_digest = models.CharField(max_length=71, blank=True)
    parameters = models.JSONField(default=dict)
    subject_id = models.UUIDField(null=True, help_text="Which subject: the same bytes can be two of them.")
    baseline_id = models.UUIDField(null=True, help_text="Which subject the baseline is.")
    settings = models.JSONField(default=dict, help_text="What both run with beside their bytes: decision thresholds.")
    inputs_digest = models.CharField(max_length=71, help_text="sha256 over everything above: what determines it.")
    payload = models.JSONField()
    payload_digest = models.CharField(max_length=71)
    projection = models.JSONField(help_text="The scalars that a policy may name.")
    files = models.JSONField(default=dict, help_text="File name to digest.")
    environment = models.JSONField(default=dict, help_text="Versions, lock digest, seed, isolation level.")
    origin = models.CharField(max_length=9, choices=Origin)
    producer_id = models.CharField(max_length=60, help_text="Actor id of who or what made it.")
    job = models.OneToOneField(EvidenceJob, null=True, on_delete=models.PROTECT, related_name="evidence")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["subject_digest", "type", "-made_at"], name="evidence_by_subject"),
            models.Index(fields=["inputs_digest", "-made_at"], name="evidence_by_inputs"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.subject_name}"

    @property
    def dates_from(self) -> datetime:
        """Since when it counts as there, for a policy's ``max_age``: a late push makes nothing younger.

        What was made elsewhere dates from its signature, and an evaluation from the day on which it was performed.
        """
        dates = [self.made_at]
        if signed_at := self.environment.get("signed_at"):
            dates.append(datetime.fromisoformat(signed_at))
        if self.type == evaluation.TYPE and (day := evaluation.performed_on(self.projection)):
            dates.append(datetime.combine(day, time.max, UTC))
        return min(dates)


class EvidenceKey(Governed):
    """A public key with which an account signs evidence that it made itself; registered by an administrator."""

    holder = models.ForeignKey(User, on_delete=models.PROTECT, related_name="evidence_keys")
    public_key = models.TextField(unique=True, help_text="Ed25519, PEM.")
    key_digest = models.CharField(max_length=71, unique=True, help_text="sha256 of the raw key; envelopes name it so.")
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(registered_by=F("holder")), name="evidence_key_registered_by_another_person"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("registered_at")),
                name="evidence_key_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"evidence key {self.key_digest[7:23]}"


class Reproduction(Governed):
    """Evidence made again from what is stored of it, and whether the same came out."""

    immutable = True

    class Result(models.TextChoices):
        IDENTICAL = "identical", "Identical"
        WITHIN = "within", "Within tolerance"
        DIFFERS = "differs", "Differs"
        IMPOSSIBLE = "impossible", "Can't be made again"

    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="reproductions")
    job = models.OneToOneField(EvidenceJob, on_delete=models.PROTECT, related_name="reproduction")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    result = models.CharField(max_length=10, choices=Result)
    payload_digest = models.CharField(max_length=71, blank=True, help_text="Of what came out this time.")
    differences = models.JSONField(default=list, help_text="Fields that differ: path, then, now, within its tolerance.")
    reasons = models.JSONField(default=list, help_text="What was not the same as then, in sentences.")
    environment = models.JSONField(default=dict, help_text="Versions, lock digest, seed, isolation level of this time.")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["evidence", "-made_at"], name="reproduction_by_evidence")]
        constraints = [
            models.CheckConstraint(
                condition=Q(result="impossible", payload_digest="") | ~Q(result="impossible") & ~Q(payload_digest=""),
                name="impossible_iff_nothing_came_out",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.result} reproduction of evidence {self.evidence_id}"


class SubmittedDocument(Governed):
    """Somebody else's paper about a system or one of its versions: what its evidence says, to be found and held."""

    immutable = True

    class Kind(models.TextChoices):
        PEN_TEST = "pen_test", "Penetration test"
        DPIA = "dpia", "Data protection impact assessment"
        VALIDATION_REPORT = "validation_report", "Validation report"
        SUPPLIER_DOCUMENTS = "supplier_documents", "Documents of the supplier"
        OTHER = "other", "Other document"

    evidence = models.OneToOneField(Evidence, on_delete=models.PROTECT, related_name="document")
    system_id = models.UUIDField(help_text="The AI system that it is about, itself or by one of its versions.")
    kind = models.CharField(max_length=20, choices=Kind)
    submitter = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    issued_on = models.DateField()
    expires_on = models.DateField(help_text="The last day on which it counts.")
    submitted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_on__gt=F("issued_on"), expires_on__lte=F("issued_on") + timedelta(days=1096)),
                name="document_counts_for_three_years_at_most",
            ),
        ]
        indexes = [models.Index(fields=["system_id", "-submitted_at"], name="document_by_system")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.evidence.subject_name}"


class EvidenceReview(Governed):
    """What another person said of a submitted document, for good; why lies in the entry's payload."""

    immutable = True

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"

    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict)
    reviewed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["evidence", "reviewer"], name="one_review_per_evidence_and_reviewer"),
            models.CheckConstraint(condition=Q(verdict__in=["accepted", "refused"]), name="known_review_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"
