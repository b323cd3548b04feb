"""Documents that people submit about an AI system: the table with its form, one of them with its review, the file."""

import uuid

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.approvals.web.forms import LONGEST, errors_of, errors_of_refusal, sent
from governance.common import uploads
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.common.pages import page
from governance.evidence import documents, papers
from governance.evidence.models import EvidenceReview, SubmittedDocument
from governance.inventory import selectors as inventory
from registry.models import ModelVersion
from registry.reviewing import documents as shown

_DAY = {"required": "Give a day.", "invalid": "Write the day as 2027-01-31."}


class SubmitForm(forms.Form):
    """A document and what it says of itself."""

    version = forms.UUIDField(required=False, error_messages={"invalid": "Choose the system, or one of its versions."})
    kind = forms.ChoiceField(choices=SubmittedDocument.Kind.choices, error_messages={"required": "Choose a kind."})
    title = forms.CharField(max_length=200, error_messages={"required": "Give the title of the document."})
    issuer = forms.CharField(max_length=200, error_messages={"required": "Say who issued it."})
    issued_on = forms.DateField(error_messages=_DAY)
    expires_on = forms.DateField(error_messages=_DAY)
    file = forms.FileField(
        error_messages={"required": "No file came: choose a PDF within the size limit.", "empty": "The file is empty."}
    )


class ReviewForm(forms.Form):
    """Whether a document counts, and the password that signs it."""

    verdict = forms.ChoiceField(
        choices=EvidenceReview.Verdict.choices,
        error_messages={"required": "Choose a result.", "invalid_choice": "Choose one of the two results."},
    )
    note = forms.CharField(
        max_length=LONGEST, error_messages={"required": "Say what you looked at, in at least 20 characters."}
    )
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


@page
@require_GET
def document_list(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/submitted-documents``: what was submitted about a system, and where each one stands."""
    ai_system = inventory.system_for(actor(request), pk)
    return render(request, "registry/submitted_documents.html", shown.list_page(ai_system, actor(request)))


@page
@require_POST
def document_submit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /systems/<pk>/submitted-documents/submit``: keep a document; it waits for another person."""
    person = actor(request)
    ai_system = inventory.system_for(person, pk)
    documents.check_may_submit(person, ai_system.pk)
    form = SubmitForm(request.POST, request.FILES)
    if form.is_valid():
        values = form.cleaned_data
        try:
            document = documents.submit_document(
                about=shown.about(ai_system, _version(values["version"])),
                submitter=person,
                **{name: values[name] for name in ("kind", "title", "issuer", "issued_on", "expires_on", "file")},
            )
        except DomainError as refusal:
            errors = {"all": [refusal.detail]}
            status = refusal.status
        else:
            messages.success(request, "Kept. It counts once another person has accepted it.")
            return redirect("submitted-document", pk=document.pk)
    else:
        errors, status = errors_of(form), 422
        if "file" in errors and int(request.headers.get("Content-Length") or 0) > uploads.largest():
            errors["file"] = [f"The file is larger than {uploads.largest() // 1_000_000} MB."]
    context = shown.list_page(ai_system, person, form=sent(form), errors=errors)
    return render(request, "registry/submitted_documents.html", context, status=status)


def _version(pk: uuid.UUID | None) -> ModelVersion | None:
    if pk is None:
        return None
    found = ModelVersion.objects.select_related("model").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no version {pk}.")
    return found


@page
@require_GET
def document_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /submitted-documents/<pk>``: one document and what was said of it."""
    document = papers.document_for(actor(request), pk)
    return render(request, "registry/submitted_document.html", shown.detail_page(document, actor(request)))


@page
@require_POST
def document_review(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /submitted-documents/<pk>/review``: accept or refuse it, for good."""
    person = actor(request)
    document = papers.document_for(person, pk)
    documents.check_may_review(document, person)
    form = ReviewForm(request.POST)
    if form.is_valid():
        try:
            documents.review_document(document_id=pk, reviewer=person, **form.cleaned_data)
        except Forbidden as refusal:
            errors, status = errors_of_refusal(refusal), refusal.status
        except DomainError as refusal:
            errors, status = {"note": [refusal.detail]}, refusal.status
        else:
            messages.success(request, "Signed; the log says so.")
            return redirect("submitted-document", pk=pk)
    else:
        errors, status = errors_of(form), 422
    typed = {name: value for name, value in sent(form).items() if name != "password"}
    context = shown.detail_page(document, person, form=typed, errors=errors)
    return render(request, "registry/submitted_document.html", context, status=status)


@page
@require_GET
def document_file(request: HttpRequest, pk: uuid.UUID) -> FileResponse:
    """``GET /submitted-documents/<pk>/file``: the bytes whose digest is in the log; a browser opens nothing of them."""
    return shown.handed_out(papers.document_for(actor(request), pk))
