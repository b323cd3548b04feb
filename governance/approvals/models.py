"""Requests for approval, the decisions on them, and findings. The subject is known by kind, name and digest only."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem
from governance.policy.models import PolicyVersion


class State(models.TextChoices):
    """The states of a request; DESIGN.md, section 4, has the table of moves."""

    COLLECTING = "collecting", "Collecting evidence"
    IN_REVIEW = "in_review", "In review"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    REJECTED = "rejected", "Rejected"
    APPROVED = "approved", "Approved"
    SUSPENDED = "suspended", "Suspended"
    REVOKED = "revoked", "Revoked"
    LAPSED = "lapsed", "Lapsed"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN = (State.COLLECTING, State.IN_REVIEW, State.CHANGES_REQUESTED)
GRANTED = (State.APPROVED, State.SUSPENDED)


class ApprovalRequest(Governed):
    """A question to people: may this subject, with these bytes, do what was asked, under this policy version?

    Everything that the answer rests on is copied at submission or frozen when the review opens: policy version, stages
    with the people who may sign, evidence ids and digests. Later edits elsewhere change nothing here.
    """

    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    subject_name = models.CharField(max_length=200)
    subject_digest = models.CharField(max_length=71)
    asks_for = models.CharField(max_length=200, help_text="alias champion")
    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="approval_requests")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approval_requests")
    excluded = models.JSONField(help_text="Who may not sign, and why: [{person, reasons}].")
    stages = models.JSONField(help_text="[{name, roles, quorum, requires, eligible: [person id]}], in order.")
    required_evidence = models.JSONField(help_text="What the policy wants: [{type, dataset, baseline, not_before, …}].")
    context = models.JSONField(default=dict, help_text="Facts about the candidate and what is in production now.")
    evidence_ids = models.JSONField(default=list, help_text="The manifest, frozen when the review opens.")
    manifest_digest = models.CharField(max_length=71, blank=True)
    verdict = models.JSONField(default=dict, help_text="The newest evaluation, with every check.")
    state = models.CharField(max_length=20, choices=State, default=State.COLLECTING)
    state_reason = models.CharField(max_length=500, blank=True)
    use_restrictions = ArrayField(models.CharField(max_length=200), default=list)
    opened_at = models.DateTimeField()
    resubmitted_at = models.DateTimeField(null=True, help_text="When the newest round began; empty in the first.")
    review_opened_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True, help_text="When those whom the policy names were told of the wait.")
    settled_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "asks_for"],
                condition=Q(state__in=["collecting", "in_review", "changes_requested"]),
                name="one_open_request_per_subject",
                violation_error_message="This subject already has an open request.",
            ),
            models.CheckConstraint(
                name="manifest_frozen_iff_review_opened",
                condition=Q(review_opened_at__isnull=True, manifest_digest="")
                | (Q(review_opened_at__isnull=False) & ~Q(manifest_digest="")),
            ),
            models.CheckConstraint(
                name="escalated_in_the_review_that_is_open",
                condition=Q(escalated_at__isnull=True)
                | Q(review_opened_at__isnull=False, escalated_at__gt=models.F("review_opened_at")),
            ),
            models.CheckConstraint(
                name="settled_at_iff_settled",
                condition=Q(state__in=["collecting", "in_review", "changes_requested"], settled_at__isnull=True)
                | (~Q(state__in=["collecting", "in_review", "changes_requested"]) & Q(settled_at__isnull=False)),
            ),
        ]
        indexes = [models.Index(fields=["state", "-opened_at"], name="request_by_state")]

    def __str__(self) -> str:
        return f"{self.subject_name} for {self.asks_for}"

    @property
    def outcome(self) -> str:
        return str(self.verdict.get("outcome", ""))


class Decision(Governed):
    """One person's signature in one stage. The rationale lies in the log's payload, so that it can be erased."""

    immutable = True

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        REQUEST_CHANGES = "request_changes", "Request changes"
        REJECT = "reject", "Reject"

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    round = models.PositiveSmallIntegerField(default=1, help_text="Counts resubmissions after requested changes.")
    stage = models.CharField(max_length=40)
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict)
    statement = models.TextField(help_text="The exact text that was signed, canonical JSON.")
    statement_digest = models.CharField(max_length=71)
    signature_kind = models.CharField(max_length=24, default="re-authentication")
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "round", "approver"], name="one_decision_per_person_and_round")
        ]


class Finding(Governed):
    """Something that is not as it should be: who must mend it, by when, and who saw that it is mended."""

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    system = models.ForeignKey(
        AISystem, null=True, on_delete=models.PROTECT, related_name="findings", help_text="Empty: of the installation."
    )
    request = models.ForeignKey(ApprovalRequest, null=True, on_delete=models.PROTECT, related_name="findings")
    source = models.CharField(max_length=40, help_text="reconciler, monitor, review.")
    code = models.CharField(max_length=60, help_text="digest-mismatch, unapproved-alias, drift.")
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=8, choices=Severity)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="findings")
    opened_at = models.DateTimeField()
    due_on = models.DateField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True) | ~Q(closed_by=models.F("owner")),
                name="finding_closed_by_another_person",
            ),
            models.UniqueConstraint(
                fields=["system", "code", "title"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="one_open_finding_per_cause",
            ),
        ]


class PolicyReplay(models.Model):
    """A policy held against past requests: a queue and its outcome. The row is the truth, a broker's message a hint.

    As with evidence jobs, a worker claims the row and extends its lease; only the newest attempt may finish it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy_version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.PROTECT, related_name="+")
    policy_name = models.CharField(max_length=80)
    policy_digest = models.CharField(max_length=71)
    text = models.TextField(help_text="The YAML that was replayed; kept as a version or not.")
    most = models.PositiveIntegerField(help_text="How many requests at most, the newest.")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    result = models.JSONField(default=list, help_text="A row for each request, oldest first.")
    result_digest = models.CharField(max_length=71, blank=True, help_text="sha256 of policy digest and rows.")
    replayed_entry = models.UUIDField(null=True, help_text="The log entry that names the result.")
    error = models.TextField(blank=True)
    made_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asked_by"], condition=Q(state__in=["queued", "running"]), name="one_open_replay_per_person"
            ),
            models.CheckConstraint(
                condition=Q(steps_done__lte=models.F("steps_total")), name="replayed_within_what_there_is"
            ),
            models.CheckConstraint(
                name="replay_finished_at_iff_finished",
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="replay_named_in_the_log_iff_done",
                condition=(Q(state="done", replayed_entry__isnull=False) & ~Q(result_digest=""))
                | (~Q(state="done") & Q(replayed_entry__isnull=True, result_digest="")),
            ),
        ]
        indexes = [models.Index(fields=["-made_at"], name="replay_newest_first")]

    def __str__(self) -> str:
        return f"Replay of {self.policy_version or self.policy_name}"
