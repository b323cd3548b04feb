"""Requests for approval and the decisions on them. The subject is known by kind, name and digest only."""

from datetime import timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce

from governance.accounts.models import Passkey, User
from governance.accounts.roles import Role
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
    RENEWED = "renewed", "Renewed"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN = (State.COLLECTING, State.IN_REVIEW, State.CHANGES_REQUESTED)
GRANTED = (State.APPROVED, State.SUSPENDED)


class ChangeClass(models.TextChoices):
    """What a change is to the system's conformity: stated by who asks for it, confirmed in the validation stage."""

    SUBSTANTIAL = "substantial", "Substantial"
    NON_SUBSTANTIAL = "non-substantial", "Non-substantial"
    PRE_DETERMINED = "pre-determined", "Pre-determined"


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
    stages = models.JSONField(
        help_text="[{name, roles, quorum, requires, eligible: [person id], delegates: {who: for whom}}], in order."
    )
    required_evidence = models.JSONField(help_text="What the policy wants: [{type, dataset, baseline, not_before, …}].")
    context = models.JSONField(default=dict, help_text="Facts about the candidate and what is in production now.")
    evidence_ids = models.JSONField(default=list, help_text="The manifest, frozen when the review opens.")
    manifest_digest = models.CharField(max_length=71, blank=True)
    verdict = models.JSONField(default=dict, help_text="The newest evaluation, with every check.")
    state = models.CharField(max_length=20, choices=State, default=State.COLLECTING)
    state_reason = models.CharField(max_length=500, blank=True)
    use_restrictions = ArrayField(models.CharField(max_length=200), default=list)
    decide_within = models.DurationField(help_text="From the policy: how long people have once the review is open.")
    opened_at = models.DateTimeField()
    resubmitted_at = models.DateTimeField(null=True, help_text="When the newest round began; empty in the first.")
    review_opened_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True, help_text="When those whom the policy names were told of the wait.")
    settled_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    renews = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="renewals", help_text="The approval that it extends."
    )

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
        indexes = [
            models.Index(fields=["state", "-opened_at"], name="request_by_state"),
            models.Index(
                fields=["valid_until"], condition=Q(state__in=["approved", "suspended"]), name="granted_by_its_end"
            ),
            models.Index(
                fields=["escalated_at"], condition=Q(escalated_at__isnull=False), name="request_by_escalation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_name} for {self.asks_for}"

    @property
    def outcome(self) -> str:
        return str(self.verdict.get("outcome", ""))


class Delegation(Governed):
    """One person's place in stages, lent to another for a time. It is a place and never a role: see ``delegations``."""

    delegator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations_received")
    role = models.CharField(max_length=32, choices=Role, blank=True, help_text="Empty: each role that decides.")
    system = models.ForeignKey(
        AISystem, null=True, on_delete=models.PROTECT, related_name="delegations", help_text="Empty: all systems."
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(delegate=F("delegator")), name="nobody_delegates_to_oneself"),
            models.CheckConstraint(
                condition=Q(role__in=["", "validator", "risk_officer", "data_protection_officer"]),
                name="a_deciding_role_is_delegated",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from"), valid_until__lte=F("valid_from") + timedelta(days=90)),
                name="delegation_of_90_days_at_most",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False)
                & ~Q(confirmed_by=F("delegator"))
                & ~Q(confirmed_by=F("delegate")),
                name="delegation_confirmed_by_a_third_person",
            ),
            ExclusionConstraint(
                name="one_delegator_at_a_time",
                expressions=[
                    ("delegate", RangeOperators.EQUAL),
                    ("delegator", RangeOperators.NOT_EQUAL),
                    (Func("valid_from", "valid_until", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(confirmed_at__isnull=False, ended_at__isnull=True),
            ),
        ]
        indexes = [models.Index(fields=["delegate", "valid_until"], name="delegation_by_delegate")]

    def __str__(self) -> str:
        return f"{self.delegate} for {self.delegator}"


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
    on_behalf_of = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Whose place a delegate signs in."
    )
    verdict = models.CharField(max_length=16, choices=Verdict)
    change_class = models.CharField(
        max_length=20, choices=ChangeClass, blank=True, help_text="What an approval in the validation stage confirms."
    )
    statement = models.TextField(help_text="The exact text that was signed, canonical JSON.")
    statement_digest = models.CharField(max_length=71)
    signature_kind = models.CharField(max_length=24, default="re-authentication")
    passkey = models.ForeignKey(Passkey, null=True, on_delete=models.PROTECT, related_name="decisions")
    assertion = models.JSONField(null=True, help_text="The passkey's signature: authenticator_data, client_data, …")
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "round", "approver"], name="one_decision_per_person_and_round"),
            models.CheckConstraint(
                condition=Q(signature_kind="passkey", passkey__isnull=False, assertion__isnull=False)
                | ~Q(signature_kind="passkey") & Q(passkey__isnull=True, assertion__isnull=True),
                name="decision_names_the_passkey_that_signed_it",
            ),
            models.UniqueConstraint(
                "request", "round", Coalesce("on_behalf_of", "approver"), name="one_decision_per_place_and_round"
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of__isnull=True) | ~Q(on_behalf_of=F("approver")),
                name="nobody_signs_on_their_own_behalf",
            ),
            models.CheckConstraint(
                condition=Q(change_class__in=["", *ChangeClass.values]), name="known_change_class_is_confirmed"
            ),
        ]
