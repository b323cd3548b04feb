"""What validators send from their pages. Forms read and bound the input; the services judge it."""

from typing import Any

from django import forms

from governance.validation.report_file import LARGEST
from governance.validation.services import LONGEST, SHORTEST


def _text(what: str, *, longest: int = LONGEST) -> forms.CharField:
    """Return the field of a text as the services want it: so that what it lacks is said at its field."""
    short = f"{what}, in at least {SHORTEST} characters."
    said = {
        "required": short,
        "min_length": short,
        "max_length": f"At most {longest:,} characters; upload the long version as a PDF.",
    }
    return forms.CharField(min_length=SHORTEST, max_length=longest, error_messages=said)


def _line(required: str, *, longest: int) -> forms.CharField:
    said = {"required": required, "max_length": f"At most {longest:,} characters."}
    return forms.CharField(max_length=longest, error_messages=said)


class PlanForm(forms.Form):
    """The plan."""

    scope = _text("Say what is validated")
    methods = _text("Say by which methods")
    out_of_scope = _text("Say what is out of scope, and why")


class IndependenceForm(forms.Form):
    """The declaration of independence."""

    reporting_line = _line("State to whom you report.", longest=LONGEST)
    conflicts = _line("State your conflicts of interest; write none where there is none.", longest=LONGEST)
    no_part = forms.BooleanField(required=False)


class TestForm(forms.Form):
    """A test, or a challenger."""

    __test__ = False  # no test of ours

    kind = forms.CharField(max_length=10)
    name = _line("Name it.", longest=200)
    done = _text("Say what was done")
    outcome = forms.CharField(max_length=12, error_messages={"required": "Choose what came of it."})
    measure = forms.CharField(required=False, max_length=60)
    value = forms.FloatField(required=False, error_messages={"invalid": "A figure is a number such as 0.78."})
    low = forms.FloatField(required=False, error_messages={"invalid": "The lower end is a number."})
    high = forms.FloatField(required=False, error_messages={"invalid": "The upper end is a number."})
    evidence = forms.UUIDField(required=False, error_messages={"invalid": "Choose the evidence from the list."})

    def clean(self) -> dict[str, Any]:
        """Call the evidence by what it is: an id."""
        values = dict(self.cleaned_data)
        return values | {"evidence_id": values.pop("evidence", None)}


class FindingForm(forms.Form):
    """A finding of the validation."""

    title = _line("Name the finding.", longest=300)
    description = _text("Describe what you saw", longest=4000)
    severity = forms.CharField(max_length=8, error_messages={"required": "Choose a severity."})


class ReportForm(forms.Form):
    """What was found, the limitations and the opinion."""

    summary = _text("Say what you found")
    limitations = _text("Say what the model is not good for")
    opinion = forms.CharField(max_length=20, error_messages={"required": "Choose an opinion."})


class UploadForm(forms.Form):
    """A report of the validator's own."""

    report = forms.FileField(error_messages={"required": "Choose a PDF.", "empty": "The file is empty."})

    def clean(self) -> dict[str, Any]:
        """Read the file, and no more of it than it takes to say that it is too large."""
        file = self.cleaned_data.get("report")
        return {"content": file.read(LARGEST + 1)} if file else {}


class SignForm(forms.Form):
    """The signature: what was shown, and the password."""

    seen = forms.CharField(max_length=71)
    password = forms.CharField(strip=False, max_length=200, error_messages={"required": "Type your password to sign."})


class AbandonForm(forms.Form):
    """Why a validation is given up."""

    reason = _text("Say why it is given up", longest=4000)
