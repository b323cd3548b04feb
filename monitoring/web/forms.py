"""What people write about an alert."""

from django import forms

LONGEST = 2000


class AlertForm(forms.Form):
    """A form of the alert's page; ``text`` is the field that a refusal of the service is about."""

    text = ""


class AcknowledgeForm(AlertForm):
    """Nothing is written."""


class MuteForm(AlertForm):
    """Until when, and why."""

    text = "until"
    until = forms.DateField(
        error_messages={"required": "Say until which day.", "invalid": "Write the day as 2026-12-31."}
    )
    why = forms.CharField(
        min_length=10,
        max_length=LONGEST,
        error_messages={
            "required": "Say why it may be quiet, in at least 10 characters.",
            "min_length": "Say why it may be quiet, in at least 10 characters.",
        },
    )


class ResolveForm(AlertForm):
    """What was found and done."""

    text = "how"
    how = forms.CharField(
        min_length=10,
        max_length=LONGEST,
        error_messages={
            "required": "Say what was found and done, in at least 10 characters.",
            "min_length": "Say what was found and done, in at least 10 characters.",
        },
    )
