"""AI systems, their classification under the AI Act, and the datasets pinned to them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.proposal import Proposal, of_two_people


class AISystem(Governed):
    """What people are affected by: a purpose and an owner. Models serve a system; approvals are about its versions."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        LIVE = "live", "Live"
        RETIRED = "retired", "Retired"

    class AIActClass(models.TextChoices):
        PROHIBITED = "prohibited", "Prohibited"
        HIGH = "high", "High-risk"
        LIMITED = "limited", "Limited risk"
        MINIMAL = "minimal", "Minimal risk"
        OUT_OF_SCOPE = "out_of_scope", "Out of scope"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField(help_text="Intended purpose: for whom, to decide what, within which limits.")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="owned_systems")
    ai_roles = ArrayField(models.CharField(max_length=32), default=list, help_text="provider, deployer, …")
    ai_act_class = models.CharField(
        max_length=16, choices=AIActClass, blank=True, help_text="Empty until a classification is signed."
    )
    model_tier = models.PositiveSmallIntegerField(
        null=True, help_text="The organisation's own scale; 1 is the highest."
    )
    class_reopened_at = models.DateTimeField(
        null=True, help_text="Since when the signed class does not count: the system was modified. Empty: it counts."
    )
    favourable_outcome = models.CharField(max_length=200, help_text="The outcome that is good for the person affected.")
    success_criteria = models.JSONField(default=list, help_text="[{id, title, expr}], as signed; expr is CEL.")
    cost_matrix = models.JSONField(null=True, help_text="{fp, fn, unit}: what a wrong decision costs, as signed.")
    state = models.CharField(max_length=16, choices=State, default=State.PROPOSED)
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    retirement = models.TextField(blank=True, help_text="Why it was retired.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(model_tier__isnull=True) | Q(model_tier__range=(1, 4)), name="model_tier_between_1_and_4"
            ),
            models.CheckConstraint(
                condition=Q(state="retired", retired_at__isnull=False)
                | (~Q(state="retired") & Q(retired_at__isnull=True)),
                name="system_retired_at_iff_retired",
            ),
            models.CheckConstraint(
                condition=Q(class_reopened_at__isnull=True) | ~Q(ai_act_class=""),
                name="only_a_signed_class_is_reopened",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Classification(Proposal):
    """Answers, what follows from them, and the two people who stand for it. Sealed once signed."""

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="classifications")
    answers = models.JSONField()
    ai_act_class = models.CharField(max_length=16, choices=AISystem.AIActClass)
    annex_points = ArrayField(models.CharField(max_length=40), default=list)
    trace = models.JSONField(help_text="Each step with its question, answer, conclusion and points of law.")
    law_version = models.CharField(max_length=120)
    model_tier = models.PositiveSmallIntegerField()
    placed_on = models.DateField(
        null=True, help_text="When it was placed on the market or put into service, or will be; null is not known."
    )

    class Meta:
        constraints = of_two_people("classification", one_open_per="system", named="one_open_classification_per_system")


class Modification(Governed):
    """A change of a system after it was taken in, as somebody declared it. It opens the signed class again."""

    number_prefix = "M"

    immutable = True

    class Kind(models.TextChoices):
        SUBSTANTIAL = "substantial", "Substantial modification (Art. 3(23))"
        PURPOSE = "purpose", "Change of the intended purpose"
        FACTS = "facts", "Change of facts that the classification rests on"

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="modifications")
    number = models.PositiveIntegerField(help_text="1 for the first of the system, and so on.")
    kind = models.CharField(max_length=12, choices=Kind)
    what = models.TextField(help_text="What was or is to be changed.")
    purpose_before = models.TextField(blank=True, help_text="The intended purpose until then; empty: it stays.")
    class_before = models.CharField(
        max_length=16,
        choices=AISystem.AIActClass,
        blank=True,
        help_text="The signed class that it opened again; empty: none was signed.",
    )
    declared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "number"], name="one_modification_per_number")]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class ModelAssignment(Proposal):
    """That a registered model serves a system, and the two people who stand for it. Sealed once signed.

    The model is known by id and name only: it lives in the layer that mirrors the registry.
    """

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="assignments")
    model_id = models.UUIDField()
    model_name = models.CharField(max_length=256)
    from_system = models.ForeignKey(
        AISystem, null=True, on_delete=models.PROTECT, related_name="+", help_text="What it served when proposed."
    )

    class Meta:
        constraints = of_two_people("assignment", one_open_per="model_id", named="one_open_assignment_per_model")

    def __str__(self) -> str:
        return f"{self.model_name} for {self.system}"


class SuccessCriteria(Proposal):
    """What counts as success of a system, what wrong decisions cost, and the two people who stand for it.

    Sealed once signed; the newest signed ones are the system's. Each replaces all of the one before.
    """

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="criteria_proposals")
    criteria = models.JSONField(help_text="[{id, title, expr}]")
    cost_matrix = models.JSONField(null=True, help_text="{fp, fn, unit}")

    class Meta:
        constraints = of_two_people("criteria", one_open_per="system", named="one_open_criteria_proposal_per_system")


class Declaration(Governed):
    """One answer to one question of a system's record: what somebody said on a day. Sealed once reviewed.

    The newest number of a question counts; an empty text takes back what was said before.
    """

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        RETURNED = "returned", "Returned"

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="declarations")
    question = models.SlugField(max_length=60, help_text="Id in governance/regulation/record-questions.yaml.")
    number = models.PositiveIntegerField(help_text="1 for the first answer to the question, and so on.")
    text = models.TextField(blank=True)
    taken_from = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", help_text="The other system's answer it repeats."
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    verdict = models.CharField(max_length=8, choices=Verdict, blank=True)
    note = models.TextField(blank=True, help_text="What the reviewer said.")
    reviewed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "question", "number"], name="one_answer_per_number"),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("made_by")),
                name="answer_reviewed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True, reviewed_at__isnull=True, verdict="")
                | (Q(reviewed_by__isnull=False, reviewed_at__isnull=False) & ~Q(verdict="")),
                name="answer_reviewed_as_a_whole",
            ),
        ]

    @property
    def stands(self) -> bool:
        """Whether it says something and no reviewer returned it."""
        return bool(self.text) and self.verdict != self.Verdict.RETURNED


class DatasetPin(Governed):
    """The evaluation dataset on which every version of a system is measured, chosen by a validator."""

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="dataset_pins")
    role = models.CharField(max_length=16, default="evaluation")
    dataset_digest = models.CharField(max_length=71)
    pinned_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    pinned_at = models.DateTimeField()
    unpinned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system", "role"], condition=Q(unpinned_at__isnull=True), name="one_pinned_dataset_per_role"
            )
        ]


class Risk(Governed):
    """One line of a system's risk file (Article 9): a hazard, what is done about it, and who accepts what remains.

    Scores run from 1 to 5. Any change takes an acceptance back; the log keeps every state before.
    """

    number_prefix = "R"

    class Kind(models.TextChoices):
        HEALTH = "health", "Health"
        SAFETY = "safety", "Safety"
        RIGHTS = "rights", "Fundamental rights"
        FINANCIAL = "financial", "Financial"
        OTHER = "other", "Other"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        TREATED = "treated", "Treated"
        ACCEPTED = "accepted", "Accepted"
        CLOSED = "closed", "Closed"

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="risks")
    number = models.PositiveIntegerField(help_text="1 for the first risk of the system, and so on.")
    title = models.CharField(max_length=200)
    hazard = models.TextField(help_text="What can happen, and how.")
    affected = models.TextField(help_text="Who is affected.")
    kind = models.CharField(max_length=12, choices=Kind)
    likelihood = models.PositiveSmallIntegerField(help_text="Before measures: 1 (rare) to 5 (almost certain).")
    severity = models.PositiveSmallIntegerField(help_text="Before measures: 1 (slight) to 5 (gravest).")
    measures = models.TextField(blank=True)
    tests = models.TextField(blank=True, help_text="How the measures were tested; may name findings.")
    evidence = models.JSONField(
        default=list, help_text="Ids of the evidence that shows the tests, in order: of the system or its versions."
    )
    residual_likelihood = models.PositiveSmallIntegerField(null=True)
    residual_severity = models.PositiveSmallIntegerField(null=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    review_on = models.DateField(help_text="The last day for the next review.")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="Why the residual risk is acceptable, or why it was closed.")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "number"], name="one_risk_per_number"),
            models.CheckConstraint(
                condition=Q(likelihood__range=(1, 5), severity__range=(1, 5))
                & (Q(residual_likelihood__isnull=True) | Q(residual_likelihood__range=(1, 5)))
                & (Q(residual_severity__isnull=True) | Q(residual_severity__range=(1, 5))),
                name="risk_scores_between_1_and_5",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True)
                | ~(Q(accepted_by=F("owner")) | Q(accepted_by=F("made_by")) | Q(accepted_by=F("changed_by"))),
                name="risk_accepted_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True, accepted_at__isnull=True)
                | Q(accepted_by__isnull=False, accepted_at__isnull=False),
                name="risk_accepted_at_iff_accepted",
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(accepted_by__isnull=False), name="accepted_risk_names_who_accepted"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at__isnull=True)),
                name="risk_closed_at_iff_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class Correspondence(Governed):
    """One notice that goes out about a system, or one request that came in about a decision, with what became of it.

    Persons and authorities stand as the organisation's own reference, never by name or contact. What could say who
    somebody is (reference, decision, texts) is erasable; the rest stays.
    """

    number_prefix = "C"

    class Kind(models.TextChoices):
        NOTICE = "notice-26-11", "Notice to affected persons (Art. 26(11))"
        NOTIFICATION = "notification-27-3", "Notification of the impact assessment (Art. 27(3))"
        REGISTRATION = "registration-49", "Registration in the EU database (Art. 49)"
        EXPLANATION = "explanation-86", "Request for an explanation (Art. 86)"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SENT = "sent", "Sent"
        WITHDRAWN = "withdrawn", "Withdrawn"

    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="correspondence")
    number = models.PositiveIntegerField(help_text="1 for the first of the system, and so on.")
    kind = models.CharField(max_length=20, choices=Kind)
    reference = models.CharField(
        max_length=80, blank=True, help_text="Of whom it is with, in the organisation's own files. Empty once erased."
    )
    decision = models.CharField(
        max_length=200, blank=True, help_text="Of a request: id of the prediction that it asks about, as it was logged."
    )
    text = models.TextField(blank=True, help_text="What it is to say, or what was asked.")
    received_on = models.DateField(null=True, help_text="Of a request: the day on which it came.")
    due_on = models.DateField(null=True, help_text="Only where a law or the organisation's policy sets a day.")
    due_basis = models.CharField(max_length=200, blank=True, help_text="What sets it.")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    sent_on = models.DateField(null=True)
    answer = models.TextField(blank=True, help_text="What was answered, or what came back, such as a registration.")
    answered_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who wrote the answer as it stands."
    )
    answered_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="Why it was withdrawn.")
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    settled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "correspondence"
        constraints = [
            models.UniqueConstraint(fields=["system", "number"], name="one_correspondence_per_number"),
            models.CheckConstraint(
                condition=Q(kind="explanation-86", received_on__isnull=False)
                | (~Q(kind="explanation-86") & Q(received_on__isnull=True)),
                name="received_on_iff_request",
            ),
            models.CheckConstraint(
                condition=Q(due_on__isnull=True, due_basis="") | (Q(due_on__isnull=False) & ~Q(due_basis="")),
                name="due_only_with_what_sets_it",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_on__isnull=False) | (~Q(state="sent") & Q(sent_on__isnull=True)),
                name="sent_on_iff_sent",
            ),
            models.CheckConstraint(
                condition=Q(state="open", settled_at__isnull=True, settled_by__isnull=True)
                | (~Q(state="open") & Q(settled_at__isnull=False, settled_by__isnull=False)),
                name="correspondence_settled_at_iff_settled",
            ),
            models.CheckConstraint(
                condition=Q(answered_by__isnull=True, answered_at__isnull=True, answer="")
                | Q(answered_by__isnull=False, answered_at__isnull=False),
                name="answer_names_who_wrote_it",
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | (Q(reference="", decision="", text="", answer="", reason="") & ~Q(state="open")),
                name="erased_correspondence_says_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"
