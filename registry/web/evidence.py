"""Evidence on pages: one piece with what it rests on, every attempt of a version, what can be taken away."""

import uuid

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.common.pages import page
from governance.evidence import jobs, reproducing
from governance.evidence.models import EvidenceJob
from governance.evidence.tasks import enqueue
from registry import evidence_reading, selectors
from registry.models import ModelVersion
from registry.reviewing import evidence_files, evidence_list, evidence_page


class AgainstForm(forms.Form):
    """Which other piece of evidence stands beside."""

    against = forms.UUIDField(required=False)


@page
@require_GET
def evidence_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /evidence/<pk>?against=<pk>``: one piece of evidence, beside another one if it is named."""
    person = actor(request)
    found = evidence_reading.one_evidence(person, pk)
    form = AgainstForm(request.GET)
    wanted = form.cleaned_data["against"] if form.is_valid() else None
    if not form.is_valid():
        raise Unknown("There is no such evidence to stand beside.")
    other = evidence_reading.one_evidence(person, wanted) if wanted else None
    context = evidence_page.evidence_page(found, person, against=other)
    context["chart_titles"] = evidence_files.chart_titles(found)
    return render(request, "registry/evidence.html", context)


@page
@require_POST
def evidence_reproduce(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /evidence/<pk>/reproduce``: have it made again, and compared."""
    person = actor(request)
    found = evidence_reading.one_evidence(person, pk)
    try:
        job = reproducing.ask_reproduction(evidence_id=found.pk, by=person)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        enqueue([job.pk])
        messages.success(request, "Asked for: a worker makes it again and compares. The result appears below.")
    return redirect("evidence", pk=pk)


@page
@require_GET
def evidence_json(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /evidence/<pk>/payload.json``: the very bytes that the digest in the log is of."""
    return evidence_files.as_json(evidence_reading.one_evidence(actor(request), pk))


@page
@require_GET
def evidence_parquet(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /evidence/<pk>/numbers.parquet``: every number of it in one flat table."""
    return evidence_files.as_parquet(evidence_reading.one_evidence(actor(request), pk))


@page
@require_GET
def evidence_chart(request: HttpRequest, pk: uuid.UUID, place: int) -> HttpResponse:
    """``GET /evidence/<pk>/charts/<place>.svg``: one chart of its page."""
    return evidence_files.as_svg(evidence_reading.one_evidence(actor(request), pk), place)


@page
@require_GET
def evidence_file(request: HttpRequest, pk: uuid.UUID, name: str) -> FileResponse:
    """``GET /evidence/<pk>/files/<name>``: a file that belongs to it; a browser opens nothing of it."""
    return evidence_files.as_file(evidence_reading.one_evidence(actor(request), pk), name)


@page
@require_GET
def version_evidence(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """``GET /models/<pk>/versions/<number>/evidence``: every attempt of a version, by type, newest first."""
    context = evidence_list.list_page(_version(request, pk, number), actor(request))
    return render(request, "registry/evidence_list.html", context)


@page
@require_POST
def job_cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /evidence-jobs/<pk>/cancel``: close an open job without evidence."""
    job = _steered(request, pk)
    try:
        jobs.cancel_job(job_id=pk, by=actor(request), reason=request.POST.get("reason", ""))
    except Forbidden:
        raise
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, "Cancelled; a worker at it stops within seconds.")
    return _back(job)


@page
@require_POST
def job_retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /evidence-jobs/<pk>/retry``: make a new job for the same inputs."""
    job = _steered(request, pk)
    try:
        again = jobs.retry_job(job_id=pk, by=actor(request))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        enqueue([again.pk])
        messages.success(request, "A new job is made; the old one stays with its attempts.")
    return _back(job)


def _steered(request: HttpRequest, pk: uuid.UUID) -> EvidenceJob:
    found = evidence_reading.one_job(actor(request), pk)
    evidence_reading.check_may_steer(actor(request), found)
    return found


def _back(job: EvidenceJob) -> HttpResponse:
    version = evidence_reading.version_of(job)
    if version is None:
        return redirect("model-list")
    return redirect("version-evidence", pk=version.model_id, number=version.number)


def _version(request: HttpRequest, pk: uuid.UUID, number: int) -> ModelVersion:
    found = selectors.models_for(actor(request)).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no registered model {pk}.")
    return selectors.version(found, number)
