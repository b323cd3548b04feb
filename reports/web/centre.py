"""The document centre: the documents of one system by kind, one document with its gaps, and what changed in it."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.common.errors import Unknown
from governance.common.pages import page
from governance.inventory import selectors as inventory
from reports import selectors
from reports.web import centre_pages, document_pages


@page
@require_GET
def system_documents(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /systems/<pk>/documents``: each kind, whether it is owed, its newest version, and a way to make one."""
    person = actor(request)
    return render(request, "reports/centre.html", centre_pages.centre_page(inventory.system_for(person, pk), person))


@page
@require_GET
def document_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /documents/<pk>``: what the document says, drawn by our own template, and what it is missing."""
    person = actor(request)
    return render(
        request, "reports/document.html", document_pages.document_page(selectors.document_for(person, pk), person)
    )


@page
@require_GET
def document_changes(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /documents/<pk>/changes?since=<pk>``: what changed since another version; since the one before without."""
    person = actor(request)
    row = selectors.document_for(person, pk)
    return render(
        request, "reports/changes.html", document_pages.changes_page(row, person, _since(request.GET.get("since", "")))
    )


def _since(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise Unknown(f"{text[:80]} is no version of this document.") from None
