"""Serious incidents, what is to be done about them, and what people noted.

What happened, whom it affected, who said that a law is equivalent, every task and every note are the words of people
about people. They lie in the erasable payload of the log entry that brought them and nowhere else, so that ``placet
redact`` is the whole of their erasure. What stands in a column can't be erased: the title, the authority, the reference
of a report and that of a closing; the pages say so beside each.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem
from monitoring.incidents import clocks
from monitoring.incidents.places import MEMBER_STATES
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

    Of several reports the row keeps the one that was sent first (``reported_at``, ``authority``, ``reference``,
    ``reported_by``), in whatever order they were recorded. ``stated_by`` said last what the incident is, and
    ``handed_over_by`` gave it its present owner: whoever is named there does not close it by their own word.
    """

    number_prefix = "INC"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        REPORTED = "reported", "Reported"
        CLOSED = "closed", "Closed"

    class Harm(models.TextChoices):
        DEATH = clocks.Harm.DEATH.value, "Death of a person"
        HEALTH = clocks.Harm.HEALTH.value, "Serious harm to health"
        INFRASTRUCTURE = clocks.Harm.INFRASTRUCTURE.value, "Disruption of critical infrastructure"
        RIGHTS = clocks.Harm.RIGHTS.value, "Breach of duties that protect fundamental rights"
        PROPERTY = clocks.Harm.PROPERTY.value, "Serious harm to property or the environment"

    class EquivalentLaw(models.TextChoices):
        SECTOR = clocks.EquivalentLaw.SECTOR.value, "Equivalent reporting duty of the provider"
        MEDICAL = clocks.EquivalentLaw.MEDICAL.value, "Medical or in vitro diagnostic device"

    class Ending(models.TextChoices):
        REPORTED = "reported", "Reported"
        NOT_SERIOUS = "not_serious", "Not a serious incident"
        NOT_OWED = "not_owed", "No report is owed"
        PROVIDER_INFORMED = "provider_informed", "The provider is informed"

    number = models.BigIntegerField(unique=True, help_text="What people call it: INC-3. Without gaps.")
    system = models.ForeignKey(AISystem, on_delete=models.PROTECT, related_name="incidents")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="incidents")
    alert = models.ForeignKey("monitoring.Alert", null=True, on_delete=models.PROTECT, related_name="incidents")
    title = models.CharField(max_length=300)
    harms = ArrayField(
        models.CharField(max_length=14, choices=Harm),
        default=list,
        help_text="Every outcome of Article 3(49) that it had or may have had; empty: none is established.",
    )
    widespread = models.BooleanField(default=False, help_text="A widespread infringement, Article 73(3).")
    member_states = ArrayField(
        models.CharField(max_length=2, choices=MEMBER_STATES),
        default=list,
        help_text="Where it occurred, which decides the authority.",
    )
    equivalent_law = models.CharField(
        max_length=9, choices=EquivalentLaw, blank=True, help_text="The paragraph that limits what is notified."
    )
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="incidents")
    handed_over_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who gave it its present owner."
    )
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    stated_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", help_text="Who stated facts of it last."
    )
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
    reported_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who recorded that report."
    )
    reports = models.PositiveSmallIntegerField(default=0, help_text="How many were sent, with those that followed.")
    ending = models.CharField(max_length=17, choices=Ending, blank=True, help_text="On which ground it was closed.")
    ending_reference = models.CharField(
        max_length=200, blank=True, help_text="The law by which no report is owed; or which provider was informed, how."
    )
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(harms__contained_by=[harm.value for harm in clocks.Harm]), name="known_harms_of_an_incident"
            ),
            models.CheckConstraint(
                condition=Q(member_states__contained_by=[code for code, _ in MEMBER_STATES]),
                name="known_member_states_of_an_incident",
            ),
            models.CheckConstraint(
                condition=Q(equivalent_law__in=["", *(law.value for law in clocks.EquivalentLaw)]),
                name="known_law_that_is_equivalent",
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
                condition=Q(reported_at__isnull=True, reported_by__isnull=True, authority="", reference="", reports=0)
                | (
                    Q(reported_at__isnull=False, reported_by__isnull=False, reports__gte=1)
                    & ~Q(authority="")
                    & ~Q(reference="")
                ),
                name="reported_to_an_authority_with_a_reference",
            ),
            models.CheckConstraint(
                condition=Q(state="open", reported_at__isnull=True)
                | Q(state="reported", reported_at__isnull=False)
                | Q(state="closed"),
                name="reported_once_a_report_was_sent",
            ),
            models.CheckConstraint(
                condition=(~Q(state="closed") & Q(ending=""))
                | Q(state="closed", ending="reported", reported_at__isnull=False)
                | Q(state="closed", ending__in=["not_serious", "not_owed", "provider_informed"]),
                name="closed_on_a_ground",
            ),
            models.CheckConstraint(
                condition=(Q(ending__in=["not_owed", "provider_informed"]) & ~Q(ending_reference=""))
                | (~Q(ending__in=["not_owed", "provider_informed"]) & Q(ending_reference="")),
                name="no_report_of_our_own_has_a_reference",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False, closed_by__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True, closed_by__isnull=True)),
                name="incident_closed_by_somebody_iff_closed",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True)
                | (~Q(closed_by=F("owner")) & (Q(handed_over_by__isnull=True) | ~Q(closed_by=F("handed_over_by")))),
                name="incident_closed_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True)
                | (Q(ending="reported") & ~Q(closed_by=F("reported_by")))
                | (~Q(ending="reported") & ~Q(closed_by=F("opened_by")) & ~Q(closed_by=F("stated_by"))),
                name="incident_not_closed_by_whose_word_it_rests_on",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "aware_at"], name="incident_by_state")]

    def __str__(self) -> str:
        return f"{self.number_prefix}-{self.number}"


class IncidentTask(Governed):
    """What somebody is to do about an incident by when. The words lie in the entry that added it."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="tasks")
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


class IncidentNote(Governed):
    """What somebody noted. The words lie in the payload of the entry that ``log_entry`` names."""

    immutable = True

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
