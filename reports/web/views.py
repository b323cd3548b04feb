"""The page of documents: what was made, what each could state, and a form that asks for a new one."""

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from governance.accounts.access import may_read
from governance.accounts.narrow import actor
from governance.common.broker import enqueue_on_commit
from governance.common.errors import InvalidInput, Unknown
from governance.common.pages import page
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from reports import selectors, services, tasks
from reports.documents.exports import TYPES
from reports.models import ABOUT_A_VERSION, Document, DocumentJob
from reports.web import centre_pages, documents
from reports.web.choosing import system_of_version


@page
@require_GET
def document_list(request: HttpRequest) -> HttpResponse:
    """``GET /documents``: documents and gaps of ``?system=``; else of the newest's, or of all, with filters."""
    return _documents(request, request.GET.get("system"))


def _documents(request: HttpRequest, chosen: str | None, status: int = 200) -> HttpResponse:
    person, kind = actor(request), request.GET.get("kind", "")
    context = documents.documents_page(person, chosen=chosen, chosen_kind=kind if kind in Document.Kind.values else "")
    system = context["system"]
    context |= centre_pages.list_part(person, request.GET, system["pk"] if system else None)
    return render(request, "reports/documents.html", context, status=status)


@page
@require_POST
def document_build(request: HttpRequest) -> HttpResponse:
    """``POST /documents/build``: ask for a document of a system, or over all of them, unless it is being built."""
    person, ai_system = actor(request), _system(request, request.POST.get("system", ""))
    asked, about = request.POST.get("kind") or Document.Kind.ANNEX_IV, request.POST.get("about", "")
    over_all = asked == Document.Kind.MODEL_RISK and may_read(person, None)
    if asked in ABOUT_A_VERSION and ai_system is None:
        ai_system = system_of_version(person, about)
    if ai_system is None and not over_all:
        of_version = _("Choose the model version that the document is about.")
        of_system = _("Choose the AI system that the document is about.")
        messages.error(request, of_version if asked in ABOUT_A_VERSION else of_system)
        return _documents(request, "", status=422)
    if asked not in Document.Kind.values:
        raise InvalidInput("Choose the kind of document from the list.")
    kind = Document.Kind(asked)
    said = {"kind": kind.label, "whom": ai_system or _("all AI systems")}
    if DocumentJob.objects.filter(system=ai_system, state__in=documents.OPEN, kind=kind, about=about).exists():
        messages.info(request, _("{kind} of {whom} is being built already.").format(**said))
    else:
        job = services.request_document(kind=kind, ai_system=ai_system, requester=person, about=about)
        enqueue_on_commit(tasks.build_document, job.pk)
        messages.success(request, _("{kind} of {whom} is asked for; a worker builds it now.").format(**said))
    if ai_system and request.POST.get("from") == "centre":
        return redirect("system-documents", pk=ai_system.pk)
    chosen = {"system": str(ai_system.pk) if ai_system else ""}
    return redirect(f"{reverse('document-list')}?{urlencode(chosen)}")


@page
@require_GET
def document_making(request: HttpRequest) -> HttpResponse:
    """``GET /documents/making?system=<pk>``: the open jobs alone; the last answer has htmx load the page anew."""
    making = documents.making(actor(request), _system(request, request.GET.get("system", "")))
    response = render(request, "reports/_making.html", {"making": making})
    if not making["running"]:
        response.headers["HX-Refresh"] = "true"
    return response


@page
@require_safe
def document_download(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /documents/<pk>/pdf``: the bytes whose digest is in the log; ``?format=`` html, json or docx: a copy."""
    row = selectors.document_for(actor(request), pk)
    form = request.GET.get("format", "pdf")
    name = f"{row.slug}-{row.kind}-{row.made_at:%Y-%m-%d}.{form}"
    return HttpResponse(
        selectors.pdf_of(row) if form == "pdf" else selectors.export_of(row, form),
        content_type=TYPES.get(form, "application/pdf"),
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


def _system(request: HttpRequest, key: str) -> AISystem | None:
    try:
        return inventory.system_for(actor(request), key) if key else None
    except Unknown:
        return None
