"""Serious incidents, what is to be done about them, and what people noted.

What happened, whom it affected and every note are the words of people about people. They lie in the erasable payload
of the log entry that brought them and nowhere else, so that ``placet redact`` is the whole of their erasure.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem
from monitoring.incidents import clocks
from registry.models import ModelVersion


class Incident(Governed):
    """An incident that may be serious in the sense of Article 3(49), from its first word to its closing.

    The four times, and what the database keeps of them:

    - ``aware_at`` starts the clocks, so it is never empty. Whoever writes an incident down knows of it: it is at the
      latest ``opened_at``. That it showed only later how serious it is can be argued with the authority; Placet shows
      the earlier day.
    - ``suspected_at`` may lie before it: that the system does harm can be suspected before anybody is aware of an
      incident.
    - ``link_established_at`` is when *we* established the causal link, or its reasonable likelihood, and may not: what
      is linked is the incident of which we are aware. Nor does it lie before the suspicion.
    - ``reported_at``: nobody reports what they are not aware of.

    ``occurred_at``, where it is known, comes before all of them. None lies in the future.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        REPORTED = "reported", "Reported"
        CLOSED = "closed", "Closed"

    class Harm(models.TextChoices):
        PERSON = clocks.Harm.PERSON.value, "Death, or serious harm to health"
        INFRASTRUCTURE = clocks.Harm.INFRASTRUCTURE.value, "Disruption of critical infrastructure"
        RIGHTS = clocks.Harm.RIGHTS.value, "Breach of duties that protect fundamental rights"
        PROPERTY = clocks.Harm.PROPERTY.value, "Serious harm to property or the environment"
        NOT_ESTABLISHED = clocks.NOT_ESTABLISHED, "Not established yet"

    number = models.BigIntegerField(unique=True, help_text="What people call it: INC-3. Without gaps.")
    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="incidents")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="incidents")
    alert = models.ForeignKey("monitoring.Alert", null=True, on_delete=models.PROTECT, related_name="incidents")
    title = models.CharField(max_length=300)
    harm = models.CharField(max_length=15, choices=Harm, default=Harm.NOT_ESTABLISHED)
    death = models.BooleanField(default=False)
    widespread = models.BooleanField(default=False, help_text="A widespread infringement, Article 73(3).")
    equivalent_law = models.BooleanField(
        default=False, help_text="Our sector's law has an equivalent reporting duty, Article 73(9)."
    )
    equivalent_law_note = models.CharField(max_length=300, blank=True, help_text="Who said so, and which law it is.")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="incidents")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    occurred_at = models.DateTimeField(null=True, help_text="Empty: not known yet.")
    aware_at = models.DateTimeField(help_text="When the organisation became aware of it; starts the clocks.")
    suspected_at = models.DateTimeField(null=True, help_text="When a link to the AI system was first suspected.")
    link_established_at = models.DateTimeField(
        null=True, help_text="When the causal link, or its reasonable likelihood, was established."
    )
    reported_at = models.DateTimeField(null=True, help_text="When the first report went to the authority.")
    authority = models.CharField(max_length=200, blank=True, help_text="Which market surveillance authority has it.")
    reference = models.CharField(max_length=200, blank=True, help_text="The authority's, or of the dispatch.")
    reports = models.PositiveSmallIntegerField(default=0, help_text="How many were sent, with those that followed.")
    not_serious = models.BooleanField(default=False, help_text="Closed because it was none; the log says why.")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(harm__in=["a", "b", "c", "d", "not_established"]), name="known_harm_of_an_incident"
            ),
            models.CheckConstraint(
                condition=Q(occurred_at__isnull=True)
                | (
                    Q(occurred_at__lte=F("aware_at"))
                    & (Q(suspected_at__isnull=True) | Q(occurred_at__lte=F("suspected_at")))
                ),
                name="incident_occurred_before_it_was_known",
            ),
            models.CheckConstraint(condition=Q(aware_at__lte=F("opened_at")), name="aware_once_it_is_written_down"),
            models.CheckConstraint(
                condition=Q(link_established_at__isnull=True)
                | (
                    Q(link_established_at__gte=F("aware_at"))
                    & (Q(suspected_at__isnull=True) | Q(suspected_at__lte=F("link_established_at")))
                ),
                name="link_established_after_awareness_and_suspicion",
            ),
            models.CheckConstraint(
                condition=Q(reported_at__isnull=True) | Q(reported_at__gte=F("aware_at")),
                name="reported_after_awareness",
            ),
            models.CheckConstraint(
                condition=Q(reported_at__isnull=True, authority="", reference="", reports=0)
                | (Q(reported_at__isnull=False, reports__gte=1) & ~Q(authority="") & ~Q(reference="")),
                name="reported_to_an_authority_with_a_reference",
            ),
            models.CheckConstraint(
                condition=Q(state="open", reported_at__isnull=True)
                | Q(state="reported", reported_at__isnull=False)
                | Q(state="closed", reported_at__isnull=False)
                | Q(state="closed", not_serious=True),
                name="closed_once_reported_or_not_serious",
            ),
            models.CheckConstraint(
                condition=Q(not_serious=False) | Q(state="closed"), name="not_serious_is_said_by_closing"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False, closed_by__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True, closed_by__isnull=True)),
                name="incident_closed_by_somebody_iff_closed",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True) | ~Q(closed_by=F("owner")), name="incident_closed_by_another_person"
            ),
            models.CheckConstraint(
                condition=Q(equivalent_law=False, equivalent_law_note="")
                | (Q(equivalent_law=True) & ~Q(equivalent_law_note="")),
                name="somebody_said_that_a_law_is_equivalent",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "aware_at"], name="incident_by_state")]

    def __str__(self) -> str:
        return f"INC-{self.number}"


class IncidentTask(Governed):
    """Something that is to be done about an incident, by whom and when."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="tasks")
    text = models.CharField(max_length=300)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, done_by__isnull=True)
                | Q(done_at__isnull=False, done_by__isnull=False),
                name="task_done_by_somebody_iff_done",
            )
        ]

    def __str__(self) -> str:
        return self.text


class IncidentNote(Governed):
    """What somebody noted. The words lie in the payload of the entry that ``log_entry`` names."""

    immutable = True

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
