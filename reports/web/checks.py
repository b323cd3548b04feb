"""The page that says of an uploaded PDF whether it is ours, who signed it, and what was changed."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from governance.accounts.narrow import actor
from governance.approvals.web.forms import errors_of
from governance.audit.selectors import indexes_of
from governance.common import uploads
from governance.common.pages import page
from reports import checking


class CheckForm(forms.Form):
    """A PDF to look at; it is not kept."""

    file = forms.FileField(
        error_messages={"required": "No file came: choose a PDF within the size limit.", "empty": "The file is empty."}
    )

    def clean_file(self) -> UploadedFile:
        """Refuse what is too large or no PDF at all.

        Raises:
            ValidationError: one of the two.
        """
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > uploads.largest():
            raise ValidationError(f"The file is larger than {settings.MAX_DOCUMENT_MB} MB.")
        head = file.read(1024)
        file.seek(0)
        if b"%PDF-" not in head:
            raise ValidationError("The file is no PDF: choose one that begins with %PDF.")
        return file


@page
@require_http_methods(["GET", "POST"])
def document_check(request: HttpRequest) -> HttpResponse:
    """``GET /documents/check``: the form. ``POST``: what is known of the file; nothing of it is kept."""
    context: dict[str, Any] = {"largest_mb": settings.MAX_DOCUMENT_MB, "errors": {}, "result": None}
    status = 200
    if request.method == "POST":
        form = CheckForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            context["result"] = _shown(checking.check(file.read(), actor(request)), str(file.name))
        else:
            context["errors"], status = errors_of(form), 422
    return render(request, "reports/check.html", context, status=status)


def _shown(found: checking.Checked, name: str) -> dict[str, Any]:
    row = found.document
    return {
        "name": name[:200],
        "digest": found.digest,
        "bytes": found.size,
        "standing": found.standing,
        "document": {
            "pk": row.pk,
            "title": row.get_kind_display(),
            "subject": row.subject_name,
            "made_at": row.made_at,
            "pdf_digest": row.pdf_digest,
            "signed": row.signature is not None,
            "index": indexes_of([row.log_entry]).get(row.log_entry),
            "newer": {"pk": found.newer.pk, "made_at": found.newer.made_at} if found.newer else None,
            "signatory": found.signatory,
            "stamps": found.stamps,
        }
        if row
        else None,
        "signatures": [_signature(signature) for signature in found.signatures],
        "changes": found.changes,
        "problem": found.problem,
    }


def _signature(found: dict[str, Any]) -> dict[str, Any]:
    at = found.get("signed_at")
    return found | {"signed_at": datetime.fromisoformat(at) if at else None}
