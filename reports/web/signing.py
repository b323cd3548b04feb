"""The page on which a person signs the statement of a document, such as the EU declaration of conformity."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain, require_password
from governance.approvals.web.forms import errors_of
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError
from governance.common.pages import page
from reports import selectors, services, stating, tasks
from reports.models import Document
from reports.web.document_pages import age_of


class SignatoryForm(forms.Form):
    """What Annex V point 8 wants printed of the signatory, and whether point 5 is stated."""

    name = forms.CharField(max_length=200, label=_("Name"))
    function = forms.CharField(max_length=200, label=_("Function"))
    on_behalf_of = forms.CharField(max_length=200, label=_("On behalf of"))
    place = forms.CharField(max_length=120, label=_("Place"))
    personal_data = forms.TypedChoiceField(
        label=_("Does the system process personal data?"),
        choices=[("yes", _("Yes: point 5 is stated too")), ("no", _("No: point 5 asks for no statement"))],
        coerce=lambda value: value == "yes",
    )
    password = forms.CharField(strip=False, error_messages={"required": _("Type your password to sign.")})


@page
@require_http_methods(["GET", "POST"])
def document_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /documents/<pk>/sign``: what is signed. ``POST``: sign it; a worker then draws the signed document."""
    person, draft = actor(request), selectors.document_for(actor(request), pk)
    if request.method != "POST":
        return _page(request, draft, person, form=None, errors={})
    form = SignatoryForm(request.POST)
    try:
        services.check_may_sign(draft, person)
        if not form.is_valid():
            return _page(request, draft, person, form=form, errors=errors_of(form), status=422)
        said = dict(form.cleaned_data)
        require_password(person, said.pop("password"))
        _signatory, job = services.sign_statement(document_id=draft.pk, person=person, **said)
    except DomainError as refusal:
        field = "password" if isinstance(refusal, SignInAgain) else "all"
        return _page(request, draft, person, form=form, errors={field: [refusal.detail]}, status=refusal.status)
    enqueue_on_commit(tasks.build_document, job.pk)
    messages.success(request, _("Signed. A worker draws the signed declaration now; the signature is in the log."))
    return redirect(f"{reverse('document-list')}?system={draft.system_id}")


def _page(
    request: HttpRequest,
    draft: Document,
    person: User,
    *,
    form: SignatoryForm | None,
    errors: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    try:
        services.check_may_sign(draft, person)
        refusal = ""
    except DomainError as refused:
        refusal = refused.detail
    organisation = (draft.snapshot.get("organisation") or {}).get("name") or ""
    first = {"name": person.name, "on_behalf_of": organisation}
    given = form.data if form else first
    labels = (form or SignatoryForm()).fields
    context = {
        "document": {
            "pk": draft.pk,
            "title": draft.get_kind_display(),
            "subject": draft.subject_name,
            "made_at": draft.made_at,
            "pdf_digest": draft.pdf_digest,
        },
        "fields": [
            {
                "name": name,
                "label": labels[name].label,
                "value": given.get(name, ""),
                "most": getattr(labels[name], "max_length", None),
                "errors": errors.get(name, []),
            }
            for name in ("name", "function", "on_behalf_of", "place")
        ],
        "personal_data": given.get("personal_data", _by_record(draft)),
        "refusal": refusal,
        **age_of(person, draft),
        "errors": errors,
    }
    return render(request, "reports/sign.html", context, status=status)


def _by_record(draft: Document) -> str:
    """Return what the record of the system answers on personal data: what the form begins with."""
    return "no" if stating.personal_data_by_record(draft.snapshot) is False else "yes"
