"""What people send from the pages about approvals. Forms read and bound the input; the services judge it."""

from typing import Any, ClassVar

from django import forms

from governance.approvals.models import Decision, Finding
from governance.common.errors import DomainError

LONGEST = 4000
Errors = dict[str, list[str]]


class DecisionForm(forms.Form):
    """One verdict with its rationale, the declaration of no conflict, and the password that signs it."""

    verdict = forms.ChoiceField(
        choices=Decision.Verdict.choices,
        error_messages={"required": "Choose a verdict.", "invalid_choice": "Choose one of the three verdicts."},
    )
    rationale = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why, in at least 30 characters."})
    change_class = forms.CharField(required=False, max_length=20)
    no_conflict = forms.BooleanField(
        error_messages={
            "required": "Say that you have no conflict of interest, or leave the decision to somebody else."
        }
    )
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


class PasskeyDecisionForm(DecisionForm):
    """The same where a passkey signs it, in a second step: no password."""

    password = None  # type: ignore[assignment]  # how Django drops an inherited field


class HumanReviewForm(forms.Form):
    """A signed review of one check."""

    check = forms.CharField(max_length=120)
    statement = forms.CharField(
        max_length=LONGEST,
        error_messages={"required": "Say what you read and what follows, in at least 30 characters."},
    )
    verdict = forms.ChoiceField(
        choices=[("accepted", "Accepted"), ("rejected", "Rejected")],
        error_messages={"required": "Choose a result.", "invalid_choice": "Choose one of the two results."},
    )
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


class LiftForm(forms.Form):
    """The lifting of a suspension."""

    rationale = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why, in at least 30 characters."})
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


class PasskeyLiftForm(LiftForm):
    """The same where a passkey signs it, in a second step: no password."""

    password = None  # type: ignore[assignment]  # how Django drops an inherited field


class CloseFindingForm(forms.Form):
    """How a finding was mended."""

    how = forms.CharField(
        min_length=10,
        max_length=LONGEST,
        error_messages={
            "required": "Say how it was mended, in at least 10 characters.",
            "min_length": "Say how it was mended, in at least 10 characters.",
        },
    )
    password = forms.CharField(required=False, strip=False, max_length=200)
    next = forms.CharField(required=False, max_length=200)


_SEVERITY = {"required": "Choose a severity.", "invalid_choice": "Choose one of the severities."}
_DAY = {"required": "Give a day.", "invalid": "Write the day as 2027-01-31."}


class FindingForm(forms.Form):
    """What somebody says of a finding; ``text`` and ``day`` are the fields that a service's refusal is about."""

    text: ClassVar[str] = ""
    day: ClassVar[str] = ""


class RaiseFindingForm(FindingForm):
    """Something that a person has seen."""

    text = "description"

    system = forms.UUIDField(error_messages={"required": "Choose the AI system.", "invalid": "Choose the AI system."})
    title = forms.CharField(max_length=300, error_messages={"required": "Name the finding."})
    description = forms.CharField(max_length=LONGEST, error_messages={"required": "Describe what you saw."})
    severity = forms.ChoiceField(choices=Finding.Severity.choices, error_messages=_SEVERITY)
    source = forms.CharField(max_length=40, error_messages={"required": "Say where it comes from."})


class PlanForm(FindingForm):
    """How a finding will be mended, and by when."""

    text, day = "plan", "plan_due"

    plan = forms.CharField(max_length=LONGEST, error_messages={"required": "Say how it will be mended."})
    plan_due = forms.DateField(error_messages=_DAY)


class ProposeClosureForm(FindingForm):
    """How a finding was mended, and the evidence that shows it."""

    text = "mended"

    mended = forms.CharField(max_length=LONGEST, error_messages={"required": "Say how it was mended."})
    evidence = forms.UUIDField(required=False, error_messages={"invalid": "Give the evidence's id, or leave it out."})


class ExtendFindingForm(FindingForm):
    """A later day, and why."""

    text, day = "extension_reason", "due_on"

    due_on = forms.DateField(error_messages=_DAY)
    extension_reason = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why it may take longer."})
    password = forms.CharField(
        strip=False, max_length=200, error_messages={"required": "Type your password to sign the extension."}
    )


class HandOverForm(FindingForm):
    """Another owner, and why."""

    text = "owner_reason"

    owner = forms.UUIDField(error_messages={"required": "Choose the new owner.", "invalid": "Choose the new owner."})
    owner_reason = forms.CharField(max_length=LONGEST, error_messages={"required": "Say why it changes hands."})


def errors_of(form: forms.Form) -> Errors:
    """Return a form's errors as plain sentences by field."""
    return {name: [str(error) for error in errors] for name, errors in form.errors.items()}


FIELDS = {"SignInAgain": "password", "RationaleTooShort": "rationale", "ChangeClassUnconfirmed": "change_class"}


def errors_of_refusal(refusal: DomainError, *, text_field: str = "rationale") -> Errors:
    """Return a service's refusal as the error of the field it is about, or of the whole form."""
    name = FIELDS.get(type(refusal).__name__, "all")
    return {text_field if name == "rationale" else name: [refusal.detail]}


def sent(form: forms.Form) -> dict[str, Any]:
    """Return what was typed, to show it again."""
    return {name: form.data.get(name, "") for name in form.fields}
