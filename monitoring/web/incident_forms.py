"""What people send from the pages of serious incidents. Forms read and bound the input; the services judge it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms

from monitoring.incidents.models import Incident
from monitoring.incidents.services import TIMES

LONGEST = 4000
Errors = dict[str, list[str]]
_TIME = {"required": "Give a time, in UTC.", "invalid": "Write the time as 2027-01-31T14:05, in UTC."}


class IncidentForm(forms.Form):
    """What somebody says of an incident; ``text`` is the field that a service's refusal is about by default."""

    text: ClassVar[str] = ""


class _Stated(IncidentForm):
    harm = forms.ChoiceField(choices=Incident.Harm.choices, error_messages={"required": "Choose what harm it did."})
    death = forms.BooleanField(required=False)
    widespread = forms.BooleanField(required=False)
    equivalent_law = forms.BooleanField(required=False)
    equivalent_law_note = forms.CharField(required=False, max_length=300)


class OpenForm(_Stated):
    """An incident that may be serious."""

    text = "what_happened"

    system = forms.UUIDField(error_messages={"required": "Choose the AI system.", "invalid": "Choose the AI system."})
    alert = forms.UUIDField(required=False)
    version = forms.UUIDField(required=False, error_messages={"invalid": "Choose a version, or leave it out."})
    title = forms.CharField(max_length=300, error_messages={"required": "Name the incident."})
    what_happened = forms.CharField(max_length=LONGEST, error_messages={"required": "Say what happened."})
    persons = forms.CharField(required=False, max_length=LONGEST)
    aware_at = forms.DateTimeField(error_messages=_TIME)
    occurred_at = forms.DateTimeField(required=False, error_messages=_TIME)
    suspected_at = forms.DateTimeField(required=False, error_messages=_TIME)
    link_established_at = forms.DateTimeField(required=False, error_messages=_TIME)


class FactsForm(_Stated):
    """Facts that are stated anew, and why."""

    text = "facts_why"

    facts_why = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why they change."})


class TimesForm(IncidentForm):
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


class CloseForm(IncidentForm):
    """How it ended, signed."""

    text = "how"

    how = forms.CharField(max_length=LONGEST, error_messages={"required": "Say how it ended."})
    not_serious = forms.BooleanField(required=False)
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


def not_in_this_minute(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a time from a page, which is to the minute; None for the present one, which a service knows exactly."""
    return None if moment is None or as_typed(moment) == as_typed(now) else moment
