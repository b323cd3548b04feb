"""The page of audit bundles: ask for the papers of a promotion, an AI system or a period, and take them away."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.audit.selectors import indexes_of
from governance.common import clock
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError, Forbidden, InvalidInput
from governance.common.pages import page
from governance.inventory import selectors as inventory
from registry import selectors as registry
from reports import tasks
from reports.bundles import access, selectors, services
from reports.models import BundleJob

SHOWN = 50
Row = dict[str, Any]


class Ask(forms.Form):
    """Which bundle; ``scope`` says which of the other fields count."""

    scope = forms.ChoiceField(choices=BundleJob.Scope.choices)
    promotion = forms.CharField(required=False, max_length=80)
    system = forms.CharField(required=False, max_length=80)
    first = forms.DateField(required=False)
    last = forms.DateField(required=False)
    seen_size = forms.IntegerField(required=False, min_value=1)


@page
@require_GET
def bundle_list(request: HttpRequest) -> HttpResponse:
    """``GET /bundles?promotion=PR-12`` or ``?system=<pk>``: the forms, filled in with that, and one's own bundles."""
    given = {name: request.GET.get(name, "")[:80] for name in ("promotion", "system")}
    return render(request, "reports/bundles.html", _context(_taker(request), given))


@page
@require_POST
def bundle_ask(request: HttpRequest) -> HttpResponse:
    """``POST /bundles/ask``: ask for one; a refusal shows the page again with its sentence and what was typed."""
    person, form = _taker(request), Ask(request.POST)
    try:
        if not form.is_valid():
            raise InvalidInput(" ".join(str(error) for found in form.errors.values() for error in found))
        job = services.request_bundle(requester=person, **_wanted(person, form.cleaned_data))
    except DomainError as refusal:
        typed = {name: str(value) for name, value in request.POST.items() if name in form.fields}
        context = _context(person, typed, error=refusal.detail)
        return render(request, "reports/bundles.html", context, status=refusal.status)
    enqueue_on_commit(tasks.build_bundle, job.pk)
    messages.success(request, _("The bundle is asked for; a worker makes it now. The audit log will name it."))
    return redirect("bundle-list")


@page
@require_GET
def bundle_making(request: HttpRequest) -> HttpResponse:
    """``GET /bundles/making``: the list alone, as long as something is being made."""
    return render(request, "reports/_bundles.html", _listed(_taker(request)))


@page
@require_safe
def bundle_download(request: HttpRequest, pk: uuid.UUID) -> FileResponse:
    """``GET /bundles/<pk>/file``: the file, for a week, to whoever asked for it and may still have what is in it."""
    person = actor(request)
    row = selectors.bundle_for(person, pk)
    return FileResponse(
        selectors.file_for(person, row),
        as_attachment=True,
        filename=selectors.file_name(row),
        content_type="application/zip",
        headers={"X-Content-Type-Options": "nosniff"},
    )


def _taker(request: HttpRequest) -> User:
    person = actor(request)
    if not access.may_ask_somewhere(person):
        raise Forbidden("Auditors, risk officers and owners take audit bundles away; ask one of them.")
    return person


def _wanted(person: User, said: Row) -> Row:
    """Return what is asked for, of what the person may read.

    Raises:
        Unknown: no such promotion or system.
        InvalidInput: a day of the period is missing.
    """
    seen = {"seen_size": said["seen_size"]}
    if said["scope"] == BundleJob.Scope.PROMOTION:
        return seen | {"promotion": registry.promotion_for(person, said["promotion"].strip())}
    if said["scope"] == BundleJob.Scope.SYSTEM:
        return seen | {"ai_system": inventory.system_for(person, said["system"])}
    if not said["first"] or not said["last"]:
        raise InvalidInput("Give the first and the last day of the period.")
    return seen | {"period": (_midnight(said["first"]), _midnight(said["last"] + timedelta(days=1)))}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _context(person: User, typed: Row, *, error: str = "") -> Row:
    return {
        "systems": list(access.systems_for(person).values("pk", "name")),
        "may_take_period": access.may_take_all(person),
        "may_take_log": access.may_take_all(person),
        "form": typed,
        "error": error,
        "today": clock.now().date(),
        **_listed(person),
    }


def _listed(person: User) -> Row:
    jobs = list(selectors.bundles_for(person)[:SHOWN])
    places = indexes_of([job.entry for job in jobs if job.entry])
    rows = [
        {
            "pk": job.pk,
            "about": job.about,
            "scope": job.get_scope_display(),
            "state": job.state,
            "made_at": job.made_at,
            "done": job.steps_done,
            "total": job.steps_total,
            "bytes": job.file_bytes,
            "error": job.error,
            "kept_until": job.kept_until,
            "there": bool(job.file_digest),
            "index": places.get(job.entry) if job.entry else None,
        }
        for job in jobs
    ]
    return {"rows": rows, "running": any(job.state in services.OPEN for job in jobs), "url": reverse("bundle-making")}
