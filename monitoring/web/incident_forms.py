"""What people send from the pages of serious incidents. Forms read and bound the input; the services judge it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms

from monitoring.incidents import selectors
from monitoring.incidents.checks import NOTE, TIMES
from monitoring.incidents.models import Incident
from monitoring.incidents.places import MEMBER_STATES
from registry.models import ModelVersion

LONGEST = 4000
Errors = dict[str, list[str]]
_TIME = {"required": "Give a time, in UTC.", "invalid": "Write the time as 2027-01-31T14:05, in UTC."}


class IncidentForm(forms.Form):
    """What somebody says of an incident; ``text`` is the field that a service's refusal is about by default."""

    text: ClassVar[str] = ""


class _Seen(forms.Form):
    """What a page that shows every value sends along: which state of the incident it showed."""

    log_entry = forms.UUIDField(
        error_messages=dict.fromkeys(("required", "invalid"), "The page did not say what it showed; open it again.")
    )


class _Stated(IncidentForm):
    harms = forms.MultipleChoiceField(
        required=False, choices=Incident.Harm.choices, error_messages={"invalid_choice": "There is no harm %(value)s."}
    )
    widespread = forms.BooleanField(required=False)
    member_states = forms.MultipleChoiceField(
        required=False, choices=MEMBER_STATES, error_messages={"invalid_choice": "There is no Member State %(value)s."}
    )
    equivalent_law = forms.ChoiceField(required=False, choices=[("", ""), *Incident.EquivalentLaw.choices])
    equivalent_law_note = forms.CharField(required=False, max_length=300)
    version = forms.UUIDField(required=False, error_messages={"invalid": "Choose a version, or leave it out."})

    def stated(self) -> dict[str, Any]:
        """Return the facts that were on the page, but for the version. Who reports none is not asked for a law."""
        names = ("harms", "widespread", "member_states", "equivalent_law")
        return {name: self.cleaned_data[name] for name in names if name != "equivalent_law" or name in self.data}


class OpenForm(_Stated):
    """An incident that may be serious."""

    text = "what_happened"

    system = forms.UUIDField(error_messages={"required": "Choose the AI system.", "invalid": "Choose the AI system."})
    alert = forms.UUIDField(required=False)
    title = forms.CharField(max_length=300, error_messages={"required": "Name the incident."})
    what_happened = forms.CharField(max_length=LONGEST, error_messages={"required": "Say what happened."})
    persons = forms.CharField(required=False, max_length=LONGEST)
    aware_at = forms.DateTimeField(error_messages=_TIME)
    occurred_at = forms.DateTimeField(required=False, error_messages=_TIME)
    suspected_at = forms.DateTimeField(required=False, error_messages=_TIME)
    link_established_at = forms.DateTimeField(required=False, error_messages=_TIME)


class FactsForm(_Seen, _Stated):
    """Facts that are stated anew, and why."""

    text = "facts_why"

    what_happened = forms.CharField(required=False, max_length=LONGEST)
    persons = forms.CharField(required=False, max_length=LONGEST)

    facts_why = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why they change."})


class TimesForm(_Seen, IncidentForm):
    """Times that are put right, and why."""

    text = "times_why"

    occurred_at = forms.DateTimeField(required=False, error_messages=_TIME)
    aware_at = forms.DateTimeField(error_messages=_TIME)
    suspected_at = forms.DateTimeField(required=False, error_messages=_TIME)
    link_established_at = forms.DateTimeField(required=False, error_messages=_TIME)
    reported_at = forms.DateTimeField(required=False, error_messages=_TIME)
    times_why = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why they change."})


class NoteForm(IncidentForm):
    """What somebody notes."""

    text = "note"

    note = forms.CharField(max_length=LONGEST, error_messages={"required": "Write the note."})


class TaskForm(IncidentForm):
    """Something to do."""

    text = "task"

    task = forms.CharField(max_length=300, error_messages={"required": "Say what is to be done."})
    task_owner = forms.UUIDField(error_messages={"required": "Choose who does it.", "invalid": "Choose who does it."})
    task_due_on = forms.DateField(error_messages={"required": "Give a day.", "invalid": "Write the day as 2027-01-31."})


class ReportForm(IncidentForm):
    """A report that was sent."""

    text = "authority"

    authority = forms.CharField(max_length=200, error_messages={"required": "Name the authority."})
    reference = forms.CharField(max_length=200, error_messages={"required": "Give the reference."})
    sent_at = forms.DateTimeField(error_messages=_TIME)
    remarks = forms.CharField(required=False, max_length=LONGEST)


class HandOverForm(IncidentForm):
    """Who has the incident from now on, and why."""

    text = "owner_why"

    owner = forms.UUIDField(error_messages={"required": "Choose who has it.", "invalid": "Choose who has it."})
    owner_why = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why it is handed over."})


class CloseForm(_Seen, IncidentForm):
    """On which ground it is closed and how it ended, signed."""

    text = "how"

    how = forms.CharField(max_length=LONGEST, error_messages={"required": "Say how it ended."})
    ending = forms.CharField(max_length=17, error_messages={"required": "Choose on which ground it is closed."})
    ending_reference = forms.CharField(required=False, max_length=200)
    password = forms.CharField(
        strip=False, max_length=200, error_messages={"required": "Type your password to sign the closing."}
    )


def errors_of(form: forms.Form) -> Errors:
    """Return a form's errors as plain sentences by field."""
    return {name: [str(error) for error in errors] for name, errors in form.errors.items()}


def as_typed(moment: datetime | None) -> str:
    """Return a time as a field of a page holds it: to the minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" if moment else ""


def changed_times(incident: Incident, given: dict[str, Any]) -> dict[str, datetime | None]:
    """Return the times that differ from what the page showed, which is to the minute: the others keep their seconds."""
    return {
        name: given[name]
        for name in TIMES
        if name in given and as_typed(given[name]) != as_typed(getattr(incident, name))
    }


def changed_words(incident: Incident, given: dict[str, Any]) -> dict[str, str]:
    """Return the texts that differ from what is on record; one that is left empty stays as it is."""
    on_record = selectors.told(selectors.acts_of(incident))
    return {
        name: given[name]
        for name in ("what_happened", "persons", NOTE)
        if given.get(name) and _lines(given[name]) != _lines(on_record[name].text or "")
    }


def brought_up(typed: dict[str, Any], incident: Incident) -> dict[str, Any]:
    """Return what somebody typed, with the values that they left as they were brought to what others made of them.

    So that sending a page again after somebody else's change undoes none of it by what it merely showed.
    """
    try:
        seen = uuid.UUID(str(typed.get("log_entry")))
    except ValueError:
        return {}
    found: dict[str, Any] = {}
    for name, (was, now) in selectors.changed_since(incident, seen).items():
        shown = typed.get(name)
        if name in typed and (_lines(shown) if isinstance(shown, str) else shown) == _shown(name, was, incident):
            found[name] = _shown(name, now, incident)
    return found


def _shown(name: str, logged: Any, incident: Incident) -> Any:
    """Return what the log says of a fact, a time or a text as a field of the page holds it."""
    if name in TIMES:
        return as_typed(datetime.fromisoformat(logged)) if logged else ""
    if name == "version" and logged:
        model, _slash, number = logged.rpartition("/")
        rows = ModelVersion.objects.filter(model__system=incident.system_id, model__name=model, number=number)
        return str(rows.values_list("pk", flat=True).first() or "")
    return _lines(logged) if isinstance(logged, str) else logged


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def not_in_this_minute(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a time from a page, which is to the minute; None for the present one, which a service knows exactly."""
    return None if moment is None or as_typed(moment) == as_typed(now) else moment
