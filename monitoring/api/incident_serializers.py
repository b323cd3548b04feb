"""Input and output of the endpoints of serious incidents."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from governance.accounts.presence_input import PresenceInput
from governance.common import clock
from monitoring.incidents import selectors, wording
from monitoring.incidents.checks import NOTE
from monitoring.incidents.clocks import COUNTING, Clock
from monitoring.incidents.models import Incident
from monitoring.incidents.places import MEMBER_STATES
from monitoring.incidents.selectors import Act

LONGEST = 4000


class StatedInput(serializers.Serializer[Any]):
    """What can be stated of an incident at any time."""

    harms = serializers.ListField(
        child=serializers.ChoiceField(choices=Incident.Harm.choices),
        required=False,
        help_text="Every outcome of Article 3(49) that it had or may have had; empty: none is established.",
    )
    widespread = serializers.BooleanField(required=False, help_text="A widespread infringement, Article 73(3).")
    member_states = serializers.ListField(
        child=serializers.ChoiceField(choices=MEMBER_STATES), required=False, help_text="Where it occurred."
    )
    equivalent_law = serializers.ChoiceField(
        choices=Incident.EquivalentLaw.choices,
        required=False,
        allow_blank=True,
        help_text="The paragraph that limits what is notified; an owner or risk officer says so, and who said it.",
    )
    equivalent_law_note = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="Who said so, and which law it is."
    )


class KnownTimesInput(serializers.Serializer[Any]):
    """When what was known, RFC 3339; none lies in the future."""

    occurred_at = serializers.DateTimeField(required=False, allow_null=True)
    suspected_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Link first suspected.")
    link_established_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Causal link, or its reasonable likelihood, established."
    )


class IncidentInput(StatedInput, KnownTimesInput):
    """An incident that may be serious."""

    system = serializers.CharField(help_text="Id or slug of the AI system.")
    title = serializers.CharField(max_length=300)
    what_happened = serializers.CharField(max_length=LONGEST, help_text="At least 20 characters.")
    persons = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=LONGEST, help_text="Whom it affected, if known."
    )
    aware_at = serializers.DateTimeField(required=False, help_text="Starts the clocks; now, if left out.")
    version = serializers.CharField(required=False, max_length=300, help_text="Such as credit-risk/2.")
    alert = serializers.UUIDField(required=False, help_text="The alert by which it was seen.")
    owner = serializers.UUIDField(required=False, help_text="By default the system's owner.")


class FactsInput(StatedInput):
    """Facts that are stated anew; what is left out stays."""

    what_happened = serializers.CharField(required=False, max_length=LONGEST)
    persons = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST)
    version = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="Such as credit-risk/2; empty: not known."
    )
    why = serializers.CharField(max_length=LONGEST, help_text="At least 20 characters; kept in the log.")


class TimesInput(KnownTimesInput):
    """Times that are put right; null takes one away, what is left out stays."""

    aware_at = serializers.DateTimeField(required=False)
    reported_at = serializers.DateTimeField(required=False)
    why = serializers.CharField(max_length=LONGEST, help_text="At least 20 characters; kept in the log.")


class NoteInput(serializers.Serializer[Any]):
    """What somebody notes."""

    text = serializers.CharField(max_length=LONGEST)


class TaskInput(serializers.Serializer[Any]):
    """Something to do."""

    text = serializers.CharField(max_length=300)
    due_on = serializers.DateField()
    owner = serializers.UUIDField(required=False, help_text="By default the caller.")


class ReportInput(serializers.Serializer[Any]):
    """A report that was sent."""

    authority = serializers.CharField(max_length=200)
    reference = serializers.CharField(max_length=200, help_text="The authority's, or of the dispatch.")
    reported_at = serializers.DateTimeField(required=False, help_text="Now, if left out.")
    remarks = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST)


class IncidentHandOverInput(serializers.Serializer[Any]):
    """Who has the incident from now on."""

    owner = serializers.UUIDField()
    why = serializers.CharField(max_length=LONGEST, help_text="At least 20 characters; kept in the log.")


class ClosureInput(PresenceInput):
    """On which ground it is closed, how it ended, and the closer's own password typed for it."""

    how = serializers.CharField(max_length=LONGEST, help_text="At least 20 characters; kept in the log.")
    ending = serializers.ChoiceField(choices=Incident.Ending.choices)
    reference = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="The law by which no report is owed; or which provider was informed, how and when.",
    )


class IncidentPersonOutput(serializers.Serializer[Any]):
    """Somebody with a part in it."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class IncidentOutput(serializers.Serializer[Any]):
    """One incident."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="INC-3")
    system = serializers.CharField(help_text="Slug.")
    version = serializers.CharField(allow_null=True)
    alert = serializers.UUIDField(allow_null=True)
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=Incident.State.choices)
    harms = serializers.ListField(child=serializers.ChoiceField(choices=Incident.Harm.choices))
    widespread = serializers.BooleanField()
    member_states = serializers.ListField(child=serializers.ChoiceField(choices=MEMBER_STATES))
    equivalent_law = serializers.ChoiceField(choices=Incident.EquivalentLaw.choices, allow_blank=True)
    owner = IncidentPersonOutput()
    opened_at = serializers.DateTimeField()
    occurred_at = serializers.DateTimeField(allow_null=True)
    aware_at = serializers.DateTimeField()
    suspected_at = serializers.DateTimeField(allow_null=True)
    link_established_at = serializers.DateTimeField(allow_null=True)
    reported_at = serializers.DateTimeField(allow_null=True)
    authority = serializers.CharField(allow_blank=True)
    reference = serializers.CharField(allow_blank=True)
    reports = serializers.IntegerField()
    due_on = serializers.DateField(allow_null=True, help_text="The first day; null: no report is owed here.")
    overdue = serializers.BooleanField()
    ending = serializers.ChoiceField(choices=Incident.Ending.choices, allow_blank=True)
    ending_reference = serializers.CharField(allow_blank=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = IncidentPersonOutput(allow_null=True)
    url = serializers.URLField()


class ClockOutput(serializers.Serializer[Any]):
    """One day by which it is reported at the latest."""

    rule = serializers.CharField()
    point = serializers.CharField()
    days = serializers.IntegerField()
    counted_from = serializers.CharField()
    counted_from_on = serializers.DateField()
    due_on = serializers.DateField()
    days_left = serializers.IntegerField()
    immediately_since = serializers.DateTimeField(allow_null=True)
    owed = serializers.BooleanField(help_text="False: an equivalent duty takes it away, to be confirmed.")
    binds = serializers.ChoiceField(choices=["yes", "formally", "not yet", "unknown"])


class IncidentTaskOutput(serializers.Serializer[Any]):
    """Something to do."""

    id = serializers.UUIDField()
    text = serializers.CharField(allow_null=True, help_text="Null once it was erased.")
    owner = IncidentPersonOutput()
    due_on = serializers.DateField()
    done_at = serializers.DateTimeField(allow_null=True)
    done_by = IncidentPersonOutput(allow_null=True)


class IncidentActOutput(serializers.Serializer[Any]):
    """Something that was done; ``text`` reads ``erased`` once its words were erased."""

    at = serializers.DateTimeField()
    who = serializers.CharField()
    event = serializers.CharField()
    what = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    index = serializers.IntegerField(allow_null=True, help_text="Of its entry in the log.")


class IncidentDetailOutput(IncidentOutput):
    """One incident, its clocks, what has to be said of it, its tasks and its timeline."""

    what_happened = serializers.CharField(allow_null=True, help_text="Null once it was erased.")
    persons = serializers.CharField(allow_null=True, allow_blank=True)
    equivalent_law_note = serializers.CharField(allow_null=True, allow_blank=True)
    clocks = ClockOutput(many=True)
    counting = serializers.CharField(help_text="How the days are counted, as far as it is known.")
    notices = serializers.ListField(child=serializers.CharField())
    tasks = IncidentTaskOutput(many=True)
    timeline = IncidentActOutput(many=True)


def incident_as_dict(row: Incident) -> dict[str, Any]:
    """Return the plain form that :class:`IncidentOutput` describes."""
    names = (
        *("title", "state", "harms", "widespread", "member_states", "equivalent_law", "opened_at"),
        *("occurred_at", "aware_at", "suspected_at", "link_established_at", "reported_at", "authority", "reference"),
        *("reports", "ending", "ending_reference", "closed_at"),
    )
    return {name: getattr(row, name) for name in names} | {
        "id": row.pk,
        "number": str(row),
        "system": row.system.slug,
        "version": row.version.subject_name if row.version else None,
        "alert": row.alert_id,
        "owner": {"id": row.owner_id, "name": row.owner.name},
        "closed_by": {"id": row.closed_by_id, "name": row.closed_by.name} if row.closed_by else None,
        "due_on": selectors.due_of(row),
        "overdue": selectors.is_overdue(row, clock.now().date()),
        "url": f"{settings.BASE_URL}/incidents/{row.pk}",
    }


def detail_as_dict(row: Incident) -> dict[str, Any]:
    """Return the plain form that :class:`IncidentDetailOutput` describes."""
    acts = selectors.acts_of(row)
    words = selectors.told(acts)
    found = selectors.clocks_of(row, selectors.route_of(row.system))
    texts = selectors.tasks_said(acts)
    tasks = row.tasks.select_related("owner", "done_by").order_by("due_on", "made_at")
    return incident_as_dict(row) | {
        "what_happened": words["what_happened"].text,
        "persons": words["persons"].text,
        "equivalent_law_note": words[NOTE].text if row.equivalent_law else "",
        "clocks": [_clock(item) for item in found],
        "counting": COUNTING,
        "notices": [*wording.notices_of(row, words[NOTE]), wording.route_said(found)],
        "tasks": [
            {
                "id": task.pk,
                "text": texts[str(task.pk)].text,
                "owner": {"id": task.owner_id, "name": task.owner.name},
                "due_on": task.due_on,
                "done_at": task.done_at,
                "done_by": {"id": task.done_by_id, "name": task.done_by.name} if task.done_by else None,
            }
            for task in tasks
        ],
        "timeline": [_act(act) for act in acts],
    }


def _clock(item: Clock) -> dict[str, Any]:
    names = ("rule", "point", "days", "counted_from", "counted_from_on", "due_on", "immediately_since", "owed", "binds")
    return {name: getattr(item, name) for name in names} | {"days_left": item.days_left(clock.now().date())}


def _act(act: Act) -> dict[str, Any]:
    what, text = wording.act_said(act)
    return {"at": act.at, "who": act.who, "event": act.event, "what": what, "text": text, "index": act.index}
