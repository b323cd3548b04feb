"""What people send from the pages about approvals. Forms read and bound the input; the services judge it."""

from typing import Any

from django import forms

from governance.approvals.models import Decision
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
